//! `pgpassage demo`: a migration between two throw-away servers, to watch and to try.

use super::args::DemoArgs;
use super::connection::{Env, resolve};
use super::exit::Exit;
use super::migrate::here;
use super::out;
use super::outcome::Shown;
use super::plan::{random, tool_places};
use super::wizard::{self, Rooms};
use crate::demo::cluster::{Cluster, ClusterError, ClusterOptions, find_server_binaries};
use crate::demo::shop;
use crate::model::plan::{FORMAT, MethodPolicy, Plan, Policies, ReplicationPlan, Scope};
use crate::model::secrets::{PlaceholderKey, Secrets};
use crate::store::{Folder, new_id};
use crate::ui::drive::At;
use crate::ui::state::Home;
use crate::ui::state::form::{Encryption, Form};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Two servers, and a folder for the journal; everything goes when this does.
struct Stage {
    source: Cluster,
    target: Cluster,
    state: PathBuf,
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The servers remove themselves.
        drop(std::fs::remove_dir_all(&self.state));
    }
}

pub(super) async fn run(args: DemoArgs) -> Exit {
    let say = if args.output.quiet || args.output.json { out::note } else { out::print };
    say("Starting two PostgreSQL servers and filling one with a sample shop …");
    let (pgbin, scale) = (args.pgbin.clone(), args.scale);
    let setting = tokio::task::spawn_blocking(move || set_the_stage(pgbin, scale));
    let interrupted = tokio::signal::ctrl_c();
    let stage = tokio::select! {
        stage = setting => match stage {
            Ok(Ok(stage)) => stage,
            Ok(Err(error)) => {
                out::complain(&format!("{error:#}"));
                return Exit::Failed;
            }
            Err(_) => return Exit::Failed,
        },
        // The servers end with this process: each has a guardian that sees it go.
        _ = interrupted => return Exit::Interrupted,
    };
    let lines = args.output.json || args.output.quiet || args.output.verbose || args.output.debug;
    if !lines && wizard::has_screen(&args.window) {
        let exit = full_screen(&args, &stage).await;
        drop(tokio::task::spawn_blocking(move || drop(stage)).await);
        say("The two servers are stopped and removed. Your own: pgpassage");
        return exit;
    }
    let exit = match prepare(&args, &stage) {
        Ok((plan, secrets)) => {
            let shown = Shown::of(&plan, &args.output);
            here(plan, secrets, &shown).await
        }
        Err(error) => {
            out::complain(&format!("{error:#}"));
            Exit::Failed
        }
    };
    // Stopping servers blocks.
    drop(tokio::task::spawn_blocking(move || drop(stage)).await);
    if exit == Exit::Done {
        say("The two servers are stopped and removed. Your own: pgpassage migrate -s SOURCE -t TARGET");
    }
    exit
}

/// The wizard with everything filled in, between the two servers.
async fn full_screen(args: &DemoArgs, stage: &Stage) -> Exit {
    let mut form = Form::default();
    for (server, cluster) in [(&mut form.source, &stage.source), (&mut form.target, &stage.target)] {
        // The address is our own.
        server.fill(&cluster.uri("postgres")).ok();
        server.encryption = Encryption::Off;
    }
    form.name.set("demo");
    form.exclude.set("postgres");
    form.jobs.set(args.jobs.map(|jobs| jobs.to_string()).unwrap_or_default());
    let mut env = alone();
    env.variables.insert("XDG_STATE_HOME".to_owned(), stage.state.display().to_string());
    env.variables.extend(std::env::var("PATH").map(|path| ("PATH".to_owned(), path)));
    let mut rooms = Rooms::new(env, Home::Demo);
    rooms.pgbin.clone_from(&args.pgbin);
    wizard::window(&args.window, rooms, (form, At::Filled)).await
}

/// Nothing of the user's own settings (PGHOST, a service …) may lead the demo to a real server.
fn alone() -> Env {
    Env { variables: std::collections::HashMap::new(), ..Env::from_process() }
}

fn set_the_stage(pgbin: Option<PathBuf>, scale: f64) -> Result<Stage> {
    let bin = find_server_binaries(pgbin.as_deref(), None)?;
    let start = || -> Result<Cluster, ClusterError> {
        Cluster::start(ClusterOptions::new(&bin).setting("wal_level", "logical"))
    };
    let source = start()?;
    let target = start()?;
    let state = std::env::temp_dir().join(format!("pgpassage-demo-{}", new_id(random()?)));
    let stage = Stage { source, target, state };
    shop::load(&stage.source, scale).context("the sample shop could not be loaded")?;
    Ok(stage)
}

fn prepare(args: &DemoArgs, stage: &Stage) -> Result<(Plan, Secrets)> {
    let quiet = alone();
    let source = resolve(&stage.source.uri("postgres"), &quiet)?;
    let target = resolve(&stage.target.uri("postgres"), &quiet)?;
    let folder = Folder::create(&stage.state, &new_id(random()?))?;
    let id = folder.path().file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
    let plan = Plan {
        format: FORMAT,
        id,
        home: folder.path().to_owned(),
        source: source.endpoint,
        target: target.endpoint,
        scope: Scope { excluded_databases: vec!["postgres".to_owned()], ..Scope::default() },
        method: MethodPolicy::Dump,
        replication: ReplicationPlan::default(),
        policies: Policies::default(),
        jobs: args.jobs,
        split_from_bytes: None,
        max_total_bytes: None,
        tools: tool_places(args.pgbin.clone(), &Env::from_process())?,
        only_checks: false,
        skipped_checks: Vec::new(),
        selected_checks: Vec::new(),
        target_disk_bytes: None,
        keep_snapshot_s: None,
        again: None,
    };
    let secrets = Secrets {
        source: source.passwords,
        target: target.passwords,
        role_passwords: BTreeMap::new(),
        placeholder_key: PlaceholderKey(random()?),
    };
    Ok((plan, secrets))
}
