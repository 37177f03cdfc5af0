//! A fault of the window's own: what it leaves of the terminal, what it says, and that the migration does not notice.

use super::again::journals;
use super::common::{Pair, eventually};
use super::terminal::assert_restored;
use super::tty::Tty;
use super::{following, pair};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pgpassage::link::{Engine as Lives, Known as Found, Link, Seen, Since, attach, resume_local};
use pgpassage::model::event::Event;
use pgpassage::model::failure::Failure;
use pgpassage::model::passwords::{Barred, Passwords};
use pgpassage::model::secrets::{PlaceholderKey, Secrets};
use pgpassage::model::status::DatabaseStatus;
use pgpassage::model::task::Task;
use pgpassage::ui::drive::{At, Opened, Typed};
use pgpassage::ui::message::Shown;
use pgpassage::ui::state::form::{FieldError, Form};
use pgpassage::ui::state::passwords::Errand;
use pgpassage::ui::state::{Colors, Engine, Home, Known, Letters, Look, Rights};
use pgpassage::ui::{Host, Opening, Prepared, Purpose};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SECRET: &str = "S3cr3t-typed";
/// The migration's folder, for the window of this test.
const FOLDER: &str = "FOLDER_OF_THE_MIGRATION";
/// Its engine works in the window.
const HERE: &str = "ENGINE_IN_THE_WINDOW";

/// Lends a window what it needs to show one migration, and is at fault in whatever else it is asked.
struct Faulty {
    folder: Option<PathBuf>,
    home: Home,
}

fn fault() -> ! {
    panic!("cannot cut `{SECRET}` here")
}

fn without_passwords() -> Secrets {
    let (source, target) = (Passwords::default(), Passwords::default());
    let placeholder_key = PlaceholderKey([7; 32]);
    Secrets { source, target, role_passwords: BTreeMap::new(), placeholder_key }
}

impl Host for Faulty {
    fn prepare(&self, _: &Form, _: Purpose) -> Result<Prepared, Vec<FieldError>> {
        fault()
    }

    fn check(&self, _: Prepared) -> Result<Link, Failure> {
        fault()
    }

    fn check_ended(&self) {}

    fn start(&self, _: Prepared) -> BoxFuture<'static, Result<Opened, Failure>> {
        fault()
    }

    fn known(&self) -> Result<Vec<Known>, Failure> {
        fault()
    }

    fn open(&self, id: String) -> BoxFuture<'static, Result<Opened, Failure>> {
        let (home, is_here) = (self.folder.clone().unwrap(), self.home == Home::Here);
        async move {
            let plan = Found::read(&home).unwrap().plan.unwrap();
            let shown = Shown {
                id,
                source: plan.source.to_string(),
                target: plan.target.to_string(),
                source_conninfo: plan.source.operators_conninfo(),
                target_conninfo: plan.target.operators_conninfo(),
                excluded: Vec::new(),
                skipped_tables: Vec::new(),
                jobs: None,
                identity: plan.replication.identity,
                not_empty: plan.policies.target_not_empty,
                home: home.display().to_string(),
            };
            let (engine, link) = if is_here {
                (Engine::Here, resume_local(plan, without_passwords(), Task::Watch)?)
            } else {
                (Engine::Apart { pid: 0 }, attach(&home).await?)
            };
            Ok(Opened { engine, shown, link: Some(link), entries: Vec::new() })
        }
        .boxed()
    }

    fn since(&self, _: &str, _: Seen) -> BoxFuture<'static, Since> {
        fault()
    }

    fn barred(&self, _: String, _: Typed, _: Errand) -> BoxFuture<'static, Result<Vec<Barred>, Failure>> {
        fault()
    }

    fn task(&self, _: String, _: Typed, _: Task) -> BoxFuture<'static, Result<Opened, Failure>> {
        fault()
    }

    fn again(&self, _: String, _: Typed) -> BoxFuture<'static, Result<Opened, Failure>> {
        fault()
    }

    fn status(&self, _: String, _: Typed) -> BoxFuture<'static, Result<Vec<DatabaseStatus>, Failure>> {
        fault()
    }

    fn keep(&self, _: Option<&str>, _: &str) -> Result<String, Failure> {
        fault()
    }

    fn forget(&self, _: &str) -> Result<(), Failure> {
        fault()
    }

    fn free_name(&self, _: &str) -> Option<String> {
        fault()
    }

    fn bundle(&self, _: &str) -> Result<String, Failure> {
        fault()
    }
}

