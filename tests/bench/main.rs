//! How long a migration takes, side by side with the tools that are there. `make bench`, or
//! `cargo bench -- wide mixed --rounds 3 --tools 2` (the first two of the list below); with the word `follow` the time
//! until the target follows, side by side with the servers' own initial copy; with the word `frame` how the window feels.
//!
//! Each tool in turn moves the same database into an empty one, alternating, so that whatever else the machine does
//! hits all alike; the median of the rounds counts. Servers run with fsync off: what is measured is work, not disks.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on has failed"
)]

#[expect(dead_code, reason = "the harness is shared with the tests, which use the rest of it")]
#[path = "../common/mod.rs"]
mod common;

#[expect(dead_code, reason = "the terminal is shared with the tests, which use the rest of it")]
#[path = "../wizard/tty.rs"]
mod tty;

mod frame;

use pgpassage::demo::cluster::{Cluster, ClusterOptions, find_server_binaries};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

const DATABASE: &str = "bench";

/// A set of data, made once on the source.
struct DataSet {
    name: &'static str,
    what: &'static str,
    make: fn(&Cluster, &Path),
    /// How many of the tools take part: the first ones.
    tools: usize,
    after: After,
}

/// What becomes of a copy once its time is taken.
enum After {
    /// ext4 looks long for inodes that have been deleted just before: with thousands of tables the next tool would be
    /// measured by that.
    Renamed,
    /// A dozen copies of gigabytes would fill the memory, and the last tools be measured by writing to the disk.
    Dropped,
}

const DATA_SETS: [DataSet; 4] = [
    DataSet {
        name: "many",
        what: "2,000 small tables with a primary key and an index each",
        make: many,
        tools: 4,
        after: After::Renamed,
    },
    DataSet {
        name: "crowd",
        what: "10,000 such tables: nothing may grow faster than their number",
        make: crowd,
        tools: 2,
        after: After::Renamed,
    },
    DataSet {
        name: "wide",
        what: "pgbench, scale 100: one table of 10 million rows",
        make: wide,
        tools: 4,
        after: After::Dropped,
    },
    DataSet {
        name: "mixed",
        what: "a shop of 15 million rows: jsonb, bytea, long text, GIN, partitions",
        make: mixed,
        tools: 4,
        after: After::Dropped,
    },
];

/// One way to move the database.
struct Tool {
    name: &'static str,
    run: fn(&Bench) -> Option<Cost>,
}

const TOOLS: [Tool; 4] = [
    Tool { name: "pgpassage", run: ours },
    Tool { name: "pg_dump -Fc -Z0 | pg_restore", run: pipe },
    Tool { name: "pg_dump -Fd -j2, pg_restore -j2", run: folder },
    Tool { name: "pgcopydb clone", run: pgcopydb },
];

/// Ways to have the database followed; the reference is the second of them too.
const FOLLOWERS: [Tool; 2] = [
    Tool { name: "pgpassage, until it follows", run: ours_following },
    Tool { name: "CREATE SUBSCRIPTION, copy_data = true", run: subscription },
];

/// What a run took.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    seconds: f64,
    /// Of both servers, and of the tool (face and engine) without pg_dump, in seconds; only measured for ours.
    servers_cpu_s: f64,
    own_cpu_s: f64,
    memory_mb: f64,
}

struct Bench {
    source: Cluster,
    target: Cluster,
    bin: PathBuf,
    scratch: tempfile::TempDir,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let number = |name: &str| -> Option<usize> {
        arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1)?.parse().ok())
    };
    let (rounds, tools) = (number("--rounds"), number("--tools").unwrap_or(usize::MAX));
    let chosen = |set: &&DataSet| {
        let named: Vec<_> = DATA_SETS.iter().filter(|s| arguments.iter().any(|a| a == s.name)).collect();
        named.is_empty() || named.iter().any(|s| s.name == set.name)
    };
    if arguments.iter().any(|a| a == "frame") {
        return frame::measure();
    }
    if std::env::var_os(GROUND).is_none() {
        return on_fresh_ground(&arguments);
    }
    let follow = arguments.iter().any(|a| a == "follow");
    for set in DATA_SETS.iter().filter(chosen) {
        let tools = if follow { &FOLLOWERS[..] } else { &TOOLS[..set.tools.min(tools).max(2)] };
        measure(set, tools, rounds.unwrap_or(3));
    }
}

