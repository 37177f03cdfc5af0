//! `pgpassage explain`: all about a check, or all checks in a line each.

use super::args::ExplainArgs;
use super::exit::Exit;
use super::out;
use crate::engine::{Explanation, check_ids, explain};

pub(super) fn run(args: &ExplainArgs) -> Exit {
    match &args.id {
        None => {
            let width = check_ids().iter().map(|id| id.len()).max().unwrap_or(0);
            for explanation in check_ids().into_iter().filter_map(explain) {
                out::print(&format!("{:width$}  {}", explanation.id, explanation.title));
            }
            Exit::Done
        }
        Some(id) => match explain(id) {
            Some(explanation) => {
                out::print(&in_lines(&explanation).join("\n"));
                Exit::Done
            }
            None => {
                out::complain(&unknown(id));
                Exit::Usage
            }
        },
    }
}

/// With what may have been meant.
fn unknown(id: &str) -> String {
    let near: Vec<_> = check_ids()
        .into_iter()
        .filter(|known| {
            known.contains(id) || id.split('-').any(|part| part.len() > 3 && known.contains(part))
        })
        .collect();
    let meant = if near.is_empty() { String::new() } else { format!("; there is {}", near.join(", ")) };
    format!("there is no check {id:?}{meant}; pgpassage explain lists all")
}

fn in_lines(explanation: &Explanation) -> Vec<String> {
    let mut lines =
        vec![format!("{}: {}", explanation.id, explanation.title), format!("  what   {}", explanation.what)];
    if !explanation.why.is_empty() {
        lines.push(format!("  why    {}", explanation.why));
    }
    lines.push(format!("  when   {}", explanation.scope));
    for (provider, text) in &explanation.fixes {
        match provider {
            Some(provider) => lines.push(format!("  fix    {provider}: {text}")),
            None => lines.push(format!("  fix    {text}")),
        }
    }
    lines
}
