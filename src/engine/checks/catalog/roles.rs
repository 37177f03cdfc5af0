//! Checks of roles: what of them the target does not take.

use super::versions::{has_line_break, is_removed};
use super::{Check, Fix, Judge, Judged, PLAIN, Weight, blocker, info, statements, warning};
use crate::engine::checks::facts::{Facts, SideFacts};
use crate::model::plan::Plan;
use crate::model::units::{Side, count_of, readable};
use crate::pg::facts::remarks::Remark;
use crate::pg::facts::roles::RoleFacts;
use crate::pg::statement::fixes;

pub(super) const CHECKS: [Check; 7] = [
    Check {
        id: "superuser-roles",
        title: "Superuser roles",
        weight: Weight::Stops,
        what: "Superusers of the source that Aiven's security agent (aiven_gatekeeper) on the target does not let become \
               superusers: it has a list of roles that may.",
        why: "making such a role is refused on the target",
        fix: Fix::Same(
            "leave them out with --excluded-roles, or take SUPERUSER away from them on the source",
        ),
        judge: Judge::Servers(gatekeeper),
        ..PLAIN
    },
    Check {
        id: "role-attributes",
        title: "Attributes of roles",
        what: "Roles with SUPERUSER, REPLICATION or BYPASSRLS, where the target's user may not give these away.",
        why: "such a role cannot be made on the target, or not with all that it may do",
        fix: Fix::Same("make these roles on the target beforehand, or leave them out with --excluded-roles"),
        judge: Judge::Servers(attributes),
        ..PLAIN
    },
    Check {
        id: "reserved-roles",
        title: "Roles of providers",
        what: "Roles that belong to a provider's own machinery, by their names.",
        why: "they mean nothing elsewhere, and the target's provider may refuse the name",
        fix: Fix::Same("leave them out with --excluded-roles"),
        judge: Judge::Servers(reserved),
        ..PLAIN
    },
    Check {
        id: "role-names",
        title: "Names of roles",
        weight: Weight::Stops,
        what: "For a target from 19 on: roles with a line break in the name.",
        why: "19 makes no role of such a name, and what belongs to it could not be made either",
        fix: Fix::Same("rename it on the source, or leave it out with --excluded-roles"),
        judge: Judge::Servers(names),
        ..PLAIN
    },
    Check {
        id: "passwords",
        title: "Passwords of roles",
        what: "Whether the hashes of passwords can be read on the source (superuser, or pg_read_all_data from 14 on), and \
               whether some of them are still MD5.",
        why: "without its hash a role gets a placeholder, and its applications cannot log in",
        fix: Fix::Same("name the passwords in a file with --role-passwords, or set them afterwards"),
        judge: Judge::Servers(passwords),
        ..PLAIN
    },
    Check {
        id: "role-settings",
        title: "Settings of roles and databases",
        what: "Limits that roles and databases have by ALTER ROLE SET and ALTER DATABASE SET, which are moved last; and settings \
               that the target does not have any more, or not with that value.",
        why: "our sessions lift them; those of applications get them on the target too",
        fix: Fix::Same("nothing"),
        judge: Judge::Servers(role_settings),
        ..PLAIN
    },
    Check {
        id: "expired-roles",
        title: "Roles with an end",
        what: "Roles with VALID UNTIL. It is moved as it is.",
        why: "such a role cannot log in after that moment, on the target as on the source",
        fix: Fix::Same("extend it, if that is not meant"),
        judge: Judge::Servers(expiring),
        ..PLAIN
    },
];

/// Roles of the source that would have to be made.
pub(super) fn to_make<'a>(facts: &'a Facts, plan: &Plan) -> Result<Vec<&'a RoleFacts>, String> {
    let here = facts.source.roles.as_ref().map_err(Clone::clone)?;
    let there = facts.target.roles.as_ref().map_err(Clone::clone)?;
    let excluded = &plan.scope.excluded_roles;
    Ok(here
        .iter()
        .filter(|r| !excluded.contains(&r.name) && !there.iter().any(|t| t.name == r.name))
        .collect())
}

/// The roles that Aiven's security agent lets become superusers; absent where there is no such agent.
fn allowed_superusers(target: &SideFacts) -> Result<Option<Vec<String>>, String> {
    let settings = target.settings.as_ref().map_err(Clone::clone)?;
    let loaded = settings.list("shared_preload_libraries");
    let listed = settings.list("aiven.pg_security_agent_reserved_roles");
    let off = settings.text("aiven.pg_security_agent") == Some("off");
    let there = listed.is_some() || loaded.is_some_and(|l| l.iter().any(|l| l == "aiven_gatekeeper"));
    if !there || off {
        return Ok(None);
    }
    listed.map(Some).ok_or_else(|| "the list of roles that may be superusers is hidden from us".to_owned())
}

fn gatekeeper(facts: &Facts, plan: &Plan) -> Judged {
    let Some(allowed) = allowed_superusers(&facts.target)? else { return super::well() };
    let refused: Vec<_> = to_make(facts, plan)?
        .into_iter()
        .filter(|r| r.superuser && !allowed.contains(&r.name))
        .map(|r| readable(&r.name))
        .collect();
    if refused.is_empty() {
        return super::well();
    }
    let title = format!(
        "Some superuser roles from source database ({}) are not allowed in target database. You can delete them from the \
         source or exclude them from the migration if you are sure your database will function properly without them.",
        refused.join(", ")
    );
    Ok(vec![blocker(title).objects(refused)])
}

