//! A face's side of the socket.

use super::frame::{FORMAT, FromEngine, FromFace, LineError, Lines, MOST_FROM_ENGINE, Rights, line};
use super::place::{connect, is_ours};
use super::{Entries, Link, died};
use crate::model::command::Command;
use crate::model::event::{Entry, Event, RunOutcome};
use crate::model::failure::Failure;
use crate::model::gauges::Gauges;
use crate::store::{Folder, read_journal};
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// How long an engine may take to answer the door. It has nothing to do meanwhile that could take longer.
const ANSWER: Duration = Duration::from_secs(10);
/// Entries that have arrived and that the face has not looked at yet; further ones wait in the journal.
const WAITING: usize = 1024;
/// How long a dying process may take to let go of its lock.
const LAST_BREATH: Duration = Duration::from_millis(20);
const LAST_BREATHS: u32 = 100;
/// Commands on their way.
const COMMANDS: usize = 8;

/// Connects to the engine that works on the migration in `home`. Its entries come from the first one on, then as they
/// happen.
///
/// # Errors
/// When no engine works on it, or none that can be understood.
pub async fn attach(home: &Path) -> Result<Link, Failure> {
    attach_as(home, 0, Rights::Command).await
}

/// As [`attach`], for a face that only looks: its commands go nowhere.
///
/// # Errors
/// As [`attach`].
pub async fn look(home: &Path) -> Result<Link, Failure> {
    attach_as(home, 0, Rights::Look).await
}

/// As [`attach`], for a face that has seen the entries up to `since_seq`.
///
/// # Errors
/// As [`attach`].
pub async fn attach_as(home: &Path, since_seq: u64, rights: Rights) -> Result<Link, Failure> {
    let folder = Folder::at(home);
    let stream = connect(&folder).await.map_err(|error| nobody(&folder, &error))?;
    if !is_ours(&stream) {
        return Err(Failure::refused("the socket belongs to another user's process"));
    }
    let (from, mut to) = stream.into_split();
    let mut lines = Lines::new(from, MOST_FROM_ENGINE);
    let hello = line(&FromFace::Hello { format: FORMAT, since_seq, rights });
    let greeted = tokio::time::timeout(ANSWER, async {
        // An engine that shuts us out says why, whether it has read this or not.
        to.write_all(&hello).await.ok();
        lines.next().await
    });
    let face = match said(greeted.await.map_err(|_| silent())?)? {
        Some(FromEngine::Hello { face, .. }) => face,
        Some(FromEngine::Refused(failure)) => return Err(failure),
        Some(_) => return Err(strange("no greeting")),
        // It was just ending, or has too many windows.
        None => return Err(nobody(&folder, &std::io::ErrorKind::ConnectionReset.into())),
    };
    Ok(Link { face, ..link(folder, since_seq, rights, (lines, to)) })
}

/// What the journal tells of an engine that has gone.
pub(super) fn replay(folder: Folder) -> Link {
    let (entries_to, entries) = mpsc::channel(WAITING);
    let (gauges_to, gauges) = watch::channel(Gauges::default());
    let (commands, _) = mpsc::channel(1);
    let reader = Reader { folder, seq: 0, entries: entries_to, gauges: gauges_to };
    let ended = tokio::spawn(reader.read_the_rest());
    Link { entries: Entries::There(entries), gauges, commands, face: None, ended }
}

fn nobody(folder: &Folder, error: &std::io::Error) -> Failure {
    match folder.holder() {
        Ok(Some(pid)) => Failure::local(format!("the engine (pid {pid}) cannot be reached: {error}"))
            .advise("try again; it may only just be starting or ending, or have too many windows"),
        _ => Failure::refused("no engine works on this migration"),
    }
}

fn silent() -> Failure {
    Failure::local("the engine does not answer").advise("try again; if it goes on, end it by its pid")
}

fn strange(why: &str) -> Failure {
    Failure::local(format!("the engine cannot be understood: {why}"))
        .advise("use the version of pgpassage that it was started with")
}

fn said(line: Result<Option<Vec<u8>>, LineError>) -> Result<Option<FromEngine>, Failure> {
    let Some(line) = line.map_err(|e| strange(&e.to_string()))? else { return Ok(None) };
    // What it is, and not what is in it: that is for those who can read the journal.
    serde_json::from_slice(&line).map(Some).map_err(|e| strange(&format!("{:?} error", e.classify())))
}

