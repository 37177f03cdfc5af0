//! What `check` and `explain` take.

use super::MigrateArgs;
use clap::Args;

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Only these checks (repeatable, commas)
    #[arg(long, value_name = "ID,…", value_delimiter = ',', help_heading = "What to check")]
    pub only: Vec<String>,
    /// Name every object, and tell notes in full
    #[arg(long, help_heading = "Output")]
    pub all: bool,
    #[command(flatten)]
    pub of: MigrateArgs,
}

/// What a migration takes, and the checks of it do not care for.
pub(super) fn not_for_checks(arg: clap::Arg) -> clap::Arg {
    const WITHOUT: [&str; 9] = [
        "validate",
        "show_passwords",
        "split_tables_larger_than",
        "role_passwords",
        "migration_id",
        "max_replication_lag",
        "stop_replication",
        "mangle",
        "max_wal_kept",
    ];
    let hidden = WITHOUT.contains(&arg.get_id().as_str());
    if hidden { arg.hide(true) } else { arg }
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The check's name, as reports give it; without it all are listed
    #[arg(value_name = "ID")]
    pub id: Option<String>,
}
