//! What a database on the target says of itself as long as its migration may take it back: a comment, see
//! [`crate::pg::statement::database::mark`].
//!
//! It is taken off before the journal says that the database is whole or follows, so that a crash in between leaves one that
//! nobody takes back, and never one that is in use and says that it is not finished.

use super::context::{Cx, execute, guarded};
use crate::model::check::Finding;
use crate::model::failure::Failure;
use crate::pg::facts::databases::standing;
use crate::pg::statement::database::unmark;

/// Who may have put it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// This migration.
    Ours,
    /// Any: whoever uses the database from now on does not want it taken away.
    Anybodys,
}

/// Takes the mark off, if it is there: the source's own comment may have taken its place.
///
/// # Errors
/// When the target does not answer or refuses.
pub(crate) async fn take_off(cx: &Cx, database: &str, whose: Whose) -> Result<(), Failure> {
    let session = cx.target_session(&cx.target_home).await?;
    let there = guarded(&cx.cancel, session.canceller(), standing(&session, database)).await?;
    let made_by = there.and_then(|there| there.made_by);
    if made_by.is_some_and(|id| whose == Whose::Anybodys || id == cx.plan.id) {
        execute(&cx.cancel, &session, &unmark(database)).await?;
    }
    Ok(())
}

/// The same for a database that stays; that the mark stays too is said.
pub(crate) async fn take_off_or_tell(cx: &Cx, database: &str) {
    if let Err(failure) = take_off(cx, database, Whose::Ours).await {
        let finding = Finding::info("mark", "the target's database may still say that it is not finished");
        let fix = format!("on the target: {};", unmark(database));
        cx.finding(finding.in_database(database).because(failure.what).fix(fix));
    }
}
