//! The wire against real servers: relaying COPY here; logging in, TLS and time limits in `wire/login.rs`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use pgpassage::demo::cluster::{Cluster, ClusterOptions, find_server_binaries};
use pgpassage::model::endpoint::{Endpoint, Host};
use pgpassage::model::passwords::Passwords;
use pgpassage::pg::connect::Server;
use pgpassage::pg::error::ErrorKind;
use pgpassage::pg::wire::{Connection, CopyStats, Passing, RelayError, Relayed, relay};
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[path = "wire/login.rs"]
mod login;
#[path = "wire/lots.rs"]
mod lots;

/// One server for all tests that need nothing special; its guardian ends it with this process.
fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| Cluster::start(options()).unwrap())
}

fn options() -> ClusterOptions {
    ClusterOptions::new(find_server_binaries(None, None).unwrap())
}

fn tcp(name: &str) -> Host {
    Host::Tcp { name: name.to_owned(), addr: None }
}

fn endpoint(port: u16) -> Endpoint {
    Endpoint::new(tcp("127.0.0.1"), port, "postgres")
}

fn server(endpoint: Endpoint) -> Server {
    Server::new(endpoint, Passwords::default(), "pgpassage/test".to_owned())
}

async fn two() -> (Connection, Connection) {
    let server = server(endpoint(shared().port()));
    let connect = async || server.connect_wire("postgres", &[("search_path", "public")]).await.unwrap();
    (connect().await, connect().await)
}

async fn copy(
    source: &mut Connection,
    query: &str,
    target: &mut Connection,
    table: &str,
) -> Result<CopyStats, RelayError> {
    let progress = Passing::default();
    let (out, into) = (format!("COPY {query} TO STDOUT"), format!("COPY {table} FROM STDIN"));
    let done = relay(source, target, Relayed::unchanged(&out, &into), &progress).await;
    if let Ok(stats) = &done {
        assert_eq!(progress.bytes.load(Ordering::Relaxed), stats.bytes);
        // What is binary has an end of its own.
        let rows = progress.rows.load(Ordering::Relaxed);
        assert!(rows == stats.rows_in || rows == stats.rows_in + 1, "{rows} of {}", stats.rows_in);
    }
    done
}

