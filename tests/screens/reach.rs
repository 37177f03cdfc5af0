//! What a small window has no room for can be reached all the same, and what stands there is true.

use super::scenes::{self, NOW_MS, press, send};
use super::styled::{drawn, rows};
use pgpassage::model::check::{Finding, Judgement, Severity, Verdict};
use pgpassage::model::event::{DatabaseOutcome, Entry, Event, RunOutcome};
use pgpassage::model::gauges::Gauges;
use pgpassage::model::phase::Phase;
use pgpassage::model::units::TableName;
use pgpassage::ui::keys::Code;
use pgpassage::ui::message::{Effect, Msg};
use pgpassage::ui::state::form::{Encryption, Field, Part};
use pgpassage::ui::state::live::Ending;
use pgpassage::ui::state::{Button, Focus, Screen, State};
use pgpassage::ui::update::update;

fn scene(name: &str) -> State {
    scenes::all().into_iter().find(|scene| scene.name == name).unwrap().state
}

fn text(state: &State, (width, height): (u16, u16)) -> String {
    rows(&drawn(state, width, height).0).join("\n")
}

#[track_caller]
fn shows(state: &State, size: (u16, u16), what: &str) {
    let text = text(state, size);
    assert!(text.contains(what), "no {what:?} in\n{text}");
}

fn click(state: &mut State, size: (u16, u16), what: &str) {
    let (buffer, drawn) = drawn(state, size.0, size.1);
    let rows = rows(&buffer);
    let (y, row) = rows.iter().enumerate().find(|(_, row)| row.contains(what)).unwrap();
    let x = row[..row.find(what).unwrap()].chars().count() + what.chars().count() / 2;
    let place = (u16::try_from(x).unwrap(), u16::try_from(y).unwrap());
    let hit = drawn.at(place.into()).unwrap();
    drop(update(state, Msg::Click(hit)));
}

#[test]
fn every_chart_has_its_turn() {
    let small = (80, 24);
    let mut state = scene("live");
    for (now, next) in [("Speed, last", "x: WAL kept"), ("WAL kept by", "x: lag"), ("Lag", "x: speed")] {
        shows(&state, small, &format!("\n {now}"));
        shows(&state, small, next);
        press(&mut state, Code::Char('x'));
    }
    shows(&state, small, "\n Speed, last");
    // With more room there are more of them, and in the end there is nothing to turn.
    shows(&state, (120, 40), "x: lag");
    let wide = text(&state, (160, 40));
    assert!(["Speed, last", "WAL kept by", "Lag"].iter().all(|title| wide.contains(title)), "{wide}");
    assert!(!wide.contains("x: "), "{wide}");

    let mut state = scene("close");
    shows(&state, small, "\n Lag");
    press(&mut state, Code::Char('x'));
    shows(&state, small, "\n WAL kept by the slots");
    shows(&state, small, "17 MB┤");
    // A snapshot keeps no log, and nothing lags behind it.
    let mut state = scene("live");
    state.live.as_mut().unwrap().run.databases.values_mut().for_each(|database| database.method = None);
    assert!(!text(&state, small).contains("x: "));
    press(&mut state, Code::Char('x'));
    shows(&state, small, "\n Speed, last");
}

#[test]
fn providers_of_the_guide_are_clicked() {
    let mut state = scene("configure");
    state.focus = Focus::Field(Field::Name);
    for (number, name) in pgpassage::ui::guide::titles().enumerate().collect::<Vec<_>>().into_iter().rev() {
        state.guide.item = 2;
        click(&mut state, (100, 30), name);
        assert_eq!((state.guide.provider, state.guide.item, state.focus), (number, 0, Focus::List), "{name}");
    }
    // Where one name has room, the next one comes.
    click(&mut state, (80, 24), "Self-hosted");
    shows(&state, (80, 24), "Aiven");
}

