//! Passwords that a server wants and nobody has given: asked for where somebody is there to answer, and nowhere else.

use super::ask::{Gone, ask_in_secret};
use super::exit::Exit;
use super::out;
use crate::link::{Engine, Known, barred};
use crate::model::passwords::{Barred, Barrier, Passwords};
use crate::model::plan::Plan;
use crate::model::secret::Secret;
use crate::model::secrets::Secrets;
use crate::model::units::{Side, printable};
use std::io::IsTerminal;

/// How often a server is offered another one.
pub(super) const TRIES: usize = 3;

/// What was typed wins over files and the environment.
pub(super) fn give(passwords: &mut Passwords, typed: Option<Secret>) {
    if let Some(secret) = typed {
        passwords.explicit = Some(secret);
        passwords.lines.clear();
    }
}

/// On a terminal, asks for what a server does not let us in without. An engine that lives has been let in, and is only told.
///
/// # Errors
/// The exit, where nobody answers.
pub(super) async fn complete(plan: &Plan, secrets: &mut Secrets) -> Result<(), Exit> {
    let someone = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let lives = Known::read(&plan.home).is_some_and(|known| known.engine != Engine::Gone);
    if !someone || lives {
        return Ok(());
    }
    for _ in 0..TRIES {
        let barred = barred(plan, secrets).await;
        if barred.is_empty() {
            break;
        }
        for one in barred {
            let (endpoint, passwords) = match one.side {
                Side::Source => (&plan.source, &mut secrets.source),
                Side::Target => (&plan.target, &mut secrets.target),
            };
            match ask(&one, &endpoint.to_string(), out::prompt_aside).await {
                Ok(Some(secret)) => give(passwords, Some(secret)),
                // Whoever goes on says what is missing.
                Ok(None) => return Ok(()),
                Err(_) => return Err(Exit::Interrupted),
            }
        }
    }
    Ok(())
}

/// One password for one server; none where nothing was typed.
pub(super) async fn ask(barred: &Barred, address: &str, tell: fn(&str)) -> Result<Option<Secret>, Gone> {
    if barred.why == Barrier::Wrong {
        tell(&format!("{}\n", printable(&barred.what)));
    }
    let question = format!("Password for the {}, {}, not shown", barred.side, printable(address));
    let secret = ask_in_secret(&question, tell).await?;
    Ok(Some(secret).filter(|secret| !secret.expose().is_empty()))
}
