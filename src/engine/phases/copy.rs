//! The rows of one table: relayed from the source's COPY into the target's, and counted on both sides.

use super::snapshot::{LOCK_NOT_AVAILABLE, Snapshot};
use crate::engine::database::Db;
use crate::engine::replicate::again::Around;
use crate::engine::sessions::Pair;
use crate::model::check::Finding;
use crate::model::event::Event;
use crate::model::failure::{Failure, FailureKind};
use crate::model::plan::TargetPolicy;
use crate::model::units::{Side, TableName, printable, thousands};
use crate::pg::error::ErrorKind;
use crate::pg::facts::tables::{self, Belongs, TableFacts};
use crate::pg::quote::Qualified;
use crate::pg::statement::data::{
    CopyFormat, DURABLY, Rows, Written, copy_in, copy_out, delete_only, lock_access_share, lock_now,
    truncate_only,
};
use crate::pg::wire::{Connection, CopyStats, Lot, Passing, RelayError, Relayed, relay, relay_lot};
use std::time::Instant;

/// SQLSTATE check_violation: a CHECK, or the bounds of a partition.
const CHECK_VIOLATION: &str = "23514";

/// Tables from this size on are truncated (they are empty and ours) to have their rows written frozen, in bytes. Smaller
/// ones are not worth the new file that a truncation makes.
pub(super) const FROZEN_FROM_BYTES: u64 = 1 << 20;

/// What is copied at a time.
#[derive(Debug, Clone, Copy)]
struct Haul<'a> {
    table: &'a TableFacts,
    rows: Rows,
    /// On the target: the table itself, or the top of its partition tree.
    into: &'a TableName,
}

/// Copies one table. A failure of this table alone is journalled and the others go on.
///
/// # Errors
/// Only what ends the whole database.
pub(crate) async fn run(db: &Db, snapshot: &Snapshot, table: &TableFacts) -> Result<(), Failure> {
    let began = Instant::now();
    let result = copy(db, snapshot, table, Rows::All).await;
    if let Ok(stats) = &result {
        came(db, table, stats);
    }
    settle(db, table, began, result)
}

/// A whole table is across.
fn came(db: &Db, table: &TableFacts, stats: &CopyStats) {
    db.cx.board.change(&db.name, |g| {
        g.bytes_done += table.size_bytes;
        g.rows_done += stats.rows_in;
    });
}

/// Journals what became of a table. Its rows and bytes have been counted.
///
/// # Errors
/// Only what ends the whole database.
pub(super) fn settle(
    db: &Db,
    table: &TableFacts,
    began: Instant,
    result: Result<CopyStats, Failure>,
) -> Result<(), Failure> {
    match result {
        Ok(stats) => {
            db.progress.copied(table.oid, stats);
            db.cx.board.change(&db.name, |g| g.tables_done += 1);
            db.cx.emit.record(Event::TableCopied {
                database: db.name.clone(),
                table: table.name.clone(),
                rows: stats.rows_in,
                bytes: stats.bytes,
                ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            });
            Ok(())
        }
        Err(failure) if crate::engine::retry::ends_the_database(&failure) => {
            Err(failure.while_doing(format!("copying {}", table.name)))
        }
        Err(failure) => {
            db.progress.lose();
            db.finding(
                Finding::lost("table", format!("the rows of {} could not be copied", table.name))
                    .because(failure.what.clone())
                    .fix(failure.advice.clone().unwrap_or_default())
                    .object(table.name.to_string()),
            );
            let event = Event::TableFailed { database: db.name.clone(), table: table.name.clone(), failure };
            db.cx.emit.record(event);
            Ok(())
        }
    }
}

/// Copies several small tables in one transaction of the target: with thousands of them, round trips and commits are
/// what takes the time. Where one of them fails, all are copied again one by one, so that it is known by its name.
///
/// # Errors
/// Only what ends the whole database.
pub(crate) async fn run_together(
    db: &Db,
    snapshot: &Snapshot,
    tables: &[&TableFacts],
) -> Result<(), Failure> {
    // Nothing stands around the rows of a lot, and nothing makes room for them.
    let alone = db.copies_again() || tables.iter().any(|table| db.around(&table.name) != Around::default());
    if !alone {
        match together(db, snapshot, tables).await {
            Ok(done) => {
                for (table, (began, stats)) in tables.iter().zip(done) {
                    came(db, table, &stats);
                    settle(db, table, began, Ok(stats))?;
                }
                return Ok(());
            }
            Err(failure) if crate::engine::retry::ends_the_database(&failure) => return Err(failure),
            Err(failure) => {
                tracing::info!(
                    database = db.name,
                    "{} small tables, now one by one: {failure}",
                    tables.len()
                );
            }
        }
    }
    for table in tables {
        run(db, snapshot, table).await?;
    }
    Ok(())
}

