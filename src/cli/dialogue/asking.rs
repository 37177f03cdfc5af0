//! What both servers have answered while the checks run, in lines that come in the order of the questions.

use super::waited;
use crate::cli::ask::Gone;
use crate::cli::lines::text;
use crate::cli::out;
use crate::link::Link;
use crate::model::event::{Entry, Event};
use crate::model::units::printable;
use crate::ui::state::check::Check;
use std::time::Duration;
use tokio::time::timeout;

/// After so long without news it is said whose answers are waited for.
const PATIENT: Duration = Duration::from_secs(10);
/// More questions than these, which are mostly databases, are counted.
const LISTED: usize = 20;
/// Questions that are named because they are waited for; the rest are counted.
const NAMED: usize = 3;

/// Tells of the checks to their end, with `check` as the fold of them.
pub(super) async fn answers(link: &mut Link, check: &mut Check) -> Result<(), Gone> {
    let mut told = 0;
    loop {
        match timeout(PATIENT, waited(link.next_entry())).await {
            Ok(entry) => {
                let Some(entry) = entry? else { return Ok(()) };
                check.apply(&entry);
                news(check, &entry, &mut told).iter().for_each(|line| out::print(&format!("  {line}")));
            }
            Err(_) => out::print(&format!("  {}", waits(check))),
        }
    }
}

/// `told` is how many of the questions have been told of as answered: those up to the first that is open.
fn news(check: &Check, entry: &Entry, told: &mut usize) -> Vec<String> {
    match &entry.event {
        Event::ServerSeen { .. } => text(&check.run, entry).into_iter().collect(),
        Event::Gathered { .. } => {
            let (from, all) = (*told, check.questions.len());
            *told = check.questions.iter().position(|q| is_open(check, q)).unwrap_or(all);
            let tenth = |answered: usize| answered * 10 / all.max(1);
            if all > LISTED {
                let counted =
                    (tenth(*told) > tenth(from)).then(|| format!("{told} of {all} questions answered"));
                return counted.into_iter().collect();
            }
            let questions = check.questions[from..*told].iter();
            (from + 1..)
                .zip(questions)
                .map(|(n, q)| format!("{n} of {all} answered: {}", printable(q)))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn is_open(check: &Check, question: &String) -> bool {
    !check.answered.contains(question)
}

fn waits(check: &Check) -> String {
    let open: Vec<_> = check.questions.iter().filter(|q| is_open(check, q)).map(|q| printable(q)).collect();
    let more = open.len().saturating_sub(NAMED);
    match (check.questions.len(), open.len()) {
        (0, _) => "still logging in to both servers".to_owned(),
        (_, 0) => "still judging what was answered".to_owned(),
        (_, 1..=NAMED) => format!("still asked: {}", open.join("; ")),
        _ => format!("still asked: {}; and {more} more", open[..NAMED].join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(event: Event) -> Entry {
        Entry { seq: 0, at_ms: 0, event }
    }

    /// The lines that come of these answers, given one after the other.
    fn told(questions: &[&str], answers: &[&str]) -> Vec<String> {
        let (mut check, mut told) = (Check::new(0), 0);
        let questions = questions.iter().map(|q| (*q).to_owned()).collect();
        check.apply(&entry(Event::Gathering { questions }));
        let each = answers.iter().flat_map(|question| {
            let entry = entry(Event::Gathered { question: (*question).to_owned() });
            check.apply(&entry);
            news(&check, &entry, &mut told)
        });
        each.collect()
    }

    #[test]
    fn lines_keep_the_order_of_the_questions() {
        let lines = told(&["a", "b", "c"], &["b", "a", "c"]);
        assert_eq!(lines, ["1 of 3 answered: a", "2 of 3 answered: b", "3 of 3 answered: c"]);
        assert!(told(&["a", "b"], &["b"]).is_empty());
    }

    #[test]
    fn many_are_counted() {
        let names: Vec<String> = (0..200).map(|n| n.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let lines = told(&names, &names);
        assert_eq!((lines.len(), lines[9].as_str()), (10, "200 of 200 questions answered"));
    }

    #[test]
    fn what_is_waited_for_is_named() {
        let mut check = Check::new(0);
        assert_eq!(waits(&check), "still logging in to both servers");
        check.questions = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        assert_eq!(waits(&check), "still asked: a; b; c; and 1 more");
        check.answered = vec!["b".to_owned()];
        assert_eq!(waits(&check), "still asked: a; c; d");
    }
}
