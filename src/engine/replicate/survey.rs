//! The tables of a database, judged: which are published, in which way, and what has to be done before.

use crate::model::event::TableIdentity;
use crate::model::failure::Failure;
use crate::model::plan::{ExtensionTables, IdentityPolicy, Plan};
use crate::model::units::{ServerVersion, TableName, count_of};
use crate::pg::connect::Session;
use crate::pg::error::Error;
use crate::pg::facts::replication::server::{self, aiven_extras};
use crate::pg::facts::replication::tables::{
    CandidateKind, IdentitySetting, Inherits, PublishCandidate, candidates, inheritance,
};
use crate::pg::facts::tables::{Belongs, gather};
use crate::pg::statement::replication::{NamedTable, ReplicaIdentity, TableForm, replica_identity};
use std::collections::{HashMap, HashSet};

/// Tables that a refusal names.
const NAMED: usize = 5;

/// A table as a statement names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) name: TableName,
    pub(crate) form: TableForm,
}

impl Published {
    pub(crate) fn named(&self) -> NamedTable<'_> {
        NamedTable { name: &self.name, form: self.form }
    }
}

/// A replica identity that has to become another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdentityChange {
    pub(crate) table: TableName,
    pub(crate) before: TableIdentity,
    pub(crate) after: TableIdentity,
}

/// Who makes publications.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Publisher {
    #[default]
    OurUser,
    /// aiven_extras, for a user that does not own the tables.
    Extension,
}

/// What is to be published of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    pub(crate) publisher: Publisher,
    /// Tables that are not our user's, and whose they are.
    foreign: Vec<(TableName, String)>,
    pub(crate) everything: Vec<Published>,
    /// Only their new rows.
    pub(crate) inserts: Vec<Published>,
    /// Left out by `--replica-identity skip`: copied again at the end.
    pub(crate) skipped: Vec<TableName>,
    pub(crate) identities: Vec<IdentityChange>,
}

/// What is done about one table of which nothing tells the rows apart.
enum Remedy {
    Change(TableIdentity),
    Inserts,
    Skip,
}

/// Looks at the database's tables.
///
/// # Errors
/// Inside: the server's. Outside, as a refusal: why the database cannot be replicated, with the statements that help.
pub(crate) async fn survey(
    session: &Session,
    plan: &Plan,
    database: &str,
    version: ServerVersion,
) -> Result<Result<Survey, Failure>, Error> {
    survey_of(session, tables(session, plan).await?, plan, (database, version)).await
}

/// The tables that there are to publish.
///
/// # Errors
/// The server's.
pub(crate) async fn tables(session: &Session, plan: &Plan) -> Result<Vec<PublishCandidate>, Error> {
    let all = candidates(session).await?;
    if all.iter().all(|table| table.extension.is_none()) {
        return Ok(all);
    }
    let configuration: HashSet<i64> = gather(session)
        .await?
        .into_iter()
        .filter(|t| matches!(&t.belongs, Belongs::Extension { name, .. }
            if plan.scope.extension_tables == ExtensionTables::Copy && !plan.scope.excluded_extensions.contains(name)))
        .map(|t| t.oid)
        .collect();
    Ok(all.into_iter().filter(|t| t.extension.is_none() || configuration.contains(&t.oid)).collect())
}

/// What becomes of these tables.
///
/// # Errors
/// As [`survey`].
pub(crate) async fn survey_of(
    session: &Session,
    tables: Vec<PublishCandidate>,
    plan: &Plan,
    (database, version): (&str, ServerVersion),
) -> Result<Result<Survey, Failure>, Error> {
    let survey = match judge(tables, plan, database, version) {
        Ok(survey) => survey,
        Err(failure) => return Ok(Err(failure)),
    };
    let rights = server::gather(session).await?.rights;
    if survey.foreign.is_empty() && (rights.superuser || rights.create_in_database) {
        return Ok(Ok(survey));
    }
    let extension = aiven_extras(session).await?.is_some_and(|extras| extras.publishes());
    if !extension {
        return Ok(published_by(survey, Publisher::OurUser));
    }
    if let Some(child) = comes_along(&survey, &inheritance(session).await?) {
        return Ok(Err(not_alone(child)));
    }
    Ok(published_by(survey, Publisher::Extension))
}

