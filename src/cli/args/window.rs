//! Flags about the window: its colours, its letters, and whether there is one.

use clap::{Args, ValueEnum};

/// How the window looks, and whether there is one.
#[derive(Debug, Clone, Args)]
pub struct WindowArgs {
    /// Ask and answer in plain lines, without a full screen [default where TERM is dumb]
    #[arg(long)]
    pub plain: bool,
    /// Draw with ASCII only [default where the locale is not UTF-8]
    #[arg(long)]
    pub ascii: bool,
    /// Colours of the full screen; NO_COLOR is heeded too
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    /// The sixteen of the terminal
    #[value(name = "16")]
    Sixteen,
    Rgb,
    None,
}
