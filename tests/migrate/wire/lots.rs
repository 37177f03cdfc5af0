//! Many COPYs with one question to each server: that each row comes into its table, and what becomes of a failure.

use super::login::{encrypted_cluster, with_password};
use super::{endpoint, server, tcp, two};
use pgpassage::demo::cluster::Cluster;
use pgpassage::model::endpoint::Endpoint;
use pgpassage::model::endpoint::SslMode;
use pgpassage::pg::error::ErrorKind;
use pgpassage::pg::wire::{Connection, CopyStats, Lot, Passing, RelayError, relay_lot};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What is copied: a query of the source, and a table of the target.
type Copies<'a> = [(&'a str, &'a str)];

async fn copy(
    source: &mut Connection,
    target: &mut Connection,
    (first, copies): (&str, &Copies<'_>),
) -> Result<Vec<CopyStats>, RelayError> {
    let padded = vec![&[][..]; copies.len()];
    let mut out = vec![first.to_owned()];
    let mut into = vec!["BEGIN".to_owned()];
    for (query, table) in copies {
        out.push(format!("COPY {query} TO STDOUT"));
        into.push(format!("COPY {table} FROM STDIN"));
    }
    let (out, into) = (out.join("; "), into.join("; "));
    let progress = Passing::default();
    let lot = Lot { copies_out: &out, copies_in: &into, padded: &padded };
    let done = relay_lot(source, target, lot, &progress).await?;
    assert_eq!(
        progress.bytes.load(Ordering::Relaxed),
        done.iter().map(|(_, stats)| stats.bytes).sum::<u64>()
    );
    assert!(done.is_sorted_by_key(|(began, _)| *began));
    Ok(done.into_iter().map(|(_, stats)| stats).collect())
}

async fn tables(target: &mut Connection, names: &[&str]) {
    for name in names {
        target.command(&format!("CREATE TEMP TABLE {name} (v text CHECK (v <> 'no'))")).await.unwrap();
    }
}

/// Also one without rows, and one that is much larger than all buffers on the way.
#[tokio::test(flavor = "multi_thread")]
async fn every_row_comes_into_its_table() {
    let (mut source, mut target) = two().await;
    let names: Vec<_> = (0..200).map(|n| format!("t{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    tables(&mut target, &names).await;
    let queries: Vec<_> = (0..200)
        .map(|n| match n {
            7 => "(SELECT 'x' WHERE false)".to_owned(),
            8 => "(SELECT '8 ' || repeat('x', 3000) FROM generate_series(1, 20000))".to_owned(),
            n => format!("(SELECT '{n} ' || g FROM generate_series(1, {n} % 50) g)"),
        })
        .collect();
    let copies: Vec<_> = queries.iter().map(String::as_str).zip(names).collect();
    for _ in 0..2 {
        let done = copy(&mut source, &mut target, ("BEGIN", &copies)).await.unwrap();
        for (n, stats) in done.into_iter().enumerate() {
            let rows = if n == 7 {
                0
            } else if n == 8 {
                20_000
            } else {
                n as u64 % 50
            };
            assert_eq!((stats.rows_out, stats.rows_in), (rows, rows), "{n}");
            let own = format!("SELECT count(*) FILTER (WHERE v LIKE '{n} %') || ' ' || count(*) FROM t{n}");
            assert_eq!(target.value(&own).await.unwrap().unwrap(), format!("{rows} {rows}"));
        }
        assert!(target.in_transaction());
        // Both can be used, and the same is to be had again.
        target.command("ROLLBACK").await.unwrap();
        source.command("ROLLBACK").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_padded_is_known_of_each() {
    let (mut source, mut target) = two().await;
    target.command("CREATE TEMP TABLE a (v text); CREATE TEMP TABLE b (v text)").await.unwrap();
    let one = "COPY (SELECT 'a'::char(9) FROM generate_series(1, 3)) TO STDOUT (FORMAT binary)";
    let lot = Lot {
        copies_out: &format!("{one}; {one}"),
        copies_in: "BEGIN; COPY a FROM STDIN (FORMAT binary); COPY b FROM STDIN (FORMAT binary)",
        padded: &[&[], &[true]],
    };
    relay_lot(&mut source, &mut target, lot, &Passing::default()).await.unwrap();
    let sum = |table| format!("SELECT sum(length(v)) FROM {table}");
    assert_eq!(target.value(&sum("a")).await.unwrap().as_deref(), Some("27"));
    // The first row comes with the file's header, and is left as it is.
    assert_eq!(target.value(&sum("b")).await.unwrap().as_deref(), Some("11"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_names_its_side_and_ends_both() {
    let good = ("(SELECT 'x' FROM generate_series(1, 30000))", "a");
    let refused = ("(SELECT 'no')", "b");
    let cases: [(&str, &Copies<'_>, &str, bool); 6] = [
        ("BEGIN", &[good, refused, good], "23514", false),
        ("BEGIN", &[good, ("(SELECT 'x')", "nowhere"), good], "42P01", false),
        (
            "BEGIN",
            &[good, ("(SELECT 1 / (90000 - g) FROM generate_series(1, 90001) g)", "b"), good],
            "22012",
            true,
        ),
        ("DO $$BEGIN PERFORM 1 / 0; END$$", &[good], "22012", true),
        ("BEGIN", &[good, ("nowhere", "b")], "42P01", true),
        ("BEGIN", &[("(SELECT 1, 2)", "a"), good], "22P04", false),
    ];
    for (first, copies, code, of_source) in cases {
        let (mut source, mut target) = two().await;
        tables(&mut target, &["a", "b"]).await;
        let error = copy(&mut source, &mut target, (first, copies)).await.unwrap_err();
        assert_eq!(matches!(error, RelayError::Source(_)), of_source, "{error:?}");
        assert_eq!(error.error().sqlstate.as_deref(), Some(code), "{error:?}");
        assert!(!source.is_usable() && !target.is_usable());
        if copies.get(1) == Some(&refused) {
            // Of all of them, which one, and where in it.
            assert_eq!(error.error().context.as_deref(), Some("COPY b, line 1: \"no\""));
        }
    }
}

/// Nothing of it is taken for done, and nobody is waited for: other statements than COPYs, COPYs the other way round, one too
/// few or too many.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_lot_is_refused() {
    let (out, into) = ("COPY (SELECT 1) TO STDOUT", "COPY a FROM STDIN");
    let lots: [(String, String); 6] = [
        (format!("{out}; BEGIN"), format!("{into}; {into}")),
        (format!("{out}; {out}; {out}"), format!("{into}; {into}")),
        (format!("{out}; {out}"), into.to_owned()),
        (out.to_owned(), format!("{into}; {into}")),
        ("COPY a FROM STDIN".to_owned(), format!("{into}; {into}")),
        (format!("{out}; {out}"), format!("{out}; {out}")),
    ];
    for (copies_out, copies_in) in lots {
        let (mut source, mut target) = two().await;
        tables(&mut source, &["a"]).await;
        tables(&mut target, &["a"]).await;
        let lot = Lot { copies_out: &copies_out, copies_in: &copies_in, padded: &[&[], &[]] };
        let error = relay(&mut source, &mut target, lot).await.unwrap_err();
        assert_eq!(error.error().kind, ErrorKind::Protocol, "{copies_out} into {copies_in}: {error}");
        assert!(!source.is_usable() && !target.is_usable());
    }
}

async fn relay(
    source: &mut Connection,
    target: &mut Connection,
    lot: Lot<'_>,
) -> Result<Vec<(Instant, CopyStats)>, RelayError> {
    let progress = Passing::default();
    let relayed = relay_lot(source, target, lot, &progress);
    tokio::time::timeout(Duration::from_secs(10), relayed).await.unwrap()
}

fn said(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag][..], &length, body].concat()
}

/// A connection to somebody who lets everybody in and answers whatever is asked with that.
async fn impostor(answer: Vec<u8>) -> Connection {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut endpoint = endpoint(listener.local_addr().unwrap().port());
    endpoint.ssl.mode = SslMode::Disable;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut read = vec![0; 65_536];
                let size = stream.read(&mut read).await.unwrap();
                // A request to cancel is answered by the end.
                if size == 16 {
                    return;
                }
                let welcome = [said(b'R', &[0; 4]), said(b'Z', b"I")].concat();
                stream.write_all(&welcome).await.unwrap();
                let asked = stream.read(&mut read).await.unwrap();
                assert!(asked > 0);
                stream.write_all(&answer).await.unwrap();
                while stream.read(&mut read).await.is_ok_and(|bytes| bytes > 0) {}
            });
        }
    });
    server(endpoint).connect_wire("postgres", &[]).await.unwrap()
}

/// What a source may say of two COPYs that are none, and a target of two that it never took.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_believed() {
    let (begins, row, ends) = (said(b'H', b"\0\0\0"), said(b'd', b"x\n"), said(b'c', b""));
    let (counted, ready) = (said(b'C', b"COPY 1\0"), said(b'Z', b"T"));
    let good = [&begins[..], &row, &ends, &counted].concat();
    let sources: [&[&[u8]]; 8] = [
        &[&ready],
        &[&good, &ready],
        &[&good, &begins, &row, &ready],
        &[&good, &begins, &row, &ends, &ready],
        &[&row],
        &[&good, &counted],
        &[&begins, &counted],
        &[&good, &good, &good],
    ];
    let into = "BEGIN; COPY a FROM STDIN; COPY a FROM STDIN";
    let lot = |into| Lot { copies_out: "COPY", copies_in: into, padded: &[&[], &[]] };
    for said in sources {
        let (mut target, _) = two().await;
        tables(&mut target, &["a"]).await;
        let mut source = impostor(said.concat()).await;
        let error = relay(&mut source, &mut target, lot(into)).await.unwrap_err();
        assert!(matches!(&error, RelayError::Source(e) if e.kind == ErrorKind::Protocol), "{error:?}");
    }
    let takes = said(b'G', b"\0\0\0");
    let targets: [&[&[u8]]; 5] = [
        &[&ready],
        &[&takes, &ready],
        &[&takes, &counted, &ready],
        &[&counted, &counted, &counted],
        &[&takes, &row],
    ];
    for said in targets {
        let (mut source, _) = two().await;
        let mut target = impostor(said.concat()).await;
        // It says so before anything can have come.
        let (mut holder, _) = two().await;
        holder.command("SELECT pg_advisory_lock(4711)").await.unwrap();
        let late = "COPY (SELECT pg_advisory_lock(4711)) TO STDOUT; COPY (SELECT 1) TO STDOUT";
        let error = relay(&mut source, &mut target, Lot { copies_out: late, ..lot(into) }).await.unwrap_err();
        assert!(matches!(&error, RelayError::Target(e) if e.kind == ErrorKind::Protocol), "{error:?}");
    }
    // The last word of one that goes, behind others.
    let fatal = said(b'E', b"SFATAL\0C53100\0Mfull\0\0");
    let mut target = impostor([&takes[..], &fatal].concat()).await;
    let (mut source, _) = two().await;
    let many =
        "COPY (SELECT repeat('x', 3000) FROM generate_series(1, 20000)) TO STDOUT; COPY (SELECT 1) TO STDOUT";
    let error = relay(&mut source, &mut target, Lot { copies_out: many, ..lot(into) }).await.unwrap_err();
    assert_eq!(error.error().sqlstate.as_deref(), Some("53100"), "{error:?}");
}

