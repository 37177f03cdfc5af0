//! pgpassage moves a whole PostgreSQL server to another one, and says honestly what came across.
//!
//! # The idea that everything hangs on
//!
//! **A migration is its journal; everything else is a fold of it.** The engine appends entries; a [`model::run::Run`] is
//! what they amount to. From the same fold come the picture on the terminal, the plain lines, the JSON, the exit code and
//! the ledger of what was made on the servers. There is no second source of truth.
//!
//! Two promises for news: a *milestone* ([`model::event::Event`]: a phase begun, a table copied, an object made, a
//! failure) is journalled, numbered and never lost; a *gauge* ([`model::gauges::Gauges`]: bytes, rows, what runs now) is
//! only ever the latest value and may be skipped.
//!
//! # Rooms, and who may look into whom (arrows only ever point down; `tests/tidy.rs` says no)
//!
//! ```text
//! cli      the face in lines; composition root; one file per verb       -> ui link engine demo store pg model
//! ui       the full-screen face: four steps, pure update, pure view     -> link model
//! link     the wire between a face and an engine                        -> engine store model
//! engine   the work: commands in, entries and gauges out                -> pg store model
//! demo     throw-away clusters and the sample shop (tests use them too) -> pg model
//! store    the disk: one folder per migration, journal, lock            -> model
//! pg       the servers: everything that speaks PostgreSQL               -> model
//! model    the nouns: plain serialisable data; no IO, no clock          -> nothing
//! ```
//!
//! Read-only questions to servers lie in `assets/sql`, one a file, runnable in psql. Statements that change something are
//! built in [`pg::statement`] from quoting types, or come from pg_dump's archive ([`pg::archive`]).
//!
//! # One engine, any number of faces
//!
//! `migrate` starts the engine as a process of its own in a session of its own ([`link::start_detached`]) and follows it by
//! a socket in the migration's folder, as any further face does ([`link::attach`]). Entries are read from the journal, so
//! that a face that comes late, is slow or dies makes no difference to the engine; commands go the other way. The engine
//! stays as long as a database follows, as its guard. With `--foreground` all of this is one process.
//!
//! # How a database is moved
//!
//! ```text
//! checks ─► roles ─► for each database, the largest first:
//!   database   made with the source's encoding, locale, owner; or the policy for one that is not empty
//!   schema     one snapshot, its locks, pg_dump's archive under it, and of that what rows need
//!   copy ┐     tables and large objects from socket to socket, counted on both sides: one graph with the indexes,
//!   indexes ┘  in which the longest chain goes first; then foreign keys, triggers, policies, privileges
//!   data       sequences, materialized views, statistics that were not gathered on the way
//!   settings   event triggers, the database's own settings, privileges and limits
//! ─► settings of roles
//! ```
//! Continuously, publications and a slot come before the schema, and the copy reads the slot's snapshot; the subscription
//! follows upon the copy, and the database *follows* until a later command closes the connection (`engine::replicate`).
//! From the slot's making on, for as long as an engine works, `engine::guard` looks at both servers. Of work that makes no
//! progress `engine::waits` asks them which lock it waits for, and who has it.
//!
//! The engine executes each entry of the archive itself, exactly once, and accounts for it: pg_restore's exit code and
//! error text could not say which object a lost index belongs to.
//!
//! # Invariants
//!
//! - Prove that an object is absent, journal `Making(object)`, do the deed, journal `Made`. What somebody else made first
//!   is `NotOurs`, and never touched.
//! - Nothing is reported done that was not done: an object that could not be made, a row count that differs, an entry that
//!   nobody executed is a finding of weight `Lost`, and the database is not `done`.
//! - From before the first COPY to after the last, one session holds ACCESS SHARE on every planned table, and what the
//!   snapshot says of each is compared with what is true under the lock: an exported snapshot alone does not protect from
//!   a rewrite ([`engine`], phase snapshot).
//! - Before a database is done, a transaction that writes is committed with synchronous_commit on.
//! - A slot that nobody reads from fills the source's disk: before a database follows, whatever ends the run removes what
//!   was made; after that only finish, stop and clean do, and the guard when the source keeps more log than allowed.
//! - Secrets have a type without `Serialize` and with an empty `Debug`; they reach children through a file in memory, and
//!   the engine's process through a pipe.
//! - What a server says is data: bounded, escaped before it is shown, never put into SQL unquoted.
//! - Checks judge facts, and what could not be asked is *unknown*, never fine: a missing privilege ends nothing else.
//! - Every wait has a bound or ends with the run's token; interruption is a value, not an error.
//! - Words: *source* and *target*; a *phase* is the engine's, a *check* is a judgement, a *finding* is what it says.

pub mod cli;
pub mod demo;
pub mod engine;
pub mod link;
pub mod model;
pub mod pg;
pub mod store;
pub mod ui;
