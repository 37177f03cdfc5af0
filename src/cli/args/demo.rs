//! Flags of the demo.

use super::{OutputArgs, WindowArgs};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where PostgreSQL's server programs are [default: /usr/lib/postgresql/*/bin, then PATH]
    #[arg(long, value_name = "DIR")]
    pub pgbin: Option<PathBuf>,
    /// Size of the sample shop; 1 is about 300 MB
    #[arg(long, value_name = "FACTOR", default_value_t = crate::demo::shop::DEMO_SCALE)]
    pub scale: f64,
    /// Tables and indexes worked on at a time
    #[arg(long, value_name = "N")]
    pub jobs: Option<u32>,
    #[command(flatten)]
    pub window: WindowArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}
