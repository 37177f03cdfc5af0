//! No size of the window makes it panic, and nothing is cut without an ellipsis.

use super::scenes;
use super::styled::{draw, drawn, rows};
use pgpassage::ui::state::{About, Dialog, Letters, Overlay, State};
use std::collections::{HashMap, HashSet};

#[test]
fn no_size_panics() {
    for scene in scenes::all() {
        for width in (1..130).step_by(3).chain([59, 60, 80, 95, 96, 99, 100, 200, 300]) {
            for height in [1, 2, 3, 5, 10, 15, 16, 17, 19, 22, 24, 26, 30, 33, 50, 80] {
                draw(&scene.state, width, height);
            }
        }
    }
    for scene in overlaid() {
        for width in [1, 10, 40, 59, 60, 61, 75, 80, 100, 200, 300] {
            for height in [1, 2, 3, 10, 15, 16, 17, 20, 24, 30, 50] {
                draw(&scene.state, width, height);
            }
        }
    }
}

/// The runs of letters and digits of a screen. Those that touch an ellipsis are cut and say so.
fn words(rows: &[String]) -> HashSet<String> {
    let mut words = HashSet::new();
    for row in rows {
        for piece in row.split(|c: char| !(c.is_alphanumeric() || "…~._-@:/'\"".contains(c))) {
            let piece = piece.trim_matches(|c| "._-@:/'\"".contains(c));
            if !piece.contains(['…', '~']) && piece.chars().any(char::is_alphabetic) {
                words.insert(piece.to_owned());
            }
        }
    }
    words
}

/// What a window of any size shows are words that a huge one shows too.
#[test]
fn no_word_is_cut_in_silence() {
    for scene in scenes::all() {
        // What lies above a dialog's edge is covered, not cut.
        if scene.state.overlay.is_some() {
            continue;
        }
        let mut whole = HashSet::new();
        for (width, height) in
            [(300, 200), (400, 120), (99, 200), (95, 60), (80, 60), (109, 200), (200, 26), (66, 200)]
        {
            whole.extend(words(&rows(&draw(&scene.state, width, height))));
        }
        // What says that there is more than fits is not said where everything fits.
        whole.extend(["shows", "all", "of", "it", "goes", "rest"].map(str::to_owned));
        // A sentence that has no room is shown from its beginning: its words are whole.
        for (width, height) in [(60, 16), (63, 17), (72, 20), (80, 24), (91, 33), (100, 30), (120, 40)] {
            let shown = words(&rows(&draw(&scene.state, width, height)));
            let cut: Vec<_> = shown.iter().filter(|word| !whole.iter().any(|w| w == *word)).collect();
            assert!(cut.is_empty(), "{} at {width}x{height}: {cut:?}", scene.name);
        }
    }
}

/// What ends in an ellipsis in the smallest window.
struct Cut {
    why: &'static str,
    /// On these screens and on no other.
    on: &'static [&'static str],
    what: &'static [&'static str],
}

const COPYING: &[&str] = &["live", "live-read-only", "live-stale"];

