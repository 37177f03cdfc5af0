//! One effect after the other. What takes time is done by a task that sends its answer as news.

use super::clipboard::{self, NotCopied};
use super::news::{Attached, From, News, What};
use super::terminal::Screen as Terminal;
use super::{Drive, Opened, Purpose, Typed};
use crate::link::{Link, Since};
use crate::model::command::Command;
use crate::model::failure::Failure;
use crate::model::status::DatabaseStatus;
use crate::ui::message::{Effect, Msg, Uncopied};
use crate::ui::state::Engine;
use crate::ui::state::live::Ending;
use crate::ui::state::passwords::Errand;
use futures_util::future::BoxFuture;
use std::io;
use std::sync::Arc;
use tokio::sync::mpsc;

type Answer = mpsc::Sender<News>;

async fn say(to: &Answer, from: From, msg: Msg) {
    // Without a window there is nobody to tell.
    to.send(News { from, what: What::Msg(msg) }).await.ok();
}

impl Drive {
    /// Returns whether the window is to be left.
    pub(super) fn perform_all(&mut self, effects: Vec<Effect>, terminal: &mut Terminal) -> io::Result<bool> {
        for effect in effects {
            if effect == Effect::Leave {
                return Ok(true);
            }
            self.perform(effect, terminal)?;
        }
        Ok(false)
    }

    fn perform(&mut self, effect: Effect, terminal: &mut Terminal) -> io::Result<()> {
        match effect {
            Effect::Leave => {}
            Effect::Suspend => terminal.suspend()?,
            Effect::Redraw => terminal.repaint()?,
            Effect::Mouse => terminal.mouse(self.mouse())?,
            Effect::Copy { title, text } => self.copy((title, text), terminal)?,
            Effect::List => self.list(),
            Effect::Check => self.begin_check(terminal)?,
            Effect::LeaveCheck => self.leave_check(),
            Effect::Start => self.start(terminal)?,
            Effect::Open { id } => self.open(id),
            Effect::Send(command) => self.send(command),
            Effect::Run(task) => self.log_in(Errand::Run(task)),
            Effect::Again => self.log_in(Errand::Again),
            Effect::LogIn(errand) => self.log_in(errand),
            Effect::Begin(errand) => self.begin(errand),
            Effect::Status => self.status(),
            Effect::StatusOf { id } => self.status_of(id),
            Effect::LookAgain => self.look_again(),
            Effect::LetGo => self.live = None,
            Effect::Forget { id } => self.forget(id),
            Effect::NameAfter { taken } => {
                let name = self.host.free_name(&taken).unwrap_or_default();
                self.take(Msg::Named { taken, name }, terminal)?;
            }
            Effect::SaveBundle => self.bundle(),
        }
        Ok(())
    }