/// Set for the process that measures; the one that was called only makes the ground for it.
const GROUND: &str = "PGPASSAGE_BENCH_GROUND";

/// Measures in a folder whose subfolders ext4 spreads over the whole disk (chattr(1), attribute T). Otherwise the
/// servers' files come to lie where those of the last benchmark were deleted, and a search for inodes costs every tool
/// three seconds per 2,000 tables. Elsewhere than on ext4 the attribute is refused, and not needed.
fn on_fresh_ground(arguments: &[String]) {
    use std::os::unix::fs::PermissionsExt as _;
    let ground = tempfile::tempdir().unwrap();
    // The servers may run as another user, who has to pass through.
    std::fs::set_permissions(ground.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let spread = Command::new("chattr").arg("+T").arg(ground.path()).stderr(Stdio::null()).status();
    if !spread.is_ok_and(|status| status.success()) {
        println!("no ground of its own: where many files have just been deleted, all tools take longer");
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    let status = again.args(arguments).env("TMPDIR", ground.path()).env(GROUND, "1").status().unwrap();
    assert!(status.success(), "{status}");
}

fn measure(set: &DataSet, tools: &[Tool], rounds: usize) {
    let bin = find_server_binaries(None, None).unwrap();
    let start = || {
        let options = ClusterOptions::new(&bin)
            .setting("shared_buffers", "1GB")
            .setting("max_wal_size", "8GB")
            .setting("checkpoint_timeout", "30min")
            .setting("autovacuum", "off")
            .setting("max_locks_per_transaction", "512");
        Cluster::start(options).unwrap()
    };
    let bench =
        Bench { source: start(), target: start(), bin: bin.clone(), scratch: tempfile::tempdir().unwrap() };
    bench.source.psql("postgres", &format!("CREATE DATABASE {DATABASE}")).unwrap();
    (set.make)(&bench.source, &bench.bin);
    bench.source.psql(DATABASE, "VACUUM ANALYZE; CHECKPOINT").unwrap();
    let size =
        bench.source.psql("postgres", &format!("SELECT pg_size_pretty(pg_database_size('{DATABASE}'))"));
    println!("\n{}: {}, {}", set.name, set.what, size.unwrap().trim());
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); tools.len()];
    let mut runs = 0;
    for _ in 0..rounds {
        for (tool, costs) in tools.iter().zip(&mut costs) {
            bench.target.psql("postgres", "CHECKPOINT").unwrap();
            // What the one before has written must not be written out during the next one's time.
            timed(&mut shell("sync"));
            if let Some(cost) = (tool.run)(&bench) {
                costs.push(cost);
                runs += 1;
                let aside = match set.after {
                    After::Renamed => format!("ALTER DATABASE {DATABASE} RENAME TO done_{runs}"),
                    After::Dropped => format!("DROP DATABASE {DATABASE}"),
                };
                bench.target.psql("postgres", &aside).unwrap();
            }
        }
    }
    report(tools, &mut costs);
}

fn report(tools: &[Tool], costs: &mut [Vec<Cost>]) {
    let mut medians = Vec::new();
    for costs in costs {
        costs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        medians.push(costs.get(costs.len() / 2).copied());
    }
    let reference = medians[1].map(|cost| cost.seconds);
    for (tool, median) in tools.iter().zip(&medians) {
        match (median, reference) {
            (Some(cost), Some(reference)) => {
                println!("  {:<34} {:>7.1} s   {:.2}", tool.name, cost.seconds, cost.seconds / reference);
            }
            _ => println!("  {:<34}    not run", tool.name),
        }
    }
    if let Some(cost) = medians[0] {
        let whole = cost.servers_cpu_s + cost.own_cpu_s;
        println!(
            "  of ours: {:.1} s of the servers' processors, {:.1} s of its own ({:.1} %), {:.0} MB of memory at most",
            cost.servers_cpu_s,
            cost.own_cpu_s,
            100.0 * cost.own_cpu_s / whole,
            cost.memory_mb
        );
    }
}

fn timed(command: &mut Command) -> Cost {
    let began = Instant::now();
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    let seconds = began.elapsed().as_secs_f64();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Cost { seconds, ..Cost::default() }
}

