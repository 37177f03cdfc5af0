//! This machine's migrations in lines: how each stands, what needs attention, and which one is to be looked at.

use crate::cli::ask::{Gone, choose};
use crate::cli::out;
use crate::cli::wizard::Rooms;
use crate::model::units::{count_of, printable};
use crate::ui::drive::Host;
use crate::ui::state::{Known, State};
use crate::ui::steps::start::Tag;
use crate::ui::steps::start::view::{attention, lag, progress};

/// Migrations that are offered by number; the rest are in `pgpassage list`.
const OFFERED: usize = 9;

/// What is to be looked at.
pub(super) enum Which {
    New,
    Known(String),
    Nothing,
}

pub(super) async fn which(rooms: &Rooms, state: &mut State) -> Result<Which, Gone> {
    match tokio::task::block_in_place(|| rooms.known()) {
        Ok(known) => state.start.known = Some(known),
        Err(failure) => out::print(&printable(&format!("The list cannot be read: {failure}"))),
    }
    let known = state.start.known.as_deref().unwrap_or_default();
    if known.is_empty() {
        return Ok(Which::New);
    }
    out::print("Migrations that this machine knows:");
    let keys = ["2", "3", "4", "5", "6", "7", "8", "9", "10"];
    let mut choices = vec![("1", "New migration".to_owned())];
    choices.extend(keys.iter().zip(known.iter().take(OFFERED)).map(|(key, one)| (*key, standing(one))));
    choices.push(("q", "quit".to_owned()));
    for one in attention(state) {
        out::print(&format!("needs attention: {}: {}", one.id, one.what));
    }
    if known.len() > OFFERED {
        let more = count_of((known.len() - OFFERED) as u64, "more migration");
        out::print(&format!("{more}: pgpassage list"));
    }
    match choose(&choices).await? {
        "1" => Ok(Which::New),
        key => {
            let chosen = keys.iter().position(|k| *k == key).and_then(|at| known.get(at));
            Ok(chosen.map_or(Which::Nothing, |known| Which::Known(known.id.clone())))
        }
    }
}

fn standing(known: &Known) -> String {
    let tag = Tag::of(known);
    let lag = if tag == Tag::Syncing { format!(", lag {}", lag(known)) } else { String::new() };
    let engine = if tag == Tag::Syncing && !known.engine.is_there() { ", nobody guards it" } else { "" };
    let servers = printable(&format!("{} to {}", known.source, known.target));
    format!("{}: {}, {}{lag}{engine}; {servers}", known.id, tag.word(), progress(known))
}
