//! Many COPYs with one question to each server: that each row comes into its table, and what becomes of a failure.

use super::two;
use pgpassage::pg::error::ErrorKind;
use pgpassage::pg::wire::{Connection, CopyStats, Lot, RelayError, relay_lot};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

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
    let progress = AtomicU64::new(0);
    let lot = Lot { copies_out: &out, copies_in: &into, padded: &padded };
    let done = relay_lot(source, target, lot, &progress).await?;
    assert_eq!(progress.load(Ordering::Relaxed), done.iter().map(|(_, stats)| stats.bytes).sum::<u64>());
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
    relay_lot(&mut source, &mut target, lot, &AtomicU64::new(0)).await.unwrap();
    let sum = |table| format!("SELECT sum(length(v)) FROM {table}");
    assert_eq!(target.value(&sum("a")).await.unwrap().as_deref(), Some("27"));
    // The first row comes with the file's header, and is left as it is.
    assert_eq!(target.value(&sum("b")).await.unwrap().as_deref(), Some("11"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_names_its_side_and_ends_both() {
    let good = ("(SELECT 'x' FROM generate_series(1, 30000))", "a");
    let cases: [(&str, &[(&str, &str)], &str, bool); 6] = [
        ("BEGIN", &[good, ("(SELECT 'no')", "b"), good], "23514", false),
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
    }
}

/// Nothing of it is taken for done: other statements than COPYs, COPYs the other way round, one too few or too many.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_lot_is_refused() {
    let (out, into) = ("COPY (SELECT 1) TO STDOUT", "COPY a FROM STDIN");
    let lots: [(String, String); 6] = [
        (format!("{out}; SELECT 1"), format!("{into}; {into}")),
        (format!("{out}; {out}; {out}"), format!("{into}; {into}")),
        (format!("{out}; {out}"), into.to_owned()),
        (format!("{out}; {out}"), format!("{into}; {into}; {into}")),
        ("COPY a FROM STDIN".to_owned(), format!("{into}; {into}")),
        (format!("{out}; {out}"), format!("{out}; {out}")),
    ];
    for (copies_out, copies_in) in lots {
        let (mut source, mut target) = two().await;
        tables(&mut source, &["a"]).await;
        tables(&mut target, &["a"]).await;
        let lot = Lot { copies_out: &copies_out, copies_in: &copies_in, padded: &[&[], &[]] };
        let progress = AtomicU64::new(0);
        let relayed = relay_lot(&mut source, &mut target, lot, &progress);
        let waited = tokio::time::timeout(Duration::from_secs(3), relayed).await;
        assert!(!matches!(waited, Ok(Ok(_))), "{copies_out} into {copies_in}");
        assert!(!source.is_usable() || !target.is_usable());
    }
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
