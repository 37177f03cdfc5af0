//! Checks of privileges that belong to no object: on parameters, and on roles by whoever granted them.

use super::{Check, Fix, Judge, Judged, PLAIN, Unjudged, Weight, blocker, info, statements, warning};
use crate::engine::checks::facts::{Facts, Wanted, of};
use crate::engine::checks::provider::Provider;
use crate::model::check::Finding;
use crate::model::plan::{MethodPolicy, Plan, TargetPolicy};
use crate::model::units::{Side, TableName, count_of, printable, readable};
use crate::pg::facts::relations::ActiveTrigger;
use crate::pg::facts::remarks::{Question, Remark};
use crate::pg::facts::roles::{Membership, ParameterPrivilege};
use crate::pg::facts::standing::REPLICATION_ROLE;
use crate::pg::statement::fixes;
use crate::pg::statement::roles::{self, Grantor};

pub(super) const CHECKS: [Check; 3] = [
    Check {
        id: "hold-triggers",
        title: "Triggers can be held off",
        weight: Weight::Stops,
        what: "Whether the target's user may set session_replication_role, by which triggers and foreign keys do not fire for \
               rows that are consistent already. Rows that are put into tables which are there need it \
               (--if-target-not-empty), and so do tables that are copied again when the connection is closed: unlogged \
               ones, and those that --replica-identity inserts or skip keeps from following. Triggers that are ENABLE \
               ALWAYS or ENABLE REPLICA fire nevertheless.",
        why: "triggers would change the rows, and foreign keys refuse them",
        fix: Fix::On(Side::Target, let_hold),
        judge: Judge::Database(hold_triggers),
        ..PLAIN
    },
    Check {
        id: "parameter-privileges",
        title: "Privileges on parameters",
        since: 15,
        what: "What GRANT … ON PARAMETER gave to roles that are made on the target, where the target is older than 15 or its \
               user is no superuser.",
        why: "without it these roles may not change the setting any more, and what they run fails",
        fix: Fix::Same("grant it on the target afterwards, as a superuser"),
        judge: Judge::Servers(parameter_privileges),
        ..PLAIN
    },
    Check {
        id: "membership-grantors",
        title: "Who granted memberships",
        since: 16,
        what: "Memberships in roles that were granted by others than the first superuser. From 16 on a membership belongs to \
               whoever granted it: it can be granted twice, and only its grantor takes it back.",
        why: "they are granted in the name of the target's user, who then is the one to take them back",
        fix: Fix::Same("grant them on the target afterwards, as a superuser, with GRANTED BY"),
        judge: Judge::Servers(grantors),
        ..PLAIN
    },
];

fn let_hold(provider: Provider) -> String {
    match provider {
        Provider::SelfHosted => {
            "use a superuser, or from 15 on GRANT SET ON PARAMETER session_replication_role to the user"
        }
        Provider::CloudSql | Provider::AlloyDb => {
            "nobody may set it there: disable the triggers, and drop the foreign keys, until the rows are in"
        }
        Provider::Aiven => {
            "use avnadmin on a target that is empty, or disable the triggers until the rows are in"
        }
        _ => "use the provider's administrator, or disable the triggers until the rows are in",
    }
    .to_owned()
}

/// Whether the target's user may set session_replication_role.
fn may_hold(facts: &Facts) -> Result<bool, Unjudged> {
    let target = &facts.target;
    if target.server.superuser {
        return Ok(true);
    }
    let settable = target.settable.as_ref().map_err(Clone::clone)?;
    let may = settable.iter().any(|name| name == REPLICATION_ROLE);
    if !may && target.provider.is_managed() && !facts.to().at_least(15) {
        let why =
            "whether a provider lets its administrator set session_replication_role does not show before 15";
        return Err(Unjudged::Unknown(why.to_owned()));
    }
    Ok(may)
}

fn hold_triggers(facts: &Facts, wanted: &Wanted, plan: &Plan) -> Judged {
    let mut found = Vec::new();
    let fill = plan.policies.target_not_empty != TargetPolicy::Refuse;
    if let (true, Some(Ok(there))) = (fill, &wanted.target) {
        found.extend(while_filling(facts, wanted, plan, of(there.triggers.as_ref())?)?);
    }
    // A migration says this itself, as soon as the target follows.
    let asked = plan.only_checks && plan.method != MethodPolicy::Dump;
    let again = if asked { copied_again(wanted)? } else { Vec::new() };
    if !again.is_empty() && !may_hold(facts)? {
        let n = count_of(again.len() as u64, "table");
        let title = format!("triggers have to be held off for {n} when the connection is closed");
        let why = "their changes do not follow: they are copied again, and the target's user may not keep triggers and \
                   foreign keys from firing";
        found.push(grantable(facts, warning(title).because(why).objects(again)));
    }
    Ok(found)
}

/// With the statement, where one helps.
fn grantable(facts: &Facts, finding: Finding) -> Finding {
    if facts.target.provider != Provider::SelfHosted || !facts.to().at_least(15) {
        return finding;
    }
    let statement = fixes::grant_set(REPLICATION_ROLE, facts.user(Side::Target));
    finding.fix(format!("on the target, as a superuser: {statement}"))
}