/// Like [`timed`], looking at the process while it runs: what it took itself is not to be had once it has ended, only
/// together with its children.
fn watched(bench: &Bench, command: &mut Command) -> Cost {
    let servers = || cpu_of_server(&bench.source) + cpu_of_server(&bench.target);
    let (before, began) = (servers(), Instant::now());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut cost = Cost::default();
    let mut processes = BTreeMap::new();
    let mut engine = None;
    let mut looks = 0;
    let status = loop {
        // The face, and the engine in its own process.
        engine = engine.or_else(|| engine_of(child.id()));
        for pid in engine.into_iter().chain([child.id()]) {
            let taken: &mut (f64, f64) = processes.entry(pid).or_default();
            taken.0 = cpu_of(pid).map_or(taken.0, |(cpu_s, _)| cpu_s);
            // The kernel walks all its pages for that, beside what is measured: not fifty times a second.
            if looks % 10 == 0 {
                taken.1 = memory_mb(pid).unwrap_or(taken.1);
            }
        }
        looks += 1;
        cost.own_cpu_s = processes.values().map(|(cpu_s, _)| cpu_s).sum();
        cost.memory_mb = cost.memory_mb.max(processes.values().map(|(_, memory_mb)| memory_mb).sum());
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    cost.seconds = began.elapsed().as_secs_f64();
    assert!(status.success(), "{command:?}: {status}");
    cost.servers_cpu_s = servers() - before;
    cost
}

/// The process that a face has started for its engine.
fn engine_of(face: u32) -> Option<u32> {
    let threads = std::fs::read_dir(format!("/proc/{face}/task")).ok()?;
    let of_thread = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("children")).ok();
    let children: Vec<String> = threads.flatten().filter_map(of_thread).collect();
    children.iter().flat_map(|pids| pids.split_whitespace()).find_map(|pid| pid.parse().ok())
}

/// Seconds of processor time of a process, and of its children that have ended (proc(5), `/proc/pid/stat`).
fn cpu_of(pid: u32) -> Option<(f64, f64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<f64> =
        stat.rsplit(") ").next()?.split(' ').skip(11).take(4).filter_map(|f| f.parse().ok()).collect();
    let [user, system, of_children, system_of_children] = fields.try_into().ok()?;
    // Ticks of a hundredth of a second, on every Linux.
    Some(((user + system) / 100.0, (of_children + system_of_children) / 100.0))
}

/// Of the postmaster, of its sessions that have ended and of its processes that live.
fn cpu_of_server(cluster: &Cluster) -> f64 {
    let pid = cluster.pid().unwrap();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let living = children.split_whitespace().filter_map(|pid| cpu_of(pid.parse().ok()?));
    let (own, ended) = cpu_of(pid).unwrap();
    own + ended + living.map(|(own, _)| own).sum::<f64>()
}

/// What is resident, pages that processes share counted in parts: the face and the engine are the same program
/// (proc(5), `/proc/pid/smaps_rollup`).
fn memory_mb(pid: u32) -> Option<f64> {
    let memory = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = memory.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}

fn ours(bench: &Bench) -> Option<Cost> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgpassage"));
    command
        .args(["migrate", "--quiet", "--database", DATABASE, "--force-method", "dump"])
        .args(["-s", &bench.source.uri("postgres"), "-t", &bench.target.uri("postgres")])
        .env("XDG_STATE_HOME", bench.scratch.path());
    Some(watched(bench, &mut command))
}

/// The time of `migrate`; the connection is given up afterwards, outside of it.
fn ours_following(bench: &Bench) -> Option<Cost> {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let id = format!("r{}", RUNS.fetch_add(1, Ordering::Relaxed));
    let (source, target) = (bench.source.uri("postgres"), bench.target.uri("postgres"));
    let program = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgpassage"));
        command.args(words).args(["-s", &source, "-t", &target]).env("XDG_STATE_HOME", bench.scratch.path());
        command
    };
    let how = ["--force-method", "replication", "--replica-identity", "full", "--migration-id", &id];
    let words = [["migrate", "--quiet", "--database", DATABASE].as_slice(), &how].concat();
    let cost = watched(bench, &mut program(&words));
    timed(&mut program(&["stop", &id]));
    Some(cost)
}

