//! Holds two PostgreSQL servers against each other: every entry of the catalogs by name, `pg_dump`'s text, every row's hash.
//!
//! It shares no code with the product: `psql` and `pg_dump` are asked. It only reads. Both roles must be superusers.
//! Not compared: contents of template databases, locations of tablespaces, statistics, configuration files, replication
//! slots, versions of the machine's collations.

#[path = "compare/catalogs.rs"]
mod catalogs;
#[path = "compare/dump.rs"]
mod dump;
#[path = "compare/run.rs"]
mod run;
#[path = "compare/script.rs"]
mod script;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use run::{Answer, Facts};
use script::About;

/// One end.
#[derive(Clone, Debug)]
pub(crate) struct Conn {
    /// Address, or folder of the socket.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// A superuser.
    pub(crate) user: String,
    /// The folder of `psql` and `pg_dump`.
    pub(crate) bin: PathBuf,
}

/// One thing that is not the same on both ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Empty: of the whole server.
    pub(crate) database: String,
    /// A catalog (`pg_cast`), `pg_dump`, `rows`, `sequence position`, `large object`, `comment`, `system acl`, `dependency`,
    /// `security label`, `database`, `subscription`, or `error` where something could not be compared.
    pub(crate) kind: String,
    pub(crate) object: String,
    pub(crate) source: String,
    pub(crate) target: String,
}

const ABSENT: &str = "absent";

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = if self.database.is_empty() { "(server)" } else { &self.database };
        let (source, target) = (around(&self.source, &self.target), around(&self.target, &self.source));
        write!(
            f,
            "{database}: {} {}: source {source} / target {target}",
            self.kind,
            shortened(&self.object, 0)
        )
    }
}

/// A value from a little before the place where it departs from the other one.
fn around(value: &str, other: &str) -> String {
    let same = value.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    shortened(value, same.saturating_sub(30))
}

fn shortened(value: &str, from: usize) -> String {
    const LONGEST: usize = 160;
    let length = value.chars().count();
    let from = if length <= LONGEST { 0 } else { from };
    let text: String = value.chars().skip(from).take(LONGEST).collect();
    let (before, after) = (if from > 0 { "…" } else { "" }, if length - from > LONGEST { "…" } else { "" });
    format!("{before}{}{after}", text.replace(|c: char| c.is_control(), " "))
}

/// Everything: what belongs to the server and every database that is no template, by name.
pub(crate) fn compare_servers(source: &Conn, target: &Conn) -> Vec<Difference> {
    const DATABASES: &str = "SELECT concat_ws(chr(31), CASE WHEN d.datallowconn THEN 'open' ELSE 'closed' END, d.datname, '') \
        FROM pg_catalog.pg_database d WHERE NOT d.datistemplate;";
    let mut found = compare_globals(source, target);
    let (ours, theirs) = ask(source, target, "", &mut found, |conn| on_server(conn, DATABASES));
    let names = |facts: &Facts| {
        facts.keys().map(|(open, name)| (name.clone(), open.clone())).collect::<BTreeSet<_>>()
    };
    let (ours, theirs) = (names(&ours), names(&theirs));
    found.extend(ours.symmetric_difference(&theirs).map(|(name, open)| {
        let (here, there) = (open.clone(), ABSENT.to_owned());
        let (source, target) =
            if ours.contains(&(name.clone(), open.clone())) { (here, there) } else { (there, here) };
        Difference {
            database: name.clone(),
            kind: "database".to_owned(),
            object: name.clone(),
            source,
            target,
        }
    }));
    // Nobody can connect to a closed one, so pg_dumpall takes nothing of it either.
    for (name, _) in ours.intersection(&theirs).filter(|(_, open)| open == "open") {
        found.extend(compare_database(source, target, name));
    }
    found
}

/// Roles, memberships, tablespaces, privileges on parameters, settings for all databases; with their comments.
pub(crate) fn compare_globals(source: &Conn, target: &Conn) -> Vec<Difference> {
    let mut found = Vec::new();
    let script = shape(source, target, None, &mut found).script(About::Server);
    let (ours, theirs) = ask(source, target, "", &mut found, |conn| on_server(conn, &script));
    found.extend(differences("", &ours, &theirs));
    found
}

