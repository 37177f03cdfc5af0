//! Subscriptions: statements for the target, with the options that both versions know.

use crate::model::secret::Secret;
use crate::model::units::ServerVersion;
use crate::pg::quote::{Ident, Literal};

/// The form in which values travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    Text,
    /// Faster, but each type needs the same definition and send and receive functions on both sides: only where asked.
    Binary,
}

/// Whether the subscription begins to work at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    Enabled,
    Disabled,
}

/// What happens when a change cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// Tried again every few seconds, for ever.
    Retry,
    /// The subscription is switched off, and says so; only from 15 on, before it tries again. A lost connection to the
    /// source is such an error too: whoever asks for this has to enable it again after a restart of the source.
    Disable,
}

/// As whom changes are applied, from 16 on; before it is always the subscription's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyAs {
    /// The server's default. The subscription's owner needs SET ROLE to every table's owner, which a superuser has:
    /// otherwise triggers and the like of those owners would run with the rights of ours.
    TableOwner,
    /// Needs rights on the tables, but no membership in their owners.
    SubscriptionOwner,
}

/// Whether the target waits for its disk after each transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SynchronousCommit {
    On,
    /// The server's default for subscriptions, and safe: to the source it confirms only what has reached the disk, so a
    /// crash makes it ask again for the rest (manual, CREATE SUBSCRIPTION, `synchronous_commit`).
    Off,
}

/// Whether tables that are new in the publication get an initial copy from the subscription itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyData {
    Yes,
    No,
}

#[derive(Debug, Clone)]
pub struct NewSubscription<'a> {
    pub name: &'a str,
    /// The source as the *target* reaches it: no files, sockets or service names of this machine.
    pub conninfo: &'a Secret,
    pub publications: &'a [&'a str],
    /// A slot that exists already.
    pub slot: &'a str,
    pub begins: Begins,
    pub values: Values,
    pub on_error: OnError,
    pub apply_as: ApplyAs,
    pub synchronous_commit: SynchronousCommit,
    pub source: ServerVersion,
    pub target: ServerVersion,
}

impl NewSubscription<'_> {
    /// `CREATE SUBSCRIPTION` on a slot of ours, without an initial copy: the rows came under the slot's snapshot.
    ///
    /// It holds the source's password, and a target that logs failing statements logs it too. It connects to the source,
    /// and fails where the target does not reach it.
    ///
    /// What is left at its default, from when it exists: `two_phase` (14) and `failover` (17), which must fit the slot;
    /// `origin` (16), because `none` would leave out what the source itself has received by replication, and `any` is
    /// what every older version does; `password_required` (16), because without it only a superuser could change the
    /// subscription, and for one who is none the password is in the connection string anyway.
    pub fn create(&self) -> Secret {
        let publications: Vec<_> = self.publications.iter().map(|p| Ident(p).to_string()).collect();
        Secret::new(format!(
            "CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {} WITH ({})",
            Ident(self.name),
            Literal(self.conninfo.expose()),
            publications.join(", "),
            self.options().join(", ")
        ))
    }

    /// The target decides which options can be written down at all. What needs the source to answer in another form is
    /// asked for only where the source can: an older one would not be asked by the target's worker either, but then the
    /// catalog would say something that is not so.
    fn options(&self) -> Vec<String> {
        let mut options = vec![
            "create_slot = false".to_owned(),
            format!("slot_name = {}", Literal(self.slot)),
            "copy_data = false".to_owned(),
        ];
        let mut add = |text: &str| options.push(text.to_owned());
        add(match self.begins {
            Begins::Enabled => "enabled = true",
            Begins::Disabled => "enabled = false",
        });
        add(match self.synchronous_commit {
            SynchronousCommit::On => "synchronous_commit = 'on'",
            SynchronousCommit::Off => "synchronous_commit = 'off'",
        });
        if self.target.at_least(14) {
            let source_can = self.source.at_least(14);
            add(if source_can && self.values == Values::Binary { "binary = true" } else { "binary = false" });
            // Of a transaction that is larger than logical_decoding_work_mem the source sends parts before its end:
            // from 14 on both sides; applied by workers of their own where both are 16 or newer.
            add(match (source_can, self.source.at_least(16) && self.target.at_least(16)) {
                (_, true) => "streaming = 'parallel'",
                (true, false) => "streaming = 'on'",
                (false, false) => "streaming = 'off'",
            });
        }
        if self.target.at_least(15) && self.on_error == OnError::Disable {
            add("disable_on_error = true");
        }
        if self.target.at_least(16) && self.apply_as == ApplyAs::SubscriptionOwner {
            add("run_as_owner = true");
        }
        options
    }
}