async fn together(
    db: &Db,
    snapshot: &Snapshot,
    tables: &[&TableFacts],
) -> Result<Vec<(Instant, CopyStats)>, Failure> {
    let mut pair = db.pair(&snapshot.id).await?;
    let names: Vec<_> = tables.iter().map(|t| &t.name).collect();
    let mut out = format!("{} NOWAIT", lock_access_share(&names));
    let mut into = "BEGIN".to_owned();
    let mut shortened = Vec::with_capacity(tables.len());
    for table in tables {
        let format = format(db, table);
        out.push_str("; ");
        out.push_str(&copy_out(table, Rows::All, format));
        into.push_str("; ");
        into.push_str(&copy_in(&table.name, &table.columns, format, Written::Normally));
        shortened.push(padded(db, table, format));
    }
    let what = format!("copying {} small tables", tables.len());
    let doing = db.cx.board.doing(&db.name, what, Some(tables.iter().map(|t| t.size_bytes).sum()));
    doing.by(Side::Source, pair.source.server_pid());
    doing.by(Side::Target, pair.target.server_pid());
    let lot = Lot { copies_out: &out, copies_in: &into, padded: &shortened };
    let done = cancellable(db, &mut pair, async |pair| {
        let Pair { source, target, .. } = pair;
        let done = relay_lot(source, target, lot, &doing.passing).await.map_err(of_a_lot)?;
        done.iter().try_for_each(|(_, stats)| same_number(*stats))?;
        commit(target, "COMMIT").await?;
        Ok(done)
    });
    let done = done.await?;
    db.put_pair_back(pair);
    Ok(done)
}

/// Binary is cheaper for both servers, and only safe where both databases hold the same encoding: a binary value of
/// text is converted by the session's encoding, which the COPY statement cannot name.
fn format<'a>(db: &'a Db, table: &TableFacts) -> CopyFormat<'a> {
    let source = db.facts.encoding.as_str();
    let target = db.on_target.as_ref().map_or(source, |t| t.encoding.as_str());
    let text_only = !table.binary_is_safe || source != "UTF8" || target != "UTF8";
    // A table without columns has nothing that could be binary.
    if text_only || table.columns.is_empty() {
        CopyFormat::Text { encoding: source }
    } else {
        CopyFormat::Binary
    }
}

/// The columns whose blanks the target makes again: those of a table that this run has just made there with the source's own
/// definition. One that somebody has had in his hands since may hold them as text, where blanks are letters.
fn padded<'a>(db: &Db, table: &'a TableFacts, format: CopyFormat<'_>) -> &'a [bool] {
    let ours = !db.occupied && !db.copies_again() && table.belongs == Belongs::User;
    if ours && format == CopyFormat::Binary { &table.padded } else { &[] }
}

/// Into the table itself; where rows do not belong into this partition on the target, into the top of its tree, which
/// finds their place. That happens to hash partitions whose key hashes otherwise there: enums hash by their OIDs, text
/// by its encoding and collation. The partition's own constraint finds it out for each row.
pub(super) async fn copy(
    db: &Db,
    snapshot: &Snapshot,
    table: &TableFacts,
    rows: Rows,
) -> Result<CopyStats, Failure> {
    let direct = copy_into(db, snapshot, Haul { table, rows, into: &table.name }).await;
    match (&direct, table.ancestors.last()) {
        // Triggers of the whole tree would act where only those of the partition are switched off.
        (Err(failure), Some(top))
            if failure.sqlstate.as_deref() == Some(CHECK_VIOLATION)
                && (db.holds_triggers_off() || !db.copies_again()) =>
        {
            tracing::info!(database = db.name, "{}: {failure}; again by way of {top}", table.name);
            copy_into(db, snapshot, Haul { table, rows, into: top }).await
        }
        _ => direct,
    }
}