#[test]
fn the_guide_is_whole_in_the_lowest_window() {
    let mut state = scene("configure");
    state.focus = Focus::List;
    state.guide = pgpassage::ui::state::GuideAt::default();
    shows(&state, (60, 16), "ALTER SYSTEM SET listen_addresses");
    shows(&state, (60, 16), "Self-hosted");
    state.focus = Focus::Field(Field::Target(Part::Database));
    for label in ["Name", "Hostname", "Database name", "Username"] {
        shows(&state, (60, 16), label);
    }
}

#[test]
fn a_finding_is_read_whole_wherever_it_has_no_room() {
    let least = (60, 16);
    let mut state = scene("report");
    for finding in &mut state.check.as_mut().unwrap().run.findings {
        finding.objects = (0..40).map(|number| format!("public.table_{number}")).collect();
    }
    press(&mut state, Code::Enter);
    let mut seen = text(&state, least);
    for _ in 0..30 {
        press(&mut state, Code::Down);
        seen.push_str(&text(&state, least));
    }
    for part in ["Why, and what to do", "What to do:", "More: pgpassage explain", "↓ more", "↑ more"] {
        assert!(seen.contains(part), "no {part:?} in\n{seen}");
    }
    let copied = update(&mut state, Msg::Key(pgpassage::ui::keys::Key::char('y')));
    assert_eq!(copied.len(), 1);
    press(&mut state, Code::Esc);
    assert!(state.overlay.is_none() && state.screen == Screen::Report);
}

/// What each side looks like has no room beside a long error in a small window, and stands behind a key that it names.
#[test]
fn a_failure_is_read_whole_wherever_it_has_no_room() {
    for name in ["failure", "failure-guarded", "failure-waiting", "died"] {
        let mut state = scene(name);
        shows(&state, (60, 16), "… f shows all of it");
        shows(&state, (60, 16), "f to look at");
        let live = state.live.as_ref().unwrap();
        let sides = pgpassage::ui::steps::migration::failure::sides(live, state.utc_offset_s);
        press(&mut state, Code::Char('f'));
        let whole = text(&state, (200, 60));
        for (side, sentence) in sides {
            assert!(whole.contains(&format!("{side}: {}", &sentence[..10])), "no {side} in {whole}");
        }
    }
}

/// What is said for a moment has its lines, and no button goes for it.
#[test]
fn what_is_said_for_a_moment_is_said_whole() {
    let mut state = scene("close-unknown");
    assert!(state.toast.is_some());
    for words in ["(p", "enters it, or put it into ~/.pgpass)", "▐ Guard again ▌"] {
        shows(&state, (60, 16), words);
    }
    send(&mut state, Msg::Tick { now_ms: NOW_MS + 60_000 });
    assert!(!text(&state, (60, 16)).contains("enters it"));
}

/// The guard's warnings must not end in the log alone.
#[test]
fn what_is_found_while_databases_follow_is_shown() {
    let mut state = scene("close");
    let seq = state.live.as_ref().unwrap().run.seq + 1;
    let finding = Finding::warning("schema-changed", "definitions on the source have changed")
        .fix("make the same on the target");
    send(&mut state, Msg::Entry(Entry { seq, at_ms: NOW_MS, event: Event::Finding { finding } }));
    shows(&state, (80, 24), "▲ 1 warning (f shows all): definitions on the source have changed");
    shows(&state, (80, 24), "f to look at");
    press(&mut state, Code::Char('f'));
    shows(&state, (60, 16), "make the same on the target");
}

/// Where nothing happens nothing is drawn: an age that is told by tenths would be news every second.
#[test]
fn an_age_is_drawn_when_it_says_something_new() {
    let mut state = scene("close");
    let (seen_ms, before) = (state.live.as_ref().unwrap().seen_ms().unwrap(), text(&state, (120, 40)));
    for (age_ms, news) in [(1_000, false), (2_300, false), (4_900, false), (5_000, true), (61_000, true)] {
        send(&mut state, Msg::Tick { now_ms: seen_ms + age_ms });
        assert_eq!(text(&state, (120, 40)) != before, news, "{age_ms}");
    }
    shows(&state, (80, 24), "STALE, updated 1 min ago");
}

