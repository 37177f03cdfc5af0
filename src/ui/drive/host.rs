//! What the wizard asks of whoever composed it: it reads no environment, no disk and no connection string itself.

use crate::link::{Link, Seen, Since};
use crate::model::event::Entry;
use crate::model::failure::Failure;
use crate::model::passwords::Barred;
use crate::model::plan::{MethodPolicy, Plan};
use crate::model::secret::Secret;
use crate::model::secrets::Secrets;
use crate::model::status::DatabaseStatus;
use crate::model::task::Task;
use crate::ui::message::Shown;
use crate::ui::state::form::{FieldError, Form};
use crate::ui::state::passwords::Errand;
use crate::ui::state::{Engine, Known};
use futures_util::future::BoxFuture;

/// What a plan is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    Check,
    Start { method: MethodPolicy, left_out: Vec<String> },
}

#[derive(Debug)]
pub struct Prepared {
    pub plan: Plan,
    pub secrets: Secrets,
    pub warnings: Vec<String>,
}

/// Passwords that were typed for a migration that exists.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    pub source: Option<Secret>,
    pub target: Option<Secret>,
}

/// A migration that is to be shown.
#[derive(Debug)]
pub struct Opened {
    pub engine: Engine,
    pub shown: Shown,
    /// Where an engine lives: everything from the first entry on comes through it.
    pub link: Option<Link>,
    /// Where none does: what its journal says.
    pub entries: Vec<Entry>,
}

pub trait Host: Send + Sync {
    /// A plan of what is filled in.
    ///
    /// # Errors
    /// What is wrong, field by field.
    fn prepare(&self, form: &Form, purpose: Purpose) -> Result<Prepared, Vec<FieldError>>;

    /// Begins the checks, in this process.
    ///
    /// # Errors
    /// When they cannot be begun.
    fn check(&self, prepared: Prepared) -> Result<Link, Failure>;

    /// The checks are through, or nobody waits for them any more: what they needed on this machine's disk can go.
    fn check_ended(&self);

    /// Begins the migration, where migrations are to run.
    fn start(&self, prepared: Prepared) -> BoxFuture<'static, Result<Opened, Failure>>;

    /// This machine's migrations; reads the disk.
    ///
    /// # Errors
    /// When the disk cannot be read.
    fn known(&self) -> Result<Vec<Known>, Failure>;

    fn open(&self, id: String) -> BoxFuture<'static, Result<Opened, Failure>>;

    /// What has come of it after what was seen, where its engine was gone; no server is asked.
    fn since(&self, id: &str, seen: Seen) -> BoxFuture<'static, Since>;

    /// The servers that want another password for that errand than was typed or is at hand. None where an engine lives that
    /// goes on it: it has been let in already.
    ///
    /// # Errors
    /// For an errand that needs both servers: why one of them cannot be used, where that is not its password.
    fn barred(
        &self,
        id: String,
        typed: Typed,
        errand: Errand,
    ) -> BoxFuture<'static, Result<Vec<Barred>, Failure>>;

    /// A later command on a migration that exists.
    fn task(&self, id: String, typed: Typed, task: Task) -> BoxFuture<'static, Result<Opened, Failure>>;

    /// Begins a new migration of what this one did not bring to its end, with the same choices.
    fn again(&self, id: String, typed: Typed) -> BoxFuture<'static, Result<Opened, Failure>>;

    /// Asks both servers; changes nothing.
    fn status(&self, id: String, typed: Typed) -> BoxFuture<'static, Result<Vec<DatabaseStatus>, Failure>>;

    /// Writes a text that has to go somewhere into a file for nobody but its owner, in that migration's folder or beside all of
    /// them; says where.
    ///
    /// # Errors
    /// When it cannot be written.
    fn keep(&self, id: Option<&str>, text: &str) -> Result<String, Failure>;

    /// Removes what this machine has of a migration, where nothing of it is left on any server.
    ///
    /// # Errors
    /// What is in the way, and what to do first.
    fn forget(&self, id: &str) -> Result<(), Failure>;

    /// A name for a migration that follows one of this name: the next that nothing on this machine has. None where there is
    /// no such name.
    fn free_name(&self, taken: &str) -> Option<String>;

    /// Writes log, report and versions into one file; says where.
    ///
    /// # Errors
    /// When it cannot be written.
    fn bundle(&self, id: &str) -> Result<String, Failure>;
}
