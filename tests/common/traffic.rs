//! A write load against a source, while it is migrated.
//!
//! It works in a schema of its own with tables of every kind (`tests/fixtures/traffic.sql`), at a bounded rate, from a
//! seed: the same seed on the same tables does the same. Several may run at once, in one schema (they count what they
//! lost to each other's locks) or in several.

#[path = "traffic/script.rs"]
mod script;

use pgpassage::demo::cluster::Cluster;
use script::{Ends, Random, Transaction};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// What a load is like.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    schema: String,
    seed: u64,
    per_second: u32,
    bulk: Bulk,
    at_most: Option<u64>,
    when_cut_off: WhenCutOff,
}

/// The one big transaction.
#[derive(Clone, Copy, Debug)]
struct Bulk {
    bytes: usize,
    /// So many transactions come before it.
    after: u64,
}

/// What follows when the server is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenCutOff {
    /// The load has failed.
    Fail,
    /// It connects again for up to a minute. A commit whose answer was lost is counted as in doubt.
    ConnectAgain,
}

impl Default for Load {
    /// Schema `traffic`, 100 transactions per second, 100 MB in the 20th, until stopped.
    fn default() -> Self {
        Self {
            schema: "traffic".to_owned(),
            seed: 1,
            per_second: 100,
            bulk: Bulk { bytes: 100_000_000, after: 20 },
            at_most: None,
            when_cut_off: WhenCutOff::Fail,
        }
    }
}

impl Load {
    /// A plain name, lower case.
    pub(crate) fn schema(mut self, schema: &str) -> Self {
        schema.clone_into(&mut self.schema);
        self
    }

    pub(crate) fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    pub(crate) fn per_second(mut self, transactions: u32) -> Self {
        self.per_second = transactions;
        self
    }

    /// The big transaction has so many bytes, none with 0, and comes after so many others.
    pub(crate) fn bulk(mut self, bytes: usize, after: u64) -> Self {
        self.bulk = Bulk { bytes, after };
        self
    }

    /// It ends by itself after so many transactions.
    pub(crate) fn at_most(mut self, transactions: u64) -> Self {
        self.at_most = Some(transactions);
        self
    }

    pub(crate) fn when_cut_off(mut self, what: WhenCutOff) -> Self {
        self.when_cut_off = what;
        self
    }

    /// Makes the schema and its first rows.
    pub(crate) fn prepare(&self, cluster: &Cluster, database: &str) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/traffic.sql");
        let sql = std::fs::read_to_string(file).unwrap();
        cluster.psql_with(database, &sql, &[("schema", &self.schema)]).unwrap();
    }

    /// Begins to write.
    pub(crate) fn start(&self, cluster: &Cluster, database: &str) -> Traffic {
        self.start_at(&cluster.uri(database))
    }

    /// The same at any address, such as a proxy's.
    pub(crate) fn start_at(&self, uri: &str) -> Traffic {
        let shared = Arc::new(Shared::default());
        let (ours, load, uri) = (Arc::clone(&shared), self.clone(), uri.to_owned());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let done = runtime.block_on(run(&load, &uri, &ours));
            *ours.ended() = Some(done);
        });
        Traffic { shared, thread: Some(thread) }
    }
}

/// What came of it. Rows are those of transactions that were committed, parts that were rolled back not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TrafficReport {
    pub(crate) committed: u64,
    pub(crate) rolled_back: u64,
    /// Given up because of another one's locks (a deadlock).
    pub(crate) collided: u64,
    /// Broken off by a lost connection, before the commit was sent.
    pub(crate) broken_off: u64,
    /// The commit was sent, its answer lost.
    pub(crate) in_doubt: u64,
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
    pub(crate) truncated: u64,
    /// Committed ones by kind: `insert`, `move`, `truncate`, `bulk`, …
    pub(crate) kinds: BTreeMap<&'static str, u64>,
    /// What the slowest one took, the big one not counted.
    pub(crate) slowest: Duration,
}

impl TrafficReport {
    pub(crate) fn of_kind(&self, kind: &str) -> u64 {
        self.kinds.get(kind).copied().unwrap_or_default()
    }
}

