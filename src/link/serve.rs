//! The engine's side of the socket: any number of faces, none of which the engine ever waits for.
//!
//! Entries are read from the journal, each face in its own time, up to what the engine has announced: what was there
//! before and what happens now come the same way, and a face that is slow, or gone, holds nothing up and fills no memory.
//! Of gauges a face gets those that are the latest when it has read what came before.

use super::frame::{
    FORMAT, FromEngine, FromFace, LineError, Lines, MOST_FROM_FACE, Rights, entry_line, line,
};
use super::place::{Socket, is_ours};
use super::{Entries, Link};
use crate::engine;
use crate::model::command::{Command, Request};
use crate::model::event::{Entry, RunOutcome};
use crate::model::failure::Failure;
use crate::model::gauges::Gauges;
use crate::store::{Folder, StoreError, Tail};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::task::TaskTracker;

/// The number of the face in the engine's own process. The others count on from there.
const FACE_HERE: u32 = 0;
/// Its commands on their way.
const COMMANDS: usize = 8;
/// Windows that may look at one migration at a time.
const MOST_FACES: usize = 64;
/// A face says who it is at once.
const HELLO: Duration = Duration::from_secs(5);
/// How long faces may take to read the end of the story. They can read it in the journal.
const FAREWELL: Duration = Duration::from_secs(1);
/// Entries are written in pieces of about this size.
const PIECE_BYTES: usize = 64 << 10;
/// When no more files can be opened, the next face is tried after this.
const NO_FILES: Duration = Duration::from_millis(200);

/// What every face's task needs.
#[derive(Debug, Clone)]
struct Shared {
    folder: Folder,
    /// The last entry that has happened.
    announced: watch::Receiver<u64>,
    gauges: watch::Receiver<Gauges>,
    commands: mpsc::Sender<Request>,
    /// The number of the face that came last.
    last_face: Arc<AtomicU32>,
    ended: watch::Receiver<Option<Result<RunOutcome, Failure>>>,
}

/// Puts an engine between a face in this process, whose link this returns, and those that come by the socket.
pub(super) fn host(handle: engine::Handle, folder: Folder, socket: Option<Socket>) -> Link {
    let (announce, announced) = watch::channel(0);
    let (end, ended) = watch::channel(None);
    let (here, entries) = mpsc::unbounded_channel();
    let (gauges, commands) = (handle.gauges.clone(), handle.commands.clone());
    let last_face = Arc::new(AtomicU32::new(FACE_HERE));
    let shared = Shared { folder: folder.clone(), announced, gauges, commands, last_face, ended };
    let faces = TaskTracker::new();
    let listening = socket.map(|socket| tokio::spawn(listen(socket, shared, faces.clone())));
    let engine::Handle { entries: mut news, gauges, commands: to_engine, ended: mut ending } = handle;
    let (commands, from_here) = mpsc::channel(COMMANDS);
    tokio::spawn(pass_on(from_here, to_engine));
    let ended = tokio::spawn(async move {
        let tell = |entry: Entry| {
            announce.send_replace(entry.seq);
            // The face in this process may have gone.
            here.send(entry).ok();
        };
        // Not until the last sender is gone: a task that the engine has left behind may hold one.
        let outcome = loop {
            tokio::select! {
                biased;
                Some(entry) = news.recv() => tell(entry),
                outcome = &mut ending => break outcome.unwrap_or_else(|_| Err(super::died())),
            }
        };
        news.close();
        while let Some(entry) = news.recv().await {
            tell(entry);
        }
        drop(here);
        if let Some(listening) = listening {
            listening.abort();
            remove(&folder);
        }
        end.send_replace(Some(outcome.clone()));
        faces.close();
        tokio::time::timeout(FAREWELL, faces.wait()).await.ok();
        outcome
    });
    Link { entries: Entries::Here(entries), gauges, commands, face: Some(FACE_HERE), ended }
}

/// Commands of the face in this process.
async fn pass_on(mut commands: mpsc::Receiver<Command>, to: mpsc::Sender<Request>) {
    while let Some(command) = commands.recv().await {
        if to.send(Request { command, face: FACE_HERE }).await.is_err() {
            // It has ended, and needs no telling.
            return;
        }
    }
}

/// Takes the socket away, unless another engine has come meanwhile and put its own there.
fn remove(folder: &Folder) {
    if let Ok(_held) = folder.lock() {
        std::fs::remove_file(folder.socket_path()).ok();
    }
}

async fn listen(socket: Socket, shared: Shared, faces: TaskTracker) {
    let room = Arc::new(Semaphore::new(MOST_FACES));
    loop {
        let Ok(stream) = socket.accept().await else {
            tokio::time::sleep(NO_FILES).await;
            continue;
        };
        // Where there are too many, closing says enough.
        if let Ok(permit) = Arc::clone(&room).try_acquire_owned()
            && is_ours(&stream)
        {
            let shared = shared.clone();
            faces.spawn(async move {
                face(stream, shared).await;
                drop(permit);
            });
        }
    }
}

