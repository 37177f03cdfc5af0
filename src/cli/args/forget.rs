//! What `forget` is told.

use clap::Args;

#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// The migration, see `pgpassage list`
    #[arg(value_name = "ID")]
    pub id: String,
    /// Do not ask, on a terminal, before its folder is removed; elsewhere nobody is asked
    #[arg(short, long)]
    pub yes: bool,
    /// Print the result as one JSON document on standard output
    #[arg(long)]
    pub json: bool,
}
