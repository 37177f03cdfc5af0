//! How long a migration takes, side by side with the tools that are there. `make bench`, or
//! `cargo bench -- wide mixed --rounds 3`.
//!
//! Each tool in turn moves the same database into an empty one, alternating, so that whatever else the machine does
//! hits all alike; the median of the rounds counts. Servers run with fsync off: what is measured is work, not disks.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that cannot go on has failed")]

use pgpassage::demo::cluster::{Cluster, ClusterOptions, find_server_binaries};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const DATABASE: &str = "bench";

/// A set of data, made once on the source.
struct DataSet {
    name: &'static str,
    what: &'static str,
    make: fn(&Cluster, &Path),
}

const DATA_SETS: [DataSet; 3] = [
    DataSet { name: "wide", what: "pgbench, scale 100: one table of 10 million rows", make: wide },
    DataSet { name: "many", what: "2,000 small tables with a primary key and an index each", make: many },
    DataSet {
        name: "mixed",
        what: "a shop of 15 million rows: jsonb, bytea, long text, GIN, partitions",
        make: mixed,
    },
];

/// One way to move the database.
struct Tool {
    name: &'static str,
    run: fn(&Bench) -> Option<f64>,
}

const TOOLS: [Tool; 4] = [
    Tool { name: "pgpassage", run: ours },
    Tool { name: "pg_dump -Fc -Z0 | pg_restore", run: pipe },
    Tool { name: "pg_dump -Fd -j2, pg_restore -j2", run: folder },
    Tool { name: "pgcopydb clone", run: pgcopydb },
];

struct Bench {
    source: Cluster,
    target: Cluster,
    bin: PathBuf,
    scratch: tempfile::TempDir,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let rounds =
        arguments.iter().position(|a| a == "--rounds").and_then(|at| arguments.get(at + 1)?.parse().ok());
    let chosen = |set: &&DataSet| {
        let named: Vec<_> = DATA_SETS.iter().filter(|s| arguments.iter().any(|a| a == s.name)).collect();
        named.is_empty() || named.iter().any(|s| s.name == set.name)
    };
    for set in DATA_SETS.iter().filter(chosen) {
        measure(set, rounds.unwrap_or(3));
    }
}

fn measure(set: &DataSet, rounds: usize) {
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
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); TOOLS.len()];
    for _ in 0..rounds {
        for (tool, times) in TOOLS.iter().zip(&mut times) {
            bench.target.psql("postgres", &format!("DROP DATABASE IF EXISTS {DATABASE}")).unwrap();
            bench.target.psql("postgres", "CHECKPOINT").unwrap();
            // What the one before has written must not be written out during the next one's time.
            timed(&mut shell("sync"));
            if let Some(seconds) = (tool.run)(&bench) {
                times.push(seconds);
            }
        }
    }
    report(&mut times);
}

fn report(times: &mut [Vec<f64>]) {
    let mut medians = Vec::new();
    for times in times {
        times.sort_by(f64::total_cmp);
        medians.push(times.get(times.len() / 2).copied());
    }
    let reference = medians[1];
    for (tool, median) in TOOLS.iter().zip(medians) {
        match (median, reference) {
            (Some(s), Some(reference)) => println!("  {:<34} {s:>7.1} s   {:.2}", tool.name, s / reference),
            _ => println!("  {:<34}    not installed", tool.name),
        }
    }
}

fn timed(command: &mut Command) -> f64 {
    let began = Instant::now();
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    let seconds = began.elapsed().as_secs_f64();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    seconds
}

fn ours(bench: &Bench) -> Option<f64> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgpassage"));
    command
        .args(["migrate", "--quiet", "--database", DATABASE])
        .args(["-s", &bench.source.uri("postgres"), "-t", &bench.target.uri("postgres")])
        .env("XDG_STATE_HOME", bench.scratch.path());
    Some(timed(&mut command))
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-o", "pipefail", "-ec", script]);
    command
}

/// ANALYZE is part of the work: ours does it, and nobody can use a target without.
fn pipe(bench: &Bench) -> Option<f64> {
    let (bin, source, target) =
        (bench.bin.display(), bench.source.uri(DATABASE), bench.target.uri("postgres"));
    let script = format!(
        "{bin}/pg_dump -Fc -Z0 '{source}' | {bin}/pg_restore --create -d '{target}'; \
         {bin}/psql -q '{}' -c ANALYZE",
        bench.target.uri(DATABASE)
    );
    Some(timed(&mut shell(&script)))
}

fn folder(bench: &Bench) -> Option<f64> {
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

fn pgcopydb(bench: &Bench) -> Option<f64> {
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
    let sql = "DO $$BEGIN FOR i IN 1..2000 LOOP
        EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, name text, at timestamptz DEFAULT now())', i);
        EXECUTE format('INSERT INTO t%s SELECT g, ''name '' || g FROM generate_series(1, 20) g', i);
        EXECUTE format('CREATE INDEX ON t%s (name)', i);
        IF i % 200 = 0 THEN COMMIT; END IF;
      END LOOP; END$$";
    source.psql(DATABASE, sql).unwrap();
}

fn mixed(source: &Cluster, _bin: &Path) {
    source.psql(DATABASE, include_str!("mixed.sql")).unwrap();
}
