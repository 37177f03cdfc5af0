//! How to prepare the source, in lines: what each provider wants, why, the statements, and what of it the tool has seen.

use crate::cli::ask::{Gone, choose};
use crate::cli::out;
use crate::ui::guide::{self, Seen, seen};
use crate::ui::state::State;

const KEYS: [&str; guide::COUNT] = ["1", "2", "3", "4", "5"];

/// Shows as many as are wanted. Whoever only presses Enter goes on.
pub(super) async fn offer(state: &mut State) -> Result<(), Gone> {
    loop {
        out::print("Show how to prepare the source? Nothing is changed before step 3.");
        let mut choices = vec![("n", "no, go on".to_owned())];
        choices.extend(KEYS.into_iter().zip(guide::titles().map(str::to_owned)));
        let key = choose(&choices).await?;
        let Some(provider) = KEYS.iter().position(|k| *k == key) else { return Ok(()) };
        state.guide.provider = provider;
        show(state);
    }
}

fn show(state: &State) {
    let guide = guide::chosen(state);
    out::print(&format!("Prepare the source: {}", guide.title));
    for item in &guide.items {
        let now = seen(state, item);
        let now = if now == Seen::NotYet { String::new() } else { format!(": {}", now.word()) };
        out::print(&format!("  - {}{now}", item.title));
        if !item.why.is_empty() {
            out::print(&format!("    {}", item.why));
        }
        item.statements.iter().for_each(|statement| out::print(&format!("        {statement}")));
    }
}

/// What a check has seen of it, in a line; nothing as long as nobody has looked.
pub(super) fn ticked_off(state: &State) -> Option<String> {
    let guide = guide::chosen(state);
    let all: Vec<_> = guide.items.iter().map(|item| seen(state, item)).collect();
    let count = |what| all.iter().filter(|seen| **seen == what).count();
    if count(Seen::NotYet) == all.len() {
        return None;
    }
    let (good, bad, unknown) = (count(Seen::Good), count(Seen::Bad), count(Seen::Unknown));
    let mut text = format!("{good} of {} seen", all.len());
    for (number, seen) in [(bad, Seen::Bad), (unknown, Seen::Unknown)] {
        if number > 0 {
            text.push_str(&format!(", {number} {}", seen.word()));
        }
    }
    Some(text)
}
