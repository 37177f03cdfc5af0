//! What the program does to a terminal, and what it leaves behind.

use super::tty::Tty;
use std::time::{Duration, Instant};

fn open(window: (u16, u16), env: &[(&str, &str)]) -> (Tty, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let tty = Tty::spawn_in(home.path(), window, &[], env);
    (tty, home)
}

/// Sent by the program at its end, whatever the end was.
pub(super) fn assert_restored(tty: &Tty) {
    assert!(tty.is_cooked());
    tty.with_screen(|screen, seen| {
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        assert!(seen.frames > 0, "no frame was marked as one");
        // A question whose answer nobody reads ends up in the shell's prompt.
        assert!(!seen.other.iter().any(|sequence| sequence.ends_with(" n")), "{:?}", seen.other);
    });
}

#[test]
fn the_terminal_is_as_it_was() {
    for (how, code) in [("key", 0), ("-TERM", 143), ("-HUP", 143), ("-INT", 143)] {
        let (mut tty, _home) = open((80, 24), &[]);
        tty.wait("1/4 Configure");
        tty.send("m");
        tty.wait("mouse on");
        assert!(!tty.is_cooked());
        tty.with_screen(|screen, _| assert_ne!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None));
        if how == "key" {
            tty.send("\x03");
        } else {
            tty.signal(how);
        }
        assert_eq!(tty.exit(), code, "{how}");
        assert_restored(&tty);
    }
}

/// Also from a script, which is stopped with it; and the mouse is still on.
#[test]
fn suspended_and_back() {
    for words in ["\"$PGPASSAGE\"", "sh -c '\"$PGPASSAGE\"; echo it ended with $?'"] {
        let home = tempfile::tempdir().unwrap();
        let mut tty = Tty::spawn_shell(home.path(), (80, 24));
        tty.wait("prompt> ");
        tty.send(&format!("{words}\r"));
        tty.wait("1/4 Configure");
        tty.send("m");
        tty.wait("mouse on");
        tty.send("\x1a");
        tty.wait_for("the shell", |screen| screen.trim_end().ends_with("prompt>"));
        tty.with_screen(|screen, _| {
            assert!(!screen.alternate_screen() && !screen.hide_cursor());
            assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        });
        tty.send("echo $((6 * 7))\r");
        tty.wait("\n42");
        tty.send("fg\r");
        tty.wait("1/4 Configure");
        assert!(!tty.is_cooked());
        tty.with_screen(|screen, _| {
            assert!(screen.alternate_screen() && screen.bracketed_paste());
            assert_ne!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        });
        tty.send("\x0c");
        tty.send("\x03");
        tty.wait_for("the shell", |screen| screen.trim_end().ends_with("prompt>"));
        assert!(!words.contains("echo") || tty.text().contains("\nit ended with 0"), "{}", tty.text());
        tty.send("exit\r");
        assert_eq!(tty.exit(), 0);
        assert_restored(&tty);
    }
}

/// In a terminal of its own nobody could bid it to go on: it stays.
#[test]
fn without_a_shell_nothing_is_suspended() {
    let (mut tty, _home) = open((80, 24), &[]);
    tty.wait("1/4 Configure");
    let frames = tty.with_screen(|_, seen| seen.frames);
    tty.send("\x1a");
    tty.wait_for("another frame", |_| tty.with_screen(|_, seen| seen.frames) > frames);
    tty.send("m");
    tty.wait("mouse on");
    tty.with_screen(|screen, _| assert!(screen.alternate_screen()));
    assert!(!tty.is_cooked());
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
    assert_restored(&tty);
}

/// Somebody else has stopped it, and whoever had the terminal meanwhile has set it as shells do.
#[test]
fn stopped_by_others_and_back() {
    let (mut tty, _home) = open((80, 24), &[]);
    tty.wait("1/4 Configure");
    tty.signal("-STOP");
    tty.cook();
    assert!(tty.is_cooked());
    tty.signal("-CONT");
    tty.wait_for("the keys", |_| !tty.is_cooked());
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
    assert_restored(&tty);
}

#[test]
fn windows_of_all_sizes() {
    let (mut tty, _home) = open((120, 40), &[]);
    tty.wait("Get started");
    tty.resize(40, 10);
    tty.wait("60 x 16 are");
    tty.resize(1, 1);
    tty.wait_for("one letter", |screen| !screen.is_empty());
    tty.resize(80, 24);
    tty.wait("1/4 Configure");
    tty.wait("Get started");
    tty.resize(200, 50);
    tty.wait("● 1 Configure");
    // A line that does not know how large it is, and one that says too much.
    tty.resize(80, 24);
    for (cols, rows) in [(0, 0), (u16::MAX, u16::MAX)] {
        tty.claim(cols, rows);
        let frames = tty.with_screen(|_, seen| seen.frames);
        tty.wait_for("another frame", |_| tty.with_screen(|_, seen| seen.frames) > frames);
    }
    tty.resize(80, 24);
    tty.wait("1/4 Configure");
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}

#[test]
fn colours_are_those_that_were_asked_for() {
    let coloured = |tty: &Tty| {
        tty.with_screen(|screen, _| {
            let (rows, cols) = screen.size();
            let cells = (0..rows.get()).flat_map(|y| (0..cols.get()).map(move |x| (y, x)));
            let of = |(y, x)| screen.cell(y, x).map_or(vt100::Color::Default, vt100::Cell::fgcolor);
            cells.map(of).filter(|color| *color != vt100::Color::Default).count()
        })
    };
    let reversed = |tty: &Tty| {
        tty.with_screen(|screen, _| {
            (0..100).any(|x| (0..30).any(|y| screen.cell(y, x).is_some_and(vt100::Cell::inverse)))
        })
    };
    let (tty, _home) = open((100, 30), &[]);
    tty.wait("Get started");
    assert!(coloured(&tty) > 0);
    let (tty, _home) = open((100, 30), &[("NO_COLOR", "1")]);
    tty.wait("Get started");
    assert_eq!(coloured(&tty), 0);
    assert!(reversed(&tty), "without colour the focus is still to be seen");
    let (tty, _home) = open((100, 30), &[("LANG", "C")]);
    tty.wait("Get started");
    assert!(tty.text().is_ascii(), "{}", tty.text());
}

