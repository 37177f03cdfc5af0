//! The wizard's questions and results in plain lines: for terminals without a full screen, for readers of screens, for pipes.

mod failed;
mod follow;

use super::ask::{Gone, Preset, ask, ask_in_secret, choose, yes};
use super::exit::Exit;
use super::out;
use super::wizard::Rooms;
use crate::model::check::Severity;
use crate::model::event::RunOutcome;
use crate::model::plan::IdentityPolicy;
use crate::model::units::{Side, count_of, human_bytes, printable, readable};
use crate::ui::command;
use crate::ui::drive::{Host, Purpose};
use crate::ui::state::check::{Check, Decision, Replicable, Way};
use crate::ui::state::form::{Encryption, Field, FieldError, Form, PARTS};
use crate::ui::state::live::Ending;
use crate::ui::steps::migration::plan::replicates;
use crate::ui::steps::migration::restrictions::restrictions;
use crate::ui::steps::start::Tag;
use crate::ui::steps::validation::report::{Weight, rows};
use crate::ui::update::fields::IDENTITIES;
use crate::ui::widgets::form::identity;

/// Migrations that are offered by number; the rest are in `pgpassage list`.
const OFFERED: usize = 9;

pub(super) async fn run(rooms: Rooms) -> Exit {
    match talk(&rooms).await {
        Ok(exit) => exit,
        Err(Gone) => {
            out::print("Nothing was answered; nothing was changed.");
            Exit::Usage
        }
    }
}

async fn talk(rooms: &Rooms) -> Result<Exit, Gone> {
    if let Some(id) = which(rooms).await? {
        return Ok(follow::open(rooms, id).await);
    }
    let mut form = Form::default();
    out::print("Step 1 of 4, Configure: the target");
    server(&mut form, Side::Target).await?;
    form.name.set(ask("Name of this migration, a-z, 0-9 and _", "random").await?.replace("random", ""));
    source(&mut form).await?;
    let mut check = loop {
        let check = checked(rooms, &mut form).await?;
        match after(&form, &check).await? {
            "start" => break check,
            "again" => {}
            "identities" => form.identity = identities(form.identity).await?,
            "edit" => source(&mut form).await?,
            _ => return Ok(if check.may_start().is_ok() { Exit::Done } else { Exit::Blocked }),
        }
    };
    if !decide(&mut check).await? {
        out::print("Nothing was changed.");
        return Ok(Exit::Blocked);
    }
    out::print("Step 3 of 4, Migration");
    for possible in &check.possible {
        let way = match check.way(possible) {
            Way::Continuous => "replication, follows until you close",
            Way::Snapshot => "one-time snapshot; rows written after the start will not be on the target",
            _ => "left out",
        };
        let size = possible.size_bytes.map(human_bytes).unwrap_or_default();
        out::print(&format!("  {} {size}: {way}", readable(&possible.database)));
    }
    if replicates(&check) {
        restrictions(&check, form.identity).iter().for_each(|line| out::print(&format!("  {line}")));
    }
    let purpose = Purpose::Start { method: check.policy(), left_out: check.left_out() };
    out::print(&format!(
        "The same on the command line: {}",
        command::shell(&command::migrate(&form, &purpose))
    ));
    if !yes("Start migration", Preset::No).await? {
        out::print("Nothing was changed.");
        return Ok(Exit::Done);
    }
    match rooms.prepare(&form, purpose) {
        Ok(prepared) => Ok(follow::start(rooms, prepared).await),
        Err(errors) => {
            complain(&errors);
            Ok(Exit::Usage)
        }
    }
}

/// The migration to look at; none for a new one.
async fn which(rooms: &Rooms) -> Result<Option<String>, Gone> {
    let known = tokio::task::block_in_place(|| rooms.known()).unwrap_or_default();
    if known.is_empty() {
        return Ok(None);
    }
    let keys = ["2", "3", "4", "5", "6", "7", "8", "9", "10"];
    let mut choices = vec![("1", "New migration".to_owned())];
    for (key, one) in keys.iter().zip(known.iter().take(OFFERED)) {
        choices.push((key, format!("{}: {}", one.id, Tag::of(one).word())));
    }
    choices.push(("q", "quit".to_owned()));
    match choose(&choices).await? {
        "1" => Ok(None),
        "q" => Err(Gone),
        key => Ok(keys.iter().position(|k| *k == key).and_then(|at| known.get(at)).map(|k| k.id.clone())),
    }
}

async fn source(form: &mut Form) -> Result<(), Gone> {
    out::print("Step 2 of 4, Validation: the source");
    server(form, Side::Source).await?;
    let excluded = ask("Exclude databases, names with spaces between them", "none").await?;
    form.exclude.set(if excluded == "none" { String::new() } else { excluded });
    let skipped = ask("Leave out the rows of these tables", "none").await?;
    form.skip_tables.set(if skipped == "none" { String::new() } else { skipped });
    Ok(())
}

async fn server(form: &mut Form, side: Side) -> Result<(), Gone> {
    loop {
        let server = form.server_mut(side);
        let host = ask("Hostname, or a postgres:// URI", server.host.value()).await?;
        match server.fill(&host) {
            Ok(true) => {}
            Ok(false) => {
                server.host.set(host);
                server.port.set(ask("Port", server.port.value()).await?);
                let database = ask("Database name to connect to", server.database.value()).await?;
                server.database.set(database);
                server.user.set(ask("Username", server.user.value()).await?);
                let encrypt = yes("SSL encryption (recommended)", Preset::Yes).await?;
                server.encryption = if encrypt { Encryption::On } else { Encryption::Off };
                if encrypt {
                    let ca = ask("CA certificate, a path or system", "none").await?;
                    server.ca.set(if ca == "none" { String::new() } else { ca });
                }
            }
            Err(what) => {
                out::print(&format!("error: {what}"));
                continue;
            }
        }
        if server.password.is_empty() {
            let question = "Password, not shown; empty: ~/.pgpass or PGPASSWORD";
            server.password.set(ask_in_secret(question, out::prompt).await?.expose());
        }
        let fields: Vec<_> = PARTS.iter().map(|part| Field::of(side, *part)).collect();
        let errors = form.check(&fields);
        if errors.is_empty() {
            return Ok(());
        }
        complain(&errors);
    }
}

