//! What of a snapshot will not be on the target, said before anything is copied.

use super::Snapshot;
use crate::engine::database::Db;
use crate::model::check::Finding;
use crate::model::units::count_of;

/// What pg_dump cannot bring over and does not mention.
pub(crate) fn report_beyond_dump(db: &Db, snapshot: &Snapshot) {
    let kinds = [
        (
            "invalid index",
            "invalid-index",
            "invalid indexes are not made on the target",
            "REINDEX or drop them",
        ),
        (
            "disabled foreign key",
            "disabled-key",
            "foreign keys whose checks are disabled on the source are enforced on the target",
            "disable them again there with ALTER TABLE ... DISABLE TRIGGER ALL, if that is wanted",
        ),
        (
            "comment",
            "comment",
            "comments that pg_dump does not know are not moved",
            "set them again with COMMENT ON",
        ),
        (
            "privileges",
            "privileges",
            "privileges on information_schema that were changed are not moved",
            "set them again with GRANT and REVOKE",
        ),
    ];
    for (kind, id, title, fix) in kinds {
        let objects: Vec<_> = snapshot
            .beyond_dump
            .iter()
            .filter(|(k, _)| k == kind)
            .map(|(_, object)| object.clone())
            .collect();
        if !objects.is_empty() {
            db.finding(Finding::warning(id, title).fix(fix).objects(objects));
        }
    }
}

/// What the operator chose to leave out is said, so that nobody takes it for a loss.
pub(crate) fn report_left_out(db: &Db, snapshot: &Snapshot) {
    if snapshot.left_out.is_empty() {
        return;
    }
    let title = format!("{} made without rows, as asked", count_of(snapshot.left_out.len() as u64, "table"));
    let objects = snapshot.left_out.iter().map(ToString::to_string);
    db.finding(Finding::info("left-out", title).objects(objects));
}