/// Proves that both connections can be used: the next relay must work on them.
async fn still_work(source: &mut Connection, target: &mut Connection) {
    assert!(source.is_usable() && target.is_usable());
    for connection in [&mut *source, &mut *target] {
        connection.command("ROLLBACK").await.unwrap();
        connection.command("CREATE TEMP TABLE again (n int)").await.unwrap();
    }
    let stats = copy(source, "(SELECT generate_series(1, 1000))", target, "again").await.unwrap();
    assert_eq!((stats.rows_out, stats.rows_in), (1000, 1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_all_sizes_arrive() {
    let (mut source, mut target) = two().await;
    let huge = "(SELECT repeat('0123456789', 30000000) UNION ALL SELECT NULL)";
    for (query, rows, digest) in [
        ("(SELECT 'x' WHERE false)", 0, "count(*)::text"),
        ("(SELECT repeat(g::text, 20000) FROM generate_series(1, 300) g)", 300, "md5(string_agg(v, ','))"),
        ("(SELECT g::text FROM generate_series(1, 200000) g)", 200_000, "md5(string_agg(v, ','))"),
        (huge, 2, "max(length(v))::text"),
    ] {
        target
            .command("CREATE TEMP TABLE t (v text); ALTER TABLE t ALTER v SET STORAGE EXTERNAL")
            .await
            .unwrap();
        let stats = copy(&mut source, query, &mut target, "t").await.unwrap();
        assert_eq!((stats.rows_out, stats.rows_in), (rows, rows));
        let wanted = source.value(&format!("SELECT {digest} FROM {query} AS q (v)")).await.unwrap();
        assert_eq!(target.value(&format!("SELECT {digest} FROM t")).await.unwrap(), wanted);
        target.command("DROP TABLE t").await.unwrap();
    }
    // A whole file as one value, in the other format, within a transaction of several statements.
    let out = "COPY (SELECT g, now() FROM generate_series(1, 5) g) TO STDOUT (FORMAT binary)";
    let into = "BEGIN; CREATE TABLE wire_frozen (n int, t timestamptz); COPY wire_frozen FROM STDIN (FORMAT binary, FREEZE)";
    let stats =
        relay(&mut source, &mut target, Relayed::unchanged(out, into), &Passing::default()).await.unwrap();
    assert_eq!(stats.rows_in, 5);
    assert!(target.in_transaction() && !source.in_transaction());
    assert_eq!(target.command("ROLLBACK").await.unwrap().as_str(), "ROLLBACK");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_target_keeps_its_words() {
    let (mut source, mut target) = two().await;
    target.command("CREATE TEMP TABLE u (n int PRIMARY KEY, v text, CHECK (n <> 9))").await.unwrap();
    // Long rows, so that the error comes while we are in the middle of one.
    let twice = "(SELECT g % 5, repeat('x', 3000000) FROM generate_series(1, 40) g)";
    let Err(RelayError::Target(error)) = copy(&mut source, twice, &mut target, "u").await else {
        panic!("the target must refuse the key")
    };
    assert_eq!((error.kind, error.sqlstate.as_deref()), (ErrorKind::UniqueViolation, Some("23505")));
    assert_eq!(error.context.as_deref(), Some("COPY u, line 6"));
    assert_eq!(error.constraint.as_deref(), Some("u_pkey"));
    assert_eq!(error.detail.as_deref(), Some("Key (n)=(1) already exists."));
    still_work(&mut source, &mut target).await;

    let nine = "(SELECT g, 'x' FROM generate_series(1, 3000000) g)";
    let error = copy(&mut source, nine, &mut target, "u").await.unwrap_err().into_error();
    assert_eq!(error.kind, ErrorKind::ConstraintViolation);
    let error = copy(&mut source, "(SELECT 'x', 'y')", &mut target, "u").await.unwrap_err().into_error();
    assert_eq!(error.sqlstate.as_deref(), Some("22P02"));
    assert!(error.context.as_deref().is_some_and(|c| c.contains("line 1, column n")), "{error:?}");
    let missing = copy(&mut source, "(SELECT 1)", &mut target, "nowhere").await.unwrap_err();
    assert!(matches!(&missing, RelayError::Target(e) if e.kind == ErrorKind::MissingObject), "{missing:?}");
    assert_eq!(target.value("SELECT count(*) FROM u").await.unwrap().as_deref(), Some("0"));
    assert!(source.is_usable() && target.is_usable());
}

/// Into columns of text it can be seen what travels: of a row that is too large to wait for, everything.
#[tokio::test(flavor = "multi_thread")]
async fn blanks_of_padded_columns_do_not_travel() {
    let (mut source, mut target) = two().await;
    target.command("CREATE TEMP TABLE t (n int, a text, b text)").await.unwrap();
    let out = "COPY (SELECT g, 'a'::char(50), CASE g WHEN 7 THEN repeat('b', 70000) ELSE 'b' END || '  ' \
               FROM generate_series(1, 30000) g) TO STDOUT (FORMAT binary)";
    let what = Relayed {
        copy_out: out,
        copy_in: "COPY t FROM STDIN (FORMAT binary)",
        padded: &[false, true, false],
    };
    let progress = Passing::default();
    let stats = relay(&mut source, &mut target, what, &progress).await.unwrap();
    assert_eq!((stats.rows_out, stats.rows_in), (30_000, 30_000));
    assert_eq!(progress.bytes.load(Ordering::Relaxed), stats.bytes);
    let digest = "SELECT count(*) FILTER (WHERE a = 'a') || ' ' || sum(length(a)) || ' ' || sum(length(b)) || ' ' || sum(n) FROM t";
    // 70,001 letters more than the others: 49 blanks and 69,999 letters; the first row comes with the file's header.
    assert_eq!(
        target.value(digest).await.unwrap().unwrap(),
        format!("29998 {} {} 450015000", 29_998 + 2 * 50, 30_000 * 3 + 69_999)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_source_leaves_the_target_empty() {
    let (mut source, mut target) = two().await;
    target.command("CREATE TEMP TABLE s (n int)").await.unwrap();
    let query = "(SELECT 1 / (500000 - g) FROM generate_series(1, 500001) g)";
    let Err(RelayError::Source(error)) = copy(&mut source, query, &mut target, "s").await else {
        panic!("the source must fail")
    };
    assert_eq!(error.sqlstate.as_deref(), Some("22012"));
    let missing = copy(&mut source, "nowhere", &mut target, "s").await.unwrap_err();
    assert!(matches!(&missing, RelayError::Source(e) if e.kind == ErrorKind::MissingObject), "{missing:?}");
    let both = copy(&mut source, "nowhere", &mut target, "nowhere").await.unwrap_err();
    assert!(both.error().kind == ErrorKind::MissingObject);
    let no_copy = relay(
        &mut source,
        &mut target,
        Relayed::unchanged("SELECT 1", "COPY s FROM STDIN"),
        &Passing::default(),
    )
    .await;
    assert_eq!(no_copy.unwrap_err().error().kind, ErrorKind::Internal);
    let swapped = relay(
        &mut source,
        &mut target,
        Relayed::unchanged("COPY s FROM STDIN", "COPY s TO STDOUT"),
        &Passing::default(),
    )
    .await;
    assert!(swapped.is_err());
    assert_eq!(target.value("SELECT count(*) FROM s").await.unwrap().as_deref(), Some("0"));
    still_work(&mut source, &mut target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_side_does_not_wait_for_the_others_lock() {
    let (mut source, mut target) = two().await;
    let (mut holder, _) = two().await;
    holder.command("CREATE TABLE wire_locked (n int)").await.unwrap();
    holder.command("BEGIN; LOCK wire_locked").await.unwrap();
    let begun = Instant::now();
    let error = copy(&mut source, "nowhere", &mut target, "wire_locked").await.unwrap_err();
    assert!(matches!(&error, RelayError::Source(e) if e.kind == ErrorKind::MissingObject), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    holder.command("COMMIT; DROP TABLE wire_locked").await.unwrap();
    still_work(&mut source, &mut target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_either_side_ends_both_at_once() {
    for cancel_source in [true, false] {
        let (mut source, mut target) = two().await;
        target.command("CREATE TEMP TABLE c (n int, v text)").await.unwrap();
        let canceller = if cancel_source { source.canceller() } else { target.canceller() };
        let query = "(SELECT g, pg_sleep(0.01) || repeat('x', 100000) FROM generate_series(1, 100000) g)";
        let cancelling = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            canceller.cancel().await.unwrap();
        };
        let begun = Instant::now();
        let (done, ()) = tokio::join!(copy(&mut source, query, &mut target, "c"), cancelling);
        assert!(begun.elapsed() < Duration::from_secs(4));
        let error = done.unwrap_err();
        assert_eq!(error.error().kind, ErrorKind::Cancelled);
        assert_eq!(matches!(error, RelayError::Source(_)), cancel_source);
        still_work(&mut source, &mut target).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_dropped_leaves_nothing_usable() {
    let (mut source, mut target) = two().await;
    target.command("CREATE TEMP TABLE d (n int)").await.unwrap();
    let query = "(SELECT g FROM generate_series(1, 100000000) g)";
    let begun = tokio::time::timeout(Duration::from_millis(200), copy(&mut source, query, &mut target, "d"));
    assert!(begun.await.is_err());
    assert!(!source.is_usable() && !target.is_usable());
    assert_eq!(target.command("SELECT 1").await.unwrap_err().kind, ErrorKind::ConnectionLost);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_session_says_so() {
    for end_source in [true, false] {
        let (mut source, mut target) = two().await;
        target.command("CREATE TEMP TABLE k (n int, v text)").await.unwrap();
        let doomed = if end_source { &mut source } else { &mut target };
        let pid = doomed.value("SELECT pg_backend_pid()").await.unwrap().unwrap();
        let ending = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let (mut other, _) = two().await;
            other.command(&format!("SELECT pg_terminate_backend({pid})")).await.unwrap();
        };
        let query = "(SELECT g, repeat('x', 1000) FROM generate_series(1, 100000000) g)";
        let (done, ()) = tokio::join!(copy(&mut source, query, &mut target, "k"), ending);
        let error = done.unwrap_err();
        assert_eq!(error.error().sqlstate.as_deref(), Some("57P01"), "{error:?}");
        assert_eq!(matches!(error, RelayError::Source(_)), end_source);
        assert_eq!((source.is_usable(), target.is_usable()), (!end_source, end_source));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_hold_their_settings_and_know_their_end() {
    let mut endpoint = endpoint(shared().port());
    endpoint.options = Some("-c work_mem=5MB -c jit=on".to_owned());
    let server = server(endpoint);
    let settings = [("jit", "off"), ("search_path", ""), ("myapp.text", r"a b\ c'd")];
    let session = server.connect("postgres", &settings).await.unwrap();
    let shown = "SELECT concat_ws('|', current_setting('work_mem'), current_setting('jit'), \
                 current_setting('search_path'), current_setting('myapp.text'), \
                 current_setting('application_name'), current_setting('client_encoding'))";
    let wanted = r"5MB|off||a b\ c'd|pgpassage/test|UTF8";
    assert_eq!(session.query_one(shown, &[]).await.unwrap().get::<_, String>(0), wanted);
    let mut wire = server.connect_wire("postgres", &settings).await.unwrap();
    assert_eq!(wire.value(shown).await.unwrap().as_deref(), Some(wanted));
    assert!(wire.parameter("server_version").is_some());

    let error = session.query("SELECT 1/0", &[]).await.map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "division by zero");
    let canceller = session.canceller();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        canceller.cancel().await.unwrap();
    };
    let (slept, ()) = tokio::join!(session.batch("SELECT pg_sleep(60)"), stop);
    assert_eq!(slept.unwrap_err().kind, ErrorKind::Cancelled);

    let pid: i32 = session.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    // Nothing may be under way (the statement before is closed behind our back), or that would get the news.
    session.batch("").await.unwrap();
    wire.command(&format!("SELECT pg_terminate_backend({pid})")).await.unwrap();
    let end = session.closed().await;
    assert_eq!((end.kind, end.sqlstate.as_deref()), (ErrorKind::ConnectionLost, Some("57P01")));
    let late = session.query("SELECT 1", &[]).await.map(|_| ()).unwrap_err();
    assert!(late.message.contains("administrator command"), "{late}");
}
