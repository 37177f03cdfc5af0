//! While much goes on, keys do not wait behind what is drawn of it.

use super::common::eventually;
use super::tty::Tty;
use super::{pair, to_report, uris};
use std::time::{Duration, Instant};

/// As many at a time as there are large tables.
const TABLES: usize = 8;
/// Takes its time with each row on a server with a certain file, so that all of them go on until that is gone.
const PACED: &str = "CREATE FUNCTION paced(i int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN \
    IF (pg_catalog.pg_stat_file('paced', true)).size IS NOT NULL THEN PERFORM pg_catalog.pg_sleep(0.002); END IF; \
    RETURN true; END $$";

/// What a frame writes, without what it says of places and colours.
fn letters(frame: &str) -> String {
    let behind =
        |piece: &str| piece.split_once(|c: char| c.is_ascii_alphabetic()).map(|(_, text)| text.to_owned());
    let mut pieces = frame.split('\x1b');
    pieces.next().map(str::to_owned).into_iter().chain(pieces.filter_map(behind)).collect()
}

/// How many frames were begun after `from` and before the one in which that is to be read.
fn frames_before(tty: &Tty, from: usize, what: &str) -> usize {
    let raw = tty.raw();
    let after = String::from_utf8_lossy(&raw[from..]).into_owned();
    // What comes before the first of them belongs to one that was on its way.
    let mut frames = after.split("\x1b[?2026h").skip(1);
    frames
        .position(|frame| letters(frame).contains(what))
        .unwrap_or_else(|| panic!("no {what:?} in {after:?}"))
}

#[test]
fn a_key_is_answered_by_the_next_frame_while_eight_tables_are_copied() {
    let pair = pair("logical");
    let tables: String = (0..TABLES)
        .map(|n| {
            format!(
                "CREATE TABLE large_{n} (i int PRIMARY KEY CHECK (public.paced(i)), filler text); \
                 INSERT INTO large_{n} SELECT i, repeat('x', 500) FROM generate_series(1, 10000) i;"
            )
        })
        .collect();
    pair.source.psql("shop", &format!("{PACED}; {tables}")).unwrap();
    let paced = pair.target.data_dir().join("paced");
    std::fs::write(&paced, "").unwrap();
    let (source, target) = uris(&pair);
    let mut tty = Tty::spawn(&pair, (100, 40), &[], &[]);
    to_report(&mut tty, (&source, &target));
    tty.tab_to("▐ Continue ▌");
    tty.send("\r");
    tty.wait("What will happen");
    tty.tab_to("▌ Parallel copies");
    tty.send("8");
    tty.tab_to("▐ Start migration ▌");
    tty.send("\r");
    tty.wait(&format!("{TABLES} copying"));
    let (mut waited, mut took) = (Vec::new(), Vec::new());
    tty.tab_to("▐ Close window ▌");
    for _ in 0..10 {
        // Small changes: of large ones a line that may be slow gets fewer.
        for (key, answer) in [("\t", "▐ Stop migration ▌"), ("\x1b[Z", "▐ Close window ▌")] {
            let (from, began) = (tty.raw().len(), Instant::now());
            tty.send(key);
            tty.wait(answer);
            took.push(began.elapsed());
            waited.push(frames_before(&tty, from, answer));
        }
    }
    // One may be on its way when the key is pressed.
    assert!(waited.iter().all(|frames| *frames <= 1), "{waited:?}");
    // Nor does it wait for what is drawn every second: not most of them, however busy the machine is.
    took.sort();
    assert!(took[took.len() / 2] < Duration::from_millis(150), "{took:?}");
    // It is told what goes on all the same.
    let frames = tty.with_screen(|_, seen| seen.frames);
    tty.wait_for("news of the copies", |_| tty.with_screen(|_, seen| seen.frames) > frames + 1);
    assert!(tty.text().contains(&format!("{TABLES} copying")), "{}", tty.text());
    std::fs::remove_file(paced).unwrap();
    tty.wait("Replication mode active");
    eventually(&pair.target, "shop", "SELECT count(*) FROM large_7", "10000");
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}