/// To be rolled back: the server connects to the source to prove that it can, and keeps nothing.
pub fn probe(conninfo: &Secret) -> Secret {
    Secret::new(format!(
        "CREATE SUBSCRIPTION pgpassage_probe CONNECTION {} PUBLICATION pgpassage_probe WITH (create_slot = false, \
         slot_name = NONE, enabled = false, copy_data = false)",
        Literal(conninfo.expose())
    ))
}

pub fn enable(name: &str) -> String {
    format!("ALTER SUBSCRIPTION {} ENABLE", Ident(name))
}

pub fn disable(name: &str) -> String {
    format!("ALTER SUBSCRIPTION {} DISABLE", Ident(name))
}

/// Lets go of the slot, so that the subscription can be dropped without reaching the source. It must be disabled.
pub fn forget_slot(name: &str) -> String {
    format!("ALTER SUBSCRIPTION {} SET (slot_name = NONE)", Ident(name))
}

/// Reads from the source which tables are published now. Not inside a transaction where data is copied.
pub fn refresh(name: &str, copy: CopyData) -> String {
    let copy = matches!(copy, CopyData::Yes);
    format!("ALTER SUBSCRIPTION {} REFRESH PUBLICATION WITH (copy_data = {copy})", Ident(name))
}

/// Drops the slot on the source too, unless [`forget_slot`] came before.
pub fn drop(name: &str) -> String {
    format!("DROP SUBSCRIPTION {}", Ident(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_that_both_versions_know() {
        let conninfo = Secret::new("host=h password='a\\'b'");
        let options = |source, target, ambitious: bool| {
            let subscription = NewSubscription {
                name: "s\"x",
                conninfo: &conninfo,
                publications: &["p", "q"],
                slot: "slot_1",
                begins: if ambitious { Begins::Enabled } else { Begins::Disabled },
                values: if ambitious { Values::Binary } else { Values::Text },
                on_error: if ambitious { OnError::Disable } else { OnError::Retry },
                apply_as: if ambitious { ApplyAs::SubscriptionOwner } else { ApplyAs::TableOwner },
                synchronous_commit: SynchronousCommit::Off,
                source: ServerVersion(source),
                target: ServerVersion(target),
            };
            let sql = subscription.create().expose().to_owned();
            let head = "CREATE SUBSCRIPTION \"s\"\"x\" CONNECTION  E'host=h password=''a\\\\''b''' \
                PUBLICATION \"p\", \"q\" WITH (create_slot = false, slot_name = 'slot_1', copy_data = false, ";
            sql.strip_prefix(head).unwrap_or(&sql).strip_suffix(')').unwrap().to_owned()
        };
        assert_eq!(options(180_000, 100_000, false), "enabled = false, synchronous_commit = 'off'");
        assert_eq!(options(180_000, 130_000, true), "enabled = true, synchronous_commit = 'off'");
        assert_eq!(
            options(130_000, 180_000, true),
            "enabled = true, synchronous_commit = 'off', binary = false, streaming = 'off', \
             disable_on_error = true, run_as_owner = true"
        );
        assert_eq!(
            options(140_000, 160_000, false),
            "enabled = false, synchronous_commit = 'off', binary = false, streaming = 'on'"
        );
        assert_eq!(
            options(160_000, 150_000, true),
            "enabled = true, synchronous_commit = 'off', binary = true, streaming = 'on', \
             disable_on_error = true"
        );
        assert_eq!(
            options(160_000, 160_000, false),
            "enabled = false, synchronous_commit = 'off', binary = false, streaming = 'parallel'"
        );
    }

    #[test]
    fn the_rest_is_plain() {
        assert_eq!(enable("s"), "ALTER SUBSCRIPTION \"s\" ENABLE");
        assert_eq!(disable("s"), "ALTER SUBSCRIPTION \"s\" DISABLE");
        assert_eq!(forget_slot("s"), "ALTER SUBSCRIPTION \"s\" SET (slot_name = NONE)");
        assert_eq!(
            refresh("s", CopyData::No),
            "ALTER SUBSCRIPTION \"s\" REFRESH PUBLICATION WITH (copy_data = false)"
        );
        assert_eq!(drop("s"), "DROP SUBSCRIPTION \"s\"");
    }
}
