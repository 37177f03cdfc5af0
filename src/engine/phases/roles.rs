//! Roles: made before anything that belongs to them. One that exists is left alone; one that cannot be made is reported
//! and does not end the run.

use crate::engine::context::{Cx, execute, guarded, opened};
use crate::engine::sessions::{keep_out_of_log, settings};
use crate::model::check::Finding;
use crate::model::event::{Event, ObjectKind, PhaseOutcome, RolePassword, RoleStatus, ServerObject};
use crate::model::failure::Failure;
use crate::model::phase::Phase;
use crate::model::secret::Secret;
use crate::model::units::{Side, readable};
use crate::pg::connect::Session;
use crate::pg::facts::roles::{self as facts, Membership, RoleFacts};
use crate::pg::facts::server::{Statements, keeps_statements};
use crate::pg::statement::roles::{self, Grantor};
use std::collections::{BTreeMap, BTreeSet};

/// Runs the phase and returns the roles that are new on the target.
pub(crate) async fn run(cx: &Cx) -> Result<BTreeSet<String>, Failure> {
    cx.emit.record(Event::PhaseBegan { phase: Phase::Roles, database: None });
    let result = move_roles(cx).await;
    let outcome = match &result {
        Ok(_) => PhaseOutcome::Done,
        Err(failure) if failure.is_interruption() => PhaseOutcome::Interrupted,
        Err(failure) => PhaseOutcome::Failed { failure: failure.clone() },
    };
    cx.emit.record(Event::PhaseEnded { phase: Phase::Roles, database: None, outcome });
    result
}

async fn move_roles(cx: &Cx) -> Result<BTreeSet<String>, Failure> {
    let source = cx.source_session(&cx.source_home).await?;
    let target = target_session(cx).await?;
    let excluded = &cx.plan.scope.excluded_roles;
    let mut wanted = guarded(&cx.cancel, source.canceller(), facts::gather(&source)).await?;
    wanted.retain(|role| !excluded.contains(&role.name));
    let there: BTreeSet<String> = guarded(&cx.cancel, target.canceller(), facts::gather(&target))
        .await?
        .into_iter()
        .map(|role| role.name)
        .collect();
    let hashes = if cx.source_facts.reads_passwords {
        Some(guarded(&cx.cancel, source.canceller(), facts::passwords(&source)).await?)
    } else {
        None
    };
    let mut made = BTreeSet::new();
    for role in &wanted {
        if there.contains(&role.name) {
            settle(cx, &role.name, RoleStatus::Exists, "role already exists", RolePassword::None);
        } else if make(cx, &target, role, hashes.as_ref()).await? {
            made.insert(role.name.clone());
        }
    }
    let hashes_are = if hashes.is_some() { HashesAre::Readable } else { HashesAre::Hidden };
    join(cx, &target, &made).await?;
    report_unused_passwords(cx, &made, hashes_are);
    memberships(cx, (&source, &target), &made).await?;
    parameters(cx, (&source, &target), &made).await?;
    Ok(made)
}

/// Before 16, who may create roles may also make himself a member of them, and must be to give them anything. It is for
/// the time of the migration only, see [`leave`]; superusers need none of it, and from 16 on it comes by itself.
async fn join(cx: &Cx, target: &Session, made: &BTreeSet<String>) -> Result<(), Failure> {
    for role in made.iter().filter(|_| joins(cx)) {
        let object = membership_of_ours(role);
        cx.emit.record(Event::Making { object: object.clone() });
        match execute(&cx.cancel, target, &roles::join(role)).await {
            Ok(()) => cx.emit.record(Event::Made { object }),
            Err(failure) if crate::engine::retry::ends_the_database(&failure) => return Err(failure),
            // A superuser, for one: what it owned stays ours, and each such thing is reported.
            Err(_) => cx.emit.record(Event::Removed { object }),
        }
    }
    Ok(())
}

fn joins(cx: &Cx) -> bool {
    !cx.target_facts.superuser && !cx.target_facts.version.at_least(16)
}

fn membership_of_ours(role: &str) -> ServerObject {
    ServerObject { side: Side::Target, kind: ObjectKind::Membership, name: role.to_owned(), database: None }
}

