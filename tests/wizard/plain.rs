//! The same questions in lines, without a single escape sequence.

use super::again::{SHUT, SLOW_ROWS, copies, eventually_copied};
use super::common::{Pair, eventually};
use super::proxy::Proxy;
use super::tty::Tty;
use super::{pair, uris};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

/// In a window that keeps all that was said.
pub(super) fn dialogue(pair: &Pair) -> Tty {
    Tty::spawn(pair, (120, 400), &[], &[("TERM", "dumb")])
}

/// Waits for the text to come anew after what has been said so far, and answers.
pub(super) fn answer(tty: &mut Tty, (seen, text): (&mut usize, &str), keys: &str) {
    tty.wait_for(text, |screen| screen.get(*seen..).is_some_and(|new| new.contains(text)));
    *seen = tty.text().len();
    tty.send(&format!("{keys}\r"));
}

/// The questions of the first two steps, up to the report.
pub(super) fn to_report(tty: &mut Tty, (source, target): (&str, &str)) -> usize {
    let mut seen = 0;
    let mut say = |text: &str, keys: &str| answer(tty, (&mut seen, text), keys);
    say("how to prepare the source? Nothing is changed before step 3", "");
    say("Hostname, or a postgres:// URI without its password", target);
    say("Password, not shown", "");
    say("Name of this migration", "mine");
    say("Hostname, or a postgres:// URI without its password", source);
    say("Password, not shown", "");
    say("Exclude databases", "");
    say("Leave out the rows", "");
    seen
}

/// On from the report, with a snapshot or without.
pub(super) fn to_start(tty: &mut Tty, seen: &mut usize, snapshot: &str) {
    answer(tty, (seen, "go on to the migration"), "s");
    answer(tty, (seen, "one-time snapshot (dump method), yes or no"), snapshot);
    answer(tty, (seen, "Parallel copies"), "");
    answer(tty, (seen, "Databases on the target that are not empty"), "");
}

/// A migration of a table that is copied until the file is gone.
pub(super) fn slow(pair: &Pair, tty: Tty) -> (Tty, usize) {
    let (source, target) = uris(pair);
    slow_at(pair, tty, (&source, &target))
}

/// The same by these addresses.
pub(super) fn slow_at(pair: &Pair, mut tty: Tty, addresses: (&str, &str)) -> (Tty, usize) {
    pair.source.psql("shop", &format!("{SHUT}; {SLOW_ROWS}")).unwrap();
    std::fs::write(pair.target.data_dir().join("shut"), "").unwrap();
    let mut seen = to_report(&mut tty, addresses);
    to_start(&mut tty, &mut seen, "yes");
    answer(&mut tty, (&mut seen, "Start migration, yes or no"), "yes");
    let copying =
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%slow%' AND wait_event = 'PgSleep'";
    eventually(&pair.target, "postgres", copying, "t");
    (tty, seen)
}

/// A migration that follows, at the last step's first question.
pub(super) fn following(pair: &Pair) -> (Tty, usize) {
    let (source, target) = uris(pair);
    let mut tty = dialogue(pair);
    let mut seen = to_report(&mut tty, (&source, &target));
    to_start(&mut tty, &mut seen, "no");
    answer(&mut tty, (&mut seen, "Start migration, yes or no"), "yes");
    tty.wait("Step 4 of 4, Close");
    (tty, seen)
}

pub(super) const SLOTS: &str = "SELECT count(*) FROM pg_replication_slots";

#[test]
fn the_whole_way_in_lines() {
    let pair = pair("replica");
    let (source, target) = uris(&pair);
    let mut tty = dialogue(&pair);
    tty.wait("Step 1 of 4, Configure");
    let mut seen = to_report(&mut tty, (&source, &target));
    to_start(&mut tty, &mut seen, "yes");
    answer(&mut tty, (&mut seen, "Start migration, yes or no"), "yes");
    tty.wait("everything that was asked for is on the target");
    assert_eq!(tty.exit(), 0);
    assert!(!tty.raw().contains(&0x1b), "{}", tty.text());
    eventually(&pair.target, "shop", "SELECT count(*) FROM orders", "5000");
}

