//! The log: into the migration's folder, and wherever flags say. Never on standard output.

use super::args::OutputArgs;
use anyhow::{Context, Result};
use std::fs::OpenOptions;
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
    let mut guards = Guards::default();
    let mut layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = Vec::new();
    for path in paths {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("cannot write the log {}", path.display()))?;
        let (writer, guard) = tracing_appender::non_blocking(file);
        guards._writers.push(guard);
        layers.push(layer(writer, if output.debug { LevelFilter::DEBUG } else { LevelFilter::INFO }));
    }
    if output.verbose || output.debug {
        layers
            .push(layer(std::io::stderr, if output.debug { LevelFilter::DEBUG } else { LevelFilter::INFO }));
    }
    // A second start in one process (tests) keeps the first one's log.
    drop(tracing_subscriber::registry().with(layers).try_init());
    Ok(guards)
}

/// Only our own messages: what the libraries log may hold statements, and with them what nobody may read.
fn layer<W>(writer: W, level: LevelFilter) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = Targets::new().with_target("pgpassage", level);
    tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false).with_filter(filter).boxed()
}
