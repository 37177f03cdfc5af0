//! Step 2: the source's address, the checks while they run, and their report.

pub mod decisions;
mod detail;
pub mod report;
pub mod script;
pub mod update;
pub mod view;
