//! Large objects: contents under the snapshot, then owner, privileges, comment and labels.

use super::snapshot::Snapshot;
use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::engine::retry::ends_the_database;
use crate::model::check::{Finding, Severity};
use crate::model::failure::Failure;
use crate::model::plan::{Keep, TargetPolicy};
use crate::pg::connect::Session;
use crate::pg::facts::objects::LargeObjectFacts;
use crate::pg::statement::data::{
    UNLINK_LARGE_OBJECTS, import_snapshot, large_object_owner, large_object_privileges, large_object_texts,
};
use tokio_postgres::types::{Oid, ToSql};

/// What is read of a large object at a time, in bytes; also what a small one may have to travel with others.
const CHUNK_BYTES: i32 = 1 << 20;
/// Small objects that travel together.
const TOGETHER: usize = 16;

const REMOVE: &str =
    "SELECT pg_catalog.lo_unlink(m.oid) FROM pg_catalog.pg_largeobject_metadata m WHERE m.oid = ANY ($1)";

/// The first chunk of an object.
struct Head {
    oid: Oid,
    bytes: Vec<u8>,
}

/// # Errors
/// Only what ends the whole database.
pub(crate) async fn run(db: &Db, snapshot: &Snapshot, objects: &[LargeObjectFacts]) -> Result<(), Failure> {
    let doing = db.cx.board.doing(&db.name, "copying large objects", None);
    let source = db.cx.source_session(&db.name).await?;
    let import = import_snapshot(&snapshot.id);
    execute(&db.cancel, &source, &import).await?;
    let target = db.target().await?;
    for group in objects.chunks(TOGETHER) {
        if let Err(failure) = contents(db, &source, &target, group).await {
            if ends_the_database(&failure) {
                return Err(failure.while_doing("copying large objects"));
            }
            // One of them failed; which one is found out by trying each alone, in a fresh transaction on both sides.
            one_by_one(db, snapshot, group).await?;
            execute(&db.cancel, &source, &format!("ROLLBACK; {import}")).await?;
            continue;
        }
        for object in group {
            properties(db, &target, object).await?;
        }
    }
    db.put_target_back(target);
    drop(doing);
    Ok(())
}

/// Removes those of them that are on the target.
pub(crate) async fn remove(db: &Db, target: &Session, objects: &[LargeObjectFacts]) -> Result<(), Failure> {
    let oids: Vec<Oid> = objects.iter().filter_map(|o| Oid::try_from(o.oid).ok()).collect();
    db.guarded(target.canceller(), target.execute(REMOVE, &[&oids])).await.map(drop)
}

/// Removes from the target what the source has no more, when they are copied again.
pub(crate) async fn remove_others(
    db: &Db,
    target: &Session,
    objects: &[LargeObjectFacts],
) -> Result<(), Failure> {
    let kept: Vec<Oid> = objects.iter().filter_map(|o| Oid::try_from(o.oid).ok()).collect();
    loop {
        let parameters: [&(dyn ToSql + Sync); 1] = [&kept];
        let removed = target.query(UNLINK_LARGE_OBJECTS, &parameters);
        if db.guarded(target.canceller(), removed).await?.is_empty() {
            return Ok(());
        }
    }
}

async fn one_by_one(db: &Db, snapshot: &Snapshot, group: &[LargeObjectFacts]) -> Result<(), Failure> {
    for object in group {
        let source = db.cx.source_session(&db.name).await?;
        execute(&db.cancel, &source, &import_snapshot(&snapshot.id)).await?;
        let target = db.target().await?;
        match contents(db, &source, &target, std::slice::from_ref(object)).await {
            Ok(()) => properties(db, &target, object).await?,
            Err(failure) if ends_the_database(&failure) => return Err(failure),
            Err(failure) => {
                let fix = match failure.sqlstate.as_deref() {
                    Some("42501") => {
                        "grant SELECT on it on the source, or migrate as its owner or a superuser"
                    }
                    Some("23505") => "remove the large object of the same number from the target",
                    _ => "",
                };
                db.finding(
                    Finding::lost("large-object", format!("large object {} could not be copied", object.oid))
                        .because(failure.what)
                        .fix(fix)
                        .object(object.oid.to_string()),
                );
            }
        }
    }
    Ok(())
}

