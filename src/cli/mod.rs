//! The face in lines: one file per verb, and the composition of everything below.

pub mod args;
mod ask;
mod attach;
mod check;
mod clean;
mod confirm;
pub mod connection;
mod dead;
mod demo;
mod dialogue;
mod discovered;
mod engine;
pub mod exit;
mod explain;
mod fallback;
mod findings;
mod follow;
mod forget;
mod json;
mod later;
mod list;
mod log;
mod migrate;
mod out;
mod outcome;
mod passwords;
mod plan;
mod progress;
mod report;
mod resume;
mod signals;
mod status;
mod watch;
mod wizard;

pub use wizard::show;

use crate::model::telling as lines;
use crate::ui::state::Home;
use args::{Cli, Verb};
use clap::Parser;
use exit::Exit;

/// Parses the command line, does what it says, and returns the exit code.
pub fn run(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Exit {
    let arguments = args::expand_short(arguments);
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come out here too, and are no errors.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            if exit == Exit::Usage && arguments.iter().any(|argument| argument == "--json") {
                out::print(&json::refusal(None, &sentence(&error)).to_string());
            }
            drop(error.print());
            return exit;
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out::complain(&format!("cannot start: {error}"));
            return Exit::Failed;
        }
    };
    let exit = runtime.block_on(async {
        match cli.verb {
            None => {
                let home = if cli.foreground { Home::Here } else { Home::Apart };
                wizard::run(&cli.window, home, cli.keep_snapshot).await
            }
            Some(Verb::Migrate(args)) => migrate::run(*args).await,
            Some(Verb::Check(args)) => check::run(*args).await,
            Some(Verb::Explain(args)) => explain::run(&args),
            Some(Verb::Attach(args)) => attach::run(*args).await,
            Some(Verb::Finish(args)) => resume::finish(*args).await,
            Some(Verb::Stop(args)) => resume::stop(*args).await,
            Some(Verb::Clean(args)) => clean::run(*args).await,
            Some(Verb::Forget(args)) => forget::run(args).await,
            Some(Verb::Status(args)) => status::show(*args).await,
            Some(Verb::List(args)) => list::show(&args),
            Some(Verb::Demo(args)) => demo::run(args).await,
            Some(Verb::EngineProcess) => engine::run().await,
        }
    });
    // A second Ctrl-C does not wait for what still runs.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    exit
}

/// What clap says, without its explanations: the first paragraph as one line.
fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let first: Vec<_> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let line = first.join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}