    fn next(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    fn list(&self) {
        let (host, to) = (Arc::clone(&self.host), self.news.clone());
        tokio::spawn(async move {
            let known = tokio::task::spawn_blocking(move || host.known()).await;
            let msg = match known {
                Ok(Ok(known)) => Msg::Known(known),
                Ok(Err(failure)) => Msg::Unlisted(failure.to_string()),
                Err(_) => Msg::Unlisted("reading it failed, by a fault of pgpassage itself".to_owned()),
            };
            say(&to, From::Anywhere, msg).await;
        });
    }

    fn begin_check(&mut self, terminal: &mut Terminal) -> io::Result<()> {
        self.leave_check();
        let prepared = match self.host.prepare(&self.state.form, Purpose::Check) {
            Ok(prepared) => prepared,
            Err(errors) => return self.take(Msg::Refused(errors), terminal).map(drop),
        };
        if let Some(warning) = prepared.warnings.first() {
            self.state.complain(warning.clone());
        }
        match self.host.check(prepared) {
            Ok(link) => {
                let from = From::Check(self.next());
                self.check = Some(Attached::new(link, from, self.news.clone()));
                Ok(())
            }
            Err(failure) => self.take(Msg::CheckEnded(Ending::Broke(failure)), terminal).map(drop),
        }
    }

    fn leave_check(&mut self) {
        if let Some(attached) = self.check.take() {
            attached.stop();
        }
    }

    fn start(&mut self, terminal: &mut Terminal) -> io::Result<()> {
        let Some(check) = &self.state.check else { return Ok(()) };
        let purpose = Purpose::Start { method: check.policy(), left_out: check.left_out() };
        match self.host.prepare(&self.state.form, purpose) {
            Ok(prepared) => {
                let starting = self.host.start(prepared);
                self.show(starting);
                Ok(())
            }
            Err(errors) => self.take(Msg::Refused(errors), terminal).map(drop),
        }
    }

    fn open(&mut self, id: String) {
        let opening = self.host.open(id);
        self.show(opening);
    }

    /// One look at a time.
    fn look_again(&mut self) {
        let Some(live) = &self.state.live else { return };
        if self.looking.as_ref().is_some_and(|looking| !looking.is_finished()) {
            return;
        }
        let (host, to, id, seen) = (Arc::clone(&self.host), self.news.clone(), live.id.clone(), live.seen());
        self.looking = Some(tokio::spawn(async move {
            let since = host.since(&id, seen).await;
            let rejoined =
                |engine, face, entries| Msg::Rejoined { id: id.clone(), seen, engine, face, entries };
            match since {
                Since::Nothing => {}
                Since::Engine { pid, link } => {
                    let opened = rejoined(Engine::Apart { pid }, link.face(), Vec::new());
                    let what = What::Attached { link, opened };
                    to.send(News { from: From::Anywhere, what }).await.ok();
                }
                Since::Entries(entries) => {
                    say(&to, From::Anywhere, rejoined(Engine::Gone, None, entries)).await;
                }
                Since::Another => say(&to, From::Anywhere, Msg::Replaced { id, seen }).await,
            }
        }));
    }

    /// Shows a migration once it is there.
    fn show(&self, opening: BoxFuture<'static, Result<Opened, Failure>>) {
        let to = self.news.clone();
        tokio::spawn(async move { begun(&to, opening.await).await });
    }

    pub(super) fn attach(&mut self, link: Link) {
        let from = From::Live(self.next());
        self.live = Some(Attached::new(link, from, self.news.clone()));
    }

    fn send(&mut self, command: Command) {
        let Some(attached) = &self.live else { return };
        let (commands, to) = (attached.commands.clone(), self.news.clone());
        tokio::spawn(async move {
            if commands.send(command).await.is_err() {
                let failure = Failure::local("the engine is gone, and was not told");
                say(&to, From::Anywhere, Msg::Trouble(failure)).await;
            }
        });
    }

    fn typed(&self) -> Typed {
        let form = &self.state.form;
        Typed { source: form.source.password.secret(), target: form.target.password.secret() }
    }

    /// Before an errand: where a server does not let us in, the passwords are asked for. Nothing is begun here, so that who
    /// leaves meanwhile has changed nothing.
    fn log_in(&self, errand: Errand) {
        let Some(id) = self.state.live.as_ref().map(|live| live.id.clone()) else { return };
        let (host, to, typed) = (Arc::clone(&self.host), self.news.clone(), self.typed());
        tokio::spawn(async move {
            let msg = match host.barred(id.clone(), typed, errand).await {
                Ok(barred) if barred.is_empty() => Msg::LetIn { id, errand },
                Ok(barred) => Msg::Barred { id, errand, barred },
                Err(failure) => Msg::Shut { id, failure },
            };
            say(&to, From::Anywhere, msg).await;
        });
    }

    fn begin(&self, errand: Errand) {
        let Some(id) = self.state.live.as_ref().map(|live| live.id.clone()) else { return };
        let typed = self.typed();
        match errand {
            Errand::Run(task) => self.show(self.host.task(id, typed, task)),
            Errand::Again => self.show(self.host.again(id, typed)),
            // The state knows what to do about these.
            Errand::TakeBack | Errand::Recheck | Errand::Status => {}
        }
    }

    fn status(&self) {
        let Some(id) = self.state.live.as_ref().map(|live| live.id.clone()) else { return };
        let (asking, to) = (self.host.status(id, self.typed()), self.news.clone());
        tokio::spawn(async move {
            let msg = match asking.await {
                Ok(databases) => Msg::Status(databases),
                Err(failure) => Msg::Trouble(failure),
            };
            say(&to, From::Anywhere, msg).await;
        });
    }

    fn status_of(&self, id: String) {
        let asking = self.host.status(id.clone(), Typed::default());
        let (host, to) = (Arc::clone(&self.host), self.news.clone());
        tokio::spawn(async move {
            let databases = match asking.await {
                Ok(databases) => databases,
                Err(failure) => {
                    let what = failure.to_string();
                    return say(&to, From::Anywhere, Msg::Unanswered { id, what }).await;
                }
            };
            let known = tokio::task::spawn_blocking(move || host.known()).await;
            let Ok(Ok(mut known)) = known else { return };
            if let Some(this) = known.iter_mut().find(|k| k.id == id) {
                this.answered(&databases, super::now_ms());
            }
            let what = sentence(&id, &databases);
            say(&to, From::Anywhere, Msg::Known(known)).await;
            say(&to, From::Anywhere, what).await;
        });
    }

    fn bundle(&self) {
        let Some(id) = self.state.live.as_ref().map(|live| live.id.clone()) else { return };
        let (host, to) = (Arc::clone(&self.host), self.news.clone());
        tokio::spawn(async move {
            let written = tokio::task::spawn_blocking(move || host.bundle(&id)).await;
            let msg = match written {
                Ok(Ok(path)) => Msg::Said(format!("Saved as {path}")),
                Ok(Err(failure)) => Msg::Trouble(failure),
                Err(_) => Msg::Trouble(Failure::local("the bundle could not be written")),
            };
            say(&to, From::Anywhere, msg).await;
        });
    }

    fn forget(&self, id: String) {
        let (host, to) = (Arc::clone(&self.host), self.news.clone());
        tokio::spawn(async move {
            let done = tokio::task::spawn_blocking(move || (host.forget(&id), host.known(), id)).await;
            let Ok((forgotten, known, id)) = done else { return };
            let msg = match forgotten {
                Ok(()) => Msg::Said(format!("{id} is forgotten: its name is free again")),
                Err(failure) => Msg::Trouble(failure),
            };
            say(&to, From::Anywhere, msg).await;
            if let Ok(known) = known {
                say(&to, From::Anywhere, Msg::Known(known)).await;
            }
        });
    }

    fn copy(&mut self, (title, text): (String, String), terminal: &mut Terminal) -> io::Result<()> {
        let msg = match clipboard::copy(&text, terminal) {
            Ok(way) => Msg::Said(format!("{title}: {way}")),
            Err(NotCopied::NoClipboard) => Msg::NotCopied { title, text, why: Uncopied::NoClipboard },
            // A terminal drops what is too long, and says nothing of it: a file has all of it.
            Err(NotCopied::TooLong) => {
                let id = self.state.live.as_ref().map(|live| live.id.clone());
                let why = match self.host.keep(id.as_deref(), &text) {
                    Ok(path) => Uncopied::TooLong { path },
                    Err(failure) => Uncopied::NotEvenKept { why: failure.to_string() },
                };
                Msg::NotCopied { title, text, why }
            }
        };
        self.take(msg, terminal).map(drop)
    }
}

async fn begun(to: &Answer, opened: Result<Opened, Failure>) {
    match opened {
        Ok(opened) => told(to, opened).await,
        Err(failure) => say(to, From::Anywhere, Msg::Trouble(failure)).await,
    }
}

/// Tells of a migration that is open now, from its first entry on.
async fn told(to: &Answer, opened: Opened) {
    let id = opened.shown.id.clone();
    let face = opened.link.as_ref().and_then(Link::face);
    let told = id.clone();
    let msg = Msg::Opened { id, engine: opened.engine, face, plan: opened.shown };
    match opened.link {
        Some(link) => {
            let what = What::Attached { link: Box::new(link), opened: msg };
            to.send(News { from: From::Anywhere, what }).await.ok();
        }
        None => {
            say(to, From::Anywhere, msg).await;
            for entry in opened.entries {
                say(to, From::Anywhere, Msg::Entry(entry)).await;
            }
            say(to, From::Anywhere, Msg::Told { id: told }).await;
        }
    }
}

fn sentence(id: &str, databases: &[DatabaseStatus]) -> Msg {
    let complaint = |d: &DatabaseStatus| {
        let asking = if d.unasked { "asking failed: " } else { "" };
        let error = d.error.as_ref()?;
        Some(format!("{}: {asking}{error}", crate::model::units::readable(&d.database)))
    };
    let all: Vec<_> = databases.iter().filter_map(complaint).collect();
    if all.is_empty() {
        return Msg::Said(format!("{id}: both servers were asked"));
    }
    Msg::Unanswered { id: id.to_owned(), what: all.join("\n") }
}
