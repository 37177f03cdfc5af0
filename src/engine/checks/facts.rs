//! Everything that was found on both servers, for checks to judge: each fact by itself, or why it is not known.

use super::provider::Provider;
use crate::engine::database::Candidate;
use crate::engine::replicate::means::Subscriber;
use crate::engine::replicate::survey::Survey;
use crate::model::endpoint::HostSpec;
use crate::model::failure::Failure;
use crate::model::units::{ServerVersion, Side, TableName};
use crate::pg::facts::databases::DatabaseFacts;
use crate::pg::facts::extensions::{Available, Extension, Language};
use crate::pg::facts::relations::{ActiveTrigger, ForeignKey, UserObject};
use crate::pg::facts::remarks::{Question, Remark};
use crate::pg::facts::replication::objects::{PublicationFacts, SlotFacts, SubscriptionFacts};
use crate::pg::facts::replication::server::ReplicationFacts;
use crate::pg::facts::replication::tables::PublishCandidate;
use crate::pg::facts::replication::watch::Other;
use crate::pg::facts::roles::{Membership, ParameterPrivilege, RoleFacts};
use crate::pg::facts::server::ServerFacts;
use crate::pg::facts::standing::{Settings, Standing};
use crate::pg::tools::Tool;
use std::collections::{BTreeMap, BTreeSet};

/// A fact, or what is missing to know it.
pub(crate) type Known<T> = Result<T, String>;

/// Everything that was found.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) source: SideFacts,
    pub(crate) target: SideFacts,
    /// The pg_dump that fits both servers, or why there is none.
    pub(crate) tool: Known<Tool>,
    /// Those that are to be moved, largest first.
    pub(crate) databases: Vec<Wanted>,
    /// Those of the source that were not asked for, or are no users'.
    pub(crate) left_out: Vec<String>,
    pub(crate) probes: Probes,
}

impl Facts {
    /// Databases that are to be moved and can be reached on the source.
    pub(crate) fn to_move(&self) -> impl Iterator<Item = &Wanted> {
        self.databases.iter().filter(|d| d.source.is_ok())
    }

    pub(crate) fn count(&self) -> i32 {
        i32::try_from(self.to_move().count()).unwrap_or(i32::MAX)
    }

    /// What they take on the source's disk, as far as it tells.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.databases.iter().filter_map(|d| d.candidate.facts.size_bytes).sum()
    }

    pub(crate) fn user(&self, side: Side) -> &str {
        &self.side(side).server.user
    }

    pub(crate) fn side(&self, side: Side) -> &SideFacts {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    pub(crate) fn from(&self) -> ServerVersion {
        self.source.server.version
    }

    pub(crate) fn to(&self) -> ServerVersion {
        self.target.server.version
    }
}

/// One server. What was not asked, because nothing depends on it, is empty.
#[derive(Debug)]
pub(crate) struct SideFacts {
    pub(crate) server: ServerFacts,
    pub(crate) databases: Vec<DatabaseFacts>,
    pub(crate) hosts: Vec<HostSpec>,
    pub(crate) provider: Provider,
    pub(crate) standing: Known<Standing>,
    /// Room on the disk of its data, where that is on this machine. Asked of the target.
    pub(crate) free_bytes: Option<u64>,
    /// The server process that answered the last question; the first is in the standing.
    pub(crate) last_pid: Known<i32>,
    pub(crate) settings: Known<Settings>,
    pub(crate) replication: Known<ReplicationFacts>,
    pub(crate) slots: Known<Vec<SlotFacts>>,
    pub(crate) subscriptions: Known<Vec<SubscriptionFacts>>,
    pub(crate) transactions: Known<Vec<Other>>,
    pub(crate) roles: Known<Vec<RoleFacts>>,
    /// Asked of the source.
    pub(crate) memberships: Known<Vec<Membership>>,
    /// GRANT ... ON PARAMETER. Asked of the source.
    pub(crate) parameter_privileges: Known<Vec<ParameterPrivilege>>,
    /// What our user may set although that takes a superuser otherwise; of a superuser it is not asked.
    pub(crate) settable: Known<Vec<String>>,
    /// Roles that log in, and how their passwords are kept.
    pub(crate) passwords: Known<Vec<(String, String)>>,
    pub(crate) extensions: Known<BTreeMap<String, Available>>,
    pub(crate) languages: Known<Vec<Language>>,
    /// Names of collations that came with the server.
    pub(crate) collations: Known<BTreeSet<String>>,
    pub(crate) remarks: Known<Vec<Remark>>,
    /// Where it keeps our statements, passwords in them among it. Asked of targets.
    pub(crate) keeps: Known<Option<&'static str>>,
    /// What somebody has put into template1. Asked of sources.
    pub(crate) template: Known<Vec<String>>,
}