/// The servers' own way: the schema with its indexes first, then every table by the subscription's workers.
fn subscription(bench: &Bench) -> Option<Cost> {
    let (bin, source, target) = (bench.bin.display(), bench.source.uri(DATABASE), bench.target.uri(DATABASE));
    bench.source.psql(DATABASE, "CREATE PUBLICATION plain FOR ALL TABLES").unwrap();
    let ready = "SELECT count(*) > 0 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel";
    let script = format!(
        "{bin}/psql -q '{}' -c 'CREATE DATABASE {DATABASE}'; \
         {bin}/pg_dump -s --no-publications '{source}' | {bin}/psql -q '{target}' > /dev/null; \
         {bin}/psql -q '{target}' -c \"CREATE SUBSCRIPTION plain CONNECTION '{source}' PUBLICATION plain\"; \
         until [ \"$({bin}/psql -Atq '{target}' -c \"{ready}\")\" = t ]; do sleep 0.1; done",
        bench.target.uri("postgres")
    );
    let cost = timed(&mut shell(&script));
    bench.target.psql(DATABASE, "DROP SUBSCRIPTION plain").unwrap();
    bench.source.psql(DATABASE, "DROP PUBLICATION plain").unwrap();
    Some(cost)
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-o", "pipefail", "-ec", script]);
    command
}

/// ANALYZE is part of the work: ours does it, and nobody can use a target without.
fn pipe(bench: &Bench) -> Option<Cost> {
    let (bin, source, target) =
        (bench.bin.display(), bench.source.uri(DATABASE), bench.target.uri("postgres"));
    let script = format!(
        "{bin}/pg_dump -Fc -Z0 '{source}' | {bin}/pg_restore --create -d '{target}'; \
         {bin}/psql -q '{}' -c ANALYZE",
        bench.target.uri(DATABASE)
    );
    Some(timed(&mut shell(&script)))
}

fn folder(bench: &Bench) -> Option<Cost> {
    let (bin, source, target) =
        (bench.bin.display(), bench.source.uri(DATABASE), bench.target.uri("postgres"));
    let dump = bench.scratch.path().join("dump");
    let dump = dump.display();
    let script = format!(
        "rm -rf {dump}; {bin}/pg_dump -Fd -Z0 -j2 -f {dump} '{source}'; \
         {bin}/pg_restore -j2 --create -d '{target}' {dump}; rm -rf {dump}; {bin}/psql -q '{}' -c ANALYZE",
        bench.target.uri(DATABASE)
    );
    Some(timed(&mut shell(&script)))
}

fn pgcopydb(bench: &Bench) -> Option<Cost> {
    Command::new("pgcopydb").arg("--version").output().ok()?;
    bench.target.psql("postgres", &format!("CREATE DATABASE {DATABASE}")).unwrap();
    let work = bench.scratch.path().join("pgcopydb");
    let script = format!(
        "pgcopydb clone --restart --dir {} --source '{}' --target '{}' --table-jobs 2 --index-jobs 2; \
         {}/psql -q '{}' -c ANALYZE",
        work.display(),
        bench.source.uri(DATABASE),
        bench.target.uri(DATABASE),
        bench.bin.display(),
        bench.target.uri(DATABASE)
    );
    Some(timed(&mut shell(&script)))
}

fn wide(source: &Cluster, bin: &Path) {
    let script = format!("{}/pgbench -q -i -s 100 '{}'", bin.display(), source.uri(DATABASE));
    timed(&mut shell(&script));
}

fn many(source: &Cluster, _bin: &Path) {
    small_tables(source, 2_000);
}

fn crowd(source: &Cluster, _bin: &Path) {
    small_tables(source, 10_000);
}

fn small_tables(source: &Cluster, count: u32) {
    let sql = format!(
        "DO $$BEGIN FOR i IN 1..{count} LOOP
        EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, name text, at timestamptz DEFAULT now())', i);
        EXECUTE format('INSERT INTO t%s SELECT g, ''name '' || g FROM generate_series(1, 20) g', i);
        EXECUTE format('CREATE INDEX ON t%s (name)', i);
        IF i % 200 = 0 THEN COMMIT; END IF;
      END LOOP; END$$"
    );
    source.psql(DATABASE, &sql).unwrap();
}

fn mixed(source: &Cluster, _bin: &Path) {
    source.psql(DATABASE, include_str!("mixed.sql")).unwrap();
}
