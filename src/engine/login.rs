//! Whether both servers let us in with the passwords that are at hand: a face asks before it begins an engine, for it can ask
//! the operator for others.

use super::sessions::base;
use crate::model::endpoint::Endpoint;
use crate::model::passwords::{Barred, Barrier, Passwords};
use crate::model::plan::Plan;
use crate::model::secrets::Secrets;
use crate::model::units::Side;
use crate::pg::connect::Server;
use crate::pg::error::{Error, ErrorKind};
use std::time::Duration;
use tokio::time::timeout;

/// A server that is silent for so long is left to the engine, which has more patience and says what it met.
const WITHIN: Duration = Duration::from_secs(10);

/// The servers that want another password than they get. Whatever else is wrong with a server is not told here.
pub async fn barred(plan: &Plan, secrets: &Secrets) -> Vec<Barred> {
    let (source, target) = tokio::join!(
        log_in(&plan.id, Side::Source, (&plan.source, &secrets.source)),
        log_in(&plan.id, Side::Target, (&plan.target, &secrets.target)),
    );
    source.into_iter().chain(target).collect()
}

async fn log_in(id: &str, side: Side, (endpoint, passwords): (&Endpoint, &Passwords)) -> Option<Barred> {
    let name = format!("pgpassage/{} {id}", env!("CARGO_PKG_VERSION"));
    let server = Server::new(endpoint.clone(), passwords.clone(), name);
    let error = timeout(WITHIN, first_error(&server)).await.ok().flatten()?;
    let why = match error.kind {
        ErrorKind::PasswordMissing => Barrier::Missing,
        ErrorKind::WrongPassword => Barrier::Wrong,
        _ => return None,
    };
    Some(Barred { side, why, what: error.message.clone() })
}

/// Why no session can be opened, if none can.
async fn first_error(server: &Server) -> Option<Error> {
    for database in server.endpoint().databases_to_try() {
        match server.connect(&database, &base()).await {
            Ok(_) => return None,
            // The password was right by then.
            Err(error) if error.kind == ErrorKind::NoDatabase => {}
            Err(error) => return Some(error),
        }
    }
    None
}
