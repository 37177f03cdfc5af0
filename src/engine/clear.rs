//! Takes back what a migration has made on the target and did not bring to its end, so that it can be begun anew.
//!
//! A database is only dropped when the server still knows it by the number that it had when we made it, it still says of
//! itself that this migration made it, and nobody is in it: what was there before, what somebody else has made under the same
//! name since, what another migration has used since, and what somebody works with stays, and is named.

use super::context::Cx;
use super::mark::take_off_or_tell;
use super::replicate::remove::{What, remove};
use super::resume::end_unended;
use super::sessions::{base, settings};
use crate::model::check::Finding;
use crate::model::event::{DatabaseOutcome, Event, ObjectKind, ServerObject};
use crate::model::failure::{Failure, FailureKind};
use crate::model::half_made::HalfMade;
use crate::model::run::Run;
use crate::model::task::Unfinished;
use crate::model::units::{Side, count_of, printable, readable};
use crate::pg::connect::Session;
use crate::pg::error::{Error, ErrorKind};
use crate::pg::facts::databases::{Standing, Visitor, standing};
use crate::pg::statement::database::{END_SESSION, drop as drop_database};
use crate::pg::statement::roles;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// For one database. The server itself waits some seconds for whoever is just leaving it.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked whether a session has ended.
const AGAIN: Duration = Duration::from_millis(100);
/// Sessions that are named.
const NAMED: usize = 5;

/// Databases that do not follow, and of which something is left that serves replication.
fn unfinished(run: &Run) -> BTreeSet<String> {
    let of_objects = run.ledger.values().filter_map(|line| line.object.database.clone());
    let of_identities = run.databases.iter().filter(|(_, d)| !d.identities.is_empty());
    let follows = |name: &String| {
        run.databases.get(name).is_some_and(|d| d.outcome == Some(DatabaseOutcome::Following))
    };
    let all = of_objects.chain(of_identities.map(|(name, _)| name.clone()));
    all.filter(|name| !follows(name)).collect()
}

/// By an engine that logged in long ago: what is taken back on one server only would have to be done again.
pub(super) async fn clear_if_let_in(cx: &Cx) {
    let (source, target) = cx.emit.with_run(|run| {
        let replicates = !unfinished(run).is_empty();
        (replicates, replicates || !run.half_made().is_empty())
    });
    let mut let_in = Ok(());
    for (side, wanted, server, home) in [
        (Side::Source, source, &cx.source, &cx.source_home),
        (Side::Target, target, &cx.target, &cx.target_home),
    ] {
        if wanted && let_in.is_ok() {
            let logged_in = server.connect(home, &base()).await.map(drop);
            let_in = logged_in.map_err(|error| Failure::from(error).while_doing(side));
        }
    }
    match let_in {
        Ok(()) => clear(cx).await,
        Err(failure) => {
            let title = "nothing is taken back: the engine that guards the rest is not let in everywhere";
            let fix = format!(
                "where the password has changed: this engine knows the old one; kill {} ends it, what follows goes on; then \
                 try again",
                std::process::id()
            );
            cx.finding(Finding::warning("not-taken-back", title).because(failure.what).fix(fix));
        }
    }
}

/// Removes everything of databases that did not get to their end. What follows, and what is whole, is not touched.
pub(super) async fn clear(cx: &Cx) {
    for database in cx.emit.with_run(unfinished) {
        remove(cx, &database, What::All).await;
    }
    end_unended(cx);
    drop_half_made(cx, Unfinished::DropIncomplete).await;
}

/// Drops the databases that are to go, one after the other; each that stays is a finding.
pub(super) async fn drop_half_made(cx: &Cx, which: Unfinished) {
    let all = cx.emit.with_run(|run| run.half_made());
    let (all, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|half| which.drops(half));
    if which == Unfinished::Drop {
        // What lacks something and is kept is the operator's from here on.
        for half in &kept {
            take_off_or_tell(cx, &half.name).await;
        }
    }
    for half in all {
        if cx.cancel.is_cancelled() {
            return;
        }
        let dropping = timeout(TIME_LIMIT, drop_one(cx, &half)).await;
        let too_slow =
            || Failure::local(format!("the target did not answer within {} s", TIME_LIMIT.as_secs()));
        if let Err(failure) = dropping.unwrap_or_else(|_| Err(too_slow())) {
            let again = format!("pgpassage clean {}", cx.plan.id);
            let fix = failure.advice.map_or(again.clone(), |advice| format!("{advice}; then {again}"));
            let title = "an unfinished database of ours stays on the target";
            cx.finding(
                Finding::warning("not-dropped", title).in_database(&half.name).because(failure.what).fix(fix),
            );
        }
    }
}

async fn drop_one(cx: &Cx, half: &HalfMade) -> Result<(), Failure> {
    let object = ServerObject {
        side: Side::Target,
        kind: ObjectKind::Database,
        name: half.name.clone(),
        database: None,
    };
    let session = elsewhere(cx, &half.name).await?;
    let there = standing(&session, &half.name).await?;
    match (there, half.oid) {
        (None, _) => {}
        (Some(_), None) => {
            not_sure(cx, &half.name);
            return Ok(());
        }
        (Some(there), Some(oid)) if there.oid != oid || there.made_by.as_deref() != Some(&cx.plan.id) => {
            let title = "a database of this name is not ours any more: it was made anew, used by another migration, or came to \
                         its end; it is left alone";
            cx.finding(Finding::warning("not-ours", title).in_database(&half.name));
            // Ours is gone; from here on the name stands for somebody else's.
            cx.emit.record(Event::NotOurs { object });
            return Ok(());
        }
        (Some(there), Some(_)) => {
            if let Some(failure) = in_use(cx, &there) {
                return Err(failure);
            }
            end_ours(&session, &there).await?;
            if cx.cancel.is_cancelled() {
                return Err(Failure::interrupted());
            }
            drop_as_owner(cx, &session, (&half.name, &there.owner)).await?;
        }
    }
    cx.emit.record(Event::Removed { object });
    Ok(())
}

