//! What a frame takes from one screen to another, and that a terminal shows then what was drawn.

use super::scenes;
use super::shows::{differences, used_terminal};
use pgpassage::ui::drive::frame::{Picture, frame};
use pgpassage::ui::state::{Colors, Screen, State};
use pgpassage::ui::view::view;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::HashMap;

const WINDOW: Rect = Rect { x: 0, y: 0, width: 100, height: 30 };

fn picture(state: &State) -> Picture {
    let mut cells = Buffer::empty(WINDOW);
    let cursor = view(state, WINDOW, &mut cells).cursor;
    Picture { cells, cursor }
}

/// What the letters alone take that are not there yet.
fn letters(shown: &Picture, wanted: &Picture) -> usize {
    let cells = shown.cells.content.iter().zip(&wanted.cells.content);
    let new = cells.filter(|(shown, wanted)| shown != wanted).map(|(_, wanted)| wanted.symbol());
    new.filter(|symbol| *symbol != " ").map(str::len).sum()
}

/// Screens that follow upon each other when somebody migrates a server, and what is opened and closed over
/// them.
const SEEN: [(&str, &str); 29] = [
    ("start", "configure"),
    ("start", "live"),
    ("start", "close"),
    ("configure", "configure-provider"),
    ("configure-provider", "form"),
    ("form", "pick"),
    ("form", "checking"),
    ("checking", "report"),
    ("report", "form"),
    ("report-good", "plan"),
    ("plan", "command"),
    ("command", "plan"),
    ("plan", "live"),
    ("live", "live-databases"),
    ("live", "stop"),
    ("stop", "live"),
    ("live", "explain"),
    ("explain", "live"),
    ("live", "help"),
    ("help", "live"),
    ("live", "log"),
    ("log", "live"),
    ("live", "close"),
    ("close-unknown", "passwords"),
    ("close", "result"),
    ("result", "start"),
    ("failure", "try-again"),
    ("failure", "clean-up"),
    ("failure-waiting", "go-on"),
];

/// Of each change, also from each scene to the next: its bytes, those of its letters, and between which; the
/// largest first.
fn changes(colors: Colors) -> Vec<(usize, usize, &'static str, &'static str)> {
    let all: Vec<_> = scenes::all()
        .into_iter()
        .map(|mut scene| {
            scene.state.look.colors = colors;
            (scene.name, picture(&scene.state))
        })
        .collect();
    let named: HashMap<_, _> = all.iter().map(|(name, picture)| (*name, picture)).collect();
    let next = all.windows(2).map(|pair| (pair[0].0, pair[1].0));
    let change = |(from, to)| {
        let (shown, wanted) = (named[from], named[to]);
        (frame(Some(shown), wanted).len(), letters(shown, wanted), from, to)
    };
    let mut changes: Vec<_> = SEEN.into_iter().chain(next).map(change).collect();
    changes.sort_unstable();
    changes.reverse();
    changes
}

/// Over a line of 16 kbit/s that is a second.
const MOST: usize = 2_048;

/// Letters are what a frame has to carry; of what comes on top there is a bound.
#[test]
fn a_change_of_the_screen_is_small_and_little_more_than_its_letters() {
    for (colors, on_top) in [(Colors::Ansi16, 1_100), (Colors::Rgb, 1_300), (Colors::None, 1_100)] {
        let changes = changes(colors);
        // What does not happen, such as one dialog in another's place, may be larger.
        let small = |(bytes, _, from, to): &(usize, usize, &'static str, &'static str)| {
            *bytes < MOST || !SEEN.contains(&(*from, *to))
        };
        let fit = changes.iter().all(|change| small(change) && change.0 < change.1 + on_top);
        let middle = changes[changes.len() / 2].0;
        let largest = || changes[..12].iter().map(|change| format!("{change:?}\n")).collect::<String>();
        assert!(fit, "{colors:?}: too large, of these:\n{}", largest());
        assert!(middle < 1_500, "{colors:?}: {middle} bytes in the middle, the largest are\n{}", largest());
    }
}

#[test]
fn a_terminal_shows_every_scene_after_every_other() {
    for colors in [Colors::Ansi16, Colors::Rgb] {
        let all = scenes::all().into_iter().map(|mut scene| {
            scene.state.look.colors = colors;
            (scene.name, picture(&scene.state))
        });
        let all: Vec<_> = all.collect();
        let mut terminal = used_terminal(&all[0].1.cells);
        let mut shown: Option<&Picture> = None;
        // From each to the next, then to the next but six, so that they are not only neighbours.
        for step in [1, 7] {
            for (name, wanted) in (0..all.len()).map(|at| &all[at * step % all.len()]) {
                let bytes = frame(shown, wanted);
                terminal.process(&bytes);
                let wrong = differences(terminal.screen(), wanted);
                assert!(wrong.is_empty(), "{name}: {wrong:#?}\n{:?}", String::from_utf8_lossy(&bytes));
                shown = Some(wanted);
            }
        }
    }
}

/// Over a slow line a frame is small: a second of a copy that runs.
#[test]
fn frames_of_a_running_copy_are_small() {
    let mut sizes = Vec::new();
    let mut shown = None;
    scenes::film(|state, _| {
        let wanted = picture(state);
        if state.screen == Screen::Live
            && let Some(shown) = &shown
        {
            sizes.push(frame(Some(shown), &wanted).len());
        }
        shown = Some(wanted);
    });
    // The first is the change of the screen itself.
    let most = sizes[1..].iter().max().unwrap();
    assert!(sizes.len() > 30 && *most < 1_024, "{sizes:?}");
}
