//! The command line that does the same as what the wizard is set to.

use super::drive::Purpose;
use super::state::form::Form;
use super::state::{Rights, Screen, State};
use super::widgets::form::identity;
use crate::model::plan::{Fallback, IdentityPolicy, MethodPolicy, TargetPolicy};
use crate::model::task::Verify;

/// What `c` shows on this screen: one word a piece, to be quoted where it is shown.
pub fn words(state: &State) -> Vec<String> {
    let mut words = vec!["pgpassage".to_owned()];
    let mut say = |word: &str| words.push(word.to_owned());
    if let Some(live) = state.live.as_ref().filter(|_| matches!(state.screen, Screen::Live | Screen::Close)) {
        let verb = match state.screen {
            _ if state.rights == Rights::Look => "attach",
            Screen::Close if live.is_following() => "finish",
            Screen::Close => "status",
            _ => "attach",
        };
        say(verb);
        say(&live.id);
        if verb == "attach" && state.rights == Rights::Look {
            say("--read-only");
        }
        match live.verify {
            _ if verb != "finish" => {}
            Verify::Nothing => say("--verify=none"),
            Verify::Counts => {}
            Verify::Checksums => say("--verify=checksums"),
        }
        return words;
    }
    if state.screen == Screen::Start {
        say("list");
        return words;
    }
    let form = &state.form;
    let Some(check) = state.check.as_ref().filter(|_| state.screen == Screen::Plan) else {
        // The checks have a command of their own, which takes the same flags.
        let mut words = migrate(form, &Purpose::Check);
        words[1] = "check".to_owned();
        words.retain(|word| word != "--validate");
        return words;
    };
    migrate(form, &Purpose::Start { method: check.policy(), left_out: check.left_out() })
}

/// The words after which the same migration, or only its checks, would begin. Passwords are not among them.
pub fn migrate(form: &Form, purpose: &Purpose) -> Vec<String> {
    let mut words = vec!["pgpassage".to_owned()];
    let mut say = |word: &str| words.push(word.to_owned());
    say("migrate");
    say("-s");
    say(&form.source.conninfo());
    say("-t");
    say(&form.target.conninfo());
    let mut excluded = form.excluded();
    if let Purpose::Start { left_out, .. } = purpose {
        excluded.extend(left_out.iter().cloned());
    }
    for name in excluded {
        say("--exclude-database");
        say(&name);
    }
    if !form.skip_tables.trimmed().is_empty() {
        say("--skip-table");
        say(form.skip_tables.trimmed());
    }
    if !form.jobs.trimmed().is_empty() {
        say("--jobs");
        say(form.jobs.trimmed());
    }
    match form.not_empty {
        TargetPolicy::Refuse => {}
        TargetPolicy::Append => say("--if-target-not-empty=append"),
        TargetPolicy::Truncate => say("--if-target-not-empty=truncate"),
    }
    let snapshot = matches!(purpose, Purpose::Start { method: MethodPolicy::Dump, .. });
    if form.identity != IdentityPolicy::Refuse && !snapshot {
        say("--replica-identity");
        say(identity(form.identity).0);
    }
    match purpose {
        // A check is nobody's migration and has no name.
        Purpose::Check => say("--validate"),
        Purpose::Start { method, .. } => {
            if !form.name.trimmed().is_empty() {
                say("--migration-id");
                say(form.name.trimmed());
            }
            match method {
                MethodPolicy::Dump => say("--force-method=dump"),
                MethodPolicy::Replication => say("--force-method=replication"),
                MethodPolicy::Auto(Fallback::Fail) => say("--fallback=fail"),
                MethodPolicy::Auto(Fallback::Skip) => say("--fallback=skip"),
                MethodPolicy::Auto(Fallback::Dump) => {}
            }
        }
    }
    words
}

/// As one line for a shell.
pub fn line(state: &State) -> String {
    shell(&words(state))
}

/// Words, quoted so that a shell gives them back.
pub fn shell(words: &[String]) -> String {
    words.iter().map(|word| for_shell(word)).collect::<Vec<_>>().join(" ")
}

/// Whether passwords that are needed are missing on that line, because they never stand on one.
pub fn needs_passwords(state: &State) -> bool {
    !matches!(state.screen, Screen::Start | Screen::Live)
}

fn for_shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::state::{Colors, Home, Letters, Look};

    #[test]
    fn a_shell_gives_back_every_word() {
        assert_eq!(for_shell("plain-word"), "plain-word");
        assert_eq!(for_shell("it's"), r"'it'\''s'");
        assert_eq!(for_shell(""), "''");
        assert_eq!(for_shell("a;b"), "'a;b'");
    }

    #[test]
    fn passwords_never_stand_on_a_command_line() {
        let mut form = Form::default();
        form.source.fill("postgres://u:s3cret@h/db").unwrap();
        form.target.fill("postgres://u:s3cret@t/db").unwrap();
        let look = Look { colors: Colors::None, letters: Letters::Ascii };
        let mut state = State::new(form, look, Home::Apart);
        for screen in [Screen::Configure, Screen::Form, Screen::Report, Screen::Plan] {
            state.screen = screen;
            let line = line(&state);
            assert!(!line.contains("s3cret") && line.contains("host=h"), "{line}");
            assert!(needs_passwords(&state));
        }
    }
}