/// Not a test by itself: others run it in a terminal of their own.
#[test]
#[ignore = "a window that other tests open"]
#[expect(clippy::exit, reason = "the window's exit code is what is looked at")]
fn window() {
    let folder = std::env::var_os(FOLDER).map(PathBuf::from);
    let at = if folder.is_some() { At::Migration("mine".to_owned()) } else { At::Start };
    let home = if std::env::var_os(HERE).is_some() { Home::Here } else { Home::Apart };
    let opening = Opening {
        host: Arc::new(Faulty { folder, home }),
        form: Form::default(),
        look: Look { colors: Colors::Ansi16, letters: Letters::Unicode },
        home,
        rights: Rights::Command,
        at,
    };
    let exit = tokio::runtime::Runtime::new().unwrap().block_on(pgpassage::cli::show(opening));
    std::process::exit(exit as i32);
}

fn spawn(home: &Path, env: &[(&str, &str)]) -> Tty {
    Tty::spawn_test(home, (100, 30), "panics::window", env)
}

fn assert_says_no_secret(tty: &Tty) {
    let raw = String::from_utf8_lossy(&tty.raw()).into_owned();
    assert!(!raw.contains(SECRET), "{raw}");
}

fn engine(pair: &Pair) -> Lives {
    Found::read(&pair.state.path().join("pgpassage/mine")).unwrap().engine
}

#[test]
fn the_window_gives_the_terminal_back_and_the_migration_goes_on() {
    let pair = pair("logical");
    let mut first = following(&pair);
    first.send("q");
    assert_eq!(first.exit(), 0);
    let before = engine(&pair);
    assert_ne!(before, Lives::Gone);
    let folder = pair.state.path().join("pgpassage/mine");
    let mut tty = spawn(pair.state.path(), &[(FOLDER, folder.to_str().unwrap())]);
    tty.wait("Replication mode active");
    tty.send("m");
    tty.wait("mouse on");
    tty.tab_to("▐ Status update ▌");
    tty.send("\r");
    assert_eq!(tty.exit(), 4);
    assert_restored(&tty);
    tty.wait("this window broke down, by a fault of pgpassage itself, in tests/wizard/panics.rs:");
    tty.wait("please report this line");
    tty.wait("This window is closed; the migration mine goes on.");
    tty.wait("Come back: pgpassage attach mine");
    assert_says_no_secret(&tty);
    // The same engine, and it works.
    pair.source.psql("shop", "INSERT INTO orders VALUES (5001, 'late')").unwrap();
    eventually(&pair.target, "shop", "SELECT count(*) FROM orders", "5001");
    assert_eq!(engine(&pair), before);
    let mut again = Tty::spawn(&pair, (100, 30), &["attach", "mine"], &[]);
    again.wait("Replication mode active");
    again.send("q");
    assert_eq!(again.exit(), 0);
}

/// An engine in the window's own process is told to stop, and what follows goes on without it.
#[test]
fn an_engine_in_the_window_ends_in_good_order() {
    let pair = pair("logical");
    let mut first = following(&pair);
    pair.kill_engines();
    first.send("q");
    assert_eq!(first.exit(), 0);
    let folder = pair.state.path().join("pgpassage/mine");
    let mut tty = spawn(pair.state.path(), &[(FOLDER, folder.to_str().unwrap()), (HERE, "yes")]);
    tty.wait("The engine in this window guards it.");
    let ends = || journals(&pair)[0].iter().filter(|e| matches!(e, Event::Ended { .. })).count();
    let before = ends();
    tty.tab_to("▐ Status update ▌");
    tty.send("\r");
    assert_eq!(tty.exit(), 4);
    assert_restored(&tty);
    tty.wait("this window broke down, by a fault of pgpassage itself, in tests/wizard/panics.rs:");
    tty.wait("the databases of mine go on following, and nobody guards them.");
    tty.wait("Come back: pgpassage attach mine");
    assert_says_no_secret(&tty);
    assert_eq!((ends(), engine(&pair)), (before + 1, Lives::Gone));
    pair.source.psql("shop", "INSERT INTO orders VALUES (5001, 'late')").unwrap();
    eventually(&pair.target, "shop", "SELECT count(*) FROM orders", "5001");
}

/// What the window was waiting for does not come; the window itself is whole, and nothing is written over it.
#[test]
fn a_fault_beside_the_window_leaves_it_standing() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = spawn(home.path(), &[]);
    tty.wait("reading it failed, by a fault of pgpassage itself");
    tty.with_screen(|screen, _| assert!(screen.alternate_screen()));
    assert!(!tty.is_cooked() && !tty.text().contains("panicked"), "{}", tty.text());
    assert_says_no_secret(&tty);
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
    assert_restored(&tty);
}