#[test]
fn nothing_is_copied_and_done_at_once() {
    let mut state = scene("live");
    let gauges = state.live.as_ref().unwrap().gauges.clone();
    let running = gauges.running.iter().find(|r| r.what.starts_with("copying public.")).unwrap().clone();
    let name = running.what.trim_start_matches("copying ").to_owned();
    let times =
        |state: &State| state.live.as_ref().unwrap().rows().iter().filter(|r| r.name() == name).count();
    assert_eq!(times(&state), 1);
    let seq = state.live.as_ref().unwrap().run.seq + 1;
    let table = TableName::new("public", name.trim_start_matches("public."));
    let event = Event::TableCopied { database: running.database, table, rows: 1, bytes: 1, ms: 1 };
    // Gauges that were on their way when it came through.
    send(&mut state, Msg::Gauges(Gauges { at_ms: NOW_MS + 151_000, ..gauges.clone() }));
    send(&mut state, Msg::Entry(Entry { seq, at_ms: NOW_MS + 151_000, event }));
    send(&mut state, Msg::Tick { now_ms: NOW_MS + 152_000 });
    assert_eq!(times(&state), 1);
    send(&mut state, Msg::Gauges(Gauges { at_ms: NOW_MS + 152_000, ..gauges }));
    send(&mut state, Msg::Tick { now_ms: NOW_MS + 153_000 });
    assert_eq!(times(&state), 1);
}

/// The last line names the key for other charts where one of them is out of sight, and there only.
#[test]
fn the_chart_key_stands_where_it_does_something() {
    let named = |state: &State, size: (u16, u16)| {
        let text = text(state, size);
        text.lines().last().unwrap().contains("x chart")
    };
    let help = |name: &str, size: (u16, u16)| {
        let mut state = scene(name);
        press(&mut state, Code::Char('?'));
        text(&state, size).contains("another chart")
    };
    // Three charts for databases that follow: one of them fits, none, or all.
    for (size, wanted) in [((120, 40), true), ((120, 18), false), ((200, 40), false)] {
        assert_eq!(named(&scene("live"), size), wanted, "{size:?}");
        assert_eq!(help("live", size), wanted, "{size:?}");
    }
    for (size, wanted) in [((90, 40), true), ((90, 20), false), ((120, 40), false)] {
        assert_eq!(named(&scene("close"), size), wanted, "{size:?}");
        assert_eq!(help("close", size), wanted, "{size:?}");
    }
    assert!(!help("failure", (120, 40)), "no chart stands there");
}

/// A wrong password comes from a server that listens, behind a firewall that is open.
#[test]
fn the_guide_does_not_say_what_it_cannot_know() {
    let mut state = scene("report-refused");
    let check = state.check.as_mut().unwrap();
    (check.run.source, check.ended) = (None, Some(Ending::Ended(RunOutcome::Refused)));
    state.screen = Screen::Configure;
    state.focus = Focus::List;
    shows(&state, (100, 30), "The server listens where you come from  could not be told");
}

/// The target has to reach the source as well, and only the check that has tried it knows whether it does.
#[test]
fn firewalls_are_open_once_replication_came_through() {
    let firewalls = |verdict: Option<Verdict>| {
        let mut state = scene("report-good");
        let check = state.check.as_mut().unwrap();
        assert!(check.run.source.is_some() && check.run.target.is_some() && check.ended.is_some());
        check.judgements.retain(|judgement| judgement.check != "replication");
        check.judgements.extend(verdict.map(|verdict| Judgement {
            check: "replication".to_owned(),
            title: "Replication as a whole".to_owned(),
            database: None,
            verdict,
        }));
        state.screen = Screen::Configure;
        state.focus = Focus::List;
        let text = text(&state, (100, 30));
        let line = text.lines().find(|line| line.contains("Firewalls on both sides are open")).unwrap();
        line.split("are open").nth(1).unwrap().trim().to_owned()
    };
    let not_tried = Verdict::Skipped("only a superuser of the target can try".to_owned());
    for (verdict, wanted) in [
        (None, ""),
        (Some(Verdict::Ok), "seen"),
        (Some(Verdict::Blocker), "not so"),
        (Some(not_tried), "could not be told"),
        (Some(Verdict::Unknown("not asked".to_owned())), "could not be told"),
    ] {
        assert_eq!(firewalls(verdict.clone()), wanted, "{verdict:?}");
    }
}

