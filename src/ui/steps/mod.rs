//! The screens, one folder each: what keys do, and what is drawn.

pub mod close;
pub mod configure;
pub mod migration;
pub mod start;
pub mod validation;