/// One face, until it goes or the engine has ended.
async fn face(stream: UnixStream, shared: Shared) {
    let (from, mut to) = stream.into_split();
    let mut lines = Lines::new(from, MOST_FROM_FACE);
    let (since_seq, rights) = match greeting(&mut lines).await {
        Ok(greeting) => greeting,
        Err(failure) => return refuse(&mut to, failure).await,
    };
    let (version, pid) = (env!("CARGO_PKG_VERSION").to_owned(), std::process::id());
    let number = shared.last_face.fetch_add(1, Ordering::Relaxed) + 1;
    let hello = FromEngine::Hello { format: FORMAT, version, pid, face: Some(number) };
    if to.write_all(&line(&hello)).await.is_err() {
        return;
    }
    let commands = shared.commands.clone();
    let parted = tokio::select! {
        parted = tell(&mut to, since_seq, shared) => parted,
        parted = obey(&mut lines, (rights, number), commands) => parted,
    };
    if let Err(failure) = parted {
        refuse(&mut to, failure).await;
    }
}

async fn refuse(to: &mut OwnedWriteHalf, failure: Failure) {
    tracing::warn!("a window is shut out: {failure}");
    tokio::time::timeout(FAREWELL, to.write_all(&line(&FromEngine::Refused(failure)))).await.ok();
}

/// # Errors
/// When whoever came is not a face of ours.
async fn greeting(lines: &mut Lines<OwnedReadHalf>) -> Result<(u64, Rights), Failure> {
    let first = tokio::time::timeout(HELLO, lines.next()).await;
    let first = first.map_err(|_| Failure::refused("no greeting came"))?;
    match said(first)? {
        Some(FromFace::Hello { format: FORMAT, since_seq, rights }) => Ok((since_seq, rights)),
        Some(FromFace::Hello { format, .. }) => {
            let version = env!("CARGO_PKG_VERSION");
            let what = format!("this window speaks format {format}, the engine {FORMAT} (version {version})");
            Err(Failure::refused(what)
                .advise("use the version of pgpassage that the engine was started with"))
        }
        Some(FromFace::Command(_)) | None => Err(Failure::refused("no greeting came")),
    }
}

fn said(line: Result<Option<Vec<u8>>, LineError>) -> Result<Option<FromFace>, Failure> {
    let line = line.map_err(|e| Failure::refused(format!("a window could not be understood: {e}")))?;
    let understood = line.map(|line| serde_json::from_slice(&line)).transpose();
    understood.map_err(|_| Failure::refused("a window said what is not in the protocol"))
}

/// Passes commands on until the face has gone.
///
/// # Errors
/// When it says what it may not say.
async fn obey(
    lines: &mut Lines<OwnedReadHalf>,
    (rights, face): (Rights, u32),
    commands: mpsc::Sender<Request>,
) -> Result<(), Failure> {
    loop {
        match (said(lines.next().await)?, rights) {
            (None, _) => return Ok(()),
            (Some(FromFace::Command(command)), Rights::Command) => {
                // An engine that has ended needs no telling.
                commands.send(Request { command, face }).await.ok();
            }
            (Some(FromFace::Command(_)), Rights::Look) => {
                return Err(Failure::refused("this window only looks: it cannot give commands"));
            }
            (Some(FromFace::Hello { .. }), _) => return Err(Failure::refused("a second greeting")),
        }
    }
}

/// Tells everything from `since_seq` on, and that the engine has ended. A face whose line is broken has gone; that is no
/// failure.
///
/// # Errors
/// When the journal cannot be read.
async fn tell(to: &mut OwnedWriteHalf, since_seq: u64, shared: Shared) -> Result<(), Failure> {
    let Shared { folder, mut announced, mut gauges, mut ended, .. } = shared;
    let unreadable = |e: StoreError| Failure::local(e.to_string());
    let mut tail: Option<Tail> = None;
    let mut piece = Vec::new();
    loop {
        // Before the entries: what is read after the end is complete.
        let over = ended.borrow_and_update().clone();
        let latest = *announced.borrow_and_update();
        while tail.as_ref().map_or(0, Tail::seq) < latest {
            let tail = match &mut tail {
                Some(tail) => tail,
                none => none.insert(Tail::open(&folder.journal_path()).map_err(unreadable)?),
            };
            read_piece(tail, since_seq, latest, &mut piece).map_err(unreadable)?;
            if to.write_all(&piece).await.is_err() {
                return Ok(());
            }
        }
        let news = match over {
            Some(over) => {
                to.write_all(&line(&FromEngine::Ended(over))).await.ok();
                return Ok(());
            }
            None if gauges.has_changed().is_ok_and(|changed| changed) => {
                line(&FromEngine::Gauges(gauges.borrow_and_update().clone()))
            }
            None => Vec::new(),
        };
        if to.write_all(&news).await.is_err() {
            return Ok(());
        }
        tokio::select! {
            Ok(()) = announced.changed() => {}
            Ok(()) = gauges.changed() => gauges.mark_changed(),
            changed = ended.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

/// The next entries up to `latest`, as lines for the wire; those up to `since_seq` are passed over.
fn read_piece(tail: &mut Tail, since_seq: u64, latest: u64, piece: &mut Vec<u8>) -> Result<(), StoreError> {
    let mut entry = Vec::new();
    piece.clear();
    while tail.seq() < latest && piece.len() < PIECE_BYTES {
        tail.next(&mut entry)?;
        if tail.seq() > since_seq {
            entry_line(&entry, piece);
        }
    }
    Ok(())
}
