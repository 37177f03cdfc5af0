//! The wire, with an engine that only writes its journal: who hears what, who may say what, and who waits for whom.

use super::frame::{FORMAT, FromEngine, FromFace, MOST_FROM_FACE, line};
use super::place::{Socket, connect};
use super::serve::host;
use super::{Link, Rights, attach, attach_as, look};
use crate::engine::Handle;
use crate::model::command::{Command, Request, StopReason};
use crate::model::event::{Entry, Event, RunOutcome};
use crate::model::failure::Failure;
use crate::model::gauges::Gauges;
use crate::store::{Folder, Journal, Locked};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};

const STOP: Command = Command::Stop { because: StopReason::Operator };

struct Fake {
    journal: Journal,
    seq: u64,
    entries: mpsc::UnboundedSender<Entry>,
    gauges: watch::Sender<Gauges>,
    commands: mpsc::Receiver<Request>,
    end: oneshot::Sender<Result<RunOutcome, Failure>>,
}

impl Fake {
    /// An engine, and its face in the same process.
    fn start(folder: &Folder) -> (Fake, Link) {
        let lock = folder.lock().unwrap();
        let mut socket = Socket::bind(folder).unwrap();
        socket.publish().unwrap();
        let (journal, before) = Journal::open(&folder.journal_path()).unwrap();
        let (entries, news) = mpsc::unbounded_channel();
        let seq = before.len() as u64;
        before.into_iter().for_each(|entry| entries.send(entry).unwrap());
        let (gauges, latest) = watch::channel(Gauges::default());
        let (to, commands) = mpsc::channel(8);
        let (end, ended) = oneshot::channel();
        let ended = tokio::spawn(async move {
            let _lock: Locked = lock;
            ended.await.unwrap_or_else(|_| Err(Failure::local("dropped")))
        });
        let handle = Handle { entries: news, gauges: latest, commands: to, ended };
        let link = host(handle, folder.clone(), Some(socket));
        (Fake { journal, seq, entries, gauges, commands, end }, link)
    }

    fn happen(&mut self, text: &str) {
        self.record(Event::Following { database: text.to_owned() });
    }

    fn record(&mut self, event: Event) {
        self.seq += 1;
        let entry = Entry { seq: self.seq, at_ms: self.seq, event };
        self.journal.append(&entry).unwrap();
        self.entries.send(entry).unwrap();
    }

    fn end(mut self) {
        self.record(Event::Ended { outcome: RunOutcome::Done });
        self.end.send(Ok(RunOutcome::Done)).unwrap();
    }
}

fn folder() -> (tempfile::TempDir, Folder) {
    let state = tempfile::tempdir().unwrap();
    let folder = Folder::create(state.path(), "abc").unwrap();
    (state, folder)
}

/// With a bound: a wire that is silent fails the test.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.unwrap()
}

/// Everything up to the end, as numbers, and how it ended.
async fn to_the_end(mut link: Link) -> (Vec<u64>, Result<RunOutcome, Failure>) {
    let mut seen = Vec::new();
    while let Some(entry) = soon(link.next_entry()).await {
        seen.push(entry.seq);
    }
    (seen, soon(link.outcome()).await)
}

#[tokio::test]
async fn every_face_hears_everything_once_whenever_it_comes() {
    let (_state, folder) = folder();
    let (mut engine, here) = Fake::start(&folder);
    let early = attach(folder.path()).await.unwrap();
    (0..500).for_each(|i| engine.happen(&format!("odd \n name {i}")));
    let late = attach(folder.path()).await.unwrap();
    let knows = attach_as(folder.path(), 400, Rights::Look).await.unwrap();
    let knows_more = attach_as(folder.path(), 4000, Rights::Look).await.unwrap();
    (0..500).for_each(|_| engine.happen("b"));
    engine.end();
    for link in [here, early, late] {
        assert_eq!(to_the_end(link).await, ((1..=1001).collect(), Ok(RunOutcome::Done)));
    }
    assert_eq!(to_the_end(knows).await.0, (401..=1001).collect::<Vec<_>>());
    assert_eq!(to_the_end(knows_more).await, (Vec::new(), Ok(RunOutcome::Done)));
    assert!(!folder.socket_path().exists());
    let gone = attach(folder.path()).await.unwrap_err();
    assert_eq!(gone.what, "no engine works on this migration");
}

#[tokio::test]
async fn a_later_command_tells_what_was_before_too() {
    let (_state, folder) = folder();
    let (mut engine, _here) = Fake::start(&folder);
    engine.happen("a");
    engine.end();
    while folder.holder().unwrap().is_some() || folder.socket_path().exists() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (engine, _here) = Fake::start(&folder);
    let link = attach(folder.path()).await.unwrap();
    engine.end();
    assert_eq!(to_the_end(link).await, (vec![1, 2, 3], Ok(RunOutcome::Done)));
}

