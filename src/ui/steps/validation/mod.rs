//! Step 2: the source's address, the checks while they run, and their report.

mod decisions;
mod detail;
pub mod report;
mod script;
pub mod update;
pub mod view;