fn link(
    folder: Folder,
    since_seq: u64,
    rights: Rights,
    (lines, to): (Lines<OwnedReadHalf>, OwnedWriteHalf),
) -> Link {
    let (entries_to, entries) = mpsc::channel(WAITING);
    let (gauges_to, gauges) = watch::channel(Gauges::default());
    let (commands, commands_from) = mpsc::channel(COMMANDS);
    let gone = CancellationToken::new();
    match rights {
        Rights::Command => drop(tokio::spawn(write(to, commands_from, gone.clone()))),
        // Nobody takes commands: sending one fails at once. The line stays whole.
        Rights::Look => drop(tokio::spawn(write(to, mpsc::channel(1).1, gone.clone()))),
    }
    let reader = Reader { folder, seq: since_seq, entries: entries_to, gauges: gauges_to };
    let ended = tokio::spawn(async move {
        let _gone = gone.drop_guard();
        reader.read(lines).await
    });
    Link { entries: Entries::There(entries), gauges, commands, face: None, ended }
}

/// Passes commands on. What was sent before the face left still arrives.
async fn write(mut to: OwnedWriteHalf, mut commands: mpsc::Receiver<Command>, gone: CancellationToken) {
    let passing = async {
        while let Some(command) = commands.recv().await {
            if to.write_all(&line(&FromFace::Command(command))).await.is_err() {
                return;
            }
        }
        // Closing this half would tell the engine that the face has gone.
        gone.cancelled().await;
    };
    tokio::select! {
        () = passing => {}
        () = gone.cancelled() => {}
    }
}

struct Reader {
    folder: Folder,
    /// The last entry that was passed on.
    seq: u64,
    entries: mpsc::Sender<Entry>,
    gauges: watch::Sender<Gauges>,
}

impl Reader {
    /// Reads until the engine has ended or the face has gone.
    async fn read(mut self, mut lines: Lines<OwnedReadHalf>) -> Result<RunOutcome, Failure> {
        loop {
            let said = tokio::select! {
                line = lines.next() => said(line),
                () = self.entries.closed() => return Err(left()),
            };
            match said? {
                Some(FromEngine::Entry(entry)) => self.pass_on(entry).await?,
                Some(FromEngine::Gauges(gauges)) => drop(self.gauges.send(gauges)),
                Some(FromEngine::Ended(outcome)) => return outcome,
                Some(FromEngine::Refused(failure)) => return Err(failure),
                Some(FromEngine::Hello { .. }) => {}
                None => return self.read_the_rest().await,
            }
        }
    }

    async fn pass_on(&mut self, entry: Entry) -> Result<(), Failure> {
        self.seq = entry.seq;
        tracing::debug!(event = ?entry.event, "entry");
        self.entries.send(entry).await.map_err(|_| left())
    }

    /// The line broke without a word: the journal knows what has happened until then, and whether that was the end.
    async fn read_the_rest(mut self) -> Result<RunOutcome, Failure> {
        let journal = read_journal(&self.folder.journal_path());
        let journal = journal.map_err(|e| Failure::local(e.to_string()))?;
        let (mut outcome, mut refused) = (None, false);
        for entry in journal {
            match &entry.event {
                // A refused command leaves the migration as it was; whoever gave it hears of the refusal.
                Event::Ended { outcome: ended } => {
                    outcome = Some(if refused { RunOutcome::Refused } else { *ended });
                }
                Event::Refused { .. } => refused = true,
                Event::Resumed { .. } => (outcome, refused) = (None, false),
                _ => {}
            }
            if entry.seq > self.seq {
                self.pass_on(entry).await?;
            }
        }
        if let Some(outcome) = outcome {
            return Ok(outcome);
        }
        match self.survivor().await {
            Some(pid) => {
                Err(Failure::local(format!("the line to the engine (pid {pid}) broke; the engine goes on"))
                    .advise("attach again"))
            }
            None => Err(died()),
        }
    }

    /// The engine, if it lives. One that is killed loses its sockets a moment before its lock.
    async fn survivor(&self) -> Option<u32> {
        for _ in 0..LAST_BREATHS {
            self.folder.holder().ok().flatten()?;
            tokio::time::sleep(LAST_BREATH).await;
        }
        self.folder.holder().ok().flatten()
    }
}

/// Nobody is there to read this.
fn left() -> Failure {
    Failure::local("the window was closed")
}