/// All that is, and why it may be. Everything else is worded so that it fits, or is left to a key that the window names.
const MAY_BE_CUT: [Cut; 14] = [
    Cut { why: "the name of a server", on: &["start"], what: &["avnadmin@pg-91aa…"] },
    Cut {
        why: "the name of a server",
        on: &["checking", "checking-plain"],
        what: &["migrator@db1.exam…", "avnadmin@pg-7f2c.e…"],
    },
    Cut {
        why: "the name of a server: y copies it",
        on: &["result"],
        what: &["avnadmin@pg-7f2c.example.co…"],
    },
    Cut {
        why: "the name of a table", on: COPYING, what: &["public.orde…", "events.page…", "public.coun…"]
    },
    Cut { why: "the name of a table", on: &["live-waits"], what: &["public.orde…"] },
    Cut { why: "the name of an index", on: COPYING, what: &["index custo…"] },
    Cut {
        why: "the name of a table that wants to be more",
        on: &["hostile"],
        what: &["\"x\\u{1b}[2J…", "s.\"x\\u{1b}[…"],
    },
    Cut {
        why: "an error of a table: the log has it whole",
        on: &["hostile"],
        what: &["\\u{1b}[2J\\u{1b}]52;c;ZXZpbA…"],
    },
    Cut {
        why: "the title of a finding: Enter shows it whole",
        on: &["report", "report-some"],
        what: &["copied once more a…"],
    },
    Cut {
        why: "the title of a finding: Enter shows it whole",
        on: &["report-identity"],
        what: &["rows of 2 tables …"],
    },
    Cut {
        why: "the title of a finding: Enter shows it whole",
        on: &["report-refused"],
        what: &["5432: password au…"],
    },
    Cut {
        why: "a decision further below: Tab leads there",
        on: &["report-identity"],
        what: &["… Tab goes on to the rest"],
    },
    Cut {
        why: "what each side of a failure looks like: f shows it",
        on: &["failure", "failure-guarded", "failure-waiting", "died"],
        what: &["… f shows all of it"],
    },
    Cut {
        why: "what was said before a dialog came over it, and stands in there",
        on: &["passwords"],
        what: &["a password is needed (p en…"],
    },
];

#[test]
fn nothing_that_matters_ends_in_an_ellipsis_in_the_smallest_window() {
    let mut wrong = Vec::new();
    for scene in scenes::all() {
        let mut text = rows(&draw(&scene.state, 60, 16)).join("\n");
        for cut in MAY_BE_CUT.iter().filter(|cut| cut.on.contains(&scene.name)) {
            for what in cut.what {
                if !text.contains(what) {
                    wrong.push(format!("{}: {what:?} is not cut any more ({})", scene.name, cut.why));
                }
                text = text.replace(what, "");
            }
        }
        let cut = text.lines().filter(|row| row.contains('…'));
        wrong.extend(cut.map(|row| format!("{}: cut without a reason: {row}", scene.name)));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let names: HashSet<_> = scenes::all().into_iter().map(|scene| scene.name).collect();
    assert!(MAY_BE_CUT.iter().flat_map(|cut| cut.on).all(|name| names.contains(name)));
}

/// What lies over a screen: its rows alone, from a window of that size.
fn covered(state: &State, (width, height): (u16, u16)) -> Vec<String> {
    let (buffer, drawn) = drawn(state, width, height);
    let area = drawn.covered.unwrap();
    assert_eq!(area.intersection(buffer.area), area);
    let row = |y| (area.x..area.right()).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (area.y..area.bottom()).map(row).collect()
}

/// The same of dialogs, the help, the log and whatever else lies over a screen.
#[test]
fn nothing_that_lies_over_a_screen_is_cut_in_silence() {
    let (mut over, mut wrong) = (0, Vec::new());
    for scene in overlaid() {
        let mut whole: HashSet<_> = [(400, 200), (109, 200), (80, 200), (60, 200)]
            .into_iter()
            .flat_map(|size| words(&covered(&scene.state, size)))
            .collect();
        // What says that there is more than fits is not said where everything fits.
        whole.extend(["more", "PgUp", "PgDn"].map(str::to_owned));
        for width in (60..=200).step_by(14) {
            for height in [16, 17, 18, 20, 24, 30, 40, 50] {
                let rows = covered(&scene.state, (width, height));
                let cut: Vec<_> = words(&rows).into_iter().filter(|word| !whole.contains(word)).collect();
                if !cut.is_empty() || !has_its_edges(&rows) {
                    let name = scene.name;
                    wrong.push(format!("{name} at {width}x{height}: {cut:?}\n{}", rows.join("\n")));
                }
            }
        }
        over += 1;
    }
    let some: Vec<_> = wrong.iter().take(8).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} wrong, such as\n{}", wrong.len(), some.join("\n"));
    assert!(over > 20, "{over}");
}

