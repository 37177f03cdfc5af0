//! Checks of extensions and languages: whether the target has them, and whether our user may install them.

use super::{Check, Fix, Judge, Judged, PLAIN, Weight, blocker, info, warning};
use crate::engine::checks::facts::{Facts, Wanted, of};
use crate::engine::checks::provider::Provider;
use crate::model::plan::{ExtensionTables, MethodPolicy, Plan};
use crate::model::units::Side;
use crate::pg::facts::extensions::Extension;
use crate::pg::statement::fixes;

pub(super) const CHECKS: [Check; 6] = [
    Check {
        id: "languages",
        title: "Languages",
        weight: Weight::Stops,
        what: "Whether the target has the procedural languages of the source's databases, or the extensions that bring them.",
        why: "functions in a language that is not there cannot be made",
        fix: Fix::On(Side::Target, |provider| {
            match provider {
            Provider::SelfHosted => "install the package of the language (such as postgresql-plperl-17)".to_owned(),
            _ => "untrusted languages are not to be had there; drop the language on the source if nothing uses it".to_owned(),
        }
        }),
        judge: Judge::Database(languages),
        ..PLAIN
    },
    Check {
        id: "extensions-available",
        title: "Extensions are available",
        weight: Weight::Stops,
        what: "Whether each extension of the source is installed on the target already, or its files are there.",
        why: "whatever uses its types and functions cannot be made without it",
        fix: Fix::On(Side::Target, |provider| provider.allow_extension("the extension")),
        judge: Judge::Database(available),
        ..PLAIN
    },
    Check {
        id: "extension-versions",
        title: "Versions of extensions",
        what: "Whether the target's versions of the extensions are the source's or newer.",
        why: "an older extension may lack what the source's database uses",
        fix: Fix::Same("install the newer version on the target's machine"),
        judge: Judge::Database(versions),
        ..PLAIN
    },
    Check {
        id: "extensions-installable",
        title: "Extensions may be installed",
        weight: Weight::Stops,
        what: "Whether the target's user may install them: as a superuser, because they are trusted (from 13 on), or because \
               a list of the provider or of pgextwlist says so.",
        why: "most extensions can only be installed by a superuser",
        fix: Fix::On(Side::Target, |provider| provider.allow_extension("the extension")),
        judge: Judge::Database(installable),
        ..PLAIN
    },
    Check {
        id: "extension-rows",
        title: "Rows in extensions' tables",
        what: "Configuration tables of extensions, into which users put rows: PostGIS's spatial_ref_sys, pg_cron's jobs, \
               pg_partman's configuration.",
        why: "they are copied after the extension has filled them by itself",
        fix: Fix::Same("--no-replicate-extension-tables leaves them as the target's extensions make them"),
        judge: Judge::Database(configuration),
        ..PLAIN
    },
    Check {
        id: "special-extensions",
        title: "Extensions with ways of their own",
        what: "Extensions that need more than CREATE EXTENSION: TimescaleDB, Citus, pg_cron, pg_partman, pglogical, \
               pg_repack, and those that only one provider has.",
        why: "what they keep outside of plain tables does not travel by itself",
        fix: Fix::Same("see the documentation of the extension on moving a database"),
        judge: Judge::Database(special),
        ..PLAIN
    },
];

/// Those of the source that are to be moved.
fn wanted<'a>(wanted: &'a Wanted, plan: &'a Plan) -> Result<Vec<&'a Extension>, String> {
    let all = of(wanted.source()?.extensions.as_ref())?;
    Ok(all
        .iter()
        .filter(|e| e.name != "plpgsql" && !plan.scope.excluded_extensions.contains(&e.name))
        .collect())
}

/// Extensions that belong to a provider's machinery and mean nothing elsewhere.
fn only_there(name: &str) -> bool {
    const THEIRS: [&str; 8] = [
        "rds_tools",
        "aws_s3",
        "aws_lambda",
        "google_ml_integration",
        "supabase_vault",
        "pg_graphql",
        "aiven_extras",
        "azure",
    ];
    THEIRS.contains(&name)
}

fn on_target<'a>(wanted: &'a Wanted, name: &str) -> Result<Option<&'a Extension>, String> {
    match &wanted.target {
        Some(Ok(there)) => Ok(of(there.extensions.as_ref())?.iter().find(|e| e.name == name)),
        _ => Ok(None),
    }
}

fn languages(facts: &Facts, wanted: &Wanted, plan: &Plan) -> Judged {
    let here = of(wanted.source()?.languages.as_ref())?;
    let there = facts.target.languages.as_ref().map_err(Clone::clone)?;
    let available = facts.target.extensions.as_ref().map_err(Clone::clone)?;
    let mut missing: Vec<&str> = Vec::new();
    for language in here {
        let excluded = |e: &String| plan.scope.excluded_extensions.contains(e);
        let has = there.iter().any(|l| l.name == language.name)
            || match &language.extension {
                Some(extension) => excluded(extension) || available.contains_key(extension),
                // Without an extension its handler is a function of a superuser's, which travels if we are one there.
                None => facts.target.server.superuser,
            };
        if !has {
            missing.push(&language.name);
        }
    }
    missing.sort_unstable();
    if missing.is_empty() {
        return super::well();
    }
    let title = format!("Languages not installed in target: {}", missing.join(", "));
    let objects = missing.into_iter().map(str::to_owned);
    Ok(vec![blocker(title).objects(objects)])
}

