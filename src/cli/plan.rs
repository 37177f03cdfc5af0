//! From flags to a plan and its secrets. Everything that the environment says is read here, so that the engine need not.

use super::args::{Fallback as FallbackFlag, Method, MigrateArgs, NotEmpty, refuse_replication};
use super::connection::{Env, Resolved, resolve};
use crate::model::event::DatabaseOutcome;
use crate::model::failure::Failure;
use crate::model::filter::{TablePattern, TableScope, parse_list};
use crate::model::passwords::Passwords;
use crate::model::phase::Phase;
use crate::model::plan::{
    ExtensionTables, FORMAT, Fallback, Keep, MethodPolicy, Plan, Policies, ReplicationPlan, Scope,
    TargetPolicy, ToolPlaces,
};
use crate::model::run::{DatabaseRun, Run};
use crate::model::secret::Secret;
use crate::model::secrets::{PlaceholderKey, Secrets};
use crate::model::units::readable;
use crate::store::{Folder, free_id, new_id};
use anyhow::{Context, Result, anyhow, bail};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Everything that a run needs, and what the operator should be told before it starts.
#[derive(Debug)]
pub(super) struct Prepared {
    pub plan: Plan,
    pub secrets: Secrets,
    pub warnings: Vec<String>,
}

/// # Errors
/// Usage: what is wrong with the command line, in one sentence.
pub(super) fn prepare(args: &MigrateArgs, env: &Env) -> Result<Prepared> {
    if let Some(refusal) = refuse_replication(args) {
        bail!(refusal);
    }
    let mut warnings = Vec::new();
    let source = connection(args.source.as_deref(), ("-s", "SOURCE_SERVICE_URI"), env, &mut warnings)?;
    let target = connection(args.target.as_deref(), ("-t", "TARGET_SERVICE_URI"), env, &mut warnings)?;
    warnings.extend(seen_by_others(args, &source, &target));
    let scope = scope(args)?;
    let role_passwords = match &args.role_passwords {
        Some(path) => read_role_passwords(path)?,
        None => BTreeMap::new(),
    };
    let replication = replication(args, env, &source.passwords, &mut warnings)?;
    let folder = folder(args.migration_id.as_deref(), &state_dir(env)?)?;
    let id = folder.path().file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
    let plan = Plan {
        format: FORMAT,
        id,
        home: std::path::absolute(folder.path())?,
        source: source.endpoint,
        target: target.endpoint,
        scope,
        method: method(args),
        replication,
        policies: policies(args),
        jobs: args.jobs,
        split_from_bytes: args.split_tables_larger_than,
        max_total_bytes: args.dbs_max_total_size,
        tools: tool_places(args.pgbin.clone(), env)?,
        only_checks: args.validate,
        skipped_checks: skipped(&args.skip_check)?,
        selected_checks: Vec::new(),
        target_disk_bytes: args.target_disk,
        keep_snapshot_s: None,
        again: None,
    };
    let placeholder_key = PlaceholderKey(random()?);
    let secrets =
        Secrets { source: source.passwords, target: target.passwords, role_passwords, placeholder_key };
    Ok(Prepared { plan, secrets, warnings })
}

/// The same again under another name, for what an earlier run did not bring to its end.
///
/// # Errors
/// Where doing it twice would not be doing it once, and when the disk takes no further migration.
pub(super) fn again(mut plan: Plan, run: &Run, env: &Env) -> Result<Plan, Failure> {
    let there =
        |d: &DatabaseRun| matches!(d.outcome, Some(DatabaseOutcome::Done | DatabaseOutcome::Following));
    // Of the last statement before a lost connection nobody knows whether it was committed.
    let twice = |d: &DatabaseRun| !there(d) && d.existed && d.phase >= Some(Phase::Copy);
    if plan.policies.target_not_empty == TargetPolicy::Append
        && let Some((name, _)) = run.databases.iter().find(|(_, d)| twice(d))
    {
        let what = format!(
            "rows were appended to {} on the target, which was there before: they would be appended once more",
            readable(name)
        );
        return Err(Failure::refused(what).advise(
            "remove what was appended, or start over and have the target's tables emptied (truncate)",
        ));
    }
    for (name, _) in run.databases.iter().filter(|(_, d)| there(d)) {
        if !plan.scope.excluded_databases.contains(name) {
            plan.scope.excluded_databases.push(name.clone());
        }
    }
    let local = |e: anyhow::Error| Failure::local(format!("{e:#}"));
    let dir = state_dir(env).map_err(local)?;
    // Related by its name, so that the list tells what belongs together.
    let folder = folder(free_id(&dir, &plan.id).as_deref(), &dir).map_err(local)?;
    plan.again = Some(plan.id);
    plan.id = folder.path().file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
    plan.home = std::path::absolute(folder.path()).map_err(|e| Failure::local(e.to_string()))?;
    Ok(plan)
}

