//! The command line, as people type it.

mod checks;
mod demo;
mod forget;
mod window;

pub use demo::DemoArgs;
pub use forget::ForgetArgs;
pub use window::{Color, WindowArgs};

use crate::model::filter::{TablePattern, parse_list};
use crate::model::plan::IdentityPolicy;
use checks::not_for_checks;
pub use checks::{CheckArgs, ExplainArgs};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Moves a whole PostgreSQL server to another one, and says honestly what came across.
#[derive(Debug, Parser)]
#[command(name = "pgpassage", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Without a command, a window opens that guides through it all.")]
#[command(args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(flatten)]
    pub window: WindowArgs,
    /// Keep the migration in this process: it ends with the window
    #[arg(long)]
    pub foreground: bool,
    /// How long a copy that broke off is held open on the source for Try again; 0: not at all [default: 900]
    #[arg(long, value_name = "SECONDS")]
    pub keep_snapshot: Option<u64>,
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Copy every database of the source to the target
    Migrate(Box<MigrateArgs>),
    /// Judge whether and how every database can be moved; change nothing
    #[command(mut_args(not_for_checks))]
    Check(Box<CheckArgs>),
    /// Tell all about a check
    Explain(ExplainArgs),
    /// Join a migration that is under way, and watch it; leaving (Ctrl-C) does not stop it
    Attach(Box<AttachArgs>),
    /// Close the connection of a continuous migration: wait until in sync, verify, remove what was made for it
    Finish(Box<FinishArgs>),
    /// Discontinue a migration: what was copied stays, what was made for replication is removed
    Stop(Box<ResumeArgs>),
    /// Remove what a migration that failed, was stopped or died has left on the servers
    Clean(Box<CleanArgs>),
    /// Remove this machine's folder of a migration of which nothing is left on the servers: its name is free again
    Forget(ForgetArgs),
    /// Ask both servers how migrations stand
    Status(Box<StatusArgs>),
    /// The migrations that this machine knows
    List(ListArgs),
    /// Watch a migration between two throw-away servers with a sample shop
    Demo(DemoArgs),
    /// What a process does that is an engine; started by other verbs
    #[command(name = crate::link::ENGINE_VERB, hide = true)]
    EngineProcess,
}