/// Creates the objects with their contents; all of the group or none.
async fn contents(
    db: &Db,
    source: &Session,
    target: &Session,
    group: &[LargeObjectFacts],
) -> Result<(), Failure> {
    let oids: Vec<Oid> = group.iter().filter_map(|o| Oid::try_from(o.oid).ok()).collect();
    let read =
        format!("SELECT o, pg_catalog.lo_get(o, 0, {CHUNK_BYTES}) FROM pg_catalog.unnest($1::oid[]) o");
    let rows = db.guarded(source.canceller(), source.query(read.as_str(), &[&oids])).await?;
    let mut heads = Vec::with_capacity(rows.len());
    for row in &rows {
        let head = Head {
            oid: row.try_get(0).map_err(crate::pg::error::Error::from)?,
            bytes: row.try_get(1).map_err(crate::pg::error::Error::from)?,
        };
        heads.push(head);
    }
    execute(&db.cancel, target, "BEGIN").await?;
    let written = write(db, source, target, &heads).await;
    let end = if written.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = execute(&db.cancel, target, end).await;
    written.and(ended)
}

async fn write(db: &Db, source: &Session, target: &Session, heads: &[Head]) -> Result<(), Failure> {
    let oids: Vec<Oid> = heads.iter().map(|h| h.oid).collect();
    if db.cx.plan.policies.target_not_empty == TargetPolicy::Truncate || db.copies_again() {
        // What truncating is to a table: those of the same number make room, others stay. In one transaction with what
        // takes their place, so that at no time one is missing.
        db.guarded(target.canceller(), target.execute(REMOVE, &[&oids])).await?;
    }
    let bytes: Vec<&[u8]> = heads.iter().map(|h| h.bytes.as_slice()).collect();
    let create = "SELECT pg_catalog.lo_from_bytea(o, b) FROM ROWS FROM (pg_catalog.unnest($1::oid[]), \
                  pg_catalog.unnest($2::bytea[])) AS x(o, b)";
    db.guarded(target.canceller(), target.execute(create, &[&oids, &bytes])).await?;
    for head in heads.iter().filter(|h| h.bytes.len() == CHUNK_BYTES as usize) {
        let mut offset = i64::from(CHUNK_BYTES);
        loop {
            let ask = "SELECT pg_catalog.lo_get($1, $2, $3)";
            let place: [&(dyn ToSql + Sync); 3] = [&head.oid, &offset, &CHUNK_BYTES];
            let row = db.guarded(source.canceller(), source.query_one(ask, &place)).await?;
            let chunk: Vec<u8> = row.try_get(0).map_err(crate::pg::error::Error::from)?;
            if chunk.is_empty() {
                break;
            }
            let put = "SELECT pg_catalog.lo_put($1, $2, $3)";
            let piece: [&(dyn ToSql + Sync); 3] = [&head.oid, &offset, &chunk];
            db.guarded(target.canceller(), target.execute(put, &piece)).await?;
            offset += i64::try_from(chunk.len()).unwrap_or(i64::MAX);
        }
    }
    Ok(())
}

async fn properties(db: &Db, target: &Session, object: &LargeObjectFacts) -> Result<(), Failure> {
    let policies = db.cx.plan.policies;
    let mut statements: Vec<(&str, Severity, String)> = Vec::new();
    if policies.owners == Keep::Yes {
        statements.push(("ownership", Severity::Warning, large_object_owner(object)));
    }
    if policies.privileges == Keep::Yes {
        let all = large_object_privileges(object);
        statements.extend(all.into_iter().map(|sql| ("privileges", Severity::Warning, sql)));
    }
    let texts = large_object_texts(object);
    statements.extend(texts.into_iter().map(|sql| ("comment", Severity::Lost, sql)));
    for (id, severity, sql) in statements {
        match execute(&db.cancel, target, &sql).await {
            Ok(()) => {}
            Err(failure) if ends_the_database(&failure) => return Err(failure),
            Err(failure) => {
                let title = format!("{id} of large object {} could not be set", object.oid);
                let finding = Finding::new(id, severity, title).because(failure.what);
                db.finding(finding.object(format!("large object {}", object.oid)));
            }
        }
    }
    Ok(())
}