fn skipped(names: &[String]) -> Result<Vec<String>> {
    let names = checks(names, "--skip-check")?;
    let firm = |id: &&String| crate::engine::explain(id).is_some_and(|check| !check.may_be_skipped);
    match names.iter().find(firm) {
        Some(id) => {
            bail!("--skip-check {id}: this check cannot be left out; pgpassage explain {id} says what to do")
        }
        None => Ok(names),
    }
}

/// Names of checks, each of which there must be.
pub(super) fn checks(names: &[String], flag: &str) -> Result<Vec<String>> {
    let known = crate::engine::check_ids();
    let names: Vec<_> = names.iter().map(|name| name.trim().to_owned()).filter(|n| !n.is_empty()).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => bail!("{flag} {name}: there is no such check; pgpassage explain lists them"),
        None => Ok(names),
    }
}

fn method(args: &MigrateArgs) -> MethodPolicy {
    match (args.force_method, args.fallback) {
        (Some(Method::Replication), _) => MethodPolicy::Replication,
        (Some(Method::Dump), _) => MethodPolicy::Dump,
        (None, Some(FallbackFlag::Skip)) => MethodPolicy::Auto(Fallback::Skip),
        (None, Some(FallbackFlag::Fail)) => MethodPolicy::Auto(Fallback::Fail),
        (None, Some(FallbackFlag::Dump) | None) => MethodPolicy::Auto(Fallback::Dump),
    }
}

fn replication(
    args: &MigrateArgs,
    env: &Env,
    source: &Passwords,
    warnings: &mut Vec<String>,
) -> Result<ReplicationPlan> {
    let args = &args.replication;
    let for_target = args.source_for_target.as_deref();
    let source_for_target = match for_target {
        Some(text) => {
            let resolved = connection(Some(text), ("--source-for-target", ""), env, warnings)?;
            // The subscription logs in as we do; a second password would have to be kept for it.
            if resolved.password_in_text && resolved.passwords.explicit != source.explicit {
                bail!(
                    "--source-for-target holds another password than the source's own connection string: \
                     the target logs in to the source with the source's password; leave it out there"
                );
            }
            Some(resolved.endpoint)
        }
        None => None,
    };
    Ok(ReplicationPlan {
        identity: args
            .replica_identity
            .iter()
            .rev()
            .find(|chosen| chosen.table.is_none())
            .map(|chosen| chosen.policy)
            .unwrap_or_default(),
        identity_by_table: args
            .replica_identity
            .iter()
            .filter_map(|chosen| Some((chosen.table.clone()?, chosen.policy)))
            .collect(),
        source_for_target,
        max_lag_bytes: args.max_replication_lag.and_then(|lag| u64::try_from(lag).ok()),
        finish: args.stop_replication,
        mangle: args.mangle,
        max_wal_kept_bytes: args.max_wal_kept,
    })
}

fn connection(
    flag: Option<&str>,
    (short, variable): (&str, &str),
    env: &Env,
    warnings: &mut Vec<String>,
) -> Result<Resolved> {
    let text = match flag {
        Some(text) => text.to_owned(),
        None => env
            .variables
            .get(variable)
            .cloned()
            .ok_or_else(|| anyhow!("no server given: use {short} or set {variable}"))?,
    };
    let resolved = resolve(&text, env).map_err(|e| anyhow!("{e}"))?;
    warnings.extend(resolved.warnings.iter().cloned());
    Ok(resolved)
}

/// One warning, whichever of the two holds a password.
fn seen_by_others(args: &MigrateArgs, source: &Resolved, target: &Resolved) -> Option<String> {
    let both = [
        (&args.source, source, "-s", "SOURCE_SERVICE_URI"),
        (&args.target, target, "-t", "TARGET_SERVICE_URI"),
    ];
    let (flags, variables): (Vec<_>, Vec<_>) = both
        .into_iter()
        .filter(|(flag, resolved, ..)| flag.is_some() && resolved.password_in_text)
        .map(|(_, _, flag, variable)| (flag, variable))
        .unzip();
    (!flags.is_empty()).then(|| {
        format!(
            "the password given with {} can be seen by everybody on this machine (ps); {}, PGPASSWORD or ~/.pgpass \
             keep it to you",
            flags.join(" and "),
            variables.join(", ")
        )
    })
}

