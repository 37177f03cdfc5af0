//! All about a check, for whoever asks before or after it has spoken.

use super::catalog::{Check, Fix, Judge, Only, Weight, all};
use super::provider::Provider;

/// A check, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub id: &'static str,
    pub title: &'static str,
    /// What is looked at.
    pub what: &'static str,
    pub why: &'static str,
    /// Which method it matters for, whether it is about servers or databases, and what it may stop.
    pub scope: String,
    /// `--skip-check` takes it.
    pub may_be_skipped: bool,
    /// For whom (absent: for all), and what to do.
    pub fixes: Vec<(Option<&'static str>, String)>,
}

/// The checks, in the order in which they are shown.
pub fn ids() -> Vec<&'static str> {
    all().map(|check| check.id).collect()
}

pub fn explain(id: &str) -> Option<Explanation> {
    all().find(|check| check.id == id).map(in_words)
}

fn in_words(check: &Check) -> Explanation {
    let about = match check.judge {
        Judge::Servers(_) => "the servers as a whole",
        Judge::Database(_) => "each database",
    };
    let method = match check.only {
        Only::Always => "every migration",
        Only::Continuous => "continuous migrations only",
    };
    let since = match check.since {
        0 => String::new(),
        major => format!(", for sources from PostgreSQL {major} on"),
    };
    let stops = match check.weight {
        Weight::Stops => "; asked again before each migration, which it may stop",
        Weight::Firm => "; asked again before each migration, which it may stop; it cannot be left out",
        Weight::Tells => "",
    };
    let fixes = match check.fix {
        Fix::Same("") => Vec::new(),
        Fix::Same(text) => vec![(None, text.to_owned())],
        Fix::On(side, words) => by_provider(&|provider| format!("on the {side}: {}", words(provider))),
    };
    Explanation {
        id: check.id,
        title: check.title,
        what: check.what,
        why: check.why,
        may_be_skipped: check.weight != Weight::Firm,
        scope: format!("about {about}, for {method}{since}{stops}"),
        fixes,
    }
}

/// Those for whom the words are one's own server's are not named.
fn by_provider(words: &dyn Fn(Provider) -> String) -> Vec<(Option<&'static str>, String)> {
    let own = words(Provider::SelfHosted);
    let others = Provider::ALL.into_iter().skip(1).map(|p| (Some(p.name()), words(p)));
    let others: Vec<_> = others.filter(|(_, text)| *text != own).collect();
    let first = if others.is_empty() { None } else { Some(Provider::SelfHosted.name()) };
    std::iter::once((first, own)).chain(others).collect()
}