/// Takes back what [`join`] gave, apart from what the source has too.
pub(crate) async fn leave(cx: &Cx, made: &BTreeSet<String>) -> Result<(), Failure> {
    if !joins(cx) || made.is_empty() {
        return Ok(());
    }
    let source = cx.source_session(&cx.source_home).await?;
    let target = cx.target_session(&cx.target_home).await?;
    let ours = &cx.target_facts.user;
    let theirs = guarded(&cx.cancel, source.canceller(), facts::memberships(&source)).await?;
    for role in made.iter().filter(|role| !theirs.iter().any(|m| m.role == **role && m.member == *ours)) {
        match execute(&cx.cancel, &target, &roles::leave(role)).await {
            Ok(()) => cx.emit.record(Event::Removed { object: membership_of_ours(role) }),
            Err(failure) if crate::engine::retry::ends_the_database(&failure) => return Err(failure),
            Err(failure) => cx.finding(
                Finding::warning(
                    "membership",
                    format!("{} is still a member of {}", readable(ours), readable(role)),
                )
                .because(failure.what)
                .fix("on the target, revoke that role from the migration's user"),
            ),
        }
    }
    Ok(())
}

/// A password that the operator named and that was not set: he may rely on it.
fn report_unused_passwords(cx: &Cx, made: &BTreeSet<String>, hashes: HashesAre) {
    let unused: Vec<_> = cx
        .secrets
        .role_passwords
        .keys()
        .filter(|role| hashes == HashesAre::Readable || !made.contains(*role))
        .map(|role| readable(role))
        .collect();
    if unused.is_empty() {
        return;
    }
    let finding = Finding::info("role-passwords", "passwords of --role-passwords were not needed")
        .because("the role is not new on the target, or its own password came along");
    cx.finding(finding.objects(unused));
}

/// Whether passwords come along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HashesAre {
    Readable,
    Hidden,
}

async fn target_session(cx: &Cx) -> Result<Session, Failure> {
    let version = cx.target_facts.version;
    let session =
        opened(&cx.cancel, cx.target.connect(&cx.target_home, &settings(Side::Target, version))).await?;
    keep_out_of_log(&session).await;
    if let Some(place) =
        guarded(&cx.cancel, session.canceller(), keeps_statements(&session, Statements::Done)).await?
    {
        let title = format!("the target writes the password hashes of new roles into {place}");
        cx.finding(
            Finding::warning("log", title)
                .because("it keeps statements, and the migration's user may not switch that off for itself")
                .fix("on the target, as a superuser: switch that off for this user (log_statement, pgaudit.log, pg_stat_statements.track_utility); or clean it afterwards"),
        );
    }
    // From 16 on, a role that may create roles does not get what belongs to them unless it asks; without it we
    // could not make the new roles own anything.
    if version.at_least(16) && !cx.target_facts.superuser {
        drop(session.batch("SET createrole_self_grant = 'set, inherit'").await);
    }
    Ok(session)
}

fn settle(cx: &Cx, role: &str, status: RoleStatus, message: &str, password: RolePassword) {
    let (role, message) = (role.to_owned(), message.to_owned());
    cx.emit.record(Event::RoleSettled { role, status, message, password });
}

/// What goes into the role's PASSWORD clause.
fn verifier(
    cx: &Cx,
    role: &RoleFacts,
    hashes: Option<&BTreeMap<String, Secret>>,
) -> (RolePassword, Option<Secret>) {
    if let Some(hashes) = hashes {
        return match hashes.get(&role.name) {
            Some(hash) => (RolePassword::Kept, Some(hash.clone())),
            None => (RolePassword::None, None),
        };
    }
    if let Some(given) = cx.secrets.role_passwords.get(&role.name) {
        return (RolePassword::Given, Some(roles::verifier_for(given)));
    }
    if !role.login {
        return (RolePassword::None, None);
    }
    let placeholder = cx.secrets.placeholder_key.password_for(&role.name);
    (RolePassword::Placeholder, Some(roles::verifier_for(&placeholder)))
}

/// True if the role was made.
async fn make(
    cx: &Cx,
    target: &Session,
    role: &RoleFacts,
    hashes: Option<&BTreeMap<String, Secret>>,
) -> Result<bool, Failure> {
    let object =
        ServerObject { side: Side::Target, kind: ObjectKind::Role, name: role.name.clone(), database: None };
    let (password, verifier) = verifier(cx, role, hashes);
    cx.emit.record(Event::Making { object: object.clone() });
    let create = roles::create(role, verifier.as_ref());
    match execute(&cx.cancel, target, create.expose()).await {
        Ok(()) => {}
        Err(failure) if crate::engine::retry::ends_the_database(&failure) => return Err(failure),
        Err(failure) if failure.sqlstate.as_deref() == Some("42710") => {
            cx.emit.record(Event::NotOurs { object });
            settle(cx, &role.name, RoleStatus::Exists, "role already exists", RolePassword::None);
            return Ok(false);
        }
        Err(failure) => {
            settle(cx, &role.name, RoleStatus::Failed, &failure.what, RolePassword::None);
            return Ok(false);
        }
    }
    cx.emit.record(Event::Made { object });
    settle(cx, &role.name, RoleStatus::Created, "role created", password);
    if let Some(comment) = &role.comment {
        let sql = roles::comment(&role.name, comment);
        try_or_report(
            cx,
            target,
            &sql,
            Finding::lost("role", format!("the comment on role {} was not set", role.name)),
        )
        .await?;
    }
    Ok(true)
}