#[test]
fn only_encryption_is_recommended() {
    let mut state = scene("form");
    state.form.source.encryption = Encryption::On;
    shows(&state, (100, 30), "(recommended)");
    state.form.source.encryption = Encryption::Off;
    let text = text(&state, (100, 30));
    assert!(!text.contains("recommended") && text.contains("may go in clear"), "{text}");
}

#[test]
fn a_new_migration_does_not_take_the_name_of_another() {
    let mut state = scene("start");
    for (name, asked) in [("legacy", true), ("fresh", false)] {
        state.form.name.set(name);
        state.screen = Screen::Start;
        let effects = update(&mut state, Msg::Key(pgpassage::ui::keys::Key::char('n')));
        let wanted = Effect::NameAfter { taken: name.to_owned() };
        assert_eq!(effects, asked.then_some(wanted).into_iter().collect::<Vec<_>>());
        assert_eq!(state.screen, Screen::Configure);
    }
}

#[test]
fn no_button_is_cut_in_the_smallest_window() {
    for scene in scenes::all() {
        let mut state = scene.state;
        state.overlay = None;
        for row in text(&state, (60, 16)).lines().filter(|row| row.matches("[ ").count() > 1) {
            // Fields and ticks have brackets of their own.
            assert!(row.contains("[   ") || !row.contains('…'), "{}: {row}", scene.name);
        }
    }
}

#[test]
fn the_smallest_window_shows_times_and_databases() {
    let state = scene("live");
    shows(&state, (60, 16), "2 min 29 s");
    let state = scene("close");
    shows(&state, (60, 16), "WAL KEPT");
    shows(&state, (60, 16), "↻ Syncing   analytics");
}

/// Keys that are named are those of what has the focus.
#[test]
fn the_last_line_knows_the_field() {
    let mut state = scene("form");
    for (part, named) in
        [(Part::Password, "Ctrl-R show"), (Part::Ssl, "Space on or off"), (Part::Host, "Enter next")]
    {
        state.focus = Focus::Field(Field::Source(part));
        shows(&state, (80, 24), named);
    }
    state.focus = Focus::Button(Button::RunCheck);
    shows(&state, (80, 24), "? help");
}

/// What was given up is neither ready nor a place for applications.
#[test]
fn a_discontinued_migration_is_not_called_ready() {
    let mut state = scene("close");
    let names: Vec<String> = state.live.as_ref().unwrap().run.databases.keys().cloned().collect();
    for database in names {
        let seq = state.live.as_ref().unwrap().run.seq + 1;
        let message = "discontinued; what was copied stays".to_owned();
        let event = Event::DatabaseEnded { database, outcome: DatabaseOutcome::Cancelled, message };
        send(&mut state, Msg::Entry(Entry { seq, at_ms: NOW_MS, event }));
    }
    for size in [(60, 16), (80, 24), (120, 40)] {
        shows(&state, size, "■ Discontinued: the target follows");
        let text = text(&state, size);
        assert!(!text.contains("Ready") && !text.contains("Point your applications"), "{text}");
        assert!(!text.contains("replicated, closed"), "{text}");
    }
    // Nor is one of which something is missing.
    let mut state = scene("result");
    let databases = &mut state.live.as_mut().unwrap().run.databases;
    databases.values_mut().next().unwrap().outcome = Some(DatabaseOutcome::Incomplete);
    shows(&state, (80, 24), "▲ Not whole: 2 of 3 databases came across");
    shows(&state, (80, 24), "Only what is Ready is for applications");
}