#[derive(Debug, Args)]
pub struct AttachArgs {
    /// The migration, see `pgpassage list`; without it, the one that is under way
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// Only look: the engine takes no command from here
    #[arg(long)]
    pub read_only: bool,
    #[command(flatten)]
    pub window: WindowArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print the list as one JSON document
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct OutputArgs {
    /// Print the result as one JSON document on standard output
    #[arg(long)]
    pub json: bool,
    /// Print nothing but the result
    #[arg(long)]
    pub quiet: bool,
    /// Print log messages on standard error
    #[arg(short, long)]
    pub verbose: bool,
    /// Print debugging messages on standard error
    #[arg(short, long)]
    pub debug: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct MigrateArgs {
    /// Source server: postgres:// URI or key=value string [env: SOURCE_SERVICE_URI]
    #[arg(short, long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Target server: postgres:// URI or key=value string [env: TARGET_SERVICE_URI]
    #[arg(short, long, value_name = "TARGET")]
    pub target: Option<String>,

    /// Databases to leave out, separated by commas
    #[arg(short, long, value_name = "DB,…", value_delimiter = ',', help_heading = "What to move")]
    pub filtered_db: Vec<String>,
    /// A database to leave out (repeatable)
    #[arg(long, value_name = "DB", help_heading = "What to move")]
    pub exclude_database: Vec<String>,
    /// A database to move; without it all are moved (repeatable)
    #[arg(long, value_name = "DB", help_heading = "What to move")]
    pub database: Vec<String>,
    /// Roles to leave out, separated by commas (also -xr)
    #[arg(long, value_name = "ROLE,…", value_delimiter = ',', help_heading = "What to move")]
    pub excluded_roles: Vec<String>,
    /// Extensions to leave out, separated by commas (also -xe)
    #[arg(long, value_name = "EXT,…", value_delimiter = ',', help_heading = "What to move")]
    pub excluded_extensions: Vec<String>,
    /// Move the rows of these tables only: table, schema.table or db.schema.table (repeatable, commas)
    #[arg(long, value_name = "TABLE,…", conflicts_with = "skip_table", help_heading = "What to move")]
    pub with_table: Vec<String>,
    /// Leave the rows of these tables behind (repeatable, commas)
    #[arg(long, value_name = "TABLE,…", help_heading = "What to move")]
    pub skip_table: Vec<String>,
    /// Move the rows that users put into extensions' configuration tables [default]
    #[arg(long, overrides_with = "no_replicate_extension_tables", help_heading = "What to move")]
    pub replicate_extension_tables: bool,
    /// Leave extensions' configuration tables as the target's extensions make them
    #[arg(long, help_heading = "What to move")]
    pub no_replicate_extension_tables: bool,
    /// Leave the target's user as owner of everything
    #[arg(long, help_heading = "What to move")]
    pub no_owner: bool,
    /// Do not move privileges (GRANT, REVOKE)
    #[arg(long, help_heading = "What to move")]
    pub no_privileges: bool,

    /// Do not create databases: each must exist on the target
    #[arg(long, help_heading = "How")]
    pub no_createdb: bool,
    /// What to do with databases of the target that hold something already
    #[arg(long, value_enum, default_value_t = NotEmpty::Refuse, value_name = "POLICY", help_heading = "How")]
    pub if_target_not_empty: NotEmpty,
    /// Only this method: replication is continuous, dump a one-time snapshot [default: replication where it is possible]
    #[arg(long, value_enum, value_name = "METHOD", help_heading = "How")]
    pub force_method: Option<Method>,
    /// What to do with databases that cannot be moved continuously [default: dump]
    #[arg(long, value_enum, value_name = "WHAT", conflicts_with = "force_method", help_heading = "How")]
    pub fallback: Option<Fallback>,
    /// Refuse if the databases to move are larger than this in all
    #[arg(long, value_name = "BYTES", help_heading = "How")]
    pub dbs_max_total_size: Option<u64>,
    /// Where pg_dump is [default: /usr/lib/postgresql/*/bin, then PATH]
    #[arg(long, value_name = "DIR", help_heading = "How")]
    pub pgbin: Option<PathBuf>,
    /// Allow a target that is older than the source
    #[arg(long, help_heading = "How")]
    pub skip_db_version_check: bool,
    /// Tables and indexes worked on at a time [default: by the servers' processors, 2 to 16]
    #[arg(long, value_name = "N", help_heading = "How", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub jobs: Option<u32>,
    /// Copy tables from this size on in parts, from 14 on [default: from 256 MB on, where the rest would wait for them]
    #[arg(long, value_name = "BYTES", help_heading = "How")]
    pub split_tables_larger_than: Option<u64>,
    /// File with lines role:password, for roles whose hashes cannot be read; only its owner may read it
    #[arg(long, value_name = "FILE", help_heading = "How")]
    pub role_passwords: Option<PathBuf>,
    /// Name of this migration: a-z, 0-9 and _ [default: random]
    #[arg(long, value_name = "ID", help_heading = "How")]
    pub migration_id: Option<String>,
    /// Only run the checks
    #[arg(long, help_heading = "How")]
    pub validate: bool,
    /// Leave these checks out: what they would have found is met on the way (repeatable, commas)
    #[arg(long, value_name = "ID,…", value_delimiter = ',', help_heading = "How")]
    pub skip_check: Vec<String>,
    /// Free space on the target's disk, which most servers cannot tell
    #[arg(long, value_name = "BYTES", help_heading = "How")]
    pub target_disk: Option<u64>,
    /// Leave once the work is begun; it goes on by itself (Ctrl-\ does so later)
    #[arg(long, conflicts_with_all = ["foreground", "validate"], help_heading = "How")]
    pub detach: bool,
    /// Do the work in this very process, which ends when it follows: for containers and service managers
    #[arg(long, help_heading = "How")]
    pub foreground: bool,

    /// Show the placeholder passwords of new roles in the result
    #[arg(long, help_heading = "Output")]
    pub show_passwords: bool,
    /// Write the log here too
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub log_file: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Output")]
    pub output: OutputArgs,

    #[command(flatten, next_help_heading = "Continuous migration")]
    pub replication: ReplicationArgs,
}

#[derive(Debug, Clone, Args)]
pub struct ReplicationArgs {
    /// Keep databases' names out of the names of publications, slots and subscriptions
    #[arg(short, long)]
    pub mangle: bool,
    /// Wait until no database lags behind by more than this
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    pub max_replication_lag: Option<i64>,
    /// Close the connection once that is so
    #[arg(long)]
    pub stop_replication: bool,
    /// What to do about tables of which nothing tells the rows apart: refuse, index, full, inserts or skip; for one
    /// table: TABLE=POLICY (repeatable)
    #[arg(long, value_name = "[TABLE=]POLICY", value_parser = identity)]
    pub replica_identity: Vec<IdentityArg>,
    /// The source as the target reaches it, where that is another address: postgres:// URI or key=value string
    #[arg(long, value_name = "SOURCE")]
    pub source_for_target: Option<String>,
    /// Stop the migration and drop its slot when the source keeps more of its WAL for it than this
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_wal_kept: Option<u64>,
}

/// What is done about tables without an identity: about all, or about those that the name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityArg {
    pub table: Option<TablePattern>,
    pub policy: IdentityPolicy,
}

/// - refuse: do not replicate the database, and say what would help
/// - index: by a unique index that will do; where there is none, refuse
/// - full: by such an index, else by the whole row; where a type cannot be compared, refuse
/// - inserts: only new rows follow; copied again when the connection is closed
/// - skip: they do not follow; copied again when the connection is closed
fn identity(text: &str) -> Result<IdentityArg, String> {
    let (table, policy) = match text.rsplit_once('=') {
        Some((table, policy)) => (Some(table), policy),
        None => (None, text),
    };
    let policy = match policy.trim() {
        "refuse" => IdentityPolicy::Refuse,
        "index" => IdentityPolicy::Index,
        "full" => IdentityPolicy::Full,
        "inserts" => IdentityPolicy::Inserts,
        "skip" => IdentityPolicy::Skip,
        other => return Err(format!("\"{other}\" is none of refuse, index, full, inserts, skip")),
    };
    let table = match table.map(parse_list).transpose().map_err(|e| e.to_string())? {
        None => None,
        Some(one) if one.len() == 1 => one.into_iter().next(),
        Some(_) => return Err("one table each: TABLE=POLICY, given several times".to_owned()),
    };
    Ok(IdentityArg { table, policy })
}

/// A command for a migration that exists.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The migration, see `pgpassage list`
    #[arg(value_name = "ID")]
    pub id: String,
    /// Source server, for its password; the address is known [env: SOURCE_SERVICE_URI]
    #[arg(short, long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Target server, for its password; the address is known [env: TARGET_SERVICE_URI]
    #[arg(short, long, value_name = "TARGET")]
    pub target: Option<String>,
    #[command(flatten)]
    pub output: OutputArgs,
}

