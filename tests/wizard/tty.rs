//! A pseudo-terminal with the program in it: keys go in, a screen comes out. Nothing waits for a fixed time.

use super::common::Pair;
use nix::fcntl::OFlag;
use nix::sys::termios::{SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{ErrorKind, Read, Write};
use std::num::NonZeroU16;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No screen takes longer to appear.
const LIMIT: Duration = Duration::from_secs(40);

/// What the program sends beside text.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) copied: Vec<Vec<u8>>,
    /// Sequences that the parser does not know, as text.
    pub(crate) other: Vec<String>,
    pub(crate) frames: usize,
    /// A frame has begun and is not whole yet.
    in_frame: bool,
}

impl vt100::Callbacks for Seen {
    fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], data: &[u8]) {
        self.copied.push(data.to_vec());
    }

    fn unhandled_csi(
        &mut self,
        _: &mut vt100::Screen,
        first: Option<u8>,
        _: Option<u8>,
        parameters: &[&[u16]],
        last: char,
    ) {
        if parameters.first().is_some_and(|p| *p == [2026]) {
            self.frames += usize::from(last == 'h');
            self.in_frame = last == 'h';
        }
        self.other.push(format!("{first:?} {parameters:?} {last}"));
    }
}

pub(crate) struct Tty {
    parser: Arc<Mutex<vt100::Parser<Seen>>>,
    raw: Arc<Mutex<Vec<u8>>>,
    writer: Option<Box<dyn Write + Send>>,
    pub(crate) child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    hung_up: Arc<AtomicBool>,
    /// So many bytes a second get through; 0 for as many as come.
    bytes_per_second: Arc<AtomicU64>,
    reading: Option<JoinHandle<()>>,
    /// How the line was set.
    before: Termios,
    closed: bool,
}

fn size(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap()
}

impl Tty {
    pub(crate) fn spawn(pair: &Pair, window: (u16, u16), args: &[&str], env: &[(&str, &str)]) -> Tty {
        Self::spawn_in(pair.state.path(), window, args, env)
    }

    pub(crate) fn spawn_in(home: &Path, window: (u16, u16), args: &[&str], env: &[(&str, &str)]) -> Tty {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_pgpassage"));
        command.args(args);
        Self::run(command, home, window, env)
    }

    /// This test's own program, of which that test is to be the window.
    pub(crate) fn spawn_test(home: &Path, window: (u16, u16), test: &str, env: &[(&str, &str)]) -> Tty {
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--ignored", "--nocapture"]);
        Self::run(command, home, window, env)
    }

    /// A shell at its prompt, which knows the program by that name in its environment.
    pub(crate) fn spawn_shell(home: &Path, window: (u16, u16)) -> Tty {
        let mut command = CommandBuilder::new("/bin/sh");
        command.arg("-i");
        let program = env!("CARGO_BIN_EXE_pgpassage");
        Self::run(command, home, window, &[("PGPASSAGE", program), ("PS1", "prompt> ")])
    }

