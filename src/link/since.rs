//! For a face whose engine is gone: whether another one works on the migration, or has worked on it since. Asked again and
//! again, so nothing is read anew that has not changed.

use super::{Link, Rights, attach_as};
use crate::model::event::Entry;
use crate::store::{Folder, last_entry, salvage_journal};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The last entry that a face has seen: its number and its moment, by which another journal in the same place is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub seq: u64,
    pub at_ms: u64,
}

impl Seen {
    fn is(self, entry: &Entry) -> bool {
        (entry.seq, entry.at_ms) == (self.seq, self.at_ms)
    }
}

#[derive(Debug)]
pub enum Since {
    Nothing,
    /// An engine works on it; by the link come the entries after what was seen.
    Engine {
        pid: u32,
        link: Box<Link>,
    },
    /// One has worked on it, and is gone.
    Entries(Vec<Entry>),
    /// What was seen is not in the journal: another migration has the name now.
    Another,
}

/// What has come of the migration in `home`. An engine that cannot be reached may only just begin: that is asked again.
pub async fn since(home: &Path, seen: Seen, rights: Rights) -> Since {
    let folder = Folder::at(home);
    let engine = folder.holder().ok().flatten();
    let link = match engine {
        Some(_) => match attach_as(home, seen.seq, rights).await {
            Ok(link) => Some(Box::new(link)),
            Err(_) => return Since::Nothing,
        },
        None => None,
    };
    let reading = tokio::task::spawn_blocking(move || (rest(&folder, seen), folder.holder().ok().flatten()));
    match (reading.await, engine.zip(link)) {
        (Ok((Rest::Another, _)), _) => Since::Another,
        (Ok(_), Some((pid, link))) => Since::Engine { pid, link },
        // One that has begun meanwhile tells the rest itself.
        (Ok((Rest::Entries(entries), None)), None) => Since::Entries(entries),
        _ => Since::Nothing,
    }
}

enum Rest {
    Nothing,
    Entries(Vec<Entry>),
    Another,
}

fn rest(folder: &Folder, seen: Seen) -> Rest {
    let path = folder.journal_path();
    if last_entry(&path).is_some_and(|last| seen.is(&last)) {
        return Rest::Nothing;
    }
    let (mut entries, _) = salvage_journal(&path);
    match entries.iter().position(|entry| seen.is(entry)) {
        Some(last) if last + 1 == entries.len() => Rest::Nothing,
        Some(last) => Rest::Entries(entries.split_off(last + 1)),
        None if entries.is_empty() => Rest::Nothing,
        None if seen.seq == 0 => Rest::Entries(entries),
        None => Rest::Another,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Event;
    use crate::store::Journal;
    use std::io::Write;

    fn entry(seq: u64, at_ms: u64) -> Entry {
        Entry { seq, at_ms, event: Event::Keeping }
    }

    #[tokio::test]
    async fn what_was_missed_is_what_comes_after_what_was_seen() {
        let state = tempfile::tempdir().unwrap();
        let folder = Folder::create(state.path(), "abc").unwrap();
        let path = folder.journal_path();
        let (mut journal, _) = Journal::open(&path).unwrap();
        let look = async |seq, at_ms| since(folder.path(), Seen { seq, at_ms }, Rights::Look).await;
        assert!(matches!(look(0, 0).await, Since::Nothing));
        for seq in 1..=3 {
            journal.append(&entry(seq, seq * 10)).unwrap();
        }
        assert!(matches!(look(3, 30).await, Since::Nothing));
        let missed = |since| match since {
            Since::Entries(entries) => entries.iter().map(|entry| entry.seq).collect(),
            _ => Vec::new(),
        };
        assert_eq!(missed(look(1, 10).await), [2, 3]);
        assert_eq!(missed(look(0, 0).await), [1, 2, 3]);
        // The same number at another moment, or one that it has not come to: its name was given anew.
        for (seq, at_ms) in [(3, 31), (7, 70)] {
            assert!(matches!(look(seq, at_ms).await, Since::Another), "{seq}");
        }
        // A line that is being written did not happen yet.
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"seq\":4,").unwrap();
        assert_eq!(last_entry(&path).map(|entry| entry.seq), Some(3));
        assert!(matches!(look(3, 30).await, Since::Nothing));
        // An engine that does not listen yet tells all of it later.
        let _held = folder.lock().unwrap();
        assert!(matches!(look(1, 10).await, Since::Nothing));
    }
}