#[derive(Default)]
struct Shared {
    report: Mutex<TrafficReport>,
    stop: AtomicBool,
    /// How it ended, from then on.
    ended: Mutex<Option<Result<(), String>>>,
}

impl Shared {
    fn report(&self) -> MutexGuard<'_, TrafficReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self) -> MutexGuard<'_, Option<Result<(), String>>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// A running load. Dropping it stops it without a word; [`Traffic::stop`] tells what went wrong.
pub(crate) struct Traffic {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Traffic {
    /// [`Load::prepare`] of the default load.
    pub(crate) fn prepare(cluster: &Cluster, database: &str) {
        Load::default().prepare(cluster, database);
    }

    /// [`Load::start`] of the default load.
    pub(crate) fn start(cluster: &Cluster, database: &str) -> Self {
        Load::default().start(cluster, database)
    }

    /// So far.
    pub(crate) fn report(&self) -> TrafficReport {
        self.shared.report().clone()
    }

    /// Waits until the report is as wanted; fails the test when the load ended before, or after two minutes.
    #[track_caller]
    pub(crate) fn until(&self, wanted: impl Fn(&TrafficReport) -> bool) {
        let began = Instant::now();
        loop {
            // Asked first, so that the last report is looked at too.
            let ended = self.shared.ended().clone();
            let report = self.report();
            if wanted(&report) {
                return;
            }
            let goes_on = ended.is_none() && began.elapsed() < Duration::from_secs(120);
            assert!(goes_on, "the load does not get there: {ended:?} {report:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it after the transaction that runs; fails the test if a statement failed that should not have.
    #[track_caller]
    pub(crate) fn stop(self) -> TrafficReport {
        self.shared.stop.store(true, Ordering::Release);
        self.wait()
    }

    /// Waits until it ends by itself ([`Load::at_most`], or a failure).
    #[track_caller]
    pub(crate) fn wait(mut self) -> TrafficReport {
        self.thread.take().unwrap().join().unwrap();
        let report = self.report();
        if let Some(Err(error)) = &*self.shared.ended() {
            panic!("the load failed: {error}\n{report:?}");
        }
        report
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Why a transaction did not come to its end.
enum Trouble {
    Collided,
    BrokenOff(String),
    InDoubt(String),
    Failed(String),
}

/// Rows by what happened to them.
#[derive(Clone, Copy, Default)]
struct Rows {
    inserted: u64,
    updated: u64,
    deleted: u64,
    truncated: u64,
}

async fn run(load: &Load, uri: &str, shared: &Shared) -> Result<(), String> {
    let mut random = Random::new(load.seed);
    let (mut client, version) = connect(load, uri).await.map_err(|e| told(&e))?;
    let pause = Duration::from_secs(1) / load.per_second.max(1);
    let mut next = Instant::now();
    let mut number = 0;
    while !shared.stopped() && load.at_most.is_none_or(|most| number < most) {
        let transaction = if number == load.bulk.after && load.bulk.bytes > 0 {
            script::bulk(load.bulk.bytes)
        } else {
            script::next(&mut random, version)
        };
        number += 1;
        let began = Instant::now();
        match perform(&client, &transaction).await {
            Ok(rows) => shared.report().add(&transaction, rows, began.elapsed()),
            Err(Trouble::Collided) => shared.report().collided += 1,
            Err(Trouble::Failed(why)) => return Err(format!("{}: {why}", transaction.kind)),
            Err(Trouble::BrokenOff(why) | Trouble::InDoubt(why)) if load.when_cut_off == WhenCutOff::Fail => {
                return Err(format!("{}: {why}", transaction.kind));
            }
            Err(cut_off) => {
                match cut_off {
                    Trouble::InDoubt(_) => shared.report().in_doubt += 1,
                    _ => shared.report().broken_off += 1,
                }
                client = connect_again(load, uri, shared).await?;
            }
        }
        // Time that was lost is not made up for: that would be another load.
        next = (next + pause).max(Instant::now());
        tokio::time::sleep_until(next.into()).await;
    }
    Ok(())
}

async fn connect(load: &Load, uri: &str) -> Result<(Client, u32), tokio_postgres::Error> {
    let mut config: tokio_postgres::Config = uri.parse()?;
    config.application_name("traffic").connect_timeout(Duration::from_secs(10));
    let (client, connection) = config.connect(NoTls).await?;
    // Ends with the client; what goes wrong is told to the statement that waits.
    tokio::spawn(connection);
    client.batch_execute(&format!("SET search_path = {}; SET TimeZone = 'UTC'", load.schema)).await?;
    let version: String = client.query_one("SHOW server_version_num", &[]).await?.get(0);
    Ok((client, version.parse().unwrap()))
}

async fn connect_again(load: &Load, uri: &str, shared: &Shared) -> Result<Client, String> {
    let began = Instant::now();
    loop {
        match connect(load, uri).await {
            Ok((client, _)) => return Ok(client),
            Err(error) if shared.stopped() || began.elapsed() > Duration::from_secs(60) => {
                return Err(told(&error));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Runs one transaction to its end, which is ROLLBACK where a statement failed.
async fn perform(client: &Client, transaction: &Transaction) -> Result<Rows, Trouble> {
    let trouble = |error: tokio_postgres::Error, statement: &str| {
        let why = format!("{} in {statement}", told(&error));
        match error.code() {
            Some(code) if *code == SqlState::T_R_DEADLOCK_DETECTED => Trouble::Collided,
            // Terminated, crash of another session, shutting down, or no answer at all.
            Some(code) if !code.code().starts_with("57P") => Trouble::Failed(why),
            _ if statement == "COMMIT" => Trouble::InDoubt(why),
            _ => Trouble::BrokenOff(why),
        }
    };
    let mut rows = Rows::default();
    let mut savepoints: Vec<(&str, Rows)> = Vec::new();
    let end = if transaction.ends == Ends::Commit { "COMMIT" } else { "ROLLBACK" };
    let statements = transaction.statements.iter().map(String::as_str);
    for statement in std::iter::once("BEGIN").chain(statements).chain([end]) {
        if let Some(name) = statement.strip_prefix("SAVEPOINT ") {
            savepoints.push((name, rows));
        } else if let Some(name) = statement.strip_prefix("ROLLBACK TO SAVEPOINT ") {
            rows = savepoints.iter().rev().find(|(other, _)| *other == name).unwrap().1;
        }
        match client.simple_query(statement).await {
            Ok(answer) => rows.add(statement, &answer),
            Err(error) => {
                let trouble = trouble(error, statement);
                if matches!(trouble, Trouble::Collided | Trouble::Failed(_)) {
                    client.batch_execute("ROLLBACK").await.ok();
                }
                return Err(trouble);
            }
        }
    }
    Ok(rows)
}

impl Rows {
    fn add(&mut self, statement: &str, answer: &[SimpleQueryMessage]) {
        let count = answer.iter().map(|message| match message {
            SimpleQueryMessage::CommandComplete(count) => *count,
            _ => 0,
        });
        let count: u64 = count.sum();
        match statement.split_whitespace().next().unwrap_or_default() {
            "INSERT" => self.inserted += count,
            "UPDATE" => self.updated += count,
            "DELETE" => self.deleted += count,
            "TRUNCATE" => self.truncated += 1,
            _ => {}
        }
    }
}

impl TrafficReport {
    fn add(&mut self, transaction: &Transaction, rows: Rows, took: Duration) {
        if transaction.kind != "bulk" {
            self.slowest = self.slowest.max(took);
        }
        if transaction.ends == Ends::Rollback {
            self.rolled_back += 1;
            return;
        }
        self.committed += 1;
        *self.kinds.entry(transaction.kind).or_default() += 1;
        self.inserted += rows.inserted;
        self.updated += rows.updated;
        self.deleted += rows.deleted;
        self.truncated += rows.truncated;
    }
}

/// The server's own words, which the error's own text leaves out.
fn told(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| format!("{error:?}"), ToString::to_string)
}
