//! What screens are put together from. All text goes through [`paint`], which cuts nothing without saying so.

pub mod bar;
pub mod chart;
pub mod form;
pub mod line;
pub mod list;
pub mod paint;
pub mod wrap;
