//! An engine lives on its own: faces come, go and die, and the migration goes on; when the engine itself dies, that is
//! said, with what is left and what to do.

use crate::catalog::leftovers;
use crate::common::{Pair, Ran, eventually, server_binaries, wait};
use crate::engine::{later, make_slow, replicate};
use crate::pair;
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Follows everything up to the copy of `postgres`, which does not end before [`go_on`].
const DUMP: [&str; 6] = ["--force-method", "dump", "--database", "postgres", "--migration-id", "follow"];
const REPLICATION: [&str; 6] =
    ["--force-method", "replication", "--database", "postgres", "--migration-id", "follow"];

fn start(pair: &Pair, arguments: &[&str]) -> Child {
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    pair.start(&[&["migrate", "-s", &source, "-t", &target, "--json"], arguments].concat(), &[])
}

fn copies(pair: &Pair) {
    let copying =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%COPY%slow%' AND wait_event = 'PgSleep'";
    eventually(&pair.target, "postgres", copying, "1");
}

fn go_on(pair: &Pair) {
    std::fs::remove_file(pair.target.data_dir().join("slow")).unwrap();
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

/// The one migration, as `list` shows it.
fn listed(pair: &Pair) -> serde_json::Value {
    let ran = pair.program(&["list", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.json[0].clone()
}

fn engine_pid(pair: &Pair) -> u32 {
    u32::try_from(listed(pair)["engine_pid"].as_u64().unwrap()).unwrap()
}

#[track_caller]
fn is_listed(pair: &Pair, status: &str) {
    let began = Instant::now();
    while listed(pair)["status"] != status {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", listed(pair));
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn is_gone(pid: u32) -> bool {
    // A zombie has no memory and no files; whoever started it has not looked yet.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.is_empty() || stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

#[track_caller]
fn goes(pid: u32) {
    let began = Instant::now();
    while !is_gone(pid) {
        assert!(began.elapsed() < Duration::from_secs(30), "process {pid} stays");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until a process catches SIGQUIT, which is when it follows an engine.
#[track_caller]
fn heeds_signals(pid: u32) {
    let began = Instant::now();
    loop {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        if u64::from_str_radix(caught.trim(), 16).unwrap() & 0b100 != 0 {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "process {pid} heeds no signal");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// It was moved as a whole, whoever looked on.
#[track_caller]
fn assert_moved(pair: &Pair) {
    let rows = pair.target.psql("postgres", "SELECT count(*), sum(i) FROM slow").unwrap();
    assert_eq!(rows, "200|20100");
}

#[test]
fn any_number_of_windows_come_and_go_in_the_copy() {
    let pair = pair();
    make_slow(&pair);
    let left = Ran::from(wait(start(&pair, &[&DUMP, ["--detach"].as_slice()].concat())));
    assert_eq!((left.code, &left.json["left"]), (0, &true.into()), "{}\n{}", left.stderr, left.stdout);
    assert_eq!(left.status("postgres"), "running", "{}", left.stdout);
    copies(&pair);
    assert_eq!(listed(&pair)["status"], "running");
    let engine = engine_pid(&pair);
    // In its own session, and nobody's child any more.
    let stat = std::fs::read_to_string(format!("/proc/{engine}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    assert_eq!(fields[3], engine.to_string(), "{stat}");
    assert_eq!(std::fs::read_link(format!("/proc/{engine}/cwd")).unwrap(), std::path::Path::new("/"));

    let folder = pair.state.path().join("pgpassage/follow");
    let socket = folder.join("socket");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let mut silent = UnixStream::connect(&socket).unwrap();
    silent.write_all(b"{\"hello\":{\"format\":1,\"since_seq\":0,\"rights\":\"command\"}}\n").unwrap();
    let mut hostile = UnixStream::connect(&socket).unwrap();
    hostile.write_all(b"{\"command\":{\"command\":\"stop\",\"because\":\"operator\"}}\n").unwrap();
    let mut answer = String::new();
    hostile.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("{\"refused\""), "{answer}");

    let one = pair.start(&["attach", "follow", "--json"], &[]);
    let two = pair.start(&["attach", "--read-only", "--json"], &[]);
    let gone = pair.start(&["attach", "follow", "--json"], &[]);
    for face in [&one, &two, &gone] {
        heeds_signals(face.id());
    }
    for (with, code) in [(Signal::INT, 131), (Signal::QUIT, 131), (Signal::TERM, 143)] {
        let leaves = pair.start(&["attach", "follow", "--json"], &[]);
        heeds_signals(leaves.id());
        signal(leaves.id(), with);
        let ran = Ran::from(wait(leaves));
        assert_eq!((ran.code, &ran.json["left"]), (code, &true.into()), "{}\n{}", ran.stderr, ran.stdout);
    }
    signal(gone.id(), Signal::KILL);
    wait(gone);
    // It still copies.
    copies(&pair);
    go_on(&pair);
    for face in [one, two] {
        let ran = Ran::from(wait(face));
        ran.assert_done();
        assert_eq!(ran.status("postgres"), "done", "{}", ran.stdout);
    }
    goes(engine);
    assert!(!socket.exists());
    assert_moved(&pair);
    let told = pair.program(&["attach", "follow"]);
    assert_eq!(told.code, 0);
    assert!(
        told.stderr.contains("Migration follow has ended") && told.stdout.contains("Done in "),
        "{told:?}"
    );
    assert_eq!(pair.program(&["attach"]).code, 2);
    drop(silent);
}

/// Killed, hung up on, or told to leave: it makes no difference to the engine.
#[test]
fn a_face_that_goes_leaves_the_engine_at_work() {
    for how in ["killed", "told", "hung up"] {
        let pair = pair();
        make_slow(&pair);
        match how {
            "hung up" => hang_up(&pair),
            _ => {
                let face = start(&pair, &DUMP);
                copies(&pair);
                signal(face.id(), if how == "killed" { Signal::KILL } else { Signal::QUIT });
                let ran = Ran::from(wait(face));
                assert_eq!(ran.code, if how == "killed" { 137 } else { 131 }, "{}", ran.stdout);
            }
        }
        let engine = engine_pid(&pair);
        std::thread::sleep(Duration::from_millis(300));
        copies(&pair);
        assert_eq!(listed(&pair)["status"], "running", "{how}");
        go_on(&pair);
        is_listed(&pair, "done");
        goes(engine);
        assert_moved(&pair);
    }
}

/// A terminal whose other end goes away, as that of a line that dies.
fn hang_up(pair: &Pair) {
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let program = env!("CARGO_BIN_EXE_pgpassage");
    let line = format!("{program} migrate -s {source} -t {target} {}", DUMP.join(" "));
    let mut terminal = Command::new("script")
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("XDG_STATE_HOME", pair.state.path())
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    copies(pair);
    let face = child_of(terminal.id(), program);
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    goes(face);
}

/// The process with this program somewhere below another one.
fn child_of(root: u32, program: &str) -> u32 {
    let mut family = vec![root];
    let mut processes: Vec<u32> = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        processes.extend(entry.file_name().to_string_lossy().parse::<u32>());
    }
    processes.sort_unstable();
    for pid in processes {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rsplit(')').next().and_then(|s| s.split_whitespace().nth(1)?.parse::<u32>().ok());
        if parent.is_some_and(|parent| family.contains(&parent)) {
            family.push(pid);
            let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if command.starts_with(program) && command.contains("migrate") {
                return pid;
            }
        }
    }
    panic!("no {program} below {root}");
}

/// Nobody can clean up after kill -9 but the next command, which says so.
#[test]
fn the_death_of_the_engine_is_said_and_can_be_cleaned_up_after() {
    let pair = pair();
    make_slow(&pair);
    let face = start(&pair, &REPLICATION);
    copies(&pair);
    let engine = engine_pid(&pair);
    let busy = pair.program(&["clean", "follow", "--json"]);
    assert_eq!(busy.code, 1, "{}", busy.stdout);
    assert!(busy.error().contains(&format!("(pid {engine})")), "{}", busy.error());
    let early = pair.program(&["finish", "follow", "--json"]);
    assert!(early.error().contains("still at work"), "{}", early.error());

    signal(engine, Signal::KILL);
    let told = Ran::from(wait(face));
    assert_eq!(told.code, 4, "{}\n{}", told.stderr, told.stdout);
    assert!(told.error().contains("the engine died"), "{}", told.error());
    goes(engine);
    assert_eq!((&listed(&pair)["status"], &listed(&pair)["died"]), (&"dead".into(), &true.into()));
    let slot =
        "replication slot pgpassage_follow_postgres_slot on the source: the source keeps its WAL for it";
    for verb in [["list", ""], ["attach", ""], ["attach", "follow"], ["status", "follow"]] {
        let words: Vec<&str> = verb.into_iter().filter(|word| !word.is_empty()).collect();
        let ran = pair.program(&words);
        for said in [slot, "died in the middle of its work", "pgpassage clean follow"] {
            assert!(ran.stdout.contains(said), "{verb:?}: {}", ran.stdout);
        }
        assert_eq!(ran.code, if verb[0] == "list" { 0 } else { 4 });
    }
    assert_eq!(pair.program(&["status", "follow", "--json"]).json["migration"]["status"], "failed");
    go_on(&pair);
    assert!(leftovers(&pair.source).iter().any(|left| left.starts_with("slot ")));
    let cleaned = pair.program(&["clean", "follow", "--json"]);
    assert_eq!(cleaned.code, 0, "{}\n{}", cleaned.stderr, cleaned.stdout);
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
    assert_ne!(listed(&pair)["status"], "dead");
}

/// The guard of what follows: it is joined, commanded from anywhere, and missed when it dies.
#[test]
fn the_guard_stays_is_joined_and_is_missed() {
    let pair = pair();
    pair.source.psql("postgres", "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)").unwrap();
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let words = ["migrate", "-s", &source, "-t", &target];
    let ran = pair.program(&[words.as_slice(), &REPLICATION].concat());
    assert_eq!(ran.code, 0, "{}\n{}", ran.stderr, ran.stdout);
    let engine = engine_pid(&pair);
    assert!(ran.stdout.contains(&format!("The engine (pid {engine}) stays and watches")), "{}", ran.stdout);
    assert_eq!(listed(&pair)["status"], "syncing");

    // A guard that is told to go leaves everything following, and says so.
    signal(engine, Signal::TERM);
    goes(engine);
    assert_eq!(listed(&pair)["status"], "syncing");
    let list = pair.program(&["list"]).stdout;
    assert!(list.contains("nobody watches over it"), "{list}");
    let mut watch = pair.start(&["status", "follow", "--watch", "--json"], &[]);
    let began = Instant::now();
    while listed(&pair)["engine_pid"] != watch.id() {
        assert!(began.elapsed() < Duration::from_secs(30), "{}", listed(&pair));
        std::thread::sleep(Duration::from_millis(50));
    }
    // One that is killed is missed in the same way.
    watch.kill().unwrap();
    watch.wait().unwrap();
    let list = pair.program(&["list"]).stdout;
    assert!(list.contains("nobody watches over it") && list.contains("goes on following"), "{list}");
    let status = pair.program(&["status", "follow", "--json"]);
    assert_eq!(status.json["migration"]["status"], "syncing", "{}", status.stdout);

    // Another guard, for nobody's window.
    let left = pair.program(&["status", "follow", "--watch", "--detach", "--json"]);
    assert_eq!(left.code, 0, "{}\n{}", left.stderr, left.stdout);
    let guard = engine_pid(&pair);
    assert_eq!(left.json["engine_pid"], guard);
    let second = pair.program(&["status", "follow", "--watch", "--detach", "--json"]);
    assert_eq!(second.code, 1, "{}", second.stdout);
    assert!(second.error().contains(&format!("(pid {guard})")), "{}", second.error());

    pair.source.psql("postgres", "INSERT INTO t VALUES (2)").unwrap();
    later(&pair, "finish", &["--verify", "checksums"]).assert_done();
    goes(guard);
    assert_eq!(pair.target.psql("postgres", "SELECT count(*) FROM t").unwrap(), "2");
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}

/// `stop` and `finish` from another window: whoever watches hears of it.
#[test]
fn commands_from_elsewhere_are_obeyed_and_heard_by_all() {
    let pair = pair();
    make_slow(&pair);
    let face = start(&pair, &REPLICATION);
    copies(&pair);
    let stopped = pair.program(&["stop", "follow", "--json"]);
    assert_eq!(stopped.code, 130, "{}\n{}", stopped.stderr, stopped.stdout);
    assert_eq!(Ran::from(wait(face)).code, 130);
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));

    let pair = self::pair();
    pair.source.psql("postgres", "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)").unwrap();
    assert_eq!(replicate(&pair, &[]).code, 0);
    let engine = engine_pid(&pair);
    let face = pair.start(&["attach", "--json"], &[]);
    let stopped = pair.program(&["stop", "follow", "--json"]);
    assert_eq!(stopped.code, 0, "{}\n{}", stopped.stderr, stopped.stdout);
    let heard = Ran::from(wait(face));
    assert_eq!(heard.status("postgres"), "cancelled", "{}", heard.stdout);
    goes(engine);
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}

/// Whoever interrupts the closing gets the source back at once, for the application waits for it.
#[test]
fn a_closing_that_is_interrupted_lets_go_of_the_source() {
    let pair = pair();
    pair.source.psql("postgres", "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)").unwrap();
    assert_eq!(replicate(&pair, &[]).code, 0);
    let engine = engine_pid(&pair);
    std::thread::scope(|scope| {
        // What the target cannot apply is waited for.
        scope.spawn(|| pair.target.psql("postgres", "BEGIN; LOCK TABLE t; SELECT pg_sleep(20)").ok());
        let locked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        eventually(&pair.target, "postgres", locked, "1");
        pair.source.psql("postgres", "INSERT INTO t VALUES (2)").unwrap();
        let finish = pair.start(&["finish", "follow", "--timeout", "100"], &[]);
        let held = "SELECT count(*) > 0 FROM pg_locks WHERE relation = 't'::regclass AND mode = 'ShareLock'";
        eventually(&pair.source, "postgres", held, "t");
        heeds_signals(finish.id());
        signal(finish.id(), Signal::INT);
        let began = Instant::now();
        let ran = Ran::from(wait(finish));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(ran.code, 4, "{}\n{}", ran.stderr, ran.stdout);
        assert!(ran.stdout.contains("Nobody watches"), "{}", ran.stdout);
        goes(engine);
        pair.source.psql("postgres", "INSERT INTO t VALUES (3)").unwrap();
        assert_eq!(listed(&pair)["status"], "syncing");
        let let_go = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        pair.target.psql("postgres", let_go).unwrap();
    });
    eventually(&pair.target, "postgres", "SELECT count(*) FROM t", "3");
    assert_eq!(pair.program(&["stop", "follow", "--json"]).code, 0);
}

/// What an engine knows is in its memory alone, for as long as it lives.
#[test]
fn a_process_that_lives_long_shows_nothing() {
    let secret = "S3cr3t-of-the-source";
    let options = ClusterOptions::new(server_binaries()).password(secret).setting("wal_level", "logical");
    let target = ClusterOptions::new(server_binaries()).setting("wal_retrieve_retry_interval", "200ms");
    let pair = Pair::of(Cluster::start(options).unwrap(), Cluster::start(target).unwrap());
    pair.source.psql("postgres", "CREATE TABLE t (a int PRIMARY KEY)").unwrap();
    let held = pair.state.path().join("a-scripts-lock");
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let mut script = Command::new("sh");
    script
        .args(["-c", "exec 9>\"$HELD\"; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_pgpassage"), "migrate"])
        .args(REPLICATION)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("XDG_STATE_HOME", pair.state.path())
        .envs([("HELD", held.as_os_str())])
        .envs([("SOURCE_SERVICE_URI", &source), ("TARGET_SERVICE_URI", &target)])
        .env("PGPASSWORD", secret)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ran = Ran::from(wait(script.spawn().unwrap()));
    assert_eq!(ran.code, 0, "{}\n{}", ran.stderr, ran.stdout);

    let engine = engine_pid(&pair);
    let of_process = |what: &str| {
        String::from_utf8_lossy(&std::fs::read(format!("/proc/{engine}/{what}")).unwrap()).into_owned()
    };
    let (environment, command) = (of_process("environ"), of_process("cmdline"));
    assert!(command.ends_with("\0engine-process\0"), "{command:?}");
    for hidden in ["S3cr3t", "SERVICE_URI", "PGPASSWORD"] {
        assert!(!environment.contains(hidden), "{environment:?}");
    }
    let text = pair.state_text();
    assert!(text.contains("follows the source") && !text.contains("S3cr3t"), "a password was written down");
    let open: Vec<_> = std::fs::read_dir(format!("/proc/{engine}/fd"))
        .unwrap()
        .filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok())
        .collect();
    assert!(open.iter().any(|path| path.ends_with("journal")), "{open:?}");
    assert!(!open.contains(&held), "{open:?}");
    let limits = of_process("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    let folder = pair.state.path().join("pgpassage/follow");
    for entry in std::fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
    let arguments = ["stop", "follow", "-s", &source, "-t", &target, "--json"];
    assert_eq!(pair.program(&arguments).code, 0);
}

/// Where no socket can be, nobody could stop the engine: refused, unless everything stays in one process.
#[test]
fn without_its_process_it_says_what_to_do() {
    let pair = pair();
    pair.source.psql("postgres", "CREATE TABLE t (a int PRIMARY KEY)").unwrap();
    // A folder stands where the socket has to be.
    let folder = pair.state.path().join("pgpassage/follow");
    std::fs::create_dir_all(folder.join("socket/in-the-way")).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
    let refused = Ran::from(wait(start(&pair, &DUMP)));
    assert_eq!(refused.code, 4, "{}\n{}", refused.stderr, refused.stdout);
    assert!(refused.stderr.contains("--foreground"), "{}", refused.stderr);
    // It ended in good order, before anything was made.
    assert_eq!(listed(&pair)["died"], false, "{}", listed(&pair));
    assert_eq!(leftovers(&pair.target), Vec::<String>::new());
    let own =
        ["--force-method", "dump", "--database", "postgres", "--migration-id", "second", "--foreground"];
    std::fs::create_dir_all(pair.state.path().join("pgpassage/second/socket/in-the-way")).unwrap();
    let ran = Ran::from(wait(start(&pair, &own)));
    ran.assert_done();
}
