//! No size of the window makes it panic, and nothing is cut without an ellipsis.

use super::scenes;
use super::styled::{draw, rows};
use pgpassage::ui::state::{Letters, State};
use std::collections::HashSet;

#[test]
fn no_size_panics() {
    for scene in scenes::all() {
        for width in (1..130).step_by(3).chain([59, 60, 80, 95, 96, 99, 100, 200, 300]) {
            for height in [1, 2, 3, 5, 10, 15, 16, 17, 19, 22, 24, 26, 30, 33, 50, 80] {
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
        for (width, height) in [(300, 200), (400, 120), (99, 200), (95, 60), (80, 60), (109, 200), (200, 26)]
        {
            whole.extend(words(&rows(&draw(&scene.state, width, height))));
        }
        // A sentence that has no room is shown from its beginning: its words are whole.
        for (width, height) in [(60, 16), (63, 17), (72, 20), (80, 24), (91, 33), (100, 30), (120, 40)] {
            let shown = words(&rows(&draw(&scene.state, width, height)));
            let cut: Vec<_> = shown.iter().filter(|word| !whole.iter().any(|w| w == *word)).collect();
            assert!(cut.is_empty(), "{} at {width}x{height}: {cut:?}", scene.name);
        }
    }
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

/// Over a slow line a frame is small: a second of a copy that runs, at 100 by 30.
#[test]
fn frames_of_a_running_copy_are_small() {
    use ratatui::backend::{Backend, CrosstermBackend};
    let mut sizes = Vec::new();
    let mut before = None;
    scenes::film(|state, _| {
        let now = draw(state, 100, 30);
        if state.screen == pgpassage::ui::state::Screen::Live
            && let Some(before) = &before
        {
            let mut bytes = Vec::new();
            let changes = ratatui::buffer::Buffer::diff(before, &now);
            CrosstermBackend::new(&mut bytes).draw(changes.into_iter()).unwrap();
            sizes.push(bytes.len());
        }
        before = Some(now);
    });
    // The first is the change of the screen itself.
    let most = sizes[1..].iter().max().unwrap();
    assert!(sizes.len() > 30 && *most < 2048, "{sizes:?}");
}
