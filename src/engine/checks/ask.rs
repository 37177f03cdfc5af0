//! Asks a server, question by question: one that is not answered is one fact that is not known, and ends nothing.

use super::facts::{Known, SideFacts};
use super::gather::Reached;
use super::probe::free_bytes;
use super::provider::recognise;
use crate::engine::sessions::settings_for_questions;
use crate::model::failure::Failure;
use crate::model::plan::Plan;
use crate::model::units::{ServerVersion, Side, readable};
use crate::pg::connect::Session;
use crate::pg::error::{Error, ErrorKind};
use crate::pg::facts::databases::collations;
use crate::pg::facts::extensions::{available, installed, languages};
use crate::pg::facts::relations::user_objects;
use crate::pg::facts::remarks::{Question, ask};
use crate::pg::facts::replication::objects::{slots, subscriptions};
use crate::pg::facts::replication::server::gather as replication;
use crate::pg::facts::replication::watch::open_transactions;
use crate::pg::facts::roles::{ParameterPrivilege, gather as roles, memberships, parameter_privileges};
use crate::pg::facts::server::{Statements, keeps_statements};
use crate::pg::facts::standing::{own_pid, password_kinds, settable, settings as server_settings, standing};
use std::future::Future;
use std::time::Duration;

/// No question takes longer; a catalog that is locked or huge must not hold up everything else.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What a migration could be refused for.
    Blockers,
    /// All that there is to say.
    Everything,
}

impl Depth {
    pub(crate) fn of(plan: &Plan) -> Self {
        if plan.only_checks { Depth::Everything } else { Depth::Blockers }
    }
}

/// The answer to one question, or what is missing.
pub(crate) async fn known<T>(session: &Session, asking: impl Future<Output = Result<T, Error>>) -> Known<T> {
    match tokio::time::timeout(PATIENCE, Box::pin(asking)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(missing(&error)),
        Err(_) => {
            drop(session.canceller().cancel().await);
            Err(format!("no answer within {} s", PATIENCE.as_secs()))
        }
    }
}

fn missing(error: &Error) -> String {
    match error.kind {
        ErrorKind::InsufficientPrivilege => {
            format!("a privilege is missing: {}; pg_read_all_data and pg_monitor may help", error.message)
        }
        _ => format!("the server says: {}", error.message),
    }
}

/// What databases are made from where nobody says otherwise.
pub(crate) const TEMPLATE: &str = "template1";

const NOT_ASKED: &str = "not asked";

/// All facts of one server.
pub(crate) async fn side(reached: &Reached, side: Side, depth: Depth) -> Result<SideFacts, Failure> {
    let session =
        reached.server.connect(&reached.home, &settings_for_questions(side, reached.facts.version)).await?;
    let s = &session;
    let all = depth == Depth::Everything;
    let is_target = side == Side::Target;
    let (standing, server_settings, extensions, languages, roles) = tokio::join!(
        known(s, standing(s)),
        known(s, server_settings(s)),
        when(is_target.then(|| known(s, available(s)))),
        when(is_target.then(|| known(s, languages(s)))),
        known(s, roles(s)),
    );
    let (replication, slots, subscriptions, transactions) = tokio::join!(
        when(all.then(|| known(s, replication(s)))),
        when(all.then(|| known(s, slots(s, "")))),
        when(all.then(|| known(s, subscriptions(s, "")))),
        when((all && side == Side::Source).then(|| known(s, open_transactions(s)))),
    );
    let (passwords, remarks) = tokio::join!(
        when((all && reached.facts.reads_passwords).then(|| known(s, password_kinds(s)))),
        when(all.then(|| known(s, ask(s, Question::Server)))),
    );
    let (memberships, parameter_privileges) = tokio::join!(
        when((all && !is_target).then(|| known(s, memberships(s)))),
        when((all && !is_target).then(|| granted_parameters(s, reached.facts.version))),
    );
    let (keeps, template) = tokio::join!(
        when((all && is_target).then(|| known(s, keeps_statements(s, Statements::Done)))),
        when((!is_target).then(|| in_template(reached))),
    );
    let settable = settable_by_us(s, reached).await;
    let collations = when((all && is_target).then(|| known(s, collations(s)))).await;
    let last_pid = known(s, own_pid(s)).await;
    let data = server_settings.as_ref().ok().and_then(|s| s.text("data_directory")).filter(|_| is_target);
    let local = last_pid.as_ref().ok().zip(data);
    let free_bytes = local.and_then(|(pid, data)| free_bytes(reached.server.endpoint(), *pid, data));
    let hosts = reached.server.endpoint().hosts.clone();
    let provider = recognise(&hosts, server_settings.as_ref().ok(), standing.as_ref().ok());
    Ok(SideFacts {
        server: reached.facts.clone(),
        databases: reached.databases.clone(),
        hosts,
        provider,
        standing,
        free_bytes,
        last_pid,
        settings: server_settings,
        replication,
        slots,
        subscriptions,
        transactions,
        roles,
        memberships,
        parameter_privileges,
        settable,
        passwords,
        extensions,
        languages,
        collations,
        remarks,
        keeps,
        template,
    })
}

/// Of databases made from template1 from now on. A session in it is in the way of whoever makes one: it asks and leaves.
async fn in_template(reached: &Reached) -> Known<Vec<String>> {
    let settings = settings_for_questions(Side::Source, reached.facts.version);
    let session = match reached.server.connect(TEMPLATE, &settings).await {
        Err(error) if error.kind == ErrorKind::NoDatabase => return Ok(Vec::new()),
        session => session.map_err(|error| missing(&error))?,
    };
    let (objects, extensions) =
        tokio::join!(known(&session, user_objects(&session)), known(&session, installed(&session)));
    let extensions = extensions?.into_iter().filter(|e| e.name != "plpgsql");
    let named = extensions.map(|e| format!("extension {}", readable(&e.name)));
    Ok(named.chain(objects?.iter().map(ToString::to_string)).collect())
}

/// Before 15 there were none.
async fn granted_parameters(session: &Session, version: ServerVersion) -> Known<Vec<ParameterPrivilege>> {
    if !version.at_least(15) {
        return Ok(Vec::new());
    }
    known(session, parameter_privileges(session)).await
}

/// Before 15 it took a superuser, or what a provider has built in: that shows only when it is tried.
async fn settable_by_us(session: &Session, reached: &Reached) -> Known<Vec<String>> {
    if reached.facts.superuser {
        return Err(NOT_ASKED.to_owned());
    }
    if !reached.facts.version.at_least(15) {
        return Ok(Vec::new());
    }
    known(session, settable(session)).await
}

/// Asks only where it matters.
async fn when<T>(asking: Option<impl Future<Output = Known<T>>>) -> Known<T> {
    match asking {
        Some(asking) => asking.await,
        None => Err(NOT_ASKED.to_owned()),
    }
}
