//! The configuration guide: one text a provider in `assets/guide`, and what of it the tool has seen for itself.

use super::state::State;
use crate::model::check::{Severity, Verdict};
use crate::model::units::readable;

/// One provider's guide.
#[derive(Debug, PartialEq, Eq)]
pub struct Guide {
    pub title: &'static str,
    pub items: Vec<Item>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    pub title: &'static str,
    /// Checks that tell whether it is so.
    pub checks: Vec<&'static str>,
    pub why: String,
    /// To copy.
    pub statements: Vec<String>,
}

const TEXTS: [&str; 5] = [
    include_str!("../../assets/guide/self-hosted.txt"),
    include_str!("../../assets/guide/aiven.txt"),
    include_str!("../../assets/guide/rds.txt"),
    include_str!("../../assets/guide/cloud-sql.txt"),
    include_str!("../../assets/guide/azure.txt"),
];

pub const COUNT: usize = TEXTS.len();

pub fn guide(provider: usize) -> Guide {
    parse(TEXTS[provider % COUNT])
}

/// The user's name in the guide's statements, as long as nobody has said another one.
const SOMEBODY: &str = "migrator";

/// The chosen provider's guide, with the name of the user whom the form knows.
pub fn chosen(state: &State) -> Guide {
    let mut guide = guide(state.guide.provider);
    let user = state.form.source.user.trimmed();
    if !user.is_empty() {
        let name = readable(user);
        for statement in guide.items.iter_mut().flat_map(|item| &mut item.statements) {
            *statement = statement.replace(SOMEBODY, &name);
        }
    }
    guide
}

pub fn titles() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().map(|text| text.lines().next().unwrap_or_default().trim_start_matches("# "))
}

fn parse(text: &'static str) -> Guide {
    let mut guide = Guide { title: "", items: Vec::new() };
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            guide.title = title;
        } else if let Some(head) = line.strip_prefix("- ") {
            let (title, checks) = head.split_once(" {").unwrap_or((head, ""));
            let checks = checks.trim_end_matches('}').split(',').filter(|id| !id.is_empty()).collect();
            guide.items.push(Item { title, checks, why: String::new(), statements: Vec::new() });
        } else if let Some(item) = guide.items.last_mut() {
            if let Some(statement) = line.strip_prefix("    ") {
                item.statements.push(statement.to_owned());
            } else if let Some(why) = line.strip_prefix("  ") {
                let space = if item.why.is_empty() { "" } else { " " };
                item.why = format!("{}{space}{why}", item.why);
            }
        }
    }
    guide
}

/// Whether an item is ticked off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    NotYet,
    Good,
    Bad,
    /// It was asked and could not be told.
    Unknown,
}

impl Seen {
    /// Nothing where nobody has looked.
    pub fn word(self) -> &'static str {
        match self {
            Seen::Good => "seen",
            Seen::Bad => "not so",
            Seen::Unknown => "could not be told",
            Seen::NotYet => "",
        }
    }
}

pub fn seen(state: &State, item: &Item) -> Seen {
    let all: Vec<_> = item.checks.iter().map(|id| seen_by(state, id)).collect();
    if all.contains(&Seen::Bad) {
        Seen::Bad
    } else if all.contains(&Seen::NotYet) || all.is_empty() {
        Seen::NotYet
    } else if all.contains(&Seen::Unknown) {
        Seen::Unknown
    } else {
        Seen::Good
    }
}

fn seen_by(state: &State, id: &str) -> Seen {
    let Some(check) = &state.check else { return Seen::NotYet };
    let of_server = |seen: bool| match (seen, check.ended.is_some()) {
        (true, _) => Seen::Good,
        // Which of the ways to it is closed is not told by that: a wrong password comes from a server that listens.
        (false, true) => Seen::Unknown,
        (false, false) => Seen::NotYet,
    };
    match id {
        // Over loopback or a socket nothing is told of whether others could: the target comes from elsewhere.
        "source-reached" => {
            let source = check.run.source.as_ref();
            let from_elsewhere = source.is_none_or(|source| !is_on_this_machine(&source.address));
            return if from_elsewhere { of_server(source.is_some()) } else { Seen::Unknown };
        }
        "target-reached" => return of_server(check.run.target.is_some()),
        _ => {}
    }
    if check.run.findings.iter().any(|f| f.id == id && f.severity >= Severity::Warning) {
        return Seen::Bad;
    }
    let mut verdicts = check.judgements.iter().filter(|j| j.check == id).map(|j| &j.verdict).peekable();
    if verdicts.peek().is_none() {
        return Seen::NotYet;
    }
    let worst = verdicts.map(|verdict| match verdict {
        Verdict::Ok | Verdict::Info => Seen::Good,
        Verdict::Warning | Verdict::Blocker => Seen::Bad,
        Verdict::Skipped(_) | Verdict::Unknown(_) => Seen::Unknown,
    });
    worst.fold(Seen::Good, |so_far, one| match (so_far, one) {
        (Seen::Bad, _) | (_, Seen::Bad) => Seen::Bad,
        (Seen::Unknown, _) | (_, Seen::Unknown) => Seen::Unknown,
        _ => Seen::Good,
    })
}

/// Of an address as `user@host:port`.
fn is_on_this_machine(address: &str) -> bool {
    let host = address.rsplit_once('@').map_or(address, |(_, host)| host);
    let host = host.trim_start_matches('[');
    ["localhost", "127.", "::1", "/"].iter().any(|here| host.starts_with(here))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::state::form::Form;
    use crate::ui::state::{Colors, Home, Letters, Look};

    #[test]
    fn statements_name_the_user_of_the_form() {
        let statements = |state: &State| -> Vec<String> {
            chosen(state).items.into_iter().flat_map(|item| item.statements).collect()
        };
        let look = Look { colors: Colors::None, letters: Letters::Ascii };
        let mut state = State::new(Form::default(), look, Home::Apart);
        assert!(statements(&state).contains(&"ALTER ROLE migrator REPLICATION;".to_owned()));
        state.form.source.user.set(" Mover's \"own\" ");
        let named = statements(&state);
        assert!(named.contains(&"ALTER ROLE \"Mover's \"\"own\"\"\" REPLICATION;".to_owned()), "{named:?}");
        assert!(!named.concat().contains(SOMEBODY), "{named:?}");
    }

    #[test]
    fn a_server_on_this_machine_proves_no_way_to_it() {
        for (address, here) in [
            ("migrator@localhost:5432", true),
            ("migrator@127.0.0.1:5432", true),
            ("a@b@[::1]:5432", true),
            ("migrator@/run/postgresql:5432", true),
            ("migrator@db1.example.net:5432", false),
            ("migrator@10.127.0.1:5432", false),
        ] {
            assert_eq!(is_on_this_machine(address), here, "{address}");
        }
    }

    #[test]
    fn every_guide_says_what_replication_and_the_snapshot_need() {
        assert_eq!(titles().count(), COUNT);
        for provider in 0..COUNT {
            let guide = guide(provider);
            assert!(guide.items.len() >= 5, "{}", guide.title);
            for id in ["source-reached", "wal-level", "slots", "replication-right", "readable"] {
                assert!(guide.items.iter().any(|i| i.checks.contains(&id)), "{}: {id}", guide.title);
            }
            let explained = |i: &Item| !i.why.is_empty() || !i.statements.is_empty();
            assert!(guide.items.iter().all(explained), "{}", guide.title);
        }
    }
}
