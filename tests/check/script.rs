//! What the wizard's `Y` copies, run by psql: each part on its own server, and what it is about is found no more.

use super::{Checked, check_as, with};
use crate::common::Pair;
use pgpassage::model::check::Finding;
use pgpassage::ui::keys::Key;
use pgpassage::ui::message::{Effect, Msg};
use pgpassage::ui::state::check::Check;
use pgpassage::ui::state::form::Form;
use pgpassage::ui::state::{Colors, Home, Letters, Look, Screen, State};
use pgpassage::ui::update::update;

/// As in the operator's worst dreams: quotes of both kinds, blanks, a backslash, and what looks like a connection string.
const ODD: &str = "it's \"odd\" \\ a=b";

fn script(ran: &Checked) -> String {
    let look = Look { colors: Colors::Ansi16, letters: Letters::Unicode };
    let mut state = State::new(Form::default(), look, Home::Apart);
    let mut check = Check::new(0);
    check.run.findings =
        ran.findings().iter().map(|f| serde_json::from_value::<Finding>(f.clone()).unwrap()).collect();
    state.check = Some(check);
    state.screen = Screen::Report;
    match update(&mut state, Msg::Key(Key::char('Y'))).remove(0) {
        Effect::Copy { text, .. } => text,
        other => panic!("{other:?}"),
    }
}

/// The two parts, each from its head to the next.
fn parts(script: &str) -> [String; 2] {
    ["source", "target"].map(|side| {
        let (_, part) =
            script.split_once(&format!("-- ==== on the {side}")).unwrap_or_else(|| panic!("{script}"));
        part.split_once("\n-- ====").map_or(part, |(part, _)| part).split_once('\n').unwrap().1.to_owned()
    })
}

#[test]
fn all_fixes_are_one_script_of_two_parts_that_runs() {
    let pair = Pair::of(with(&[("wal_level", "logical")]), with(&[]));
    let quoted = ODD.replace('"', "\"\"");
    let make = format!("CREATE ROLE mover LOGIN; CREATE DATABASE \"{quoted}\"; CREATE DATABASE shop");
    pair.source.psql("postgres", &make).unwrap();
    pair.target.psql("postgres", "CREATE ROLE mover LOGIN").unwrap();
    for database in [ODD, "shop"] {
        let tables = "CREATE UNLOGGED TABLE \"loose; one\" (i int PRIMARY KEY); CREATE TABLE bare (i int);
             GRANT SELECT ON ALL TABLES IN SCHEMA public TO mover";
        in_database(&pair, database, tables);
    }
    let users = ("mover", "mover");
    let before = check_as(&pair, users, &[]);
    for id in ["replication-right", "create-databases", "create-roles"] {
        assert!(!before.of(id, None).is_empty(), "{id}: {:?}", before.0);
    }
    for database in [ODD, "shop"] {
        for id in ["unlogged", "replica-identity"] {
            assert!(!before.of(id, Some(database)).is_empty(), "{id}: {:?}", before.0);
        }
    }
    let text = script(&before);
    let [source, target] = parts(&text);
    pair.source.psql("postgres", &source).unwrap_or_else(|e| panic!("{e}\n{text}"));
    pair.target.psql("postgres", &target).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let after = check_as(&pair, users, &[]);
    for id in ["replication-right", "create-databases", "create-roles"] {
        after.is_silent(id, None);
    }
    for database in [ODD, "shop"] {
        for id in ["unlogged", "replica-identity"] {
            after.is_silent(id, Some(database));
        }
    }
}

/// psql takes a database's name for a connection string where it looks like one: this one does.
fn in_database(pair: &Pair, database: &str, sql: &str) {
    let value = database.replace('\\', "\\\\").replace('\'', "\\'");
    pair.source.psql(&format!("dbname='{value}'"), sql).unwrap();
}