/// A table that cannot be locked at once is read by the spare: somebody waits for an exclusive lock on it, and waits
/// for ours, so that waiting behind him would never end.
async fn copy_into(db: &Db, snapshot: &Snapshot, haul: Haul<'_>) -> Result<CopyStats, Failure> {
    let mut pair = db.pair(&snapshot.id).await?;
    let table = haul.table;
    let stats = relay_rows(db, &mut pair, haul, lock_now(&table.name)).await;
    match stats {
        Ok(stats) => {
            db.put_pair_back(pair);
            Ok(stats)
        }
        Err(failure) if failure.sqlstate.as_deref() == Some(LOCK_NOT_AVAILABLE) => {
            tracing::info!(database = db.name, "{}: {failure}; read by the spare session", table.name);
            drop(pair);
            copy_by_spare(db, snapshot, haul).await
        }
        Err(failure) => Err(failure),
    }
}

async fn copy_by_spare(db: &Db, snapshot: &Snapshot, haul: Haul<'_>) -> Result<CopyStats, Failure> {
    let mut spare = tokio::select! {
        biased;
        () = db.cancel.cancelled() => return Err(Failure::interrupted()),
        spare = snapshot.spare.0.lock() => spare,
    };
    let Some(reader) = spare.take() else {
        return Err(Failure::new(
            FailureKind::Server,
            format!(
                "somebody waits for an exclusive lock on {} on the source, and nothing can be read any more",
                haul.table.name
            ),
        )
        .advise(
            "keep schema changes and maintenance away from the source while it is migrated, and start again",
        ));
    };
    let mut pair = db.pair_with(reader).await?;
    let stats = relay_rows(db, &mut pair, haul, "SAVEPOINT before".to_owned()).await;
    // Back to where the locks were taken, whatever became of this table.
    if pair.source.is_usable() && pair.source.command("ROLLBACK TO SAVEPOINT before").await.is_ok() {
        *spare = Some(pair.source);
    }
    stats
}

async fn relay_rows(db: &Db, pair: &mut Pair, haul: Haul<'_>, first: String) -> Result<CopyStats, Failure> {
    let table = haul.table;
    let (what, bytes) = match (haul.rows, table.heap_blocks) {
        (Rows::Blocks { from, to }, Some(blocks)) => {
            let part = to.unwrap_or(blocks).saturating_sub(from);
            let bytes = u128::from(table.size_bytes) * u128::from(part) / u128::from(blocks.max(1));
            (format!("copying a part of {}", table.name), u64::try_from(bytes).unwrap_or(0))
        }
        _ => (format!("copying {}", table.name), table.size_bytes),
    };
    let doing = db.cx.board.doing(&db.name, what, Some(bytes));
    doing.by(Side::Source, pair.source.server_pid());
    doing.by(Side::Target, pair.target.server_pid());
    let format = format(db, table);
    let out = format!("{first}; {}", copy_out(table, haul.rows, format));
    let written = written(db, haul);
    let into = copy_in(haul.into, &table.columns, format, written);
    let around = db.around(&table.name);
    let room = match table.belongs {
        // In the transaction that brings the new ones. Of partitions all were deleted before: rows of one may have come
        // into another.
        Belongs::User if db.copies_again() && table.ancestors.is_empty() => {
            format!("{}; ", delete_only(&table.name))
        }
        Belongs::User if written == Written::Frozen => format!("{}; ", truncate_only(&[&table.name])),
        Belongs::User => String::new(),
        // Rows of the user's among those of the extension's script: counting would not tell whether a crash took them.
        Belongs::Extension { .. } => format!("{DURABLY}; {}; ", make_room(db, table).await?),
    };
    let into = format!("BEGIN; {}{room}{into}", around.before);
    let stats = cancellable(db, pair, async |pair| {
        let what = Relayed { copy_out: &out, copy_in: &into, padded: padded(db, table, format) };
        let stats = relayed(pair, what, &doing.passing).await?;
        commit(&mut pair.target, &format!("{}COMMIT", around.after)).await?;
        Ok(stats)
    });
    let stats = stats.await.map_err(|f| explain(f, format))?;
    if written == Written::Frozen {
        db.progress.written_frozen(table.oid);
    }
    Ok(stats)
}

/// Work on a pair, but no longer than until this database is cancelled.
async fn cancellable<T>(
    db: &Db,
    pair: &mut Pair,
    work: impl AsyncFnOnce(&mut Pair) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let (from, to) = (pair.source.canceller(), pair.target.canceller());
    tokio::select! {
        biased;
        () = db.cancel.cancelled() => {
            // Both servers stop at once instead of when they next look at their sockets.
            let (a, b) = tokio::join!(from.cancel(), to.cancel());
            drop((a, b));
            Err(Failure::interrupted())
        }
        result = work(pair) => result,
    }
}