fn while_filling(
    facts: &Facts,
    wanted: &Wanted,
    plan: &Plan,
    triggers: &[ActiveTrigger],
) -> Result<Vec<Finding>, Unjudged> {
    let names = of(wanted.source()?.names.as_ref())?;
    let moved = |table: &TableName| {
        names.contains(table) && plan.scope.tables.selects(wanted.name(), std::slice::from_ref(table))
    };
    let (always, usual): (Vec<_>, Vec<_>) =
        triggers.iter().filter(|t| moved(&t.table)).partition(|t| t.fires_as_replica);
    let named = |t: &&ActiveTrigger| format!("{} on {}", printable(&t.trigger), t.table);
    let would = |n: usize| format!("{} would fire while rows are loaded", count_of(n as u64, "trigger"));
    let mut found = Vec::new();
    if !always.is_empty() {
        let title = format!("{}, being ENABLE ALWAYS or ENABLE REPLICA", would(always.len()));
        let fix = "disable them on the target for the time of the migration";
        found.push(blocker(title).objects(always.iter().map(named)).fix(fix));
    }
    if !usual.is_empty() && !may_hold(facts)? {
        let title = format!("{}, and the target's user may not hold them off", would(usual.len()));
        found.push(grantable(facts, blocker(title).objects(usual.iter().map(named))));
    }
    Ok(found)
}

/// Tables of which replication does not carry every change.
fn copied_again(wanted: &Wanted) -> Result<Vec<String>, String> {
    let unlogged = wanted.remarks(Question::Relations, &["unlogged table"])?;
    let mut again: Vec<String> = unlogged.into_iter().map(Remark::to_string).collect();
    if let Some(Ok(Ok(survey))) = &wanted.source()?.survey {
        again.extend(survey.inserts.iter().map(|table| table.name.to_string()));
        again.extend(survey.skipped.iter().map(ToString::to_string));
    }
    Ok(again)
}

fn parameter_privileges(facts: &Facts, plan: &Plan) -> Judged {
    let knows = facts.to().at_least(15);
    if knows && facts.target.server.superuser {
        return super::well();
    }
    let all = facts.source.parameter_privileges.as_ref().map_err(Clone::clone)?;
    let made = super::roles::to_make(facts, plan)?;
    let moved = |p: &&ParameterPrivilege| {
        p.grantee.as_ref().is_none_or(|grantee| made.iter().any(|role| role.name == *grantee))
    };
    let lost: Vec<_> = all.iter().filter(moved).collect();
    if lost.is_empty() {
        return super::well();
    }
    let objects = lost.iter().map(|p| {
        let whose = p.grantee.as_deref().map_or_else(|| "everybody".to_owned(), readable);
        format!("{} on {} to {whose}", p.privilege, printable(&p.parameter))
    });
    let n = count_of(lost.len() as u64, "privilege");
    Ok(vec![if knows {
        let fix = statements(Side::Target, &lost, |p| format!("{};", roles::grant_parameter(p)));
        warning(format!("{n} on parameters, which the target's user may not be able to grant"))
            .objects(objects)
            .fix(format!("after the migration, as a superuser, {fix}"))
    } else {
        warning(format!("{n} on parameters, which the target does not know before 15"))
            .objects(objects)
            .fix("let these roles set them otherwise on the target, or choose one from 15 on")
    }])
}

fn grantors(facts: &Facts, plan: &Plan) -> Judged {
    if !facts.to().at_least(16) {
        return super::well();
    }
    let all = facts.source.memberships.as_ref().map_err(Clone::clone)?;
    let made = super::roles::to_make(facts, plan)?;
    let here = facts.source.roles.as_ref().map_err(Clone::clone)?;
    let excluded = |name: &String| plan.scope.excluded_roles.contains(name);
    let is_new = |name: &String| made.iter().any(|role| role.name == *name);
    // Whoever was there first may always stand for whoever is first there.
    let is_first = |name: &String| here.iter().any(|role| role.is_bootstrap && role.name == *name);
    let loses = |m: &&Membership| {
        let Some(grantor) = &m.grantor else { return false };
        let moved = (is_new(&m.role) || is_new(&m.member)) && !excluded(&m.role) && !excluded(&m.member);
        let keeps = facts.target.server.superuser && !excluded(grantor);
        moved && !is_first(grantor) && !keeps && grantor != facts.user(Side::Target)
    };
    let lost: Vec<_> = all.iter().filter(loses).collect();
    if lost.is_empty() {
        return super::well();
    }
    let objects = lost.iter().map(|m| {
        let grantor = m.grantor.as_deref().map(readable).unwrap_or_default();
        format!("{} in {} (by {grantor})", readable(&m.member), readable(&m.role))
    });
    let title = format!("{} whose grantor does not come along", count_of(lost.len() as u64, "membership"));
    let finding = info(title).objects(objects);
    let whole: Vec<_> = lost.iter().filter(|m| !m.grantor.as_ref().is_some_and(excluded)).collect();
    Ok(vec![if whole.is_empty() {
        finding
    } else {
        let grant = |m: &&&Membership| roles::grant_membership(m, facts.to(), Grantor::Named) + ";";
        let fix = statements(Side::Target, &whole, grant);
        finding.fix(format!("after the migration, as a superuser, {fix}"))
    }])
}