fn available(facts: &Facts, database: &Wanted, plan: &Plan) -> Judged {
    let list = facts.target.extensions.as_ref().map_err(Clone::clone)?;
    let provider = facts.target.provider;
    let mut found = Vec::new();
    for extension in wanted(database, plan)? {
        if on_target(database, &extension.name)?.is_none() && !list.contains_key(&extension.name) {
            let title = format!("Extension '{}' is not available for installation in target", extension.name);
            let advice = provider.allow_extension(&extension.name);
            found.push(
                blocker(title)
                    .object(extension.name.clone())
                    .fix(format!("{advice}; or leave it out with --excluded-extensions")),
            );
        }
    }
    Ok(found)
}

fn versions(facts: &Facts, database: &Wanted, plan: &Plan) -> Judged {
    let list = facts.target.extensions.as_ref().map_err(Clone::clone)?;
    let mut found = Vec::new();
    for extension in wanted(database, plan)? {
        let installed = on_target(database, &extension.name)?.map(|e| e.version.as_str());
        let available = list.get(&extension.name);
        let there = installed.or_else(|| available.and_then(|a| a.default_version.as_deref()));
        let Some(there) = there.filter(|there| older(there, &extension.version)) else { continue };
        let title = format!(
            "extension {} is version {} on the source, and {there} on the target",
            extension.name, extension.version
        );
        let newer = available.is_some_and(|a| installed.is_some() && a.versions.contains(&extension.version));
        let warning = warning(title).object(extension.name.clone());
        found.push(if newer {
            let statement = fixes::update_extension(&extension.name, &extension.version);
            warning.fix(format!("on the target: {statement}"))
        } else {
            warning
        });
    }
    Ok(found)
}

/// Whether a version is older than another one, part by part; parts that are no numbers say nothing.
fn older(one: &str, than: &str) -> bool {
    let parts = |text: &str| -> Vec<u64> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
    };
    parts(one) < parts(than)
}

fn installable(facts: &Facts, database: &Wanted, plan: &Plan) -> Judged {
    let target = &facts.target;
    if target.server.superuser {
        return super::well();
    }
    let list = target.extensions.as_ref().map_err(Clone::clone)?;
    let mut found = Vec::new();
    for extension in wanted(database, plan)? {
        let Some(available) = list.get(&extension.name) else { continue };
        if on_target(database, &extension.name)?.is_some() {
            continue;
        }
        let free = !available.superuser || available.trusted || allowed(facts, &extension.name)?;
        if free {
            continue;
        }
        let title = format!("Installing extension '{}' in target requires superuser", extension.name);
        let statement = fixes::create_extension(&extension.name);
        let fix = if target.provider == Provider::SelfHosted {
            format!("on the target, as a superuser, in the database: {statement}")
        } else {
            target.provider.allow_extension(&extension.name)
        };
        found.push(blocker(title).object(extension.name.clone()).fix(fix));
    }
    Ok(found)
}

/// What lists of the target say of it.
fn allowed(facts: &Facts, name: &str) -> Result<bool, String> {
    const LISTS: [&str; 6] = [
        "extwlist.extensions",
        "azure.extensions",
        "rds.allowed_extensions",
        "neon.allowed_extensions",
        "supautils.privileged_extensions",
        "cloudsql.allowed_extensions",
    ];
    let settings = facts.target.settings.as_ref().map_err(Clone::clone)?;
    let lists: Vec<_> = LISTS.into_iter().filter_map(|list| settings.list(list)).collect();
    let listed = lists.iter().flatten().any(|e| e == "*" || e.eq_ignore_ascii_case(name));
    // Providers without a list in their settings have one in their documentation, and let their administrator install
    // what is on it; what is not on it has no files on the server.
    let by_office = facts.target.standing.as_ref().is_ok_and(|s| {
        s.member_of.iter().any(|r| {
            ["rds_superuser", "cloudsqlsuperuser", "alloydbsuperuser", "neon_superuser"].contains(&r.as_str())
        })
    });
    Ok(listed || (lists.is_empty() && by_office))
}

fn configuration(_: &Facts, database: &Wanted, plan: &Plan) -> Judged {
    if plan.scope.extension_tables == ExtensionTables::Leave {
        return super::well();
    }
    let tables: Vec<_> =
        wanted(database, plan)?.iter().flat_map(|e| e.configuration.iter().cloned()).collect();
    Ok(if tables.is_empty() {
        Vec::new()
    } else {
        vec![info("users' rows in tables of extensions are moved").objects(tables)]
    })
}

fn special(_: &Facts, database: &Wanted, plan: &Plan) -> Judged {
    let all = of(database.source()?.extensions.as_ref())?;
    let continuous = plan.method != MethodPolicy::Dump;
    let mut found = Vec::new();
    for extension in all.iter().filter(|e| !plan.scope.excluded_extensions.contains(&e.name)) {
        let (title, why) = match extension.name.as_str() {
            "timescaledb" => (
                "TimescaleDB keeps its chunks in tables of its own",
                "its versions must be equal on both servers, and its own documentation tells how to move it",
            ),
            "citus" => {
                ("Citus spreads tables over several servers", "only what this server holds itself is moved")
            }
            "pg_cron" => (
                "the jobs of pg_cron begin to run on the target as soon as they are there",
                "they run on both servers until one of them is switched off",
            ),
            "pg_partman" => (
                "pg_partman makes partitions while time goes by",
                "those that it makes on the source after the start are not on the target",
            ),
            "pglogical" if continuous => {
                ("pglogical replicates from this database", "its nodes and sets do not travel")
            }
            "pg_repack" => {
                ("pg_repack must not run meanwhile", "it takes locks that wait for ours, and others for it")
            }
            name if only_there(name) => {
                ("it belongs to the source's provider", "it is not there on other servers")
            }
            _ => continue,
        };
        let title = format!("extension {}: {title}", extension.name);
        found.push(warning(title).because(why).object(extension.name.clone()));
    }
    Ok(found)
}
