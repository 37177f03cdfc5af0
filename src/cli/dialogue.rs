//! The wizard's questions in plain lines.

use super::exit::Exit;
use super::wizard::Rooms;

pub(super) async fn run(rooms: Rooms) -> Exit {
    drop(rooms);
    Exit::Failed
}