fn attributes(facts: &Facts, plan: &Plan) -> Judged {
    let target = &facts.target.server;
    if target.superuser {
        return super::well();
    }
    let mut objects = Vec::new();
    for role in to_make(facts, plan)? {
        let words = [
            (role.superuser, "SUPERUSER"),
            (role.replication, "REPLICATION"),
            (role.bypass_rls, "BYPASSRLS"),
        ];
        let has: Vec<_> = words.into_iter().filter(|(on, _)| *on).map(|(_, word)| word).collect();
        if !has.is_empty() {
            objects.push(format!("{} ({})", readable(&role.name), has.join(", ")));
        }
    }
    if objects.is_empty() {
        return super::well();
    }
    let title = format!(
        "{} with attributes that the target's user may not give",
        count_of(objects.len() as u64, "role")
    );
    Ok(vec![warning(title).objects(objects)])
}

fn reserved(facts: &Facts, plan: &Plan) -> Judged {
    const THEIRS: [&str; 8] =
        ["rds", "cloudsql", "alloydb", "azure", "neon_", "supabase_", "aiven", "avnadmin"];
    let found: Vec<_> = to_make(facts, plan)?
        .into_iter()
        .filter(|r| THEIRS.iter().any(|start| r.name.starts_with(start)))
        .map(|r| readable(&r.name))
        .collect();
    Ok(if found.is_empty() {
        Vec::new()
    } else {
        let title = format!("{} of a provider's machinery", count_of(found.len() as u64, "role"));
        vec![warning(title).objects(found)]
    })
}

fn names(facts: &Facts, plan: &Plan) -> Judged {
    if facts.from().at_least(19) || !facts.to().at_least(19) {
        return super::well();
    }
    let broken = to_make(facts, plan)?.into_iter().filter(|r| has_line_break(&r.name));
    let broken: Vec<_> = broken.map(|r| readable(&r.name)).collect();
    if broken.is_empty() {
        return super::well();
    }
    let title = format!("{} with a line break in the name", count_of(broken.len() as u64, "role"));
    Ok(vec![blocker(title).objects(broken)])
}

fn passwords(facts: &Facts, plan: &Plan) -> Judged {
    let roles = to_make(facts, plan)?;
    let logging_in: Vec<_> = roles.into_iter().filter(|r| r.login).map(|r| r.name.as_str()).collect();
    if !facts.source.server.reads_passwords {
        let title =
            format!("{} with a placeholder for a password", count_of(logging_in.len() as u64, "role"));
        return Ok(if logging_in.is_empty() {
            Vec::new()
        } else {
            vec![warning(title).objects(logging_in.into_iter().map(readable))]
        });
    }
    let kinds = facts.source.passwords.as_ref().map_err(Clone::clone)?;
    let old: Vec<_> = kinds
        .iter()
        .filter(|(name, kind)| kind == "md5" && logging_in.contains(&name.as_str()))
        .map(|(name, _)| readable(name))
        .collect();
    if old.is_empty() {
        return super::well();
    }
    let title = format!("{} with an MD5 hash", count_of(old.len() as u64, "role"));
    Ok(vec![
        warning(title)
            .because("they go on working as they are, but MD5 is on its way out from 18 on")
            .fix("set these passwords anew after the migration, with password_encryption scram-sha-256")
            .objects(old),
    ])
}

fn role_settings(facts: &Facts, _: &Plan) -> Judged {
    let limits = facts.source.remarks(&["setting"])?;
    let mut found = Vec::new();
    if !limits.is_empty() {
        let title = format!("{} of roles or databases", count_of(limits.len() as u64, "limit"));
        found.push(info(title).objects(limits.iter().map(|r| in_words(r))));
    }
    let mut gone = facts.source.remarks(&["removable setting"])?;
    gone.retain(|r| is_removed(facts, &r.name, r.detail.as_deref().unwrap_or_default()));
    if !gone.is_empty() {
        let title = format!(
            "{} of roles or databases that the target refuses",
            count_of(gone.len() as u64, "setting")
        );
        found.push(
            warning(title)
                .because("they are left behind, and the migration ends with something lost")
                .fix(statements(Side::Source, &gone, |r| fixes::reset(r.part.as_deref(), &r.schema, &r.name)))
                .objects(gone.iter().map(|r| in_words(r))),
        );
    }
    Ok(found)
}

fn in_words(setting: &Remark) -> String {
    let role = setting.part.as_deref().map(|role| format!("role {}", readable(role)));
    let database = Some(setting.schema.as_str()).filter(|name| !name.is_empty());
    let database = database.map(|name| format!("database {}", readable(name)));
    let whose: Vec<_> = [role, database].into_iter().flatten().collect();
    let whose = if whose.is_empty() { "every role".to_owned() } else { whose.join(" in ") };
    format!("{} of {whose} is {}", setting.name, readable(setting.detail.as_deref().unwrap_or_default()))
}

fn expiring(facts: &Facts, plan: &Plan) -> Judged {
    let found: Vec<_> = to_make(facts, plan)?
        .into_iter()
        .filter_map(|r| {
            let until = r.valid_until.as_deref().filter(|u| *u != "infinity")?;
            Some(format!("{} (until {until})", readable(&r.name)))
        })
        .collect();
    Ok(if found.is_empty() {
        Vec::new()
    } else {
        vec![info(format!("{} with VALID UNTIL", count_of(found.len() as u64, "role"))).objects(found)]
    })
}
