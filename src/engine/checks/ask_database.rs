//! Asks the databases that are to be moved, several at a time, on both servers.

use super::ask::{Depth, known};
use super::facts::{InDatabase, Wanted};
use super::gather::Reached;
use super::progress::{Progress, of_database};
use crate::engine::database::Candidate;
use crate::engine::replicate::survey;
use crate::engine::sessions::settings_for_questions;
use crate::model::failure::Failure;
use crate::model::plan::{MethodPolicy, Plan, TargetPolicy};
use crate::model::units::{ServerVersion, Side};
use crate::pg::connect::Session;
use crate::pg::error::Error;
use crate::pg::facts::databases::{May, may_create, session_defaults};
use crate::pg::facts::extensions::{installed, languages};
use crate::pg::facts::relations::{active_triggers, foreign_keys, table_names, user_objects};
use crate::pg::facts::remarks::{Question, ask};
use crate::pg::facts::replication::objects::publications;
use crate::pg::statement::replication::{Published, create_publication};
use futures_util::StreamExt;

/// Databases that are asked at a time, each with one session on either server.
const AT_ONCE: usize = 8;
/// Of our attempt to make a publication; it is rolled back.
const PROBE: &str = "pgpassage_probe";
/// Connections that are left for others on each server.
const SPARE: usize = 3;

/// What both servers are asked, and how much.
pub(crate) struct Asking<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) source: &'a Reached,
    pub(crate) target: &'a Reached,
    pub(crate) depth: Depth,
    pub(crate) progress: &'a Progress<'a>,
}