async fn try_or_report(cx: &Cx, target: &Session, sql: &str, finding: Finding) -> Result<(), Failure> {
    match execute(&cx.cancel, target, sql).await {
        Ok(()) => Ok(()),
        Err(failure) if crate::engine::retry::ends_the_database(&failure) => Err(failure),
        Err(failure) => {
            cx.finding(finding.because(failure.what));
            Ok(())
        }
    }
}

/// A grant by somebody who got his right to grant by another grant must come after that one; so whatever fails is tried
/// again as long as others succeed, and at last in our own name.
async fn memberships(
    cx: &Cx,
    (source, target): (&Session, &Session),
    made: &BTreeSet<String>,
) -> Result<(), Failure> {
    let all = guarded(&cx.cancel, source.canceller(), facts::memberships(source)).await?;
    let excluded =
        |m: &Membership| cx.plan.scope.excluded_roles.iter().any(|r| *r == m.role || *r == m.member);
    let mut open: Vec<Membership> = all
        .into_iter()
        .filter(|m| (made.contains(&m.role) || made.contains(&m.member)) && !excluded(m))
        .collect();
    for grantor in [Grantor::Named, Grantor::Ourselves] {
        loop {
            let mut failed = Vec::new();
            let before = open.len();
            for membership in open {
                let sql = roles::grant_membership(&membership, cx.target_facts.version, grantor);
                match execute(&cx.cancel, target, &sql).await {
                    Ok(()) => {}
                    Err(failure) if crate::engine::retry::ends_the_database(&failure) => return Err(failure),
                    Err(failure) => failed.push((membership, failure)),
                }
            }
            if failed.is_empty() {
                return Ok(());
            }
            let stuck = failed.len() == before;
            if stuck && grantor == Grantor::Ourselves {
                report_memberships(cx, failed);
                return Ok(());
            }
            open = failed.into_iter().map(|f| f.0).collect();
            if stuck {
                break;
            }
        }
    }
    Ok(())
}

fn report_memberships(cx: &Cx, failed: Vec<(Membership, Failure)>) {
    for (membership, failure) in failed {
        let title = format!("role {} could not be made a member of {}", membership.member, membership.role);
        cx.finding(Finding::lost("membership", title).because(failure.what).object(membership.member));
    }
}

async fn parameters(
    cx: &Cx,
    (source, target): (&Session, &Session),
    made: &BTreeSet<String>,
) -> Result<(), Failure> {
    if !cx.source_facts.version.at_least(15) {
        return Ok(());
    }
    let all = guarded(&cx.cancel, source.canceller(), facts::parameter_privileges(source)).await?;
    let is_new = |grantee: &Option<String>| grantee.as_ref().is_none_or(|grantee| made.contains(grantee));
    for privilege in all.iter().filter(|privilege| is_new(&privilege.grantee)) {
        let title = format!("a privilege on parameter {} could not be granted", privilege.parameter);
        let finding = Finding::warning("privileges", title);
        if !cx.target_facts.version.at_least(15) {
            cx.finding(finding.because("the target knows none before 15"));
            continue;
        }
        try_or_report(cx, target, &roles::grant_parameter(privilege), finding).await?;
    }
    Ok(())
}

/// `ALTER ROLE … SET`, after everything else: a setting could change what our own sessions do.
pub(crate) async fn role_settings(cx: &Cx, made: &BTreeSet<String>) -> Result<(), Failure> {
    let source = cx.source_session(&cx.source_home).await?;
    let target = cx.target_session(&cx.target_home).await?;
    // Nothing comes after this that would flush it.
    execute(&cx.cancel, &target, "SET synchronous_commit = on").await?;
    let all = guarded(&cx.cancel, source.canceller(), facts::settings(&source)).await?;
    let wanted = |role: &Option<String>| role.as_ref().is_none_or(|role| made.contains(role));
    for (role, settings) in all.iter().filter(|(role, _)| wanted(role)) {
        for setting in settings {
            let Some(sql) = roles::alter_setting(role.as_deref(), setting) else { continue };
            let name = setting.split('=').next().unwrap_or_default();
            let whose = role.as_ref().map_or("all roles".to_owned(), |role| format!("role {role}"));
            let finding = Finding::lost("setting", format!("setting {name} of {whose} could not be set"));
            try_or_report(cx, &target, &sql, finding).await?;
        }
    }
    Ok(())
}