fn complain(errors: &[FieldError]) {
    for error in errors {
        out::print(&format!("error: {}: {}", error.field.label(), printable(&error.what)));
    }
}

/// Runs the checks and prints what they say; asks again for what does not make a plan.
async fn checked(rooms: &Rooms, form: &mut Form) -> Result<Check, Gone> {
    loop {
        match rooms.prepare(form, Purpose::Check) {
            Ok(prepared) => {
                out::print("Checking.");
                let mut check = Check::new(0);
                match rooms.check(prepared) {
                    Ok(mut link) => {
                        while let Some(entry) = link.next_entry().await {
                            check.apply(&entry);
                        }
                        check.ended = Some(match link.outcome().await {
                            Ok(outcome) => Ending::Ended(outcome),
                            Err(failure) => Ending::Broke(failure),
                        });
                    }
                    Err(failure) => check.ended = Some(Ending::Broke(failure)),
                }
                rooms.check_ended();
                report(&check);
                return Ok(check);
            }
            Err(errors) => {
                complain(&errors);
                source(form).await?;
            }
        }
    }
}

fn report(check: &Check) {
    for row in rows(check) {
        let place = row.place.map(|place| format!("{place}: ")).unwrap_or_default();
        let what = if row.what.is_empty() { String::new() } else { format!(": {}", row.what) };
        out::print(&format!("{:<8} {place}{}{what}", row.weight.word(), row.title));
        if row.weight <= Weight::Warn {
            row.fix.lines().for_each(|line| out::print(&format!("         to do: {line}")));
        }
    }
    let blocking = check.count(Severity::Blocker) as u64;
    out::print(&format!(
        "{blocking} blocking, {}, {} passed.",
        count_of(check.count(Severity::Warning) as u64, "warning"),
        check.passed_count()
    ));
}

async fn after(form: &Form, check: &Check) -> Result<&'static str, Gone> {
    let judged = check.ended == Some(Ending::Ended(RunOutcome::Checked));
    let mut choices = vec![("r", "Run check again".to_owned()), ("e", "change the connection".to_owned())];
    let open = check.possible.iter().any(|p| p.not_continuous.is_none() || p.not_snapshot.is_none());
    if judged && (open || check.may_start().is_ok()) {
        choices.insert(0, ("s", "go on to the migration".to_owned()));
    }
    let without = check.without_identity().len() as u64;
    if judged && (without > 0 || form.identity != IdentityPolicy::Refuse) {
        let now = identity(form.identity).0;
        let what = format!("{} without a replica identity, now {now}", count_of(without, "table"));
        choices.push(("i", what));
    }
    choices.push(("q", "quit".to_owned()));
    Ok(match choose(&choices).await? {
        "s" => "start",
        "r" => "again",
        "e" => "edit",
        "i" => "identities",
        _ => "quit",
    })
}

/// What becomes of tables of which nothing tells the rows apart. What is set now is the first choice.
async fn identities(now: IdentityPolicy) -> Result<IdentityPolicy, Gone> {
    let mut all = IDENTITIES;
    all.sort_by_key(|policy| *policy != now);
    let choices = all.map(|policy| {
        let (word, means) = identity(policy);
        (word, means.to_owned())
    });
    let chosen = choose(&choices).await?;
    Ok(all.into_iter().find(|policy| identity(*policy).0 == chosen).unwrap_or(now))
}

/// What becomes of databases that cannot be replicated. False where nothing is left to do.
async fn decide(check: &mut Check) -> Result<bool, Gone> {
    match check.replicable() {
        replicable @ (Replicable::None | Replicable::NotJudged) => {
            if replicable == Replicable::None {
                out::print("Replication is not possible.");
            }
            let question = "Start the migration using a one-time snapshot (dump method)";
            check.decisions.snapshot = yes(question, Preset::No).await?;
        }
        Replicable::Some => {
            let choices = check.choices().into_iter().filter(|p| p.not_snapshot.is_none());
            let choices: Vec<_> = choices.cloned().collect();
            for possible in choices {
                let why = possible.not_continuous.as_deref().unwrap_or_default();
                let name = readable(&possible.database);
                out::print(&format!("{name} cannot be replicated: {}", printable(why)));
                let question = format!("Move {name} by a one-time snapshot (no: leave it out)");
                let snapshot = yes(&question, Preset::Yes).await?;
                let decision = if snapshot { Decision::Snapshot } else { Decision::LeaveOut };
                check.decisions.each.insert(possible.database, decision);
            }
        }
        Replicable::All => {}
    }
    let stuck: Vec<_> = check.possible.iter().filter(|p| check.way(p) == Way::Impossible).cloned().collect();
    for possible in stuck {
        let why = possible.not_snapshot.as_deref().unwrap_or_default();
        let name = readable(&possible.database);
        out::print(&format!("{name} cannot be moved at all: {}", printable(why)));
        if yes(&format!("Leave {name} out"), Preset::No).await? {
            check.decisions.each.insert(possible.database, Decision::LeaveOut);
        }
    }
    match check.may_start() {
        Ok(()) => Ok(true),
        Err(why) => {
            out::print(&why);
            Ok(false)
        }
    }
}