impl Asking<'_> {
    /// Looks into all databases, in their order.
    pub(crate) async fn databases(&self, candidates: Vec<Candidate>) -> Vec<Wanted> {
        let free = self.source.facts.free_connections.min(self.target.facts.free_connections);
        let room = usize::try_from(free).unwrap_or(0).saturating_sub(SPARE).clamp(1, AT_ONCE);
        futures_util::stream::iter(candidates)
            .map(|c| {
                let question = of_database(&c.facts.name);
                Box::pin(async move { self.progress.of(&question, self.database(c)).await })
            })
            .buffered(room)
            .collect()
            .await
    }

    async fn database(&self, mut candidate: Candidate) -> Wanted {
        if let Some(failure) = candidate.blocked.clone() {
            return Wanted { candidate, source: Err(failure), target: None, subscribes: Ok(()) };
        }
        let there = candidate.on_target.as_ref().map(|database| database.name.clone());
        let (source, target) = tokio::join!(self.on_source(&mut candidate), async {
            match &there {
                Some(name) => Some(self.on_target(name).await),
                None => None,
            }
        });
        Wanted { candidate, source, target, subscribes: Ok(()) }
    }

    /// # Errors
    /// Why the database cannot be reached.
    async fn on_source(&self, candidate: &mut Candidate) -> Result<InDatabase, Failure> {
        let name = candidate.facts.name.clone();
        let unreachable = |e| Failure::from(e).while_doing("the source's database cannot be reached");
        let settings = settings_for_questions(Side::Source, self.source.facts.version);
        let session = self.source.server.connect(&name, &settings).await.map_err(unreachable)?;
        let (mut names, mut keys) = (None, None);
        candidate.defaults = session_defaults(&session).await.map_err(unreachable)?;
        let is_filtered = !self.plan.scope.tables.patterns().is_empty();
        if is_filtered || self.fills_tables() {
            names = Some(known(&session, table_names(&session)).await);
        }
        if is_filtered {
            keys = Some(known(&session, foreign_keys(&session)).await);
        }
        let s = &session;
        let questions = self.questions();
        let asking = questions.iter().map(|q| async move { (*q, known(s, ask(s, *q)).await) });
        let (remarks, extensions, languages) = tokio::join!(
            futures_util::future::join_all(asking),
            known(s, installed(s)),
            known(s, languages(s)),
        );
        let mut found = InDatabase {
            remarks,
            extensions: Some(extensions),
            languages: Some(languages),
            names,
            foreign_keys: keys,
            ..InDatabase::default()
        };
        if self.plan.method != MethodPolicy::Dump {
            self.for_replication(s, &name, &mut found).await;
        }
        Ok(found)
    }

    async fn for_replication(&self, s: &Session, name: &str, found: &mut InDatabase) {
        let version = self.source.facts.version;
        let tables = known(s, survey::tables(s, self.plan)).await;
        found.survey = Some(match tables.clone() {
            // Everything is a superuser's to publish: nothing more has to be asked.
            Ok(tables) if self.source.facts.superuser => Ok(survey::judge(tables, self.plan, name, version)),
            Ok(tables) => known(s, survey::survey_of(s, tables, self.plan, (name, version))).await,
            Err(missing) => Err(missing),
        });
        found.tables = Some(tables);
        if self.depth == Depth::Blockers {
            return;
        }
        let (theirs, creates) = tokio::join!(known(s, publications(s, "")), known(s, may_create(s)));
        found.publications = Some(theirs);
        // A refusal or a warning would stand in the source's log: what is known not to work is not tried.
        if matches!(creates, Ok(May { create: true, publish: true })) && !self.source.facts.superuser {
            found.publishes = Some(known(s, try_publication(s, version)).await);
        }
        found.creates = Some(creates.map(|may| may.create));
    }

    /// # Errors
    /// Why the database cannot be reached.
    async fn on_target(&self, name: &str) -> Result<InDatabase, Failure> {
        let unreachable = |e| Failure::from(e).while_doing("the target's database cannot be reached");
        let settings = settings_for_questions(Side::Target, self.target.facts.version);
        let session = self.target.server.connect(name, &settings).await.map_err(unreachable)?;
        let s = &session;
        let (objects, extensions, creates) =
            tokio::join!(known(s, user_objects(s)), known(s, installed(s)), known(s, may_create(s)));
        let triggers = if self.fills_tables() { Some(known(s, active_triggers(s)).await) } else { None };
        Ok(InDatabase {
            objects: Some(objects),
            triggers,
            extensions: Some(extensions),
            creates: Some(creates.map(|may| may.create)),
            ..InDatabase::default()
        })
    }

    /// Rows may go into tables that are on the target already.
    fn fills_tables(&self) -> bool {
        self.plan.policies.target_not_empty != TargetPolicy::Refuse
    }

    /// What a migration could be refused for depends on both versions, and on what our users may do.
    fn questions(&self) -> Vec<Question> {
        let (from, to) = (self.source.facts.version, self.target.facts.version);
        let crosses = |major: u32| !from.at_least(major) && to.at_least(major);
        let all = self.depth == Depth::Everything;
        let plain_source = !self.source.facts.superuser;
        let plain_target = !self.target.facts.superuser;
        let asked = [
            (Question::Unreadable, plain_source),
            (Question::RowSecurity, plain_source),
            (Question::WithOids, crosses(12)),
            (Question::Types, crosses(12)),
            (Question::Programs, all || plain_target || crosses(14)),
            // The versions that took some away.
            (Question::FunctionSettings, [11, 12, 14, 19].into_iter().any(crosses)),
            (Question::Relations, all || crosses(18) || crosses(19)),
            (Question::Constraints, all || crosses(18)),
            (Question::Columns, all || crosses(18)),
            (Question::Types, all && !crosses(12)),
            (Question::Surroundings, all),
            (Question::Owners, all),
            (Question::SearchPath, all),
            (Question::Order, all),
            (Question::PublicSchema, all),
        ];
        asked.into_iter().filter(|(_, wanted)| *wanted).map(|(question, _)| question).collect()
    }
}

/// Makes a publication of nothing and takes it back at once.
async fn try_publication(session: &Session, version: ServerVersion) -> Result<(), Error> {
    session.batch("BEGIN").await?;
    let made =
        session.batch(&create_publication(PROBE, &[], Published::Everything, version).join("; ")).await;
    session.batch("ROLLBACK").await?;
    made
}
