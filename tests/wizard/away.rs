//! The source is down while the target follows and an engine guards: it is named wherever somebody looks.

use super::common::eventually;
use super::tty::Tty;
use super::{following, pair, wizard};

const NAMED: &str = "the source: cannot connect to";
const NO_WORKER: &str = "the subscription has no worker";

/// How often it is said on the screen, wherever lines are broken.
fn said(screen: &str, what: &str) -> usize {
    let words = screen.replace(['│', '─', '╭', '╮', '╰', '╯', '✖', '▲'], " ");
    words.split_whitespace().collect::<Vec<_>>().join(" ").matches(what).count()
}

#[track_caller]
fn waits(tty: &Tty, what: &str, times: usize) {
    tty.wait_for(what, |screen| said(screen, what) == times);
}

#[test]
fn a_source_that_is_down_is_named_on_every_screen() {
    let pair = pair("logical");
    let mut tty = following(&pair);
    tty.wait("updated just now");
    tty.send("u");
    tty.wait("Asked: both servers answer");
    pair.source.stop().unwrap();
    let workers = "SELECT count(pid) FROM pg_stat_subscription WHERE relid IS NULL";
    eventually(&pair.target, "shop", workers, "0");
    waits(&tty, NAMED, 1);
    waits(&tty, NO_WORKER, 1);
    let screen = tty.text();
    assert!(screen.find("the source:") < screen.find("the target:"), "{screen}");
    tty.wait("✖ no answer for");
    // Whoever asks is answered, with what is above too.
    tty.send("u");
    waits(&tty, NAMED, 2);
    tty.send("f");
    waits(&tty, NAMED, 2);
    tty.send("\x1bd");
    assert_eq!(tty.exit(), 0);

    let mut tty = wizard(&pair);
    tty.wait("Needs attention");
    waits(&tty, NAMED, 1);
    tty.send("\r");
    waits(&tty, NAMED, 1);
    tty.wait("no answer yet");
    assert!(!tty.text().contains("not asked yet"), "{}", tty.text());

    // It comes back, and with it everything else.
    pair.source.restart().unwrap();
    waits(&tty, NAMED, 0);
    waits(&tty, NO_WORKER, 0);
    pair.source.psql("shop", "INSERT INTO orders VALUES (5001, 'late')").unwrap();
    eventually(&pair.target, "shop", "SELECT count(*) FROM orders", "5001");
    tty.wait("updated just now");
    tty.send("u");
    tty.wait("Asked: both servers answer");
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}
