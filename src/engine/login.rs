//! Whether both servers let us in with the passwords that are at hand: a face asks before it begins an engine, for it can ask
//! the operator for others.

use super::sessions::base;
use crate::model::endpoint::Endpoint;
use crate::model::failure::{Failure, FailureKind};
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

/// What became of a login.
enum Door {
    Open,
    Barred(Barred),
    /// Whatever the reason, it is not the password.
    Shut(Failure),
}

/// The servers that want another password than they get. Whatever else is wrong with a server is not told here.
pub async fn barred(plan: &Plan, secrets: &Secrets) -> Vec<Barred> {
    let is_barred = |door| if let Door::Barred(barred) = door { Some(barred) } else { None };
    doors(plan, secrets).await.into_iter().filter_map(is_barred).collect()
}

/// The same before something is taken away that can only be brought back with both servers.
///
/// # Errors
/// Why one of them cannot be used, where that is not its password.
pub async fn barred_or_shut(plan: &Plan, secrets: &Secrets) -> Result<Vec<Barred>, Failure> {
    let mut all = Vec::new();
    for door in doors(plan, secrets).await {
        match door {
            Door::Open => {}
            Door::Barred(barred) => all.push(barred),
            Door::Shut(failure) => return Err(failure),
        }
    }
    Ok(all)
}

async fn doors(plan: &Plan, secrets: &Secrets) -> [Door; 2] {
    let (source, target) = tokio::join!(
        log_in(&plan.id, Side::Source, (&plan.source, &secrets.source)),
        log_in(&plan.id, Side::Target, (&plan.target, &secrets.target)),
    );
    [source, target]
}

async fn log_in(id: &str, side: Side, (endpoint, passwords): (&Endpoint, &Passwords)) -> Door {
    let name = format!("pgpassage/{} {id}", env!("CARGO_PKG_VERSION"));
    let server = Server::new(endpoint.clone(), passwords.clone(), name);
    let Ok(error) = timeout(WITHIN, first_error(&server)).await else {
        let what = format!("{side}: no answer from {endpoint} within {} s", WITHIN.as_secs());
        return Door::Shut(Failure::new(FailureKind::Connection, what));
    };
    let Some(error) = error else { return Door::Open };
    let why = match error.kind {
        ErrorKind::PasswordMissing => Barrier::Missing,
        ErrorKind::WrongPassword => Barrier::Wrong,
        _ => return Door::Shut(Failure::from(error).while_doing(side)),
    };
    Door::Barred(Barred { side, why, what: error.message.clone() })
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