#[test]
fn without_answers_nothing_happens() {
    let pair = pair("replica");
    let ran = pair.program(&[]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stdout.contains("Step 1 of 4") && ran.stdout.contains("nothing was changed"), "{ran:?}");
}

/// The program with these lines as its input, which then ends.
fn piped(pair: &Pair, lines: &[&str]) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pgpassage"))
        .arg("--plain")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", pair.state.path())
        .env("XDG_STATE_HOME", pair.state.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = format!("{}\n", lines.join("\n"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Input that ends starts nothing, and closes nothing of what was started.
#[test]
fn the_end_of_the_input_is_no_answer() {
    let pair = pair("logical");
    let (source, target) = uris(&pair);
    let mut lines = vec!["", &target, "", "mine", &source, "", "", "", "s", "", "", ""];
    let (code, said) = piped(&pair, &lines);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains(
            "Start migration, yes or no [no]: Nothing was answered; nothing was changed on any server."
        ),
        "{said}"
    );
    eventually(&pair.source, "postgres", SLOTS, "0");
    lines.push("yes");
    let (code, said) = piped(&pair, &lines);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("This window is closed; the migration mine goes on."), "{said}");
    eventually(&pair.source, "postgres", SLOTS, "2");
}

/// A terminal shows what is pasted, and that is said of a password; it is taken all the same, and not asked for again.
#[test]
fn a_password_that_was_pasted_was_visible() {
    let pair = pair("replica");
    let mut tty = dialogue(&pair);
    let mut seen = 0;
    let mut say = |text: &str, keys: &str| answer(&mut tty, (&mut seen, text), keys);
    let shown = "The password in it was visible here: clear this terminal";
    say("Choice [n]", "");
    let host = "Hostname, or a postgres:// URI without its password (asked for later, not shown)";
    // One with an error in it is as visible.
    say(host, "postgres://mover:s3cret@127.0.0.1:many/postgres");
    say("error: ", &pair.target.uri("postgres").replace("postgres@", "postgres:s3cret@"));
    say("Name of this migration", "");
    assert_eq!(tty.text().matches(shown).count(), 2, "{}", tty.text());
    assert!(!tty.text().contains("Password, not shown"), "{}", tty.text());
    let mut say = |text: &str, keys: &str| answer(&mut tty, (&mut seen, text), keys);
    say(host, &pair.source.uri("postgres"));
    say("Password, not shown", "\x04");
    assert_eq!(tty.text().matches(shown).count(), 2, "{}", tty.text());
}

/// The checks take their time over a slow line: what has been answered is told meanwhile, in the order of the questions.
#[test]
fn checks_are_told_while_they_run() {
    let pair = pair("logical");
    let proxy = Proxy::start(pair.source.port());
    proxy.delay(Duration::from_millis(60));
    let (_, target) = uris(&pair);
    let mut tty = dialogue(&pair);
    to_report(&mut tty, (&format!("{}?sslmode=prefer", proxy.uri("postgres")), &target));
    tty.wait("  target: postgres@127.0.0.1:");
    let last = "  8 of 8 answered: source: a slot, made and dropped";
    tty.wait_for("an answer before the last", |screen| {
        screen.contains("  1 of 8 answered: source: settings, roles, slots") && !screen.contains(last)
    });
    proxy.delay(Duration::ZERO);
    tty.wait(last);
    tty.wait("0 blocking, ");
    let (screen, mut from) = (tty.text(), 0);
    for number in 1..=8 {
        let line = format!("  {number} of 8 answered: ");
        assert_eq!(screen.matches(&line).count(), 1, "{screen}");
        let at = screen.find(&line).unwrap();
        assert!(at > from, "{screen}");
        from = at;
    }
}

/// What is wrong is said where it was asked for, and only that is asked again.
#[test]
fn an_answer_is_judged_at_once() {
    let pair = pair("replica");
    let mut tty = dialogue(&pair);
    let mut seen = 0;
    let mut say = |text: &str, keys: &str| answer(&mut tty, (&mut seen, text), keys);
    say("Choice [n]", "");
    say("Hostname, or a postgres:// URI without its password", "");
    say("error: Hostname: Hostname is needed", "db.example.net");
    say("Port [5432]", "many");
    say("error: Port: Port must be a number", "6432");
    say("Database name to connect to", "");
    say("Username", "mover");
    say("or an sslmode (disable, allow, prefer, require, verify-ca, verify-full) [yes]", "sometimes");
    say("Please answer yes, no or one of", "verify-ca");
    say("CA certificate", "/ca.pem");
    say("Password, not shown", "s3cret");
    say("Name of this migration", "No Name");
    say("error: Name: up to 20 of a-z", "mine");
    say("Step 2 of 4, Validation", "");
    say("error: Hostname: Hostname is needed", "\x04");
    assert_eq!(tty.text().matches("Port [5432]").count(), 2, "{}", tty.text());
    tty.send("\x04");
    tty.wait("nothing was changed");
    assert_eq!(tty.exit(), 2);
    assert!(!tty.text().contains("s3cret"), "{}", tty.text());
}

/// The guide before, and what of it was seen after; then what will happen on each side, in the window's words.
#[test]
fn guide_and_plan_are_said_in_lines() {
    let pair = pair("logical");
    let (source, target) = uris(&pair);
    let mut tty = dialogue(&pair);
    let mut seen = 0;
    answer(&mut tty, (&mut seen, "Choice [n]"), "1");
    tty.wait("Prepare the source: Self-hosted");
    tty.wait("ALTER SYSTEM SET wal_level = 'logical';");
    assert!(!tty.text().contains("wal_level is logical: seen"), "{}", tty.text());
    let rest = to_report(&mut tty, (&source, &target));
    seen = seen.max(rest);
    answer(&mut tty, (&mut seen, "go on to the migration"), "g");
    answer(&mut tty, (&mut seen, "Choice [n]"), "1");
    tty.wait("wal_level is logical: seen");
    answer(&mut tty, (&mut seen, "Choice [n]"), "");
    answer(&mut tty, (&mut seen, "databases to leave out, now 0 of 2 databases"), "x");
    answer(&mut tty, (&mut seen, "The source's databases:\n  postgres\n  shop"), "shopp");
    answer(&mut tty, (&mut seen, "error: the source has no database shopp"), "postgres");
    answer(&mut tty, (&mut seen, "now 1 of 2 databases"), "s");
    tty.wait("Possible for 1 database: the target follows until you close.");
    tty.wait("Rows written on the source after the start will not be on the target.");
    answer(&mut tty, (&mut seen, "one-time snapshot (dump method), yes or no"), "");
    answer(&mut tty, (&mut seen, "Parallel copies [by the servers' processors]"), "0");
    answer(&mut tty, (&mut seen, "error: Parallel copies: a number from 1 to 256"), "2");
    answer(&mut tty, (&mut seen, "Databases on the target that are not empty [refuse]"), "");
    tty.wait("What will happen:\n  shop, ");
    tty.wait("  Source: 1 database gets one publication and one logical replication slot: pgpassage_");
    tty.wait("  Undo: Stop migration removes slots and publications");
    tty.wait("  Know: Migrate into an empty target");
    tty.wait("Logical replication carries rows and no DDL");
    tty.wait("--exclude-database postgres --jobs 2");
    answer(&mut tty, (&mut seen, "Start migration, yes or no"), "");
    answer(&mut tty, (&mut seen, "q) quit: nothing was changed"), "");
    tty.wait("Nothing was changed.");
    assert_eq!(tty.exit(), 0);
    eventually(&pair.source, "postgres", SLOTS, "0");
    eventually(&pair.target, "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'shop'", "0");
}

/// A database that cannot be moved at all is left out by whoever says so, and by nobody else.
#[test]
fn what_cannot_be_moved_is_asked_about_in_lines() {
    let pair = pair("replica");
    let shut = "CREATE DATABASE shut; ALTER DATABASE shut ALLOW_CONNECTIONS false";
    pair.source.psql("postgres", shut).unwrap();
    let (source, target) = uris(&pair);
    let mut tty = dialogue(&pair);
    let mut seen = to_report(&mut tty, (&source, &target));
    answer(&mut tty, (&mut seen, "go on to the migration"), "s");
    answer(&mut tty, (&mut seen, "one-time snapshot (dump method), yes or no"), "yes");
    tty.wait("shut cannot be moved at all: the source's database does not accept connections");
    answer(&mut tty, (&mut seen, "Leave shut out, yes or no"), "yes");
    answer(&mut tty, (&mut seen, "Parallel copies"), "");
    answer(&mut tty, (&mut seen, "Databases on the target that are not empty"), "");
    tty.wait("--exclude-database shut");
    answer(&mut tty, (&mut seen, "Start migration, yes or no"), "yes");
    tty.wait("everything that was asked for is on the target");
    assert_eq!(tty.exit(), 0);
    eventually(&pair.target, "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'shut'", "0");
}

/// Ctrl-C asks. Only who says so twice has stopped it; what is left of it then is cleaned up by a choice.
#[test]
fn it_is_stopped_after_a_question() {
    let pair = pair("replica");
    let (mut tty, mut seen) = slow(&pair, dialogue(&pair));
    tty.send("\x03");
    answer(&mut tty, (&mut seen, "Choice [l]"), "s");
    tty.wait("On the source: nothing of ours is there; nothing changes.");
    answer(&mut tty, (&mut seen, "Stop migration, yes or no [no]"), "");
    tty.wait("It is watched on.");
    tty.send("\x03");
    answer(&mut tty, (&mut seen, "Choice [l]"), "s");
    answer(&mut tty, (&mut seen, "Stop migration, yes or no [no]"), "yes");
    tty.wait("Try again: ");
    answer(&mut tty, (&mut seen, "Save bundle: "), "b");
    tty.wait("Saved as ");
    answer(&mut tty, (&mut seen, "Clean up: "), "c");
    tty.wait("Drops on the target: shop (");
    answer(&mut tty, (&mut seen, "Clean up, yes or no [no]"), "yes");
    eventually(&pair.target, "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'shop'", "0");
    answer(&mut tty, (&mut seen, "q) leave it as it is"), "q");
    assert_eq!(tty.exit(), 130);
}

/// A second Ctrl-C leaves at once, and the migration goes on: it is in the list, and comes to its end.
#[test]
fn the_second_ctrl_c_leaves() {
    let pair = pair("replica");
    let (mut tty, _) = slow(&pair, dialogue(&pair));
    tty.send("\x03");
    tty.wait("Ctrl-C again leaves at once");
    tty.wait("Choice [l]");
    tty.send("\x03");
    tty.wait("This window is closed; the migration mine goes on.");
    assert_eq!(tty.exit(), 0);
    let mut tty = dialogue(&pair);
    tty.wait("2) mine: Copying, ");
    let mut seen = 0;
    answer(&mut tty, (&mut seen, "Choice [1]"), "2");
    std::fs::remove_file(pair.target.data_dir().join("shut")).unwrap();
    tty.wait("everything that was asked for is on the target");
    assert_eq!(tty.exit(), 0);
}

/// The engine dies in the middle; what it left goes, and the questions come again with what was answered before.
#[test]
fn it_is_started_over_after_a_failure() {
    let pair = pair("replica");
    let (mut tty, mut seen) = slow(&pair, dialogue(&pair));
    pair.kill_engines();
    tty.wait("The engine ended before its work was done.");
    answer(&mut tty, (&mut seen, "Start over: cleans up and returns to step 1"), "o");
    answer(&mut tty, (&mut seen, "Start over, yes or no [no]"), "yes");
    tty.wait("servers and left-out databases are filled in");
    std::fs::remove_file(pair.target.data_dir().join("shut")).unwrap();
    answer(&mut tty, (&mut seen, "Choice [n]"), "");
    for side in [&pair.target, &pair.source] {
        answer(&mut tty, (&mut seen, "not shown) [127.0.0.1]"), "");
        answer(&mut tty, (&mut seen, &format!("Port [{}]", side.port())), "");
        answer(&mut tty, (&mut seen, "Database name to connect to [postgres; - for"), "");
        answer(&mut tty, (&mut seen, "Username ["), "");
        answer(&mut tty, (&mut seen, "[prefer]"), "");
        answer(&mut tty, (&mut seen, "Password, not shown"), "");
        if side.port() == pair.target.port() {
            answer(
                &mut tty,
                (&mut seen, "Name of this migration, a-z, 0-9 and _ [mine_2; - for random]"),
                "",
            );
        }
    }
    answer(&mut tty, (&mut seen, "Exclude databases"), "");
    answer(&mut tty, (&mut seen, "Leave out the rows"), "");
    to_start(&mut tty, &mut seen, "yes");
    // The database of before has been dropped.
    tty.wait("nothing else has been changed so far");
    answer(&mut tty, (&mut seen, "Start migration, yes or no"), "yes");
    tty.wait("everything that was asked for is on the target");
    assert_eq!(tty.exit(), 0);
    eventually(&pair.target, "shop", "SELECT count(*) FROM slow", "1000");
}

/// The target dies in the middle. What broke off waits, and goes on under the same snapshot once somebody says so.
#[test]
fn what_broke_off_goes_on() {
    let pair = pair("replica");
    let (mut tty, mut seen) = slow(&pair, dialogue(&pair));
    eventually_copied(&pair, "orders");
    // What is committed is flushed by then.
    pair.target.psql("postgres", "SELECT pg_switch_wal(); CHECKPOINT").unwrap();
    pair.target.kill_immediately().unwrap();
    tty.wait("Broke off, and waits to go on");
    tty.wait("  Source: held open until ");
    answer(&mut tty, (&mut seen, "w) wait, and watch on"), "w");
    tty.wait("It is watched on.");
    std::fs::remove_file(pair.target.data_dir().join("shut")).unwrap();
    pair.target.restart().unwrap();
    tty.send("\x03");
    answer(&mut tty, (&mut seen, "Try again: goes on where it broke off"), "t");
    tty.wait("Goes on where it broke off, and reads from the same snapshot: shop.");
    answer(&mut tty, (&mut seen, "Try again, yes or no [no]"), "yes");
    tty.wait("everything that was asked for is on the target");
    assert_eq!(tty.exit(), 0);
    assert_eq!(copies(&pair)["orders"], (1, 0));
    eventually(&pair.target, "shop", "SELECT count(*) FROM slow", "1000");
}

/// The switch-over with its numbers; what is discontinued stays, and nothing of ours does.
#[test]
fn it_is_discontinued_in_lines() {
    let pair = pair("logical");
    let (mut tty, mut seen) = following(&pair);
    tty.wait("Switch over when you are ready:\n  1. Stop writes on the source: ");
    tty.wait("shop: lag ");
    tty.wait("WAL kept on the source");
    answer(&mut tty, (&mut seen, "Verify, when closing: row counts of every table"), "v");
    answer(&mut tty, (&mut seen, "checksums over all rows"), "c");
    answer(&mut tty, (&mut seen, "Verify, when closing: checksums over all rows"), "s");
    tty.wait("On the source: removes ");
    answer(&mut tty, (&mut seen, "Discontinue, yes or no [no]"), "");
    eventually(&pair.source, "postgres", SLOTS, "2");
    answer(&mut tty, (&mut seen, "Discontinue: what was copied stays"), "s");
    answer(&mut tty, (&mut seen, "Discontinue, yes or no [no]"), "yes");
    tty.wait("Discontinued: the target follows the source no longer.");
    assert_eq!(tty.exit(), 0);
    eventually(&pair.source, "postgres", SLOTS, "0");
    eventually(&pair.target, "shop", "SELECT count(*) FROM orders", "5000");
}

/// What would be lost by closing wants the migration's name.
#[test]
fn closing_while_behind_wants_the_name() {
    let pair = pair("logical");
    let (mut tty, mut seen) = following(&pair);
    let disable = "DO $$ DECLARE s name; BEGIN SELECT subname INTO STRICT s FROM pg_subscription JOIN pg_database d \
        ON d.oid = subdbid WHERE datname = current_database(); EXECUTE format('ALTER SUBSCRIPTION %I DISABLE', s); END $$";
    pair.target.psql("shop", disable).unwrap();
    // One that has not noticed yet would still take what is written.
    let active = "SELECT count(*) FROM pg_replication_slots WHERE database = 'shop' AND active";
    eventually(&pair.source, "postgres", active, "0");
    let write = "INSERT INTO orders SELECT n, 'late' FROM generate_series(5001, 9000) n";
    pair.source.psql("shop", write).unwrap();
    while !tty.text().contains("Wait until lag is 0 B: behind by ") {
        answer(&mut tty, (&mut seen, "u) Status update"), "u");
    }
    answer(&mut tty, (&mut seen, "c) Close connection"), "c");
    tty.wait("Close the connection while the target is behind?");
    answer(&mut tty, (&mut seen, "a) Close anyway"), "a");
    answer(&mut tty, (&mut seen, "To close anyway, type its name, mine"), "yours");
    tty.wait("That is not its name. Nothing was closed.");
    eventually(&pair.source, "postgres", SLOTS, "2");
    answer(&mut tty, (&mut seen, "c) Close connection"), "c");
    answer(&mut tty, (&mut seen, "a) Close anyway"), "a");
    answer(&mut tty, (&mut seen, "To close anyway, type its name, mine"), "mine");
    // Something is not across, and it was wanted so.
    assert_eq!(tty.exit(), 3);
    tty.wait("LOST: shop: public.orders is not the same on both sides: source: 9000 rows; target: 5000 rows");
    tty.wait("NOT everything came across");
    assert_eq!(pair.source.psql("postgres", SLOTS).unwrap(), "0");
    for database in ["shop", "postgres"] {
        let publications = "SELECT count(*) FROM pg_publication";
        assert_eq!(pair.source.psql(database, publications).unwrap(), "0", "{database}");
        let left =
            "SELECT (SELECT count(*) FROM pg_subscription), (SELECT count(*) FROM pg_replication_origin)";
        assert_eq!(pair.target.psql(database, left).unwrap(), "0|0", "{database}");
    }
    let rows = "SELECT count(*) FROM orders";
    assert_eq!(pair.target.psql("shop", rows).unwrap(), "5000", "what was late does not come any more");
    assert_eq!(pair.source.psql("shop", rows).unwrap(), "9000");
}

/// Whoever goes away while both servers are judged is told that there is nothing to come back to.
#[test]
fn left_before_anything_is_begun() {
    let pair = pair("replica");
    let proxy = Proxy::start(pair.source.port());
    let (_, target) = uris(&pair);
    let source = format!("{}?sslmode=prefer", proxy.uri("postgres"));
    proxy.stall();
    let mut tty = Tty::spawn(&pair, (100, 30), &["migrate", "-s", &source, "-t", &target], &[]);
    tty.wait("checking both servers");
    tty.send("\x1c");
    tty.wait("there is no migration, and nothing was changed");
    assert_eq!(tty.exit(), 130);
}