impl ResumeArgs {
    /// As if only the id had been typed.
    pub fn of(id: &str) -> Self {
        let output = OutputArgs { json: false, quiet: true, verbose: false, debug: false };
        Self { id: id.to_owned(), source: None, target: None, output }
    }
}

#[derive(Debug, Args)]
pub struct CleanArgs {
    /// The migration; without it, all that the servers given with -s and -t hold
    #[arg(value_name = "ID", required_unless_present_all = ["source", "target"])]
    pub id: Option<String>,
    /// Source server [env: SOURCE_SERVICE_URI]
    #[arg(short, long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Target server [env: TARGET_SERVICE_URI]
    #[arg(short, long, value_name = "TARGET")]
    pub target: Option<String>,
    /// Do not drop databases on the target that the migration made and did not bring to their end
    #[arg(long)]
    pub keep_databases: bool,
    /// Do not ask, on a terminal, before anything is removed; elsewhere nobody is asked
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The migration; without it, all that are under way, on this machine or on the servers given with -s and -t
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// Source server [env: SOURCE_SERVICE_URI]
    #[arg(short, long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Target server [env: TARGET_SERVICE_URI]
    #[arg(short, long, value_name = "TARGET")]
    pub target: Option<String>,
    /// Go on asking, and guard what follows, until Ctrl-C
    #[arg(long, requires = "id")]
    pub watch: bool,
    /// Leave a guard at work, in a process of its own, and do not wait
    #[arg(long, requires = "watch")]
    pub detach: bool,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct FinishArgs {
    #[command(flatten)]
    pub of: ResumeArgs,
    /// How long to wait until the target is in sync, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub timeout: u64,
    /// How both sides are held against each other
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Verify::Counts)]
    pub verify: Verify,
    /// Definitions on the source were changed since the start, and on the target in the same way
    #[arg(long)]
    pub accept_schema_changes: bool,
    /// Close it although the source is still written to or both sides differ; the result is not `done` then
    #[arg(long)]
    pub accept_loss: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Verify {
    /// Not at all
    None,
    /// The number of rows of every table
    Counts,
    /// A checksum over all rows of every table
    Checksums,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NotEmpty {
    /// Do not start, and say what is in it
    Refuse,
    /// Add rows to tables whose definition is the source's
    Append,
    /// Empty the tables that will be copied, then copy
    Truncate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Method {
    Dump,
    Replication,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fallback {
    /// Move them by a one-time snapshot
    Dump,
    /// Leave them out, and those that cannot be moved at all
    Skip,
    /// Do not start
    Fail,
}

/// pg_migrate's short options of two letters, which no parser of today takes, as their long forms.
pub fn expand_short(args: impl IntoIterator<Item = std::ffi::OsString>) -> Vec<std::ffi::OsString> {
    let expand = |arg: std::ffi::OsString| {
        let Some(text) = arg.to_str() else { return arg };
        for (short, long) in [("-xr", "--excluded-roles"), ("-xe", "--excluded-extensions")] {
            if text == short {
                return long.into();
            }
            if let Some(value) = text.strip_prefix(short).and_then(|rest| rest.strip_prefix('=')) {
                return format!("{long}={value}").into();
            }
        }
        arg
    };
    args.into_iter().map(expand).collect()
}

/// A use of a flag for continuous migration that makes no sense, with the sentence for it.
pub fn refuse_replication(args: &MigrateArgs) -> Option<String> {
    let replication = &args.replication;
    if replication.stop_replication && replication.max_replication_lag.is_none_or(|lag| lag < 0) {
        return Some("Stopping replication requires also '--max-replication-lag' >= 0".to_owned());
    }
    let flags = [
        (replication.max_replication_lag.is_some(), "--max-replication-lag"),
        (replication.mangle, "--mangle"),
        (!replication.replica_identity.is_empty(), "--replica-identity"),
        (replication.source_for_target.is_some(), "--source-for-target"),
        (replication.max_wal_kept.is_some(), "--max-wal-kept"),
    ];
    let (_, flag) = flags.into_iter().find(|(given, _)| *given && args.force_method == Some(Method::Dump))?;
    Some(format!(
        "{flag} is for continuous migration, and --force-method dump is a one-time snapshot: leave out one of them"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(words: &[&str]) -> MigrateArgs {
        let words = ["pgpassage", "migrate"].iter().chain(words).map(std::ffi::OsString::from);
        match Cli::try_parse_from(expand_short(words)).unwrap().verb {
            Some(Verb::Migrate(args)) => *args,
            _ => unreachable!(),
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn two_letter_options_work_as_written() {
        let args = parse(&["-xr", "a,b", "-xe=postgis", "-f", "x,y", "-s", "one", "-t", "two"]);
        assert_eq!(args.excluded_roles, ["a", "b"]);
        assert_eq!(args.excluded_extensions, ["postgis"]);
        assert_eq!(args.filtered_db, ["x", "y"]);
    }

    #[test]
    fn identities_are_chosen_for_all_or_by_table() {
        let chosen = |words: &[&str]| parse(words).replication.replica_identity;
        let both = chosen(&["--replica-identity", "full", "--replica-identity", "public.\"A=b\"=skip"]);
        assert_eq!((&both[0].table, both[0].policy), (&None, IdentityPolicy::Full));
        assert_eq!(both[1].policy, IdentityPolicy::Skip);
        assert_eq!(both[1].table.as_ref().unwrap().to_string(), "public.\"A=b\"");
        for wrong in ["maybe", "t=maybe", "=skip", "a,b=skip"] {
            let words = ["pgpassage", "migrate", "--replica-identity", wrong];
            assert!(Cli::try_parse_from(words).is_err(), "{wrong}");
        }
    }

    #[test]
    fn replication_is_refused_in_words() {
        assert_eq!(refuse_replication(&parse(&["--force-method", "dump"])), None);
        let stop =
            refuse_replication(&parse(&["--stop-replication", "--max-replication-lag", "-1"])).unwrap();
        assert_eq!(stop, "Stopping replication requires also '--max-replication-lag' >= 0");
        for words in [&["-m"][..], &["--max-replication-lag", "0"], &["--replica-identity", "full"]] {
            assert_eq!(refuse_replication(&parse(words)), None);
            let with_dump = [words, &["--force-method", "dump"]].concat();
            assert!(refuse_replication(&parse(&with_dump)).unwrap().contains("one-time snapshot"));
        }
    }
}
