//! Replication slots on a [`Connection`] that was opened by [`crate::pg::connect::Server::connect_replication`].
//!
//! The commands are described in chapter 55.4 of the PostgreSQL documentation, "Streaming Replication Protocol".

use super::connection::Connection;
use crate::model::units::{Lsn, ServerVersion};
use crate::pg::error::{Error, ErrorKind};
use crate::pg::quote::Ident;

/// NAMEDATALEN less the final zero.
const MAX_NAME_BYTES: usize = 63;

/// How long a slot lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotLife {
    /// Until somebody drops it. From now on the source keeps its log for it, whether anybody reads or not.
    Permanent,
    /// As long as this connection: for trying whether a slot can be made.
    Temporary,
}

/// Whether a slot comes with a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotSnapshot {
    /// Other sessions may import it as long as this connection stays open and idle.
    Exported,
    Omitted,
}

/// A slot that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedSlot {
    pub name: String,
    /// The slot delivers what was committed after this place.
    pub consistent_point: Lsn,
    /// For `SET TRANSACTION SNAPSHOT`: what it sees is exactly what the slot does not deliver.
    pub snapshot: Option<String>,
}

impl Connection {
    /// Makes a logical slot for pgoutput.
    ///
    /// Waits for every transaction that was open on the server and has written something, without a bound: cancel it
    /// from outside ([`Connection::canceller`]); then no slot is left behind. An exported snapshot lives as long as
    /// this connection stays open and gets no further command: ordinary SQL would be understood here, but must not be
    /// sent. The settings of the connection must switch off idle_in_transaction_session_timeout, for the exporting
    /// session counts as one (and transaction_timeout from 17).
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] for a name that no slot can have, [`ErrorKind::DuplicateObject`] for a taken one; what
    /// the server lacks (slots, wal_level, REPLICATION) in its own words.
    pub async fn create_logical_slot(
        &mut self,
        name: &str,
        life: SlotLife,
        snapshot: SlotSnapshot,
        version: ServerVersion,
    ) -> Result<CreatedSlot, Error> {
        check_name(name)?;
        let row = self.first_row(&create(name, life, snapshot, version)).await?;
        read_created(name, snapshot, row).map_err(|e| self.explain(e))
    }

    /// Drops a slot that nobody uses.
    ///
    /// # Errors
    /// As [`Connection::create_logical_slot`] for the name; [`ErrorKind::MissingObject`] where there is none,
    /// SQLSTATE 55006 while somebody reads from it.
    pub async fn drop_slot(&mut self, name: &str) -> Result<(), Error> {
        check_name(name)?;
        self.command(&format!("DROP_REPLICATION_SLOT {}", Ident(name))).await.map(drop)
    }
}

/// What the server checks too (ReplicationSlotValidateName in slot.c), so that nothing else gets into a command.
fn check_name(name: &str) -> Result<(), Error> {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(legal) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Internal, format!("no replication slot can be named {name:?}")))
}

/// In quotes, for the grammar of these commands takes no bare name that begins with a digit. The options in brackets
/// are there from 15 on, the bare words up to 14 and for compatibility later.
fn create(name: &str, life: SlotLife, snapshot: SlotSnapshot, version: ServerVersion) -> String {
    let temporary = match life {
        SlotLife::Permanent => "",
        SlotLife::Temporary => " TEMPORARY",
    };
    let snapshot = match (snapshot, version.at_least(15)) {
        (SlotSnapshot::Exported, true) => "(SNAPSHOT 'export')",
        (SlotSnapshot::Omitted, true) => "(SNAPSHOT 'nothing')",
        (SlotSnapshot::Exported, false) => "EXPORT_SNAPSHOT",
        (SlotSnapshot::Omitted, false) => "NOEXPORT_SNAPSHOT",
    };
    format!("CREATE_REPLICATION_SLOT {}{temporary} LOGICAL pgoutput {snapshot}", Ident(name))
}

/// Reads slot_name, consistent_point, snapshot_name, output_plugin. Nothing that contradicts what was asked for is
/// believed: a lost snapshot would mean lost rows.
fn read_created(
    name: &str,
    wanted: SlotSnapshot,
    row: Option<Vec<Option<String>>>,
) -> Result<CreatedSlot, Error> {
    let broken = || Error::protocol("an answer to CREATE_REPLICATION_SLOT that makes no sense");
    let mut columns = row.ok_or_else(broken)?.into_iter();
    let mut next = || columns.next().flatten();
    let (made, point, snapshot) = (next(), next(), next());
    if made.as_deref() != Some(name) {
        return Err(broken());
    }
    let consistent_point = point.and_then(|p| p.parse().ok()).ok_or_else(broken)?;
    let snapshot = snapshot.filter(|_| wanted == SlotSnapshot::Exported);
    let exported = |id: &String| {
        (1..=MAX_NAME_BYTES).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
    };
    if wanted == SlotSnapshot::Exported && !snapshot.as_ref().is_some_and(exported) {
        return Err(broken());
    }
    Ok(CreatedSlot { name: name.to_owned(), consistent_point, snapshot })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_written_for_the_version() {
        let make = |life, snapshot, version| create("1_a", life, snapshot, ServerVersion(version));
        assert_eq!(
            make(SlotLife::Permanent, SlotSnapshot::Exported, 140_000),
            "CREATE_REPLICATION_SLOT \"1_a\" LOGICAL pgoutput EXPORT_SNAPSHOT"
        );
        assert_eq!(
            make(SlotLife::Temporary, SlotSnapshot::Omitted, 180_000),
            "CREATE_REPLICATION_SLOT \"1_a\" TEMPORARY LOGICAL pgoutput (SNAPSHOT 'nothing')"
        );
    }

    #[test]
    fn names_are_checked() {
        assert!(check_name("pgpassage_x_1").is_ok());
        for name in ["", "A", "a-b", "a\"b", "a b", "\u{e9}", &"x".repeat(64)] {
            assert_eq!(check_name(name).unwrap_err().kind, ErrorKind::Internal, "{name:?}");
        }
    }

    #[test]
    fn an_answer_is_not_believed() {
        let answer = |values: &[&str]| Some(values.iter().map(|v| Some((*v).to_owned())).collect());
        let good = answer(&["s", "0/16B6A58", "00000003-0000001B-1", "pgoutput"]);
        let slot = read_created("s", SlotSnapshot::Exported, good.clone()).unwrap();
        assert_eq!(slot.consistent_point, Lsn(0x16b_6a58));
        assert_eq!(slot.snapshot.as_deref(), Some("00000003-0000001B-1"));
        assert_eq!(read_created("s", SlotSnapshot::Omitted, good).unwrap().snapshot, None);
        for bad in [
            None,
            Some(vec![None; 4]),
            answer(&["other", "0/1", "3-1", "pgoutput"]),
            answer(&["s", "x", "3-1", "pgoutput"]),
            answer(&["s", "0/1", "3'; DROP", "pgoutput"]),
            answer(&["s", "0/1", ""]),
            answer(&["s", "0/1"]),
        ] {
            assert!(read_created("s", SlotSnapshot::Exported, bad).is_err());
        }
    }
}
