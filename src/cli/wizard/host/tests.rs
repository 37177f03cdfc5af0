//! The wizard's plan is the command line's.

use super::*;
use crate::model::plan::{Fallback, MethodPolicy};

fn env(state: &Path) -> Env {
    let variables = [("XDG_STATE_HOME".to_owned(), state.display().to_string())].into();
    Env {
        variables,
        home: None,
        user: Some("me".into()),
        directory: "/".into(),
        socket_directory: "/tmp".into(),
    }
}

fn form() -> Form {
    let mut form = Form::default();
    form.source.fill("postgres://a:s3cret@h1:5433/x?sslmode=disable&connect_timeout=3").unwrap();
    form.target.fill("host=h2 user=b password='p w'").unwrap();
    form.exclude.set("one \"two words\"");
    form.jobs.set("3");
    form.name.set("mine");
    form
}

#[test]
fn the_plan_is_that_of_the_command_line_with_what_was_typed_in_secret() {
    let state = tempfile::tempdir().unwrap();
    let rooms = Rooms::new(env(state.path()), Home::Apart);
    let purpose = Purpose::Start { method: MethodPolicy::Dump, left_out: vec!["three".into()] };
    let Prepared { plan, secrets, .. } = rooms.prepare(&form(), purpose).unwrap();
    assert_eq!(plan.id, "mine");
    assert_eq!(plan.method, MethodPolicy::Dump);
    assert_eq!(plan.jobs, Some(3));
    assert_eq!(plan.source.connect_timeout_s, Some(3));
    assert_eq!(plan.scope.excluded_databases, ["one", "two words", "three"]);
    assert_eq!(secrets.source.explicit.unwrap().expose(), "s3cret");
    assert_eq!(secrets.target.explicit.unwrap().expose(), "p w");
    for (method, wanted) in [
        (MethodPolicy::Auto(Fallback::Dump), MethodPolicy::Auto(Fallback::Dump)),
        (MethodPolicy::Auto(Fallback::Fail), MethodPolicy::Auto(Fallback::Fail)),
    ] {
        let mut form = form();
        form.name.set("");
        let prepared = rooms.prepare(&form, Purpose::Start { method, left_out: Vec::new() }).unwrap();
        assert_eq!(prepared.plan.method, wanted);
    }
}

/// Whatever the window shows as the equal command line can be typed.
#[test]
fn every_command_line_that_is_shown_is_one() {
    use crate::ui::state::{Colors, Letters, Look, Screen, State};
    let look = Look { colors: Colors::None, letters: Letters::Ascii };
    let mut state = State::new(form(), look, Home::Apart);
    state.check = Some(crate::ui::state::check::Check::new(0));
    for screen in [Screen::Start, Screen::Configure, Screen::Form, Screen::Report, Screen::Plan] {
        for snapshot in [true, false] {
            state.screen = screen;
            state.check.as_mut().unwrap().decisions.snapshot = snapshot;
            let words = command::words(&state);
            let parsed = Cli::try_parse_from(&words);
            assert!(parsed.is_ok(), "{words:?}: {}", parsed.unwrap_err());
        }
    }
}

#[test]
fn a_check_leaves_nothing_among_the_migrations() {
    let state = tempfile::tempdir().unwrap();
    let rooms = Rooms::new(env(state.path()), Home::Apart);
    let plan = rooms.prepare(&form(), Purpose::Check).unwrap().plan;
    assert!(plan.only_checks && !plan.home.starts_with(state.path()), "{}", plan.home.display());
    assert!(plan.home.exists());
    drop(rooms);
    assert!(!plan.home.exists());
    assert!(!state.path().join("pgpassage").exists());
}

#[test]
fn errors_stand_at_the_field_that_they_are_about() {
    let state = tempfile::tempdir().unwrap();
    let rooms = Rooms::new(env(state.path()), Home::Apart);
    let field = |form: &Form| {
        let purpose = Purpose::Start { method: MethodPolicy::Dump, left_out: Vec::new() };
        rooms.prepare(form, purpose).unwrap_err()[0].field
    };
    let mut wrong = form();
    wrong.skip_tables.set("a..b");
    assert_eq!(field(&wrong), Field::SkipTables);
    let mut wrong = form();
    wrong.source.ca.set("/no/such/file.pem");
    wrong.source.encryption = crate::ui::state::form::Encryption::On;
    assert_eq!(field(&wrong), Field::Source(Part::Ca));
    std::fs::create_dir_all(state.path().join("pgpassage/mine")).unwrap();
    let journal = state.path().join("pgpassage/mine/journal");
    std::fs::write(&journal, "{\"seq\":1,\"at_ms\":1,\"event\":{\"kind\":\"keeping\"}}\n").unwrap();
    assert_eq!(field(&form()), Field::Name);
}