/// Nothing runs over the edge of a box, nor of a page.
fn has_its_edges(rows: &[String]) -> bool {
    let all =
        |rows: &[String], edge: char| rows.iter().all(|row| row.starts_with(edge) && row.ends_with(edge));
    let (head, sides) = (&rows[0], &rows[1..rows.len() - 1]);
    (head.starts_with('╭') && head.ends_with('╮') && all(sides, '│')) || all(rows, ' ')
}

/// What a dialog asks can be answered in the smallest window.
#[test]
fn every_answer_is_to_be_seen() {
    for scene in overlaid() {
        let Some(Overlay::Dialog(dialog)) = &scene.state.overlay else { continue };
        let text = covered(&scene.state, (60, 16)).join("\n");
        for (label, _) in pgpassage::ui::update::buttons(dialog.about, scene.state.live.as_ref()) {
            assert!(text.contains(label), "{}: no {label:?} in\n{text}", scene.name);
        }
    }
}

/// Every scene that has something over it, and every overlay over the scenes that it can lie over.
fn overlaid() -> Vec<scenes::Scene> {
    let states: HashMap<_, _> = scenes::all()
        .into_iter()
        .map(|scene| (scene.name, serde_json::to_string(&scene.state).unwrap()))
        .collect();
    let with = |name: &'static str, overlay| {
        let mut state: State = serde_json::from_str(&states[name]).unwrap();
        state.overlay = Some(overlay);
        scenes::Scene { name, state }
    };
    let mut all: Vec<_> = scenes::all().into_iter().filter(|scene| scene.state.overlay.is_some()).collect();
    for (name, about) in [
        ("live", About::Stop),
        ("live", About::LeaveAndStop),
        ("close", About::Close),
        ("close", About::LeaveUnguarded),
        ("close", About::LeaveClosing),
        ("close-behind", About::CloseBehind),
        ("close-unknown", About::CloseBehind),
        ("failure", About::CleanUp),
        ("failure", About::StartOver),
        ("died", About::StartOver),
        ("hostile", About::Stop),
        ("start", About::Forget),
    ] {
        all.push(with(name, Overlay::Dialog(Dialog::new(about))));
    }
    for name in ["start", "form", "live", "close", "live-read-only"] {
        all.push(with(name, Overlay::Help { from: 0 }));
        all.push(with(name, Overlay::Help { from: 99 }));
        all.push(with(name, Overlay::Command));
    }
    for number in 0..pgpassage::ui::update::EXPLAINED {
        all.push(with("live", Overlay::Explain(number)));
        all.push(with("close", Overlay::Explain(number)));
    }
    for name in ["live", "failure", "hostile"] {
        all.push(with(name, Overlay::Log { from_end: 0 }));
        all.push(with(name, Overlay::Log { from_end: 3 }));
    }
    let text = "ALTER SYSTEM SET wal_level = 'logical'; -- then restart the source\n".repeat(9);
    let title = "All fixes".to_owned();
    all.push(with("report", Overlay::Text { title, remark: None, text, from: 0 }));
    all
}

#[test]
fn ascii_is_ascii() {
    for scene in scenes::all() {
        let mut state: State = scene.state;
        state.look.letters = Letters::Ascii;
        for (width, height) in [(80, 24), (120, 40)] {
            for row in rows(&draw(&state, width, height)) {
                assert!(row.is_ascii(), "{}: {row}", scene.name);
            }
        }
    }
}

#[test]
fn no_control_character_gets_through() {
    for scene in scenes::all() {
        for row in rows(&draw(&scene.state, 120, 40)) {
            assert!(!row.chars().any(|c| c.is_control() || c == '\u{202e}'), "{}: {row:?}", scene.name);
        }
    }
}

/// Below the least size there is one sentence, whatever is on.
#[test]
fn a_tiny_window_says_so() {
    for scene in scenes::all() {
        let text = rows(&draw(&scene.state, 50, 10)).join(" ");
        assert!(text.contains("60 x 16"), "{}: {text}", scene.name);
    }
}
