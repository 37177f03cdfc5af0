//! The full-screen face: four steps in the words of the console, Configure, Validation, Migration, Close.
//!
//! ```text
//! keys, paste, ticks ─► Msg ─► update ─► Effects ─► drive ─► Host (cli) ─► link ─► engine
//!                        ▲       └─► view(&State) ─► buffer ─► terminal, svg, txt    │
//!                        └──────────── entries, gauges, answers ◄────────────────────┘
//! ```
//! [`state::State`] is one value that can be serialised; [`update::update`] and [`view::view`] are pure. What a screen
//! shows is the fold of what came in, so tests draw every screen without a terminal, a clock or a server.

pub mod command;
pub mod drive;
pub mod format;
pub mod guide;
pub mod keys;
pub mod message;
pub mod state;
pub mod steps;
pub mod theme;
pub mod update;
pub mod view;
pub mod widgets;

pub use drive::{Host, Opening, Prepared, Purpose, run};