/// How many rows there are nobody knows then, and the result does not say it of those of the first copy.
#[test]
fn closed_without_counting_is_said() {
    let closed = |counted: &[&str]| {
        let mut state = scene("close");
        for name in ["analytics", "sessions", "shop"] {
            let mut events = vec![Event::PhaseBegan { phase: Phase::Close, database: Some(name.to_owned()) }];
            if counted.contains(&name) {
                events.push(Event::Counted { database: name.to_owned(), rows: 4_711 });
            }
            let (outcome, message) = (DatabaseOutcome::Done, "the connection is closed".to_owned());
            events.push(Event::DatabaseEnded { database: name.to_owned(), outcome, message });
            for event in events {
                let seq = state.live.as_ref().unwrap().run.seq + 1;
                send(&mut state, Msg::Entry(Entry { seq, at_ms: NOW_MS, event }));
            }
        }
        // As the run does it that takes everything back in the end.
        let ledger = &state.live.as_ref().unwrap().run.ledger;
        let objects: Vec<_> = ledger.values().map(|line| line.object.clone()).collect();
        for object in objects {
            let seq = state.live.as_ref().unwrap().run.seq + 1;
            send(&mut state, Msg::Entry(Entry { seq, at_ms: NOW_MS, event: Event::Removed { object } }));
        }
        state
    };
    // One that was not is enough.
    for counted in [&[][..], &["analytics", "sessions"]] {
        let state = closed(counted);
        shows(&state, (100, 30), "✔ Ready: everything that was asked for is on the target");
        shows(&state, (100, 30), "Closed without counting: rows are those of the first copy.");
        shows(&state, (60, 16), "Closed without counting rows.");
        shows(&state, (100, 30), "ROWS AT FIRST");
    }
    let text = text(&closed(&["analytics", "sessions", "shop"]), (100, 30));
    assert!(text.contains("Nothing that served replication is left on either server."), "{text}");
    assert!(!text.contains("without counting") && !text.contains("AT FIRST"), "{text}");
    assert_eq!(text.matches("4,711").count(), 3, "{text}");
}

#[test]
fn the_smallest_list_has_lines() {
    let state = scene("start");
    let text = text(&state, (60, 16));
    let known = state.start.known.as_ref().unwrap();
    let seen = known.iter().filter(|known| text.contains(&format!(" {} ", known.id))).count();
    assert!(seen >= 2, "{seen}\n{text}");
}

/// Two marks of a focus would be one too many.
#[test]
fn one_thing_has_the_focus() {
    let mut state = scene("report-some");
    for _ in 0..8 {
        let text = text(&state, (100, 30));
        let marks = text.matches('▌').count();
        assert_eq!(marks, 1, "{text}");
        press(&mut state, Code::Tab);
    }
}

/// The way out that the finding names is to be had in the window, too.
#[test]
fn a_target_that_is_not_empty_can_be_appended_to() {
    let mut state = scene("report-some");
    let finding = Finding::new("target-empty", Severity::Blocker, "the target's database is not empty");
    state.check.as_mut().unwrap().run.findings.push(finding);
    shows(&state, (80, 24), "Target not empty  ← refuse →");
    for _ in 0..20 {
        if state.focus == Focus::Field(Field::NotEmpty) {
            break;
        }
        press(&mut state, Code::Tab);
    }
    press(&mut state, Code::Right);
    shows(&state, (60, 16), "▌ Target not empty  ← append →");
    shows(&state, (100, 40), "add rows where tables are defined alike");
    let check = state.check.as_ref().unwrap();
    assert!(check.may_start().unwrap_err().contains("Run check"));
    assert_eq!(update(&mut state, Msg::Key(pgpassage::ui::keys::Key::char('r'))), [Effect::Check]);
    assert!(pgpassage::ui::command::line(&state).contains("--if-target-not-empty=append"));
}