    fn run(mut command: CommandBuilder, home: &Path, (cols, rows): (u16, u16), env: &[(&str, &str)]) -> Tty {
        let pair =
            native_pty_system().openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        let before = pair.master.get_termios().unwrap();
        command.env_clear();
        command.cwd(home);
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", home);
        command.env("XDG_STATE_HOME", home);
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8")].iter().chain(env) {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let parser = vt100::Parser::new_with_callbacks(size(rows), size(cols), 0, Seen::default());
        let parser = Arc::new(Mutex::new(parser));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().unwrap();
        // A read that waits would hold the terminal open when it is to go away.
        let master = pair.master.as_raw_fd().unwrap();
        nix::fcntl::fcntl(master, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let hung_up = Arc::new(AtomicBool::new(false));
        let bytes_per_second = Arc::new(AtomicU64::new(0));
        let (to, all, ends) = (Arc::clone(&parser), Arc::clone(&raw), Arc::clone(&hung_up));
        let speed = Arc::clone(&bytes_per_second);
        let reading = std::thread::spawn(move || {
            let mut bytes = [0; 65536];
            while !ends.load(Ordering::Relaxed) {
                let speed = speed.load(Ordering::Relaxed);
                let most = if speed == 0 { bytes.len() } else { 64 };
                match reader.read(&mut bytes[..most]) {
                    Ok(0) => break,
                    Ok(read) => {
                        if let Some(took_us) = (read as u64 * 1_000_000).checked_div(speed) {
                            std::thread::sleep(Duration::from_micros(took_us));
                        }
                        all.lock().unwrap().extend_from_slice(&bytes[..read]);
                        to.lock().unwrap().process(&bytes[..read]);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    Err(_) => break,
                }
            }
        });
        let reading = Some(reading);
        let writer = Some(pair.master.take_writer().unwrap());
        let master = Some(pair.master);
        Tty { parser, raw, writer, child, master, hung_up, bytes_per_second, reading, before, closed: false }
    }

    /// The line is set as it was before the program.
    pub(crate) fn is_cooked(&self) -> bool {
        self.master.as_ref().unwrap().get_termios().unwrap() == self.before
    }

    /// Sets the line so, as a shell does that has it.
    pub(crate) fn cook(&self) {
        let path = self.master.as_ref().unwrap().tty_name().unwrap();
        let line = std::fs::OpenOptions::new().read(true).custom_flags(OFlag::O_NOCTTY.bits()).open(path);
        tcsetattr(line.unwrap(), SetArg::TCSANOW, &self.before).unwrap();
    }

    pub(crate) fn slow_down(&self, bytes_per_second: u64) {
        self.bytes_per_second.store(bytes_per_second, Ordering::Relaxed);
    }

    pub(crate) fn send(&mut self, keys: &str) {
        let writer = self.writer.as_mut().unwrap();
        let mut left = keys.as_bytes();
        while !left.is_empty() {
            match writer.write(left) {
                Ok(written) => left = &left[written..],
                // More than the terminal holds: the program reads on.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(error) => panic!("{error}"),
            }
        }
        writer.flush().unwrap();
    }

    /// As terminals do it.
    pub(crate) fn paste(&mut self, text: &str) {
        self.send(&format!("\x1b[200~{text}\x1b[201~"));
    }

    /// What stands there once the frame is whole.
    pub(crate) fn text(&self) -> String {
        loop {
            let parser = self.parser.lock().unwrap();
            if !parser.callbacks().in_frame || self.reading.as_ref().is_none_or(JoinHandle::is_finished) {
                return parser.screen().contents();
            }
            drop(parser);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn raw(&self) -> Vec<u8> {
        self.raw.lock().unwrap().clone()
    }

    pub(crate) fn with_screen<T>(&self, look: impl FnOnce(&vt100::Screen, &Seen) -> T) -> T {
        let parser = self.parser.lock().unwrap();
        look(parser.screen(), parser.callbacks())
    }

    #[track_caller]
    pub(crate) fn wait(&self, text: &str) {
        self.wait_for(text, |screen| screen.contains(text));
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, fits: impl Fn(&str) -> bool) {
        let began = Instant::now();
        while began.elapsed() < LIMIT {
            if fits(&self.text()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("no {what:?} on the screen:\n{}", self.text());
    }

    /// Presses Tab until that is on the screen.
    #[track_caller]
    pub(crate) fn tab_to(&mut self, text: &str) {
        self.press_to("\t", text);
    }

    /// Presses a key until that is on the screen.
    #[track_caller]
    pub(crate) fn press_to(&mut self, key: &str, text: &str) {
        for _ in 0..30 {
            if self.text().contains(text) {
                return;
            }
            let before = (self.text(), self.with_screen(|screen, _| screen.cursor_position()));
            self.send(key);
            let began = Instant::now();
            while (self.text(), self.with_screen(|screen, _| screen.cursor_position())) == before
                && began.elapsed() < Duration::from_secs(2)
            {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        panic!("{key:?} does not lead to {text:?}:\n{}", self.text());
    }

    /// The exit code; the program must end by itself.
    #[track_caller]
    pub(crate) fn exit(&mut self) -> u32 {
        let began = Instant::now();
        while began.elapsed() < LIMIT {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.closed = true;
                // What it said last is read by another thread.
                std::thread::sleep(Duration::from_millis(100));
                return status.exit_code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not end:\n{}", self.text());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    pub(crate) fn resize(&mut self, cols: u16, rows: u16) {
        self.parser.lock().unwrap().screen_mut().set_size(size(rows), size(cols));
        self.claim(cols, rows);
    }

    /// What the line says of its size, whatever it is.
    pub(crate) fn claim(&mut self, cols: u16, rows: u16) {
        let window = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        self.master.as_ref().unwrap().resize(window).unwrap();
    }

    /// The line dies: not a signal, the terminal itself is gone.
    pub(crate) fn hang_up(&mut self) {
        self.hung_up.store(true, Ordering::Relaxed);
        self.reading.take().unwrap().join().unwrap();
        self.nothing_is_typed_at_last();
        self.writer = None;
        self.master = None;
    }

    /// Whoever drops the writer presses Enter and the key that ends the input, where there is one.
    fn nothing_is_typed_at_last(&self) {
        let name = self.master.as_ref().unwrap().tty_name().unwrap();
        let mut open = std::fs::OpenOptions::new();
        let no_ctty = nix::fcntl::OFlag::O_NOCTTY.bits();
        let terminal = open.read(true).write(true).custom_flags(no_ctty).open(name).unwrap();
        let mut modes = tcgetattr(&terminal).unwrap();
        modes.control_chars[SpecialCharacterIndices::VEOF as usize] = 0;
        tcsetattr(&terminal, SetArg::TCSANOW, &modes).unwrap();
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        if !self.closed {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}
