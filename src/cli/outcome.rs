//! Follows an engine that was started or told something, and prints what came of it.

use super::args::OutputArgs;
use super::exit::Exit;
use super::follow::{Hand, Parting, Until, follow};
use super::signals::{Leave, Signals};
use super::{json, later, out, report};
use crate::link::Link;
use crate::model::event::{RolePassword, RunOutcome};
use crate::model::failure::{Failure, FailureKind};
use crate::model::plan::Plan;
use crate::model::run::Run;
use crate::model::secrets::PlaceholderKey;
use crate::store::Folder;

/// How the result is shown, and of what.
pub(super) struct Shown<'a> {
    pub(super) id: String,
    pub(super) journal: String,
    pub(super) output: &'a OutputArgs,
    /// With this, placeholder passwords are shown.
    pub(super) key: Option<PlaceholderKey>,
    /// How the migration stood before a command that takes something back: the result is the command's then.
    pub(super) before: Option<Run>,
}

impl<'a> Shown<'a> {
    pub(super) fn of(plan: &Plan, output: &'a OutputArgs) -> Self {
        let journal = Folder::at(&plan.home).journal_path().display().to_string();
        Self { id: plan.id.clone(), journal, output, key: None, before: None }
    }

    /// How things stand when the engine has ended, or does nothing more than guard; or why nobody waited for that.
    ///
    /// # Errors
    /// What the command ends with where there is no result.
    pub(super) async fn result(
        &self,
        link: impl Future<Output = Result<Link, Failure>>,
        until: Until,
        hand: Hand,
    ) -> Result<(Run, RunOutcome), Exit> {
        // Before there is an engine: a Ctrl-C while it starts is meant for it.
        let mut signals = Signals::new().map_err(|failure| self.refused(&failure))?;
        let link = link.await.map_err(|failure| self.refused(&failure))?;
        let (run, parting) = follow(link, self.output, until, hand, &mut signals).await;
        let outcome = match parting {
            Parting::Ended(Ok(outcome)) => outcome,
            Parting::Ended(Err(failure)) => {
                if self.output.json {
                    out::print(
                        &json::document(&run, &self.id, self.key.as_ref(), Some(&failure)).to_string(),
                    );
                }
                out::complain(&failure.to_string());
                return Err(Exit::Failed);
            }
            Parting::Enough if until == Until::Begun => {
                self.left(&run);
                return Err(Exit::Done);
            }
            Parting::Enough => run.judge(),
            Parting::Left(leave) => {
                self.left(&run);
                return Err(if leave == Leave::Quit { Exit::Left } else { Exit::Terminated });
            }
            Parting::Hurried => {
                self.left(&run);
                return Err(Exit::of(RunOutcome::Stopped, &run));
            }
        };
        self.told(&run, outcome);
        Ok((run, outcome))
    }

    fn refused(&self, failure: &Failure) -> Exit {
        if self.output.json {
            out::print(&json::refusal(Some(&self.id), &failure.what).to_string());
        }
        out::complain(&failure.to_string());
        if failure.kind == FailureKind::Refused { Exit::Blocked } else { Exit::Failed }
    }

    /// The result itself.
    pub(super) fn told(&self, run: &Run, outcome: RunOutcome) {
        if self.output.json {
            out::print(&json::document(run, &self.id, self.key.as_ref(), None).to_string());
            return;
        }
        let lines = match &self.before {
            Some(before) if !matches!(outcome, RunOutcome::Refused | RunOutcome::Stopped) => {
                later::report(run, before, &self.journal)
            }
            _ => report::report(run, outcome, &self.journal),
        };
        let text = lines.join("\n");
        if outcome == RunOutcome::Refused {
            out::complain(&text);
            return;
        }
        out::print(&text);
        if let Some(key) = &self.key {
            for (name, _) in run.roles.iter().filter(|r| r.1.password == RolePassword::Placeholder) {
                out::print(&format!("{name}\t{}", key.password_for(name).expose()));
            }
        }
    }

    /// The engine works on.
    fn left(&self, run: &Run) {
        if self.output.json {
            out::print(&json::left(run, &self.id, self.key.as_ref()).to_string());
        } else {
            out::print(&report::goes_on(run, &self.id).join("\n"));
        }
    }
}
