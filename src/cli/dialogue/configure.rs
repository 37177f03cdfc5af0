//! The first two steps' forms in lines: each answer is judged where it is asked for, and what was filled in is the default.

use super::{complain, guide};
use crate::cli::ask::{Gone, ask, ask_in_secret};
use crate::cli::out;
use crate::model::endpoint::{SslMode, Words};
use crate::model::filter::parse_list;
use crate::model::units::{Side, printable};
use crate::ui::state::State;
use crate::ui::state::form::{Encryption, Field, Form, PARTS, Part, Server};
use std::io::IsTerminal;
use zeroize::Zeroizing;

pub(super) async fn target(state: &mut State) -> Result<(), Gone> {
    out::print("Step 1 of 4, Configure: the target");
    guide::offer(state).await?;
    let form = &mut state.form;
    server(form, Side::Target).await?;
    name(form).await
}

pub(super) async fn name(form: &mut Form) -> Result<(), Gone> {
    fill(form, Field::Name, ("Name of this migration, a-z, 0-9 and _", "random")).await
}

pub(super) async fn source(form: &mut Form) -> Result<(), Gone> {
    out::print("Step 2 of 4, Validation: the source");
    server(form, Side::Source).await?;
    fill(form, Field::Exclude, ("Exclude databases, names with spaces between them", "none")).await?;
    skipped(form).await
}

pub(super) async fn skipped(form: &mut Form) -> Result<(), Gone> {
    let question = "Leave out the rows of these tables (table, schema.table or db.schema.table, commas)";
    loop {
        let before = form.skip_tables.value().to_owned();
        fill(form, Field::SkipTables, (question, "none")).await?;
        let answer = form.skip_tables.trimmed().to_owned();
        match if answer.is_empty() { Ok(Vec::new()) } else { parse_list(&answer) } {
            Ok(_) => return Ok(()),
            Err(why) => {
                let label = Field::SkipTables.label();
                out::print(&printable(&format!("error: {label}: {why}")));
                form.skip_tables.set(before);
            }
        }
    }
}

/// Empties a field. A word would be somebody's name: a database was called none.
const EMPTY: &str = "-";

/// Asks until nothing is wrong with the answer. `nothing` is the word for none; without one there has to be something.
pub(super) async fn fill(
    form: &mut Form,
    field: Field,
    (question, nothing): (&str, &str),
) -> Result<(), Gone> {
    let before = form.text(field).map(|text| text.value().to_owned()).unwrap_or_default();
    let hint = match (before.as_str(), nothing) {
        ("", "") => String::new(),
        ("", nothing) => format!(" [{nothing}]"),
        (before, "") => format!(" [{before}]"),
        (before, nothing) => format!(" [{before}; {EMPTY} for {nothing}]"),
    };
    loop {
        let answer = match ask(&format!("{question}{hint}"), "").await? {
            typed if typed.is_empty() => before.clone(),
            typed if typed == EMPTY && !nothing.is_empty() => String::new(),
            typed => typed,
        };
        if let Some(text) = form.text_mut(field) {
            text.set(answer);
        }
        let errors = form.check(&[field]);
        if errors.is_empty() {
            return Ok(());
        }
        complain(&errors);
        if let Some(text) = form.text_mut(field) {
            text.set(before.clone());
        }
    }
}

pub(super) async fn server(form: &mut Form, side: Side) -> Result<(), Gone> {
    loop {
        let of = |part| Field::of(side, part);
        if !pasted(form, side).await? {
            fill(form, of(Part::Port), ("Port", "")).await?;
            fill(form, of(Part::Database), ("Database name to connect to", "the usual ones")).await?;
            fill(form, of(Part::User), ("Username", "")).await?;
            encryption(form.server_mut(side)).await?;
            if form.server(side).encrypts() {
                let question = "CA certificate, a path or system; compares the name too";
                fill(form, of(Part::Ca), (question, "none")).await?;
            }
            password(form.server_mut(side)).await?;
        } else if form.server(side).password.is_empty() {
            password(form.server_mut(side)).await?;
        }
        let fields: Vec<_> = PARTS.iter().map(|part| of(*part)).collect();
        let errors = form.check(&fields);
        if errors.is_empty() {
            return Ok(());
        }
        complain(&errors);
    }
}

/// A terminal shows what is pasted into it.
const HOST: &str = "Hostname, or a postgres:// URI without its password (asked for later, not shown)";
const SHOWN: &str =
    "The password in it was visible here: clear this terminal and what can be scrolled back to.";

/// Whether a connection string has a password in it, or looks as if it had: one with an error has only its looks.
fn shows_password(text: &str) -> bool {
    let with_user = text.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
    with_user.is_some_and(|(user, _)| user.contains(':')) || text.contains("password")
}

/// The host; true where that was a whole connection string, after which nothing but the password may be missing.
async fn pasted(form: &mut Form, side: Side) -> Result<bool, Gone> {
    loop {
        let server = form.server_mut(side);
        // It may hold a password all the same.
        let host = Zeroizing::new(ask(HOST, server.host.value()).await?);
        let filled = server.fill(&host);
        if filled != Ok(false) && std::io::stdin().is_terminal() && shows_password(&host) {
            out::print(SHOWN);
        }
        match filled {
            Ok(true) => return Ok(true),
            Ok(false) => server.host.set(host.as_str()),
            Err(what) => {
                out::print(&format!("error: {}", printable(&what)));
                continue;
            }
        }
        let errors = form.check(&[Field::of(side, Part::Host)]);
        if errors.is_empty() {
            return Ok(false);
        }
        complain(&errors);
    }
}

/// The checkbox, or a mode for those who need another.
async fn encryption(server: &mut Server) -> Result<(), Gone> {
    let now = match server.encryption {
        Encryption::On => "yes",
        Encryption::Off => "no",
        Encryption::Mode(mode) => mode.word(),
    };
    let modes = SslMode::WORDS.join(", ");
    loop {
        let question = format!("SSL encryption (recommended), yes or no, or an sslmode ({modes})");
        let answer = ask(&question, now).await?.to_lowercase();
        server.encryption = match (answer.as_str(), SslMode::parse(&answer)) {
            ("yes" | "y", _) => Encryption::On,
            ("no" | "n", _) => Encryption::Off,
            (_, Some(mode)) => Encryption::Mode(mode),
            (_, None) => {
                out::print(&format!("Please answer yes, no or one of {modes}."));
                continue;
            }
        };
        return Ok(());
    }
}

async fn password(server: &mut Server) -> Result<(), Gone> {
    let question = if server.password.is_empty() {
        "Password, not shown; empty: ~/.pgpass or PGPASSWORD"
    } else {
        "Password, not shown; empty: the one that was given before"
    };
    let secret = ask_in_secret(question, out::prompt).await?;
    if !secret.expose().is_empty() {
        server.password.set(secret.expose());
    }
    Ok(())
}
