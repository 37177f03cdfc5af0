//! What a window has asked an engine for, until that has happened.

use crate::model::task::{Finish, Task, Unfinished};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    Stop,
    Close,
    CleanUp,
    StartOver,
    /// As a new migration, once everything is taken back that is in its way.
    TryAgain,
}

impl Wanted {
    /// What the command is called that it begins with.
    pub(super) fn verb(self) -> &'static str {
        match self {
            Wanted::Stop => Task::Stop.verb(),
            Wanted::Close => Task::Finish(Finish::default()).verb(),
            Wanted::CleanUp | Wanted::StartOver => Task::Clean(Unfinished::Drop).verb(),
            Wanted::TryAgain => Task::Clear.verb(),
        }
    }
}
