//! What a database on the target says of itself as long as its migration may take it back: a comment, see
//! [`crate::pg::statement::database::mark`].
//!
//! It is taken off before the journal says that the database is whole or follows, so that a crash in between leaves one that
//! nobody takes back, and never one that is in use and says that it is not finished. The source's own comment takes its place
//! then; until then, and where the database is not whole, it stands behind it.

use super::context::{Cx, execute, guarded};
use crate::model::check::Finding;
use crate::model::failure::{Failure, FailureKind};
use crate::pg::connect::Session;
use crate::pg::facts::databases::standing;
use crate::pg::statement::database::{comment, mark};
use std::time::Duration;

/// A target that is silent must hold up neither the end of a migration nor a clean.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Who may have put it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// This migration.
    Ours,
    /// Any: whoever uses the database from now on does not want it taken away.
    Anybodys,
}

/// Takes the mark off, if it is there, and leaves what the source's own comment says.
///
/// # Errors
/// When the target does not answer or refuses.
pub(crate) async fn take_off(cx: &Cx, database: &str, whose: Whose) -> Result<(), Failure> {
    let session = cx.target_session(&cx.target_home).await?;
    let there = guarded(&cx.cancel, session.canceller(), standing(&session, database)).await?;
    let marked = |by: &str| whose == Whose::Anybodys || by == cx.plan.id;
    if let Some(there) = there.filter(|there| there.made_by.as_deref().is_some_and(marked)) {
        execute(&cx.cancel, &session, &comment(database, there.comment.as_deref())).await?;
    }
    Ok(())
}

/// Keeps the mark on a database that is not whole, with the source's comment behind it. Without a mark it is that alone.
///
/// # Errors
/// When the target does not answer or refuses.
pub(crate) async fn keep_beside(
    cx: &Cx,
    session: &Session,
    (database, own): (&str, &str),
) -> Result<(), Failure> {
    let there = guarded(&cx.cancel, session.canceller(), standing(session, database)).await?;
    let ours = there.is_some_and(|there| there.made_by.as_deref() == Some(&cx.plan.id));
    let sql = if ours { mark(database, &cx.plan.id, Some(own)) } else { comment(database, Some(own)) };
    execute(&cx.cancel, session, &sql).await
}

/// [`take_off`] for a database that stays; that the mark stays too, and not the source's comment alone, is said.
pub(crate) async fn take_off_or_tell(cx: &Cx, database: &str) {
    let taken = tokio::time::timeout(TIME_LIMIT, take_off(cx, database, Whose::Ours)).await;
    let late = |_| Err(Failure::new(FailureKind::Server, "the target does not answer"));
    if let Err(failure) = taken.unwrap_or_else(late) {
        let finding = Finding::warning("mark", "the target's database may still say that it is not finished");
        let fix = "give it the source's comment on the target, or none: COMMENT ON DATABASE … IS NULL;";
        cx.finding(finding.in_database(database).because(failure.what).fix(fix));
    }
}
