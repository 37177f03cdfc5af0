//! Step 2: the source's address, the checks while they run, and their report.

mod decisions;
pub mod report;
pub mod update;
pub mod view;
