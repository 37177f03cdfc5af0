//! The log: into the migration's folder, and wherever flags say. Never on standard output.

use super::args::OutputArgs;
use anyhow::{Context, Result};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

/// As long as these live, what is logged gets written.
#[derive(Debug, Default)]
pub(super) struct Guards {
    _writers: Vec<WorkerGuard>,
}

/// # Errors
/// When a file cannot be opened.
pub(super) fn start(paths: &[&Path], output: &OutputArgs) -> Result<Guards> {
    let level = if output.debug { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let (guards, mut layers) = files(paths, level)?;
    if output.verbose || output.debug {
        layers.push(layer(std::io::stderr, level));
    }
    install(layers);
    Ok(guards)
}

/// For an engine in its own process, which has files only.
///
/// # Errors
/// When a file cannot be opened.
pub(super) fn start_in_files(paths: &[&Path], level: LevelFilter) -> Result<Guards> {
    let (guards, layers) = files(paths, level)?;
    install(layers);
    Ok(guards)
}

/// Whether an engine of the same user will be able to log there.
///
/// # Errors
/// When it will not.
pub(super) fn try_file(path: &Path) -> Result<()> {
    open(path).map(drop)
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).mode(0o600).open(path);
    file.with_context(|| format!("cannot write the log {}", path.display()))
}

type Layers = Vec<Box<dyn Layer<Registry> + Send + Sync>>;

fn files(paths: &[&Path], level: LevelFilter) -> Result<(Guards, Layers)> {
    let (mut guards, mut layers): (Guards, Layers) = Default::default();
    for path in paths {
        let (writer, guard) = tracing_appender::non_blocking(open(path)?);
        guards._writers.push(guard);
        layers.push(layer(writer, level));
    }
    Ok((guards, layers))
}

fn install(layers: Layers) {
    // A second start in one process (tests) keeps the first one's log.
    drop(tracing_subscriber::registry().with(layers).try_init());
}

/// Only our own messages: what the libraries log may hold statements, and with them what nobody may read.
fn layer<W>(writer: W, level: LevelFilter) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = Targets::new().with_target("pgpassage", level);
    tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false).with_filter(filter).boxed()
}
