//! The command line that does the same as what the wizard is set to.

use super::state::form::Server;
use super::state::{Screen, State};
use crate::model::plan::{Fallback, MethodPolicy, TargetPolicy};

/// What `c` shows on this screen: one word a piece, to be quoted where it is shown.
pub fn words(state: &State) -> Vec<String> {
    let mut words = vec!["pgpassage".to_owned()];
    let mut say = |word: &str| words.push(word.to_owned());
    if let Some(live) = state.live.as_ref().filter(|_| matches!(state.screen, Screen::Live | Screen::Close)) {
        let verb = match state.screen {
            Screen::Close if live.is_following() => "finish",
            Screen::Close => "status",
            _ => "attach",
        };
        say(verb);
        say(&live.id);
        return words;
    }
    if state.screen == Screen::Start {
        say("list");
        return words;
    }
    let checks = !matches!(state.screen, Screen::Plan);
    say("migrate");
    let form = &state.form;
    say("-s");
    say(&conninfo(&form.source));
    say("-t");
    say(&conninfo(&form.target));
    let decided_out = state.check.iter().flat_map(|check| check.left_out());
    for name in form.excluded().into_iter().chain(decided_out) {
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
    if !form.name.trimmed().is_empty() {
        say("--migration-id");
        say(form.name.trimmed());
    }
    if checks {
        say("--validate");
    } else {
        match state.check.as_ref().map(super::state::check::Check::policy) {
            Some(MethodPolicy::Dump) => say("--force-method=dump"),
            Some(MethodPolicy::Replication) => say("--force-method=replication"),
            Some(MethodPolicy::Auto(Fallback::Fail)) => say("--fallback=fail"),
            Some(MethodPolicy::Auto(Fallback::Skip)) => say("--fallback=skip"),
            Some(MethodPolicy::Auto(Fallback::Dump)) | None => {}
        }
    }
    words
}

fn conninfo(server: &Server) -> String {
    server.conninfo()
}

/// As one line for a shell.
pub fn line(state: &State) -> String {
    words(state).iter().map(|word| for_shell(word)).collect::<Vec<_>>().join(" ")
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
    use crate::ui::state::form::Form;
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