impl SideFacts {
    /// Remarks of these kinds.
    pub(crate) fn remarks(&self, kinds: &[&str]) -> Known<Vec<&Remark>> {
        let all = self.remarks.as_ref().map_err(Clone::clone)?;
        Ok(all.iter().filter(|r| kinds.contains(&r.kind.as_str())).collect())
    }
}

/// A database that is to be moved.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) candidate: Candidate,
    /// What it holds, or why it cannot be reached.
    pub(crate) source: Result<InDatabase, Failure>,
    /// What the database of this name on the target holds, where there is one.
    pub(crate) target: Option<Result<InDatabase, Failure>>,
    /// Whether a subscription can be made in it, where that depends on the database.
    pub(crate) subscribes: Result<(), Failure>,
}

impl Wanted {
    pub(crate) fn name(&self) -> &str {
        &self.candidate.facts.name
    }

    pub(crate) fn source(&self) -> Known<&InDatabase> {
        self.source.as_ref().map_err(|_| "the source's database cannot be reached".to_owned())
    }

    /// Remarks of these kinds on the source's database.
    pub(crate) fn remarks(&self, question: Question, kinds: &[&str]) -> Known<Vec<&Remark>> {
        let all = self.source()?.remarks(question)?;
        Ok(all.iter().filter(|r| kinds.is_empty() || kinds.contains(&r.kind.as_str())).collect())
    }
}

/// What a database holds.
#[derive(Debug, Default)]
pub(crate) struct InDatabase {
    pub(crate) remarks: Vec<(Question, Known<Vec<Remark>>)>,
    pub(crate) extensions: Option<Known<Vec<Extension>>>,
    pub(crate) languages: Option<Known<Vec<Language>>>,
    /// What could be published.
    pub(crate) tables: Option<Known<Vec<PublishCandidate>>>,
    pub(crate) publications: Option<Known<Vec<PublicationFacts>>>,
    /// What users have put there. Asked of targets.
    pub(crate) objects: Option<Known<Vec<UserObject>>>,
    /// Asked where there is a table filter.
    pub(crate) foreign_keys: Option<Known<Vec<ForeignKey>>>,
    /// The names that a table filter can mean; asked where there is one, and where rows may go into tables that are there.
    pub(crate) names: Option<Known<Vec<TableName>>>,
    /// What could fire while rows are loaded. Asked of targets into whose tables rows may go.
    pub(crate) triggers: Option<Known<Vec<ActiveTrigger>>>,
    /// A publication could be made, and was taken back.
    pub(crate) publishes: Option<Known<()>>,
    /// Our user may create schemas in it.
    pub(crate) creates: Option<Known<bool>>,
    /// Why it cannot be followed, as the migration itself judges.
    pub(crate) survey: Option<Known<Result<Survey, Failure>>>,
}

impl InDatabase {
    pub(crate) fn remarks(&self, question: Question) -> Known<&[Remark]> {
        match self.remarks.iter().find(|(asked, _)| *asked == question) {
            Some((_, Ok(remarks))) => Ok(remarks),
            Some((_, Err(missing))) => Err(missing.clone()),
            None => Ok(&[]),
        }
    }
}

/// A fact that may not have been asked: then it is as if nothing had been found.
pub(crate) fn of<T>(fact: Option<&Known<Vec<T>>>) -> Known<&[T]> {
    match fact {
        Some(Ok(found)) => Ok(found),
        Some(Err(missing)) => Err(missing.clone()),
        None => Ok(&[]),
    }
}

/// What was tried, and undone.
#[derive(Debug)]
pub(crate) struct Probes {
    /// A temporary slot on the source.
    pub(crate) slot: SlotProbe,
    /// Whether both servers can replicate at all, as the migration itself judges; this dials the source from the target
    /// where the target's log can be kept free of the password.
    pub(crate) means: Result<Subscriber, Failure>,
    /// Log that the source writes.
    pub(crate) wal_bytes_per_s: Known<u64>,
}

/// How the attempt to make a temporary slot went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SlotProbe {
    Made,
    /// It had to wait for transactions, and was given up.
    Waited,
    Failed(Failure),
    NotTried(String),
    /// It would leave something behind that our user may not keep out; what is missing for it.
    WouldStay(String),
}