/// The one that waits is cancelled, and does not go on without anybody.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_source_does_not_leave_the_target_waiting() {
    let (mut source, mut target) = two().await;
    let (mut holder, mut looker) = two().await;
    holder.command("CREATE TABLE lot_locked (v text)").await.unwrap();
    holder.command("BEGIN; LOCK lot_locked").await.unwrap();
    let pid = target.server_pid().unwrap();
    let begun = Instant::now();
    let copies = [("(SELECT 1)", "lot_locked"), ("nowhere", "lot_locked")];
    let error = copy(&mut source, &mut target, ("BEGIN", &copies)).await.unwrap_err();
    assert!(matches!(&error, RelayError::Source(e) if e.kind == ErrorKind::MissingObject), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let there = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
    while looker.value(&there).await.unwrap().as_deref() != Some("0") {
        assert!(begun.elapsed() < Duration::from_secs(10), "the target's session is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    holder.command("ROLLBACK; DROP TABLE lot_locked").await.unwrap();
}

/// Until a session of that server waits for that.
async fn waits(looker: &mut Connection, pid: i32, event: &str) {
    let asked = format!("SELECT wait_event FROM pg_stat_activity WHERE pid = {pid}");
    let began = Instant::now();
    while looker.value(&asked).await.unwrap().as_deref() != Some(event) {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not wait for {event}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Much more than all buffers on the way hold.
const LARGE: &str = "(SELECT repeat('x', 3000) FROM generate_series(1, 20000))";

/// A table that takes nothing as long as this connection lives.
async fn locked(table: &str) -> Connection {
    let (mut holder, _) = two().await;
    holder.command(&format!("CREATE TABLE {table} (v text)")).await.unwrap();
    holder.command(&format!("BEGIN; LOCK {table}")).await.unwrap();
    holder
}

async fn encrypted(cluster: &Cluster) -> Connection {
    let mut endpoint = Endpoint::new(tcp("127.0.0.1"), cluster.port(), "postgres");
    endpoint.ssl.mode = SslMode::Require;
    let mut connection = with_password(endpoint, "s3cret")
        .connect_wire("postgres", &[("search_path", "public")])
        .await
        .unwrap();
    let asked = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(connection.value(asked).await.unwrap().as_deref(), Some("true"));
    connection
}

/// The source has to wait in the middle of it, as the target takes nothing for a while.
#[tokio::test(flavor = "multi_thread")]
async fn encrypted_rows_wait_for_a_target_that_is_busy() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = encrypted_cluster(folder.path());
    let connect = async || encrypted(&cluster).await;
    let (mut source, mut target) = (connect().await, connect().await);
    let (mut holder, mut looker) = (connect().await, connect().await);
    holder
        .command("CREATE TABLE a (v text); CREATE TABLE b (v text); CREATE TABLE c (v text)")
        .await
        .unwrap();
    holder.command("BEGIN; LOCK b").await.unwrap();
    let pid = source.server_pid().unwrap();
    let busy = async {
        waits(&mut looker, pid, "ClientWrite").await;
        holder.command("COMMIT").await.unwrap();
    };
    let copies = [("(SELECT 'first')", "a"), (LARGE, "b"), ("(SELECT 'last')", "c")];
    let both = async { tokio::join!(copy(&mut source, &mut target, ("BEGIN", &copies)), busy) };
    let (done, ()) = tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    let rows: Vec<_> = done.unwrap().into_iter().map(|stats| (stats.rows_out, stats.rows_in)).collect();
    assert_eq!(rows, [(1, 1), (20_000, 20_000), (1, 1)]);
    target.command("COMMIT").await.unwrap();
    let there =
        "SELECT (SELECT v FROM a) || ' ' || (SELECT sum(length(v)) FROM b) || ' ' || (SELECT v FROM c)";
    assert_eq!(looker.value(there).await.unwrap().as_deref(), Some("first 60000000 last"));
    // Both can be used again.
    source.command("ROLLBACK").await.unwrap();
    copy(&mut source, &mut target, ("BEGIN", &[("(SELECT 'x')", "a")])).await.unwrap();
}

/// Also what had been copied whole before goes with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_lot_that_is_dropped_half_way_leaves_nothing() {
    let (mut source, mut target) = two().await;
    let (mut looker, _) = two().await;
    looker.command("CREATE TABLE lot_whole (v text)").await.unwrap();
    let mut holder = locked("lot_half").await;
    let (from, into) = (source.server_pid().unwrap(), target.server_pid().unwrap());
    let copies = [("(SELECT 'x' FROM generate_series(1, 1000))", "lot_whole"), (LARGE, "lot_half")];
    tokio::select! {
        done = copy(&mut source, &mut target, ("BEGIN", &copies)) => panic!("{done:?}"),
        () = waits(&mut looker, from, "ClientWrite") => {}
    }
    assert!(!source.is_usable() && !target.is_usable());
    drop((source, target));
    // The target finds out when it wants to read on.
    holder.command("ROLLBACK").await.unwrap();
    let gone = format!("SELECT count(*) FROM pg_stat_activity WHERE pid IN ({from}, {into})");
    let began = Instant::now();
    while looker.value(&gone).await.unwrap().as_deref() != Some("0") {
        assert!(began.elapsed() < Duration::from_secs(20), "their sessions are still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let rows = "SELECT (SELECT count(*) FROM lot_whole) + (SELECT count(*) FROM lot_half)";
    assert_eq!(looker.value(rows).await.unwrap().as_deref(), Some("0"));
    looker.command("DROP TABLE lot_whole, lot_half").await.unwrap();
}

/// Whoever stops a migration waits for neither.
#[tokio::test(flavor = "multi_thread")]
async fn cancelling_ends_a_lot_that_stands_still() {
    let mut holder = locked("lot_shut").await;
    for silent_source in [true, false] {
        let (mut source, mut target) = two().await;
        let (mut looker, _) = two().await;
        tables(&mut target, &["a", "b"]).await;
        let pid = source.server_pid().unwrap();
        let (copies, event, canceller) = if silent_source {
            let silent = ("(SELECT pg_sleep(600))", "b");
            ([("(SELECT 'x')", "a"), silent], "PgSleep", source.canceller())
        } else {
            ([("(SELECT 'x')", "a"), (LARGE, "lot_shut")], "ClientWrite", target.canceller())
        };
        let cancelling = async {
            waits(&mut looker, pid, event).await;
            canceller.cancel().await.unwrap();
            Instant::now()
        };
        let copying = async { (copy(&mut source, &mut target, ("BEGIN", &copies)).await, Instant::now()) };
        let both = async { tokio::join!(copying, cancelling) };
        let ((done, ended), cancelled) = tokio::time::timeout(Duration::from_secs(30), both).await.unwrap();
        let error = done.unwrap_err();
        assert_eq!(error.error().kind, ErrorKind::Cancelled, "{error:?}");
        assert_eq!(matches!(error, RelayError::Source(_)), silent_source, "{error:?}");
        assert!(
            ended.saturating_duration_since(cancelled) < Duration::from_secs(2),
            "silent source: {silent_source}"
        );
        assert!(!source.is_usable() && !target.is_usable());
    }
    holder.command("ROLLBACK; DROP TABLE lot_shut").await.unwrap();
}