/// Never a partition: rows of another one may have come into it by way of the top of their tree, and truncating would
/// lose them.
pub(super) fn may_freeze(db: &Db, table: &TableFacts) -> bool {
    let alone = !db.occupied && !db.copies_again() && table.ancestors.is_empty();
    alone && table.size_bytes >= FROZEN_FROM_BYTES && db.cx.target_facts.superuser
}

fn written(db: &Db, haul: Haul<'_>) -> Written {
    if haul.rows == Rows::All && may_freeze(db, haul.table) { Written::Frozen } else { Written::Normally }
}

/// The rows on their way, in a transaction of the target that is not ended here.
async fn relayed(pair: &mut Pair, what: Relayed<'_>, progress: &Passing) -> Result<CopyStats, Failure> {
    let stats = relay(&mut pair.source, &mut pair.target, what, progress).await.map_err(of_its_side)?;
    same_number(stats)?;
    Ok(stats)
}

fn of_its_side(error: RelayError) -> Failure {
    let side = match &error {
        RelayError::Source(_) => "the source says",
        RelayError::Target(_) => "the target says",
    };
    Failure::from(error.into_error()).while_doing(side)
}

/// Somebody in between who does not like so many COPYs at once may like one: the server itself is well, so that this does
/// not end the database.
fn of_a_lot(error: RelayError) -> Failure {
    let is_odd = error.error().kind == ErrorKind::Protocol;
    let failure = of_its_side(error);
    if is_odd { Failure::new(FailureKind::Server, failure.to_string()) } else { failure }
}

/// A transaction that failed unheard is answered by ROLLBACK, and that is no error (manual, COMMIT).
async fn commit(target: &mut Connection, sql: &str) -> Result<(), Failure> {
    let tag = target.command(sql).await?;
    if tag.as_str() == "COMMIT" {
        return Ok(());
    }
    let what = format!("the target answered {} to COMMIT; nothing was kept", printable(tag.as_str()));
    Err(Failure::new(FailureKind::Server, what))
}

/// Where it is not, dropping the pair rolls the transaction back.
fn same_number(stats: CopyStats) -> Result<(), Failure> {
    if stats.rows_out == stats.rows_in {
        return Ok(());
    }
    let what = format!(
        "the source sent {} rows and the target took {}; nothing was kept",
        thousands(stats.rows_out),
        thousands(stats.rows_in)
    );
    Err(Failure::new(FailureKind::Server, what))
}

/// A configuration table of an extension: what the user has there now is replaced, what the extension itself put there
/// stays. The condition is the one of the target's own extension.
async fn make_room(db: &Db, table: &TableFacts) -> Result<String, Failure> {
    let session = db.cx.target_session(&db.name).await?;
    let there = db.guarded(session.canceller(), tables::gather(&session)).await?;
    let name = &table.name;
    match there.into_iter().find(|t| t.name == *name).map(|t| t.belongs) {
        // Whatever is there already stays, as the operator said; a collision is reported.
        Some(_) if db.occupied && db.cx.plan.policies.target_not_empty == TargetPolicy::Append => {
            Ok("SELECT".to_owned())
        }
        Some(Belongs::Extension { condition, .. }) => {
            Ok(format!("DELETE FROM ONLY {} {}", Qualified(name), condition.unwrap_or_default()))
        }
        Some(Belongs::User) => Ok("SELECT".to_owned()),
        None => Err(Failure::new(
            FailureKind::Server,
            format!("{name} is not a configuration table of an extension on the target"),
        )),
    }
}

/// Text has a limit that binary does not have: the server builds the whole line in one buffer of 1 GB, and a byte of
/// bytea takes two there, or more.
fn explain(failure: Failure, format: CopyFormat<'_>) -> Failure {
    let too_large =
        failure.sqlstate.as_deref() == Some("54000") || failure.what.contains("invalid memory alloc");
    if too_large && matches!(format, CopyFormat::Text { .. }) {
        return failure.advise(
            "a row of this table is larger than 1 GB as text, and text is needed because of one of its types or \
             because of the databases' encoding; copy that row by hand",
        );
    }
    failure
}
