//! Properties that hold for any input.

mod conninfo;
mod filter;
mod names;
