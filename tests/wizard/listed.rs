//! The list of migrations in lines: all of them, what the servers say now, and what is forgotten.

use super::common::Pair;
use super::lines::known;
use super::pair;
use super::plain::{answer, dialogue, following};
use pgpassage::link::migrations;

/// Nobody guards it, so that nothing is known of it before somebody asks; then it is ended, and only then forgotten.
#[test]
fn asked_afresh_and_forgotten_once_it_is_over() {
    let pair = pair("logical");
    let (mut tty, mut seen) = following(&pair);
    answer(&mut tty, (&mut seen, "k) Keep replicating"), "k");
    assert_eq!(tty.exit(), 0);
    pair.kill_engines();
    let mut tty = dialogue(&pair);
    let mut seen = 0;
    tty.wait("2) mine: Syncing, 2 databases, lag unknown, nobody guards it; ");
    answer(&mut tty, (&mut seen, "u) Status update: asks the servers of what follows"), "u");
    tty.wait("Asking both servers of mine.");
    tty.wait(", 2 of 2 tables ready");
    tty.wait(" ago), nobody guards it; ");
    answer(&mut tty, (&mut seen, "x) Forget one that is over"), "x");
    answer(&mut tty, (&mut seen, "Forget which one, by its number [none]: "), "3");
    answer(&mut tty, (&mut seen, "Please answer a migration's number from above, or none."), "2");
    tty.wait("mine is not forgotten: postgres follows its source. 2 opens it, and leads on.");
    answer(&mut tty, (&mut seen, "2) mine: "), "2");
    answer(&mut tty, (&mut seen, "s) Discontinue"), "s");
    answer(&mut tty, (&mut seen, "Discontinue, yes or no [no]"), "yes");
    assert_eq!(tty.exit(), 0);
    let mut tty = dialogue(&pair);
    tty.wait("2) mine: Stopped");
    tty.wait("Choice [1]");
    assert!(!tty.text().contains("u) Status update"), "{}", tty.text());
    let mut seen = 0;
    answer(&mut tty, (&mut seen, "x) Forget one that is over"), "x");
    answer(&mut tty, (&mut seen, "Forget which one, by its number [none]: "), "");
    answer(&mut tty, (&mut seen, "x) Forget one that is over"), "x");
    answer(&mut tty, (&mut seen, "Forget which one, by its number [none]: "), "2");
    tty.wait("Removes what this machine has of mine: plan, journal, log and saved bundles.");
    answer(&mut tty, (&mut seen, "Forget, yes or no [no]"), "");
    answer(&mut tty, (&mut seen, "2) mine: Stopped"), "x");
    assert!(known(&pair).home.is_dir());
    answer(&mut tty, (&mut seen, "Forget which one, by its number [none]: "), "2");
    answer(&mut tty, (&mut seen, "Forget, yes or no [no]"), "yes");
    tty.wait("mine is forgotten: its name is free again.");
    tty.wait("This machine knows no migration any more.");
    assert!(migrations(&pair.state.path().join("pgpassage")).unwrap().is_empty());
    answer(&mut tty, (&mut seen, "q) quit"), "q");
    assert_eq!(tty.exit(), 0);
}

/// Several follow: one is asked by its number, or all.
#[test]
fn one_is_asked_or_all() {
    let pair = pair("logical");
    for id in ["first", "second"] {
        let (source, target) = super::uris(&pair);
        let left_out = if id == "first" { "postgres" } else { "shop" };
        let arguments = [
            "migrate",
            "-s",
            &source,
            "-t",
            &target,
            "--migration-id",
            id,
            "-f",
            left_out,
            "--fallback",
            "fail",
        ];
        let ran = pair.program(&arguments);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let mut tty = dialogue(&pair);
    let mut seen = 0;
    answer(&mut tty, (&mut seen, "u) Status update"), "u");
    answer(&mut tty, (&mut seen, "Of which one, by its number [all]: "), "2");
    tty.wait("Asking both servers of second.");
    tty.wait("  second: postgres: lag ");
    assert!(!tty.text().contains("  first: shop: lag "), "{}", tty.text());
    answer(&mut tty, (&mut seen, "u) Status update"), "u");
    answer(&mut tty, (&mut seen, "Of which one, by its number [all]: "), "");
    tty.wait("Asking the servers of second, first.");
    tty.wait("  first: shop: lag ");
    pair.kill_engines();
}

/// Nothing listens there: each is refused at once, and stays in the list.
fn with_refused(pair: &Pair, count: usize) {
    for number in 0..count {
        let id = format!("m{number}");
        let nobody = "postgres://nobody@127.0.0.1:1/none";
        let ran = pair.program(&["migrate", "-s", nobody, "-t", nobody, "--migration-id", &id]);
        assert_ne!(ran.code, 0, "{ran:?}");
    }
}

#[test]
fn the_twelfth_can_be_chosen_too() {
    let pair = pair("replica");
    with_refused(&pair, 12);
    let all = migrations(&pair.state.path().join("pgpassage")).unwrap();
    assert_eq!(all.len(), 12);
    let mut tty = dialogue(&pair);
    let mut seen = 0;
    answer(&mut tty, (&mut seen, &format!("13) {}: ", all[11].id)), "14");
    answer(&mut tty, (&mut seen, "That is none of the choices."), "13");
    answer(&mut tty, (&mut seen, "Save bundle"), "b");
    tty.wait(&format!("pgpassage/{}/bundle-", all[11].id));
}
