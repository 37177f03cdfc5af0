//! The demo in a window: filled in, to be walked through by Enter, and gone without a trace once it is left.

use super::terminal::assert_restored;
use super::tty::Tty;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A server of the demo: its postmaster, and where it listens.
#[derive(Debug)]
struct Served {
    pid: u32,
    port: String,
}

/// The window over a small shop, and the folder that its servers live in.
fn demo(home: &Path) -> (Tty, PathBuf) {
    let temporary = home.join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    for folder in [home, &temporary] {
        // Servers of root run as somebody else.
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o711)).unwrap();
    }
    let temporary_name = temporary.to_str().unwrap().to_owned();
    let args = ["demo", "--scale", "0.02"];
    let tty = Tty::spawn_in(home, (100, 30), &args, &[("TMPDIR", &temporary_name)]);
    tty.wait("1 Configure");
    (tty, temporary)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Both, from what a postmaster writes of itself.
fn servers(temporary: &Path) -> [Served; 2] {
    let told = |folder: PathBuf| {
        let lines = std::fs::read_to_string(folder.join("data/postmaster.pid")).ok()?;
        let mut lines = lines.lines();
        Some(Served { pid: lines.next()?.trim().parse().ok()?, port: lines.nth(2)?.to_owned() })
    };
    let all: Vec<_> = entries(temporary).into_iter().filter_map(told).collect();
    let both = all.try_into().unwrap();
    let [one, other]: &[Served; 2] = &both;
    assert!(runs(one) && runs(other) && one.port != other.port, "{both:?}");
    both
}

/// Alive, and not a corpse that nobody has fetched.
fn runs(server: &Served) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid)).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

fn assert_gone(servers: &[Served; 2], temporary: &Path) {
    assert!(!servers.iter().any(runs), "{servers:?}");
    assert_eq!(entries(temporary), Vec::<PathBuf>::new());
}

#[test]
fn by_enter_alone_from_the_form_to_the_report() {
    let home = tempfile::tempdir().unwrap();
    let (mut tty, temporary) = demo(home.path());
    let both = servers(&temporary);
    // The one that is migrated to comes first.
    tty.wait("▐ Get started ▌");
    let target = tty.text();
    let (to, from) = if target.contains(&both[0].port) { (&both[0], &both[1]) } else { (&both[1], &both[0]) };
    assert!(target.contains("127.0.0.1") && target.contains(&to.port), "{target}");
    tty.send("\r");
    tty.wait("Migrate from");
    let source = tty.text();
    assert!(source.contains("127.0.0.1") && source.contains(&from.port), "{source}");
    tty.tab_to("▐ Run check ▌");
    tty.send("\r");
    tty.wait("\n Report");
    tty.wait_for("nothing in the way", |screen| !screen.contains("FAIL"));
    tty.tab_to("▐ Continue ▌");
    tty.send("\r");
    tty.wait("What will happen");
    tty.tab_to("▐ Start migration ▌");
    tty.send("\r");
    tty.wait("Replication mode active");
    tty.send("\x03");
    tty.wait("The demo's two servers run in this window, and end with it.");
    tty.tab_to("▐ Stop migration and leave ▌");
    tty.send("\r");
    // What follows here ends with its servers, and nobody is told to come back to it.
    assert_eq!(tty.exit(), 0);
    tty.wait("The two servers are stopped and removed. Your own: pgpassage");
    assert!(!tty.text().contains("attach"), "{}", tty.text());
    assert_restored(&tty);
    assert_gone(&both, &temporary);
}

#[test]
fn however_it_ends_its_servers_do() {
    for (signal, code) in [("-TERM", 143), ("-KILL", 1)] {
        let home = tempfile::tempdir().unwrap();
        let (mut tty, temporary) = demo(home.path());
        let both = servers(&temporary);
        tty.signal(signal);
        assert_eq!(tty.exit(), code, "{signal}");
        let began = Instant::now();
        // Of one that was killed, others clear away what is left.
        while (both.iter().any(runs) || !entries(&temporary).is_empty()) && signal == "-KILL" {
            assert!(began.elapsed() < Duration::from_secs(20), "{:?}", entries(&temporary));
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_gone(&both, &temporary);
    }
}