#[test]
fn copies_by_the_terminals_clipboard() {
    let (mut tty, _home) = open((100, 30), &[]);
    tty.wait("listen_addresses");
    tty.send("y");
    tty.wait("OSC 52");
    tty.with_screen(|_, seen| assert_eq!(seen.copied.len(), 1));
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}

/// A terminal drops what is too long without a word: it is written to a file, and that is said.
#[test]
fn what_is_too_long_for_the_clipboard_is_written_to_a_file() {
    use std::os::unix::fs::PermissionsExt;
    let (mut tty, home) = open((100, 30), &[]);
    tty.wait("Get started");
    tty.tab_to("▌ Hostname");
    tty.send("h");
    tty.tab_to("▐ Get started ▌");
    tty.send("\r");
    tty.wait("Migrate from");
    tty.send("h");
    // A field takes 4,096 letters, of which a shell wants several for each of these.
    tty.tab_to("▌ CA certificate");
    tty.paste(&"'".repeat(4_096));
    tty.tab_to("▌ Exclude databases");
    tty.paste(&"' ".repeat(2_048));
    tty.tab_to("▌ Leave out rows of");
    tty.paste(&"'".repeat(4_096));
    tty.tab_to("▐ Run check ▌");
    tty.send("c");
    tty.wait("too long for the terminal's clipboard");
    tty.with_screen(|_, seen| assert_eq!(seen.copied.len(), 0));
    let folder = home.path().join("pgpassage");
    let mut files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let path = files.next().unwrap();
    assert!(files.next().is_none());
    let flat: String = tty.text().replace('│', "").split_whitespace().collect();
    assert!(flat.contains(&path.display().to_string()), "{path:?} in {}", tty.text());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("pgpassage ") && text.len() > 74_000, "{}", text.len());
    assert_eq!(text.matches("--exclude-database").count(), 2_048);
    // It is no migration of this machine.
    tty.send("\x1b");
    tty.wait("▐ Run check ▌");
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}

/// `m` switches it on; what is pressed then is what is to be seen there.
#[test]
fn the_mouse_presses_what_it_points_at() {
    let (mut tty, _home) = open((100, 30), &[]);
    tty.wait("Get started");
    tty.send("m");
    tty.wait("mouse on");
    let row = |text: &str| tty.text().lines().position(|line| line.contains(text)).unwrap() + 1;
    // As terminals report it with SGR coordinates: button 0 down, then up.
    let user = row("Username");
    tty.send(&format!("\x1b[<0;30;{user}M\x1b[<0;30;{user}m"));
    tty.wait("▌ Username");
    tty.send("me");
    tty.wait("[me ");
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}

/// First frames, typed letters and moves of the focus are small; a frame is one write.
#[test]
fn frames_are_small() {
    let (mut tty, _home) = open((100, 30), &[]);
    tty.wait("Get started");
    tty.send("\t");
    tty.wait("▌ Name");
    std::thread::sleep(Duration::from_millis(300));
    let before = tty.raw().len();
    assert!(before < 12_000, "{before} bytes until the first screen stands");
    tty.send("a");
    tty.wait("[a ");
    std::thread::sleep(Duration::from_millis(300));
    let typed = tty.raw().len() - before;
    assert!(typed < 300, "{typed} bytes for a letter");
    // A second in which nothing happens says nothing.
    let before = tty.raw().len();
    std::thread::sleep(Duration::from_millis(2500));
    let idle = tty.raw().len() - before;
    assert_eq!(idle, 0, "bytes while idle");
}

/// Before anybody notices a wait, and in a debug build; a machine that is busy may need several attempts.
#[test]
fn the_first_frame_is_there_at_once() {
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let began = Instant::now();
        let (mut tty, _home) = open((100, 30), &[]);
        tty.wait("pgpassage");
        best = best.min(began.elapsed());
        tty.send("\x03");
        tty.exit();
        if best < Duration::from_millis(50) {
            return;
        }
    }
    panic!("{best:?} at best");
}

/// Over a slow line frames are left out, not put in a queue that keys would have to wait behind.
#[test]
fn a_slow_line_answers_soon() {
    let (mut tty, _home) = open((100, 30), &[]);
    tty.wait("1 Configure");
    tty.slow_down(2_400);
    let before = tty.raw().len();
    // Another provider thirty times a second: each changes most of the guide.
    for _ in 0..60 {
        tty.send("\x1b[C");
        std::thread::sleep(Duration::from_millis(33));
    }
    let began = Instant::now();
    tty.send("?");
    tty.wait("next field or button");
    let (took, sent) = (began.elapsed(), tty.raw().len() - before);
    // Every press of its own would have made about 24 KB, which the line carries in ten seconds.
    assert!(sent < 18_000 && took < Duration::from_secs(6), "{took:?}, {sent} bytes");
    tty.slow_down(0);
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}

/// The list may lie on a disk that takes its time: the window is there before.
#[test]
fn the_first_frame_waits_for_no_disk() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("pgpassage/stuck");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["journal", "plan.json"] {
        nix::unistd::mkfifo(&folder.join(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    let mut tty = Tty::spawn_in(home.path(), (80, 24), &[], &[]);
    tty.wait("migrations of this machine");
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}
