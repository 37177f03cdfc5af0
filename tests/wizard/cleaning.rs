//! On a terminal `clean` asks before it removes anything.

use super::again::{SLOW_ROWS, under_way};
use super::common::Pair;
use super::pair;
use super::tty::Tty;

fn is_there(pair: &Pair) -> bool {
    let sql = "SELECT count(*) FROM pg_database WHERE datname = 'shop'";
    pair.target.psql("postgres", sql).unwrap().trim() == "1"
}

#[test]
fn what_goes_is_asked_for_first() {
    let pair = pair("logical");
    let tty = under_way(&pair, (SLOW_ROWS, "COPY%slow"), &[]);
    pair.kill_engines();
    drop(tty);
    std::fs::remove_file(pair.target.data_dir().join("shut")).unwrap();
    let asked = || {
        let tty = Tty::spawn(&pair, (100, 30), &["clean", "mine"], &[]);
        tty.wait("unfinished database shop on the target");
        tty.wait("Drop shop on the target, and remove the rest? yes or no [no]:");
        tty
    };
    let mut tty = asked();
    tty.send("\r");
    tty.wait("Nothing was removed.");
    assert_eq!((tty.exit(), is_there(&pair)), (1, true));
    let mut tty = asked();
    tty.send("\x03");
    assert_eq!((tty.exit(), is_there(&pair)), (130, true));
    let mut tty = asked();
    tty.send("yes\r");
    assert_eq!((tty.exit(), is_there(&pair)), (0, false));
    let slots = "SELECT count(*) FROM pg_replication_slots";
    assert_eq!(pair.source.psql("postgres", slots).unwrap().trim(), "0");
    // Nothing is left to ask about, and who says so beforehand is not asked.
    for words in [&["clean", "mine"][..], &["clean", "mine", "--yes"]] {
        let mut tty = Tty::spawn(&pair, (100, 30), words, &[]);
        assert_eq!(tty.exit(), 0, "{}", tty.text());
    }
}

#[test]
fn who_says_yes_is_not_asked() {
    let pair = pair("logical");
    let tty = under_way(&pair, (SLOW_ROWS, "COPY%slow"), &[]);
    pair.kill_engines();
    drop(tty);
    std::fs::remove_file(pair.target.data_dir().join("shut")).unwrap();
    let mut tty = Tty::spawn(&pair, (100, 30), &["clean", "mine", "-y"], &[]);
    assert_eq!((tty.exit(), is_there(&pair)), (0, false), "{}", tty.text());
}
