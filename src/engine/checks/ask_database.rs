//! Asks the databases that are to be moved, several at a time, on both servers.

use super::ask::{Depth, known};
use super::facts::{InDatabase, Wanted};
use super::gather::Reached;
use crate::engine::database::Candidate;
use crate::engine::replicate::survey;
use crate::engine::sessions::settings_for_questions;
use crate::model::failure::Failure;
use crate::model::plan::{MethodPolicy, Plan};
use crate::model::units::Side;
use crate::pg::connect::Session;
use crate::pg::facts::databases::session_defaults;
use crate::pg::facts::extensions::{installed, languages};
use crate::pg::facts::relations::{table_names, user_objects};
use crate::pg::facts::remarks::{Question, ask};
use crate::pg::facts::replication::objects::publications;
use crate::pg::statement::replication::{Published, create_publication};
use futures_util::StreamExt;

/// Databases that are asked at a time, each with one session on either server.
const AT_ONCE: usize = 8;
/// Connections that are left for others on each server.
const SPARE: usize = 3;

/// What both servers are asked, and how much.
pub(crate) struct Asking<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) source: &'a Reached,
    pub(crate) target: &'a Reached,
    pub(crate) depth: Depth,
}

impl Asking<'_> {
    /// Looks into all databases, in their order.
    pub(crate) async fn databases(&self, candidates: Vec<Candidate>) -> Vec<Wanted> {
        let free = self.source.facts.free_connections.min(self.target.facts.free_connections);
        let room = usize::try_from(free).unwrap_or(0).saturating_sub(SPARE).clamp(1, AT_ONCE);
        futures_util::stream::iter(candidates).map(|c| self.database(c)).buffered(room).collect().await
    }

    async fn database(&self, mut candidate: Candidate) -> Wanted {
        if let Some(failure) = candidate.blocked.clone() {
            return Wanted { candidate, source: Err(failure), target: None };
        }
        let there = candidate.on_target.is_some();
        let (source, target) = tokio::join!(self.on_source(&mut candidate), async {
            if there { Some(self.on_target(&candidate.facts.name.clone()).await) } else { None }
        });
        Wanted { candidate, source, target }
    }

    /// # Errors
    /// Why the database cannot be reached.
    async fn on_source(&self, candidate: &mut Candidate) -> Result<InDatabase, Failure> {
        let name = candidate.facts.name.clone();
        let unreachable = |e| Failure::from(e).while_doing("the source's database cannot be reached");
        let settings = settings_for_questions(Side::Source, self.source.facts.version);
        let session = self.source.server.connect(&name, &settings).await.map_err(unreachable)?;
        candidate.defaults = session_defaults(&session).await.map_err(unreachable)?;
        if !self.plan.scope.tables.patterns().is_empty() {
            candidate.tables = table_names(&session).await.map_err(unreachable)?;
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
            ..InDatabase::default()
        };
        if self.depth == Depth::Everything && self.plan.method != MethodPolicy::Dump {
            self.for_replication(s, &name, &mut found).await;
        }
        Ok(found)
    }

    async fn for_replication(&self, s: &Session, name: &str, found: &mut InDatabase) {
        let version = self.source.facts.version;
        let (tables, theirs) =
            tokio::join!(known(s, survey::tables(s, self.plan)), known(s, publications(s, "")));
        let judged =
            tables.clone().map(|tables| survey::judge(tables, self.plan, name, version).map(drop));
        found.survey = Some(judged);
        found.tables = Some(tables);
        found.publications = Some(theirs);
        let creates = known(s, may_create(s)).await;
        // A refusal would stand in the source's log: who is known to have no right does not try.
        if creates == Ok(true) && !self.source.facts.in_recovery {
            found.publishes = Some(known(s, try_publication(s, version)).await);
        }
        found.creates = Some(creates);
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
        Ok(InDatabase {
            objects: Some(objects),
            extensions: Some(extensions),
            creates: Some(creates),
            ..InDatabase::default()
        })
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
            (Question::Relations, all || crosses(18)),
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