/// The engine died, or was cancelled, before it knew whether CREATE DATABASE had come to its end; there is nothing in it then.
fn not_sure(cx: &Cx, database: &str) {
    let title = "a database is on the target of which it is not known whether this migration made it: it is left alone";
    let fix = "look into it; an empty one is in nobody's way, and used by the next start";
    cx.finding(Finding::warning("not-sure", title).in_database(database).fix(fix));
}

/// A session in a database that is not to be dropped.
async fn elsewhere(cx: &Cx, database: &str) -> Result<Session, Error> {
    let settings = settings(Side::Target, cx.target_facts.version);
    let mut homes = vec![cx.target_home.as_str(), "postgres", "defaultdb", "template1"];
    homes.retain(|home| *home != database);
    let mut absent = None;
    for home in homes {
        match cx.target.connect(home, &settings).await {
            Err(error) if error.kind == ErrorKind::NoDatabase => absent = Some(error),
            result => return result,
        }
    }
    Err(absent.unwrap_or_else(|| Error::new(ErrorKind::NoDatabase, "the target has no other database")))
}

/// What a killed engine was at may go on for a while on the server; it says whose it is by its name.
fn is_ours(cx: &Cx, visitor: &Visitor) -> bool {
    visitor.user == cx.target_facts.user && is_named_ours(cx, visitor)
}

/// The user of a session is who logged in, which a role of ours that sets another one is not.
fn is_named_ours(cx: &Cx, visitor: &Visitor) -> bool {
    let name = visitor.application.strip_prefix("pgpassage/").and_then(|rest| rest.split_once(' '));
    name.is_some_and(|(_, id)| id == cx.plan.id)
}

fn in_use(cx: &Cx, there: &Standing) -> Option<Failure> {
    let others: Vec<_> = there.sessions.iter().filter(|visitor| !is_ours(cx, visitor)).collect();
    if others.is_empty() {
        return None;
    }
    let mut named: Vec<_> = others
        .iter()
        .take(NAMED)
        .map(|v| format!("pid {} (user {}, {})", v.pid, readable(&v.user), printable(&v.application)))
        .collect();
    let more = others.len().saturating_sub(NAMED);
    if more > 0 {
        named.push(format!("{more} more"));
    }
    let count = count_of(others.len() as u64, "session");
    let is = if others.len() == 1 { "is" } else { "are" };
    let failure = Failure::refused(format!("{count} of others {is} in it: {}", named.join(", ")));
    Some(failure.advise("have them leave it, if it is not needed as it is"))
}

/// Ends what an attempt that broke off has left running in the database, and waits until it is gone: nothing of it happens
/// after that.
///
/// # Errors
/// When the server does not answer, or does not end it.
pub(crate) async fn end_what_lingers(cx: &Cx, session: &Session, database: &str) -> Result<(), Failure> {
    let began = Instant::now();
    loop {
        let there = standing(session, database).await?;
        let sessions = there.into_iter().flat_map(|there| there.sessions);
        let ours: Vec<_> = sessions.filter(|visitor| is_named_ours(cx, visitor)).collect();
        if ours.is_empty() {
            return Ok(());
        }
        if began.elapsed() > TIME_LIMIT {
            let what = format!("{} of the attempt before do not end", count_of(ours.len() as u64, "session"));
            return Err(Failure::new(FailureKind::Connection, what));
        }
        for visitor in ours {
            session.query(END_SESSION, &[&visitor.pid, &visitor.application]).await?;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn end_ours(session: &Session, there: &Standing) -> Result<(), Failure> {
    // Only ours are left, see `in_use`.
    for visitor in &there.sessions {
        session.query(END_SESSION, &[&visitor.pid, &visitor.application]).await?;
    }
    Ok(())
}

/// Before 16, our user is no member any more of the roles that it made; it makes itself one for this deed.
async fn drop_as_owner(cx: &Cx, session: &Session, (database, owner): (&str, &str)) -> Result<(), Failure> {
    let sql = drop_database(database);
    let denied = match session.batch(&sql).await {
        Err(error) if error.kind == ErrorKind::NoDatabase => return Ok(()),
        Err(error) if error.kind == ErrorKind::InsufficientPrivilege => error,
        result => return Ok(result?),
    };
    let object = ServerObject {
        side: Side::Target,
        kind: ObjectKind::Membership,
        name: owner.to_owned(),
        database: None,
    };
    cx.emit.record(Event::Making { object: object.clone() });
    if session.batch(&roles::join(owner)).await.is_err() {
        cx.emit.record(Event::Removed { object });
        return Err(Failure::from(denied).advise("drop it as its owner or as a superuser"));
    }
    cx.emit.record(Event::Made { object: object.clone() });
    let dropped = session.batch(&sql).await;
    match session.batch(&roles::leave(owner)).await {
        Ok(()) => cx.emit.record(Event::Removed { object }),
        Err(error) => {
            let title = format!("our user is still a member of {} on the target", readable(owner));
            let fix = "on the target, revoke that role from the migration's user";
            cx.finding(Finding::warning("membership", title).because(error.to_string()).fix(fix));
        }
    }
    Ok(dropped?)
}