fn scope(args: &MigrateArgs) -> Result<Scope> {
    let tables = |texts: &[String]| -> Result<Vec<TablePattern>> {
        let mut patterns = Vec::new();
        for text in texts {
            patterns.extend(parse_list(text)?);
        }
        Ok(patterns)
    };
    let (with, skip) = (tables(&args.with_table)?, tables(&args.skip_table)?);
    let names = |list: &[String]| -> Vec<String> {
        list.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    };
    Ok(Scope {
        databases: names(&args.database),
        excluded_databases: names(&[args.filtered_db.as_slice(), &args.exclude_database].concat()),
        tables: if !with.is_empty() {
            TableScope::Only(with)
        } else if !skip.is_empty() {
            TableScope::Except(skip)
        } else {
            TableScope::All
        },
        excluded_roles: names(&args.excluded_roles),
        excluded_extensions: names(&args.excluded_extensions),
        extension_tables: if args.no_replicate_extension_tables {
            ExtensionTables::Leave
        } else {
            ExtensionTables::Copy
        },
    })
}

fn policies(args: &MigrateArgs) -> Policies {
    let keep = |dropped: bool| if dropped { Keep::No } else { Keep::Yes };
    Policies {
        target_not_empty: match args.if_target_not_empty {
            NotEmpty::Refuse => TargetPolicy::Refuse,
            NotEmpty::Append => TargetPolicy::Append,
            NotEmpty::Truncate => TargetPolicy::Truncate,
        },
        owners: keep(args.no_owner),
        privileges: keep(args.no_privileges),
        create_databases: keep(args.no_createdb),
        version_check: keep(args.skip_db_version_check),
    }
}

pub(super) fn tool_places(pgbin: Option<PathBuf>, env: &Env) -> Result<ToolPlaces> {
    let pgbin = pgbin.map(std::path::absolute).transpose()?;
    let path = env.variables.get("PATH").map(String::as_str).unwrap_or_default();
    let path_dirs = std::env::split_paths(path).filter(|p| p.is_absolute()).collect();
    Ok(ToolPlaces { pgbin, path_dirs })
}

pub(super) fn state_dir(env: &Env) -> Result<PathBuf> {
    let named = env.variables.get("XDG_STATE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let base = match (named, &env.home) {
        (Some(path), _) => path,
        (None, Some(home)) => home.join(".local/state"),
        (None, None) => bail!("no place for the migration's journal: set HOME or XDG_STATE_HOME"),
    };
    Ok(base.join("pgpassage"))
}

fn folder(id: Option<&str>, state_dir: &Path) -> Result<Folder> {
    if let Some(id) = id {
        return Ok(Folder::create(state_dir, id)?);
    }
    loop {
        let folder = Folder::create(state_dir, &new_id(random()?))?;
        if !folder.has_journal() {
            return Ok(folder);
        }
    }
}

pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    openssl::rand::rand_bytes(&mut bytes).context("no random numbers to be had")?;
    Ok(bytes)
}

/// Lines `role:password`; a colon or backslash in a role's name has a backslash before it, as in .pgpass.
fn read_role_passwords(path: &Path) -> Result<BTreeMap<String, Secret>> {
    let named = || format!("--role-passwords {}", path.display());
    let metadata = std::fs::metadata(path).with_context(named)?;
    if metadata.mode() & 0o077 != 0 {
        bail!("{}: others on this machine may read it; chmod 0600 {}", named(), path.display());
    }
    let text = std::fs::read_to_string(path).with_context(named)?;
    let mut passwords = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (role, password) =
            split_role(line).ok_or_else(|| anyhow!("{}, line {}: no colon in it", named(), number + 1))?;
        passwords.insert(role, Secret::new(password));
    }
    Ok(passwords)
}

fn split_role(line: &str) -> Option<(String, &str)> {
    let mut role = String::new();
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ':' => return Some((role, &line[at + 1..])),
            '\\' => role.push(chars.next()?.1),
            c => role.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn role_passwords_are_read_only_from_a_private_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "# comment\napp:pa:ss\nodd\\:role:x").unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read_role_passwords(file.path()).unwrap_err().to_string().contains("chmod 0600"));
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
        let passwords = read_role_passwords(file.path()).unwrap();
        assert_eq!(passwords["app"].expose(), "pa:ss");
        assert_eq!(passwords["odd:role"].expose(), "x");
    }
}
