//! How the window feels, measured in a pseudo-terminal of 100 by 30: the time to the first frame, bytes a frame and the
//! answer to a key while 8 tables are copied, and what it takes of a processor while nobody touches it.

use super::common::{Pair, cluster};
use super::cpu_of;
use super::tty::Tty;
use std::time::{Duration, Instant};

const WINDOW: (u16, u16) = (100, 30);
const FIRST_FRAMES: usize = 20;
const KEYS: usize = 20;
const IDLE: Duration = Duration::from_secs(20);
/// The marks around a frame (synchronized update).
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

pub(crate) fn measure() {
    println!("\nframe: the window, 100 by 30");
    let mut first: Vec<_> = (0..FIRST_FRAMES).map(|_| first_frame()).collect();
    tell("first frame, ms", &mut first);
    idle();
    let pair = Pair::of(cluster(), cluster());
    tables(&pair);
    copying(&pair);
}

fn tell(what: &str, values: &mut [f64]) {
    values.sort_by(f64::total_cmp);
    let at = |share: usize| values[(values.len() - 1) * share / 100];
    println!("  {what:<34} median {:>7.1}   95 % {:>7.1}   most {:>7.1}", at(50), at(95), at(100));
}

/// From the start of the process to its first whole frame.
fn first_frame() -> f64 {
    let home = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let mut tty = Tty::spawn_in(home.path(), WINDOW, &[], &[]);
    until(|| tty.with_screen(|_, seen| seen.frames > 0) && tty.text().contains("pgpassage"));
    let took = began.elapsed();
    tty.send("\x03");
    tty.exit();
    took.as_secs_f64() * 1000.0
}

fn until(happens: impl Fn() -> bool) {
    let began = Instant::now();
    while !happens() {
        assert!(began.elapsed() < Duration::from_secs(120), "it does not happen");
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn idle() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = Tty::spawn_in(home.path(), WINDOW, &[], &[]);
    tty.wait("Get started");
    std::thread::sleep(Duration::from_secs(2));
    let (before, bytes) = (cpu_of(tty.pid()).unwrap().0, tty.raw().len());
    std::thread::sleep(IDLE);
    let used_ms = (cpu_of(tty.pid()).unwrap().0 - before) * 1000.0;
    let sent = tty.raw().len() - bytes;
    println!("  idle for {} s{:>40.0} ms of a processor, {sent} bytes", IDLE.as_secs(), used_ms);
    tty.send("\x03");
    tty.exit();
}

fn tables(pair: &Pair) {
    let sql = "CREATE DATABASE bench";
    pair.source.psql("postgres", sql).unwrap();
    let sql = "DO $$BEGIN FOR i IN 1..8 LOOP
        EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, filler text)', i);
        EXECUTE format('INSERT INTO t%s SELECT g, repeat(md5(g::text), 32) FROM generate_series(1, 400000) g', i);
      END LOOP; END$$";
    pair.source.psql("bench", sql).unwrap();
    // Kept apart from the measurement: what was written must not be written out meanwhile.
    pair.source.psql("bench", "VACUUM ANALYZE; CHECKPOINT").unwrap();
}

fn copying(pair: &Pair) {
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let words = ["migrate", "-s", &source, "-t", &target, "--database", "bench", "--jobs", "8"];
    let words = [&words[..], &["--migration-id", "frame", "--detach", "--force-method", "dump"]].concat();
    let child = pair.start(&words, &[]);
    assert!(super::common::wait(child).status.success());
    let mut tty = Tty::spawn(pair, WINDOW, &["attach", "frame"], &[]);
    tty.wait("8 copying");
    let before = tty.raw().len();
    std::thread::sleep(Duration::from_secs(4));
    let raw = tty.raw();
    let mut sizes = frames(&raw[before..]);
    let mut answers = Vec::new();
    for round in 0..KEYS {
        let wanted = if round % 2 == 0 { "\n Databases" } else { "\n Tables" };
        let began = Instant::now();
        tty.send("v");
        until(|| tty.text().contains(wanted));
        answers.push(began.elapsed().as_secs_f64() * 1000.0);
        // As fast as somebody presses keys who reads what they show.
        std::thread::sleep(Duration::from_millis(337));
    }
    let still = tty.text();
    assert!(still.contains("▶ running"), "the copy was over too soon:\n{still}");
    tell("bytes a frame, 8 tables copying", &mut sizes);
    tell("a key answers, ms", &mut answers);
    tty.send("d");
    tty.exit();
}

fn frames(raw: &[u8]) -> Vec<f64> {
    let find = |from: usize, what: &[u8]| {
        raw[from..].windows(what.len()).position(|window| window == what).map(|at| from + at)
    };
    let (mut sizes, mut at) = (Vec::new(), 0);
    while let Some(begin) = find(at, BEGIN) {
        let Some(end) = find(begin, END) else { break };
        sizes.push((end + END.len() - begin) as f64);
        at = end;
    }
    assert!(!sizes.is_empty(), "no frame came");
    sizes
}