#[tokio::test]
async fn gauges_arrive_and_commands_go_back() {
    let (_state, folder) = folder();
    let (mut engine, _here) = Fake::start(&folder);
    let link = attach(folder.path()).await.unwrap();
    engine.gauges.send_modify(|g| g.wire_bytes = 7);
    soon(async {
        while link.gauges().wire_bytes != 7 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    link.commands().send(STOP).await.unwrap();
    assert_eq!(soon(engine.commands.recv()).await.unwrap().command, STOP);
    // The last word of a face that goes is heard.
    link.commands().send(Command::Discontinue).await.unwrap();
    drop(link);
    assert_eq!(soon(engine.commands.recv()).await.unwrap().command, Command::Discontinue);
}

/// Two windows ask the same: each waits for the answer to its own.
#[tokio::test]
async fn an_answer_is_for_the_face_that_asked() {
    let (_state, folder) = folder();
    let (mut engine, here) = Fake::start(&folder);
    let (one, two) = (attach(folder.path()).await.unwrap(), attach(folder.path()).await.unwrap());
    let mut faces = [here, one, two];
    let mut answers = Vec::new();
    for link in &faces {
        link.commands().send(Command::Discontinue).await.unwrap();
        let Request { command, face } = soon(engine.commands.recv()).await.unwrap();
        assert_eq!(command, Command::Discontinue);
        answers.push(Event::Answered { verb: "stop".into(), outcome: RunOutcome::Done, face: Some(face) });
    }
    answers.iter().for_each(|answer| engine.record(answer.clone()));
    for (number, link) in faces.iter_mut().enumerate() {
        for answered in 0..answers.len() {
            let entry = soon(link.next_entry()).await.unwrap();
            assert_eq!(link.is_answered(&entry.event), number == answered, "{number}: {entry:?}");
        }
    }
    // Journals of versions that noted no face.
    let old = r#"{"kind":"answered","verb":"stop","outcome":"done"}"#;
    assert!(faces[1].is_answered(&serde_json::from_str(old).unwrap()));
}

#[tokio::test]
async fn who_only_looks_commands_nothing() {
    let (_state, folder) = folder();
    let (mut engine, _here) = Fake::start(&folder);
    let link = look(folder.path()).await.unwrap();
    assert!(link.commands().send(STOP).await.is_err());
    // One that says so all the same is shut out by the engine.
    let mut rude = connect(&folder).await.unwrap();
    let hello = FromFace::Hello { format: FORMAT, since_seq: 0, rights: Rights::Look };
    rude.write_all(&[line(&hello), line(&FromFace::Command(STOP))].concat()).await.unwrap();
    let mut said = String::new();
    soon(rude.read_to_string(&mut said)).await.unwrap();
    assert!(said.contains("this window only looks"), "{said}");
    engine.happen("a");
    engine.end.send(Ok(RunOutcome::Following)).unwrap();
    drop(engine.entries);
    assert_eq!(to_the_end(link).await, (vec![1], Ok(RunOutcome::Following)));
    assert!(engine.commands.try_recv().is_err());
}

#[tokio::test]
async fn a_face_that_does_not_read_holds_nothing_up() {
    let (_state, folder) = folder();
    let (mut engine, here) = Fake::start(&folder);
    let mut silent = connect(&folder).await.unwrap();
    let hello = FromFace::Hello { format: FORMAT, since_seq: 0, rights: Rights::Command };
    silent.write_all(&line(&hello)).await.unwrap();
    let slow = attach(folder.path()).await.unwrap();
    let name = "x".repeat(1000);
    for _ in 0..3000 {
        engine.happen(&name);
        engine.gauges.send_modify(|g| g.wire_bytes += 1);
    }
    let quick = attach(folder.path()).await.unwrap();
    engine.end();
    let all: Vec<u64> = (1..=3001).collect();
    assert_eq!(to_the_end(quick).await.0, all);
    assert_eq!(to_the_end(here).await.0, all);
    // It was not read at all until the engine had ended: the rest of it is in the journal.
    assert_eq!(to_the_end(slow).await, (all, Ok(RunOutcome::Done)));
}

#[tokio::test]
async fn what_is_not_a_face_is_shut_out_and_changes_nothing() {
    let (_state, folder) = folder();
    let (mut engine, _here) = Fake::start(&folder);
    let hello = line(&FromFace::Hello { format: FORMAT, since_seq: 0, rights: Rights::Command });
    let hostile: [Vec<u8>; 8] = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"{\"hello\":{\"format\":999,\"since_seq\":0,\"rights\":\"command\"}}\n".to_vec(),
        line(&FromFace::Command(STOP)),
        vec![b'['; MOST_FROM_FACE + 2],
        b"\0\xff\xfe\n".to_vec(),
        [hello.as_slice(), b"{\"command\":{\"command\":\"format_disk\"}}\n"].concat(),
        [hello.as_slice(), &hello].concat(),
        [hello.as_slice(), &vec![b'x'; 10 * MOST_FROM_FACE]].concat(),
    ];
    for bytes in hostile {
        let stream = connect(&folder).await.unwrap();
        let (mut from, mut to) = stream.into_split();
        // It may be shut out before it has said everything.
        to.write_all(&bytes).await.ok();
        let mut said = Vec::new();
        soon(from.read_to_end(&mut said)).await.ok();
        let last = said.split(|b| *b == b'\n').rfind(|l| !l.is_empty()).map(<[u8]>::to_vec);
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        match serde_json::from_slice(&last.unwrap_or_default()) {
            Ok(FromEngine::Refused(_)) => {}
            other => panic!("{start:?}: {other:?}"),
        }
    }
    assert!(engine.commands.try_recv().is_err());
    let link = attach(folder.path()).await.unwrap();
    engine.happen("a");
    engine.end();
    assert_eq!(to_the_end(link).await, (vec![1, 2], Ok(RunOutcome::Done)));
}

#[tokio::test]
async fn there_is_an_end_to_the_number_of_windows() {
    let (_state, folder) = folder();
    let (engine, _here) = Fake::start(&folder);
    let mut faces = Vec::new();
    let shut_out = loop {
        match attach(folder.path()).await {
            Ok(link) => faces.push(link),
            Err(failure) => break failure,
        }
        assert!(faces.len() < 100);
    };
    assert_eq!(faces.len(), 64, "{shut_out}");
    // Who goes makes room.
    faces.pop();
    soon(async {
        while attach(folder.path()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    engine.end();
}

#[tokio::test]
async fn an_engine_that_cannot_keep_its_journal_says_so_to_every_face() {
    let (_state, folder) = folder();
    let (mut engine, _here) = Fake::start(&folder);
    let link = attach(folder.path()).await.unwrap();
    engine.happen("a");
    // Written and not acknowledged: it did not happen.
    engine.journal.append(&Entry { seq: 2, at_ms: 2, event: Event::Unknown }).unwrap();
    engine.end.send(Err(Failure::local("the disk is full"))).unwrap();
    drop(engine.entries);
    assert_eq!(to_the_end(link).await, (vec![1], Err(Failure::local("the disk is full"))));
}

/// In one process: the old socket goes while the new one is about to take its place.
#[tokio::test]
async fn one_that_goes_takes_nothing_of_its_successor() {
    let (_state, folder) = folder();
    let mut old = Socket::bind(&folder).unwrap();
    old.publish().unwrap();
    let mut new = Socket::bind(&folder).unwrap();
    drop(old);
    new.publish().unwrap();
    let (there, here) = tokio::join!(connect(&folder), new.accept());
    there.unwrap();
    here.unwrap();
}

/// The engine's own tasks may outlast it for a while, and hold on to what they were given.
#[tokio::test]
async fn the_end_does_not_wait_for_what_an_engine_leaves_behind() {
    let (_state, folder) = folder();
    let (mut engine, here) = Fake::start(&folder);
    let there = attach(folder.path()).await.unwrap();
    engine.happen("a");
    let _straggler = engine.entries.clone();
    engine.end();
    assert_eq!(to_the_end(here).await, (vec![1, 2], Ok(RunOutcome::Done)));
    assert_eq!(to_the_end(there).await, (vec![1, 2], Ok(RunOutcome::Done)));
}

#[tokio::test]
async fn the_socket_is_private_and_may_lie_deep() {
    let state = tempfile::tempdir().unwrap();
    let deep = state.path().join("d".repeat(90)).join("e".repeat(90));
    let folder = Folder::create(&deep, "abc").unwrap();
    // What a dead engine has left is in nobody's way.
    std::fs::write(folder.socket_path(), "").unwrap();
    let (engine, _here) = Fake::start(&folder);
    assert_eq!(std::fs::metadata(folder.socket_path()).unwrap().permissions().mode() & 0o777, 0o600);
    let link = attach(folder.path()).await.unwrap();
    engine.end();
    assert_eq!(to_the_end(link).await, (vec![1], Ok(RunOutcome::Done)));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}