/// One database: its own facts, everything in it, every row.
pub(crate) fn compare_database(source: &Conn, target: &Conn, db: &str) -> Vec<Difference> {
    let mut found = Vec::new();
    let shape = shape(source, target, Some(db), &mut found);
    let script = shape.script(About::Database);
    let (ours, theirs) = ask(source, target, db, &mut found, |conn| run::psql(conn, db, &script));
    found.extend(differences(db, &ours, &theirs));
    if shape.same_major {
        let mut texts = Vec::new();
        let (ours, theirs) = run::both(source, target, |conn| run::pg_dump(conn, source, db));
        for (side, answer) in [("source", ours), ("target", theirs)] {
            let answer = answer.unwrap_or_default();
            errors(db, side, &answer, &mut found);
            texts.push(dump::entries(&answer.lines));
        }
        found.extend(differences(db, &texts[0], &texts[1]));
    }
    found
}

/// A script in the database that every server has, or should have.
fn on_server(conn: &Conn, script: &str) -> Answer {
    let answer = run::psql(conn, "postgres", script);
    if answer.errors.iter().any(|error| error.contains("FATAL:")) {
        run::psql(conn, "template1", script)
    } else {
        answer
    }
}

/// Asks both ends at once; what failed is a difference, because nothing was compared there.
fn ask(
    source: &Conn,
    target: &Conn,
    db: &str,
    found: &mut Vec<Difference>,
    question: impl Fn(&Conn) -> Answer + Sync,
) -> (Facts, Facts) {
    let (ours, theirs) = run::both(source, target, question);
    let mut facts = Vec::new();
    for (side, answer) in [("source", ours), ("target", theirs)] {
        let mut answer = answer.unwrap_or_default();
        facts.push(answer.facts());
        if facts.last().is_none_or(Facts::is_empty) && answer.errors.is_empty() {
            answer.errors.push("no answer".to_owned());
        }
        errors(db, side, &answer, found);
    }
    let theirs = facts.pop().unwrap_or_default();
    (facts.pop().unwrap_or_default(), theirs)
}

fn errors(db: &str, side: &str, answer: &Answer, found: &mut Vec<Difference>) {
    found.extend(answer.errors.iter().map(|error| Difference {
        database: db.to_owned(),
        kind: "error".to_owned(),
        object: format!("could not compare on the {side}"),
        source: if side == "source" { error.clone() } else { String::new() },
        target: if side == "target" { error.clone() } else { String::new() },
    }));
}

fn shape(source: &Conn, target: &Conn, db: Option<&str>, found: &mut Vec<Difference>) -> script::Shape {
    let (ours, theirs) = ask(source, target, db.unwrap_or_default(), found, |conn| match db {
        Some(db) => run::psql(conn, db, script::SHAPE),
        None => on_server(conn, script::SHAPE),
    });
    script::Shape::new(&ours, &theirs)
}

/// Multiset comparison; of one line on each side only the facts that differ.
fn differences(db: &str, source: &Facts, target: &Facts) -> Vec<Difference> {
    let none = Vec::new();
    let mut found = Vec::new();
    for key in source.keys().chain(target.keys()).collect::<BTreeSet<_>>() {
        let (ours, theirs) = (source.get(key).unwrap_or(&none), target.get(key).unwrap_or(&none));
        let mut add = |source: String, target: String| {
            let (kind, object) = key.clone();
            found.push(Difference { database: db.to_owned(), kind, object, source, target });
        };
        match (ours.as_slice(), theirs.as_slice()) {
            ([one], [other]) => {
                let (a, b): (Vec<&str>, Vec<&str>) =
                    (one.split('\u{1e}').collect(), other.split('\u{1e}').collect());
                if a.len() != b.len() && one != other {
                    add(one.clone(), other.clone());
                    continue;
                }
                a.iter()
                    .zip(&b)
                    .filter(|(a, b)| a != b)
                    .for_each(|(a, b)| add((*a).to_owned(), (*b).to_owned()));
            }
            _ => {
                left(ours, theirs).into_iter().for_each(|one| add(one, ABSENT.to_owned()));
                left(theirs, ours).into_iter().for_each(|one| add(ABSENT.to_owned(), one));
            }
        }
    }
    found
}

/// What the first list has and the second has not, as often as it is missing.
fn left(ours: &[String], theirs: &[String]) -> Vec<String> {
    let mut rest = theirs.to_vec();
    let mut left = Vec::new();
    for one in ours {
        match rest.iter().position(|other| other == one) {
            Some(found) => drop(rest.swap_remove(found)),
            None => left.push(one.clone()),
        }
    }
    left
}