/// The extension names tables without ONLY, so that those that inherit from them come along. The first of them that is
/// not to follow in the same way.
fn comes_along<'a>(survey: &Survey, all: &'a [Inherits]) -> Option<&'a Inherits> {
    let names = |published: &[Published]| published.iter().map(|t| t.name.clone()).collect::<HashSet<_>>();
    let everything = names(&survey.everything);
    let some: HashSet<_> = names(&survey.inserts).union(&everything).cloned().collect();
    // Each child that passes is in the same set as its parent, and so answers for its own children.
    all.iter().find(|one| {
        (everything.contains(&one.parent) && !everything.contains(&one.child))
            || (some.contains(&one.parent) && !some.contains(&one.child))
    })
}

fn not_alone(one: &Inherits) -> Failure {
    Failure::refused(format!(
        "aiven_extras publishes a table with all that inherit from it, and {} inherits from {} without being chosen to \
         follow like it: the source would then refuse its UPDATE and DELETE, or send rows that the target has no table for",
        one.child, one.parent
    ))
    .advise(format!(
        "let {} follow in the same way (include it, and give it a primary key on the source or choose --replica-identity \
         index or full), or migrate as the tables' owner or a superuser",
        one.child
    ))
}

/// Whether the tables can be published that our user may not publish itself.
fn published_by(mut survey: Survey, publisher: Publisher) -> Result<Survey, Failure> {
    if publisher == Publisher::Extension {
        let changed =
            survey.identities.iter().find(|change| survey.foreign.iter().any(|f| f.0 == change.table));
        if let Some(change) = changed {
            return Err(Failure::refused(format!(
                "the replica identity of {} has to be changed, and only its owner may do that",
                change.table
            ))
            .advise("let its owner do so, or choose --replica-identity skip"));
        }
        survey.publisher = publisher;
        return Ok(survey);
    }
    let Some((table, owner)) = survey.foreign.first() else {
        return Err(Failure::refused("the migration's user may not create a publication in this database")
            .advise("on the source: give it CREATE on the database, or install aiven_extras there"));
    };
    Err(Failure::refused(format!("table {table} belongs to {owner}, and only its owner may publish it"))
        .advise(format!(
            "grant the role {owner} to the migration's user, install aiven_extras, or use a superuser"
        )))
}

/// What becomes of tables that our user may publish.
///
/// # Errors
/// Why the database cannot be replicated, with the statements that help.
pub(crate) fn judge(
    candidates: Vec<PublishCandidate>,
    plan: &Plan,
    database: &str,
    version: ServerVersion,
) -> Result<Survey, Failure> {
    let scope = &plan.scope.tables;
    let by_root = version.at_least(13);
    let selected = |t: &PublishCandidate| {
        let names: Vec<_> = std::iter::once(t.name.clone()).chain(t.root.clone()).collect();
        scope.selects(database, &names)
    };
    let (wanted, left): (Vec<_>, Vec<_>) = candidates.into_iter().partition(selected);
    // Published by its root a tree travels as a whole; and what a partitioned table in the middle of a tree says of its
    // partitions is not known of them here.
    let of_wanted_tree = |t: &PublishCandidate| {
        wanted.iter().any(|w| t.root.is_some() && (w.root == t.root || Some(&w.name) == t.root.as_ref()))
    };
    if let Some(cut) =
        left.iter().find(|t| (by_root || t.kind == CandidateKind::Partitioned) && of_wanted_tree(t))
    {
        return Err(Failure::refused(format!(
            "only a part of the partitions of {} is to be moved",
            cut.name
        )));
    }
    let foreign = wanted.iter().filter(|t| !t.owned).map(|t| (t.name.clone(), t.owner.clone())).collect();
    let mut survey = Survey { foreign, ..Survey::default() };
    let mut refused: Vec<(TableName, String)> = Vec::new();
    let mut remedies: HashMap<TableName, Remedy> = HashMap::new();
    for table in wanted.iter().filter(|t| !t.identity_is_usable()) {
        // Up to 12 a partitioned table itself is not published.
        if table.kind == CandidateKind::Partitioned && !by_root {
            continue;
        }
        match remedy(table, plan.replication.identity_for(database, &table.name)) {
            Ok(remedy) => drop(remedies.insert(table.name.clone(), remedy)),
            Err(fix) => refused.push((table.name.clone(), fix)),
        }
    }
    if !refused.is_empty() {
        return Err(refusal(&refused));
    }
    // One member of a tree decides for all of it: they travel together.
    let weakest = |top: &TableName| {
        let members = wanted.iter().filter(|t| &t.name == top || t.root.as_ref() == Some(top));
        let found: Vec<_> = members.filter_map(|t| remedies.get(&t.name)).collect();
        (found.iter().any(|r| matches!(r, Remedy::Skip)), found.iter().any(|r| matches!(r, Remedy::Inserts)))
    };
    for table in &wanted {
        if let Some(Remedy::Change(after)) = remedies.get(&table.name) {
            let (before, after) = (setting(table), after.clone());
            survey.identities.push(IdentityChange { table: table.name.clone(), before, after });
        }
        let form = match table.kind {
            CandidateKind::Partitioned if by_root && table.root.is_none() => TableForm::Partitioned,
            CandidateKind::Partition if by_root => continue,
            CandidateKind::Partitioned => continue,
            CandidateKind::Partition | CandidateKind::Plain => TableForm::Plain,
        };
        let published = Published { name: table.name.clone(), form };
        match weakest(&table.name) {
            (true, _) => survey.skipped.push(table.name.clone()),
            (_, true) => survey.inserts.push(published),
            _ => survey.everything.push(published),
        }
    }
    Ok(survey)
}

