//! Two windows on one migration whose engine is killed: what one of them does about it, the other one finds.

use super::leaving::{attach, cpu_ticks};
use super::tty::Tty;
use super::{following, pair};
use std::time::Duration;

const ALONE: &str = "No engine guards it";
const GUARDED: &str = "guards it, also without this window";

#[test]
fn the_other_window_finds_the_next_engine_and_the_end() {
    let pair = pair("logical");
    let mut first = following(&pair);
    let mut looks = Tty::spawn(&pair, (100, 30), &["attach", "mine", "--read-only"], &[]);
    let mut commands = attach(&pair);
    looks.wait(GUARDED);
    commands.wait(GUARDED);
    commands.tab_to("▐ Close connection ▌");

    pair.kill_engines();
    for window in [&first, &looks, &commands] {
        window.wait(ALONE);
    }
    first.tab_to("▐ Guard again ▌");
    first.send("\r");
    for window in [&first, &looks, &commands] {
        window.wait_for("the next engine", |screen| screen.contains(GUARDED) && !screen.contains(ALONE));
    }
    // What somebody was about to press has stayed.
    commands.wait("▐ Close connection ▌");

    // Another engine does the rest, and is gone before anybody looks.
    pair.kill_engines();
    for window in [&first, &looks, &commands] {
        window.wait(ALONE);
    }
    let before = cpu_ticks(looks.pid()).unwrap();
    std::thread::sleep(Duration::from_secs(4));
    let used = cpu_ticks(looks.pid()).unwrap() - before;
    assert!(used < 40, "{used} ticks in four seconds");
    let closed = pair.program(&["finish", "mine"]);
    assert_eq!(closed.code, 0, "{}\n{}", closed.stderr, closed.stdout);
    for window in [&mut first, &mut looks, &mut commands] {
        window.wait("✔ Ready");
        assert!(!window.text().contains("Passwords"), "{}", window.text());
        window.send("\x03");
        assert_eq!(window.exit(), 0);
    }
}
