//! Step 4: what follows and how far it is, the switch-over, and the result.

pub mod switch;
pub mod trouble;
pub mod update;
pub mod view;