/// # Errors
/// The statement that would help.
fn remedy(table: &PublishCandidate, policy: IdentityPolicy) -> Result<Remedy, String> {
    let by_index = || table.candidate_index.clone().map(|index| Remedy::Change(TableIdentity::Index(index)));
    let whole = || table.full_is_possible().then_some(Remedy::Change(TableIdentity::Full));
    let found = match policy {
        IdentityPolicy::Refuse => None,
        IdentityPolicy::Index => by_index(),
        IdentityPolicy::Full => by_index().or_else(whole),
        IdentityPolicy::Inserts => Some(Remedy::Inserts),
        IdentityPolicy::Skip => Some(Remedy::Skip),
    };
    found.ok_or_else(|| help(table))
}

/// What tells the rows of a table apart, where nothing does: a statement, or what else there is to do.
pub(crate) fn help(table: &PublishCandidate) -> String {
    match &table.candidate_index {
        Some(index) => format!("{};", replica_identity(&table.name, ReplicaIdentity::Index(index))),
        None if table.full_is_possible() => {
            format!("{};", replica_identity(&table.name, ReplicaIdentity::Full))
        }
        None => format!("(add a primary key to {})", table.name),
    }
}

fn refusal(refused: &[(TableName, String)]) -> Failure {
    let names: Vec<_> = refused.iter().take(NAMED).map(|(name, _)| name.to_string()).collect();
    let fixes: Vec<_> = refused.iter().take(NAMED).map(|(_, fix)| fix.clone()).collect();
    let more = refused.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let count = count_of(refused.len() as u64, "table");
    Failure::refused(format!(
        "nothing tells the rows of {count} apart ({}{rest}): published, their UPDATE and DELETE would fail on the source",
        names.join(", ")
    ))
    .advise(format!("on the source: {}{rest} — or choose --replica-identity index, full, inserts or skip", fixes.join(" ")))
}

fn setting(table: &PublishCandidate) -> TableIdentity {
    match (table.identity, &table.identity_index) {
        (IdentitySetting::Default, _) => TableIdentity::Default,
        (IdentitySetting::Full, _) => TableIdentity::Full,
        (IdentitySetting::Index, Some(index)) => TableIdentity::Index(index.clone()),
        // An index that was dropped leaves the setting without effect.
        (IdentitySetting::Nothing | IdentitySetting::Index, _) => TableIdentity::Nothing,
    }
}

/// As a statement says it.
pub(crate) fn identity(of: &TableIdentity) -> ReplicaIdentity<'_> {
    match of {
        TableIdentity::Default => ReplicaIdentity::Default,
        TableIdentity::Full => ReplicaIdentity::Full,
        TableIdentity::Nothing => ReplicaIdentity::Nothing,
        TableIdentity::Index(index) => ReplicaIdentity::Index(index),
    }
}
