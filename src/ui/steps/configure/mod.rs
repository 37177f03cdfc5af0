//! Step 1: the configuration guide, the target's address, a name.

pub mod update;
pub mod view;
