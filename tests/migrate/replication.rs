//! Logical replication piece by piece on every version at hand: slots, questions, statements, and all of them together.

use crate::common::server_binaries;
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use pgpassage::model::endpoint::{Endpoint, Host};
use pgpassage::model::names::{self, Mangle, ObjectKind, ObjectNames};
use pgpassage::model::passwords::Passwords;
use pgpassage::model::secret::Secret;
use pgpassage::model::units::{ServerVersion, TableName};
use pgpassage::pg::connect::{Server, Session};
use pgpassage::pg::error::ErrorKind;
use pgpassage::pg::facts::replication::objects::{self, SubscriptionErrors, TableState};
use pgpassage::pg::facts::replication::tables::{
    CandidateKind, IdentitySetting, LeftOut, PublishCandidate, candidates, left_out,
};
use pgpassage::pg::facts::replication::{progress, server, watch};
use pgpassage::pg::statement::data::import_snapshot;
use pgpassage::pg::statement::replication::aiven;
use pgpassage::pg::statement::replication::subscription::{
    self, ApplyAs, Begins, CopyData, NewSubscription, OnError, SynchronousCommit, Values,
};
use pgpassage::pg::statement::replication::{
    END_WALSENDER, NamedTable, Published, ReplicaIdentity, TableForm, create_publication, drop_publication,
    drop_slot, lock_against_writes, lock_timeout, replica_identity,
};
use pgpassage::pg::wire::{Passing, Relayed, SlotLife, SlotSnapshot, relay};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const SETTINGS: [(&str, &str); 2] = [("search_path", ""), ("idle_in_transaction_session_timeout", "0")];

fn cluster(bin: PathBuf) -> Cluster {
    let options = ClusterOptions::new(bin)
        .setting("wal_level", "logical")
        .setting("wal_retrieve_retry_interval", "200ms")
        .setting("max_replication_slots", "10")
        .setting("max_prepared_transactions", "2");
    Cluster::start(options).unwrap()
}

/// The servers of other versions, where PGPASSAGE_PG_VERSIONS says; else the installed one.
fn binaries(major: u32) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("PGPASSAGE_PG_VERSIONS").map(PathBuf::from) else {
        return (major == 15).then(server_binaries);
    };
    let bin = folder.join(major.to_string()).join("bin");
    if !bin.is_dir() {
        println!("skipped: no PostgreSQL {major} in {}", folder.display());
        return None;
    }
    Some(bin)
}

fn server(cluster: &Cluster) -> Server {
    let host = Host::Tcp { name: "127.0.0.1".to_owned(), addr: None };
    Server::new(
        Endpoint::new(host, cluster.port(), "postgres"),
        Passwords::default(),
        "pgpassage/test".into(),
    )
}

async fn session(cluster: &Cluster) -> Session {
    server(cluster).connect("postgres", &SETTINGS).await.unwrap()
}

async fn version(session: &Session) -> ServerVersion {
    let row = session.query_one("SELECT current_setting('server_version_num')::int4", &[]).await.unwrap();
    ServerVersion(u32::try_from(row.get::<_, i32>(0)).unwrap())
}

async fn number(session: &Session, sql: &str) -> i64 {
    session.query_one(sql, &[]).await.unwrap().get(0)
}

async fn all(session: &Session, statements: &[String]) {
    for statement in statements {
        session.batch(statement).await.unwrap_or_else(|e| panic!("{statement}: {e}"));
    }
}

/// Asks until the answer is yes.
async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !ask().await {
        assert!(began.elapsed() < Duration::from_secs(30), "{what} does not come true");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A slot's snapshot shows what was there before, and the slot can be found, asked and dropped.
async fn slots(cluster: &Cluster) {
    let session = session(cluster).await;
    let version = version(&session).await;
    session
        .batch("CREATE TABLE public.t (n int PRIMARY KEY); INSERT INTO public.t VALUES (1)")
        .await
        .unwrap();
    let mut maker = server(cluster).connect_replication("postgres", &SETTINGS).await.unwrap();
    let slot = maker
        .create_logical_slot("1_test", SlotLife::Permanent, SlotSnapshot::Exported, version)
        .await
        .unwrap();
    session.batch("INSERT INTO public.t VALUES (2)").await.unwrap();
    let reader = self::session(cluster).await;
    reader.batch(&import_snapshot(slot.snapshot.as_ref().unwrap())).await.unwrap();
    assert_eq!(number(&reader, "SELECT count(*) FROM public.t").await, 1);
    assert!(progress::position(&session).await.unwrap() > slot.consistent_point);

    let found = objects::slots(&session, "1_").await.unwrap().pop().unwrap();
    assert_eq!((found.name.as_str(), found.database.as_deref()), ("1_test", Some("postgres")));
    assert_eq!(found.confirmed_flush_lsn, Some(slot.consistent_point));
    assert_eq!(found.health.wal_status.is_some(), version.at_least(13));
    assert!(!found.health.is_lost() && !found.active && !found.temporary);
    assert!(found.retained_bytes.unwrap() > 0);
    let far = progress::of_slot(&session, "1_test").await.unwrap().unwrap();
    assert!(far.lag_bytes.unwrap() > 0 && far.sender.is_none() && !far.active);
    assert_eq!(session.query(END_WALSENDER, &[&0, &"1_test"]).await.unwrap().len(), 0);

    let again =
        maker.create_logical_slot("1_test", SlotLife::Permanent, SlotSnapshot::Omitted, version).await;
    assert_eq!(again.unwrap_err().kind, ErrorKind::DuplicateObject);
    let trial = maker.create_logical_slot("trial", SlotLife::Temporary, SlotSnapshot::Omitted, version).await;
    assert_eq!(trial.unwrap().snapshot, None);
    maker.drop_slot("1_test").await.unwrap();
    assert_eq!(maker.drop_slot("1_test").await.unwrap_err().kind, ErrorKind::MissingObject);
    drop(maker);
    until("a temporary slot's end", async || objects::slots(&session, "").await.unwrap().is_empty()).await;
    assert_eq!(progress::of_slot(&session, "1_test").await.unwrap(), None);
    drop(reader);
    session.batch("DROP TABLE public.t").await.unwrap();
}

/// Whoever has written something and does not end keeps a slot waiting, and can be named.
async fn waiting(cluster: &Cluster) {
    let (session, busy) = (session(cluster).await, session(cluster).await);
    let version = version(&session).await;
    busy.batch("CREATE TABLE public.w (n int)").await.unwrap();
    busy.batch("BEGIN; INSERT INTO public.w VALUES (1)").await.unwrap();
    let writer = watch::writers(&session, &[]).await.unwrap().pop().unwrap();
    assert!(writer.query.ends_with("INSERT INTO public.w VALUES (1)"), "{}", writer.query);
    let pid = writer.pid.unwrap();
    assert_eq!(watch::writers(&session, &[pid]).await.unwrap(), []);
    assert_eq!(watch::open_transactions(&session).await.unwrap().pop().unwrap().pid, Some(pid));

    let mut maker = server(cluster).connect_replication("postgres", &SETTINGS).await.unwrap();
    let (walsender, canceller) = (maker.server_pid().unwrap(), maker.canceller());
    let making = maker.create_logical_slot("late", SlotLife::Permanent, SlotSnapshot::Exported, version);
    let watching = async {
        until("a blocked slot", async || {
            let blockers = watch::blockers(&session, walsender).await.unwrap();
            blockers.first().is_some_and(|b| b.pid == Some(pid) && b.state == "idle in transaction")
        })
        .await;
        canceller.cancel().await.unwrap();
    };
    let (made, ()) = tokio::join!(making, watching);
    assert_eq!(made.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(objects::slots(&session, "late").await.unwrap(), []);
    busy.batch("PREPARE TRANSACTION 'mine'").await.unwrap();
    let prepared = watch::open_transactions(&session).await.unwrap().pop().unwrap();
    assert_eq!((prepared.pid, prepared.query.as_str()), (None, "mine"));
    assert_eq!(watch::writers(&session, &[]).await.unwrap().pop().unwrap().pid, None);
    busy.batch("ROLLBACK PREPARED 'mine'").await.unwrap();
}

fn function(body: u32) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION public.h() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN PERFORM {body}; RETURN NEW; END'"
    )
}

/// The watcher sees definitions change, and neither rows nor what replication itself needs to change.
async fn fingerprints(cluster: &Cluster) {
    let session = session(cluster).await;
    session
        .batch("CREATE TYPE public.mood AS ENUM ('a'); CREATE TABLE public.f (n int PRIMARY KEY, v text)")
        .await
        .unwrap();
    let first = watch::schema_fingerprint(&session).await.unwrap();
    let quiet = "INSERT INTO public.f VALUES (1); ALTER TABLE public.f REPLICA IDENTITY FULL; ANALYZE public.f; \
                 CREATE PUBLICATION quiet FOR TABLE public.f; DROP PUBLICATION quiet; TRUNCATE public.f";
    session.batch(quiet).await.unwrap();
    assert_eq!(watch::schema_fingerprint(&session).await.unwrap(), first);
    assert_eq!(watch::schema_objects(&session).await.unwrap().len() as u64, first.objects);
    for (change, kind, name) in [
        ("ALTER TABLE public.f ADD x int DEFAULT 5", "table", "f"),
        ("ALTER TABLE public.f ALTER x SET DEFAULT 6", "table", "f"),
        ("ALTER TABLE public.f ADD CONSTRAINT c CHECK (x > 0)", "table", "f"),
        ("CREATE INDEX i ON public.f (x)", "index", "i"),
        ("ALTER TYPE public.mood ADD VALUE 'b'", "type", "mood"),
        ("CREATE TABLE public.g (n int)", "table", "g"),
        ("ALTER TABLE public.g ENABLE ROW LEVEL SECURITY", "table", "g"),
        ("CREATE POLICY p ON public.g USING (n > 1)", "policy", "p on g"),
        ("ALTER POLICY p ON public.g USING (n > 2)", "policy", "p on g"),
        ("GRANT SELECT ON public.g TO PUBLIC", "table", "g"),
        ("GRANT UPDATE (n) ON public.g TO PUBLIC", "table", "g"),
        (&function(1), "function", "h()"),
        (&function(2), "function", "h()"),
        ("REVOKE EXECUTE ON FUNCTION public.h() FROM PUBLIC", "function", "h()"),
        (
            "CREATE TRIGGER t BEFORE UPDATE ON public.g FOR EACH ROW EXECUTE PROCEDURE public.h()",
            "trigger",
            "t on g",
        ),
        ("ALTER TABLE public.g DISABLE TRIGGER t", "trigger", "t on g"),
        ("CREATE SEQUENCE public.s", "sequence", "s"),
        ("ALTER SEQUENCE public.s INCREMENT 7", "sequence", "s"),
        ("CREATE TYPE public.span AS RANGE (subtype = int4)", "type", "span"),
        ("CREATE SCHEMA room", "schema", "room"),
        ("GRANT USAGE ON SCHEMA room TO PUBLIC", "schema", "room"),
        (
            "CREATE FUNCTION public.e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
            "function",
            "e()",
        ),
        ("CREATE EVENT TRIGGER w ON ddl_command_start EXECUTE PROCEDURE public.e()", "event trigger", "w"),
    ] {
        let (hash, before) = (
            watch::schema_fingerprint(&session).await.unwrap(),
            watch::schema_objects(&session).await.unwrap(),
        );
        session.batch(change).await.unwrap();
        assert_ne!(watch::schema_fingerprint(&session).await.unwrap().hash, hash.hash, "{change}");
        let mut after = watch::schema_objects(&session).await.unwrap();
        after.retain(|o| !before.contains(o));
        let named: Vec<_> = after.iter().map(|o| (o.kind.as_str(), o.name.name.as_str())).collect();
        assert_eq!(named, [(kind, name)], "{change}");
    }
    if version(&session).await.at_least(12) {
        let before = watch::schema_fingerprint(&session).await.unwrap();
        session.batch("REINDEX INDEX CONCURRENTLY public.i").await.unwrap();
        assert_eq!(watch::schema_fingerprint(&session).await.unwrap(), before);
    }
    let tidy = "DROP EVENT TRIGGER w; DROP TABLE public.f, public.g; DROP TYPE public.mood, public.span; \
                DROP FUNCTION public.h(), public.e(); DROP SEQUENCE public.s; DROP SCHEMA room";
    session.batch(tidy).await.unwrap();
}

/// What each table can be published with.
async fn tables(cluster: &Cluster) {
    let session = session(cluster).await;
    let version = version(&session).await;
    let sql = "
        CREATE SCHEMA c; SET search_path = c;
        CREATE DOMAIN js AS json; CREATE TYPE pair AS (a int, b js); CREATE TYPE mood AS ENUM ('x');
        CREATE TABLE keyed (n int PRIMARY KEY, v json);
        CREATE TABLE late (n int PRIMARY KEY DEFERRABLE);
        CREATE TABLE bare (n int, m mood, r int4range, a text[], v varchar(3), c \"char\", x xid, i oidvector);
        CREATE TABLE loose (n int UNIQUE, j json, p point[], q pair[]);
        CREATE TABLE other (n int NOT NULL, m int NOT NULL, UNIQUE (n, m)); CREATE UNIQUE INDEX narrow ON other (m);
        CREATE UNIQUE INDEX part ON loose (n) WHERE n > 0;
        CREATE TABLE indexed (n int NOT NULL); CREATE UNIQUE INDEX used ON indexed (n);
        ALTER TABLE indexed REPLICA IDENTITY USING INDEX used;
        CREATE TABLE nothing (n int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
        CREATE UNLOGGED TABLE quick (n int); CREATE MATERIALIZED VIEW seen AS SELECT 1;
        CREATE TABLE whole (day int) PARTITION BY LIST (day);
        CREATE TABLE half PARTITION OF whole FOR VALUES IN (1) PARTITION BY LIST (day);
        CREATE TABLE leaf PARTITION OF half FOR VALUES IN (1);
        CREATE PUBLICATION theirs FOR TABLE keyed; SELECT lo_create(0)";
    session.batch(sql).await.unwrap();
    if version.at_least(12) {
        let sql =
            "CREATE TABLE made (n int, g int NOT NULL GENERATED ALWAYS AS (n + 1) STORED, PRIMARY KEY (g))";
        session.batch(sql).await.unwrap();
    }
    let found = candidates(&session).await.unwrap();
    let mine = |name: &str| -> &PublishCandidate {
        found.iter().find(|t| t.name == TableName::new("c", name)).unwrap_or_else(|| panic!("{name}"))
    };
    let usable: Vec<_> =
        found.iter().filter(|t| t.identity_is_usable()).map(|t| t.name.name.as_str()).collect();
    assert_eq!(usable, ["keyed", "indexed"]);
    assert_eq!(mine("keyed").identity_index.as_deref(), Some("keyed_pkey"));
    assert_eq!(mine("keyed").publications, ["theirs"]);
    assert_eq!(mine("bare").full_obstacles, [""; 0]);
    assert_eq!(mine("loose").full_obstacles, ["j json", "p point[]", "q pair[]"]);
    assert_eq!(mine("loose").candidate_index, None);
    assert_eq!(mine("late").candidate_index, None);
    assert_eq!(mine("other").candidate_index.as_deref(), Some("narrow"));
    assert_eq!(mine("indexed").identity, IdentitySetting::Index);
    assert_eq!(mine("nothing").candidate_index.as_deref(), Some("nothing_pkey"));
    assert_eq!(mine("whole").kind, CandidateKind::Partitioned);
    let leaf = mine("leaf");
    assert_eq!(
        (leaf.kind, leaf.root.as_ref()),
        (CandidateKind::Partition, Some(&TableName::new("c", "whole")))
    );
    assert!(leaf.owned && leaf.extension.is_none());
    if version.at_least(12) {
        assert_eq!(mine("made").candidate_index, None);
        assert_eq!(mine("made").full_is_possible(), !version.at_least(18));
    }
    let out = left_out(&session).await.unwrap();
    assert_eq!(
        out,
        [
            LeftOut::LargeObjects(1),
            LeftOut::MaterializedView(TableName::new("c", "seen")),
            LeftOut::Unlogged(TableName::new("c", "quick"))
        ]
    );
    session.batch("DROP PUBLICATION theirs").await.unwrap();
}

/// The means, and the statements that go through aiven_extras, against functions with its signatures.
async fn means(cluster: &Cluster) {
    let session = session(cluster).await;
    let version = version(&session).await;
    let facts = server::gather(&session).await.unwrap();
    assert_eq!((facts.wal_level.as_str(), facts.slots.max, facts.slots.free()), ("logical", 10, 10));
    assert!(facts.rights.superuser && facts.rights.create_subscription && facts.rights.create_in_database);
    assert_eq!(facts.wal_sender_timeout_ms, Some(60_000));
    assert_eq!(facts.max_slot_wal_keep_bytes, None);
    assert_eq!(facts.idle_slot_timeout_ms, None);
    assert_eq!(facts.max_parallel_workers.is_some(), version.at_least(16));
    assert_eq!(server::aiven_extras(&session).await.unwrap(), None);
    session
        .batch(
            "CREATE SCHEMA aiven_extras; CREATE TABLE public.said (t text);
             CREATE FUNCTION aiven_extras.pg_create_publication(text, text, VARIADIC text[]) RETURNS void LANGUAGE sql AS
             'INSERT INTO public.said SELECT array_to_string(pg_catalog.parse_ident(x), ''|'') FROM unnest($3) x';
             CREATE FUNCTION aiven_extras.pg_create_subscription(text, text, text, text, boolean = false,
             boolean = true, text = 'any') RETURNS void LANGUAGE sql AS 'INSERT INTO public.said VALUES ($2 || $6)';
             CREATE FUNCTION aiven_extras.pg_drop_subscription(text, boolean = true) RETURNS void LANGUAGE sql AS
             'INSERT INTO public.said VALUES ($1 || $2)'",
        )
        .await
        .unwrap();
    let odd = TableName::new("S.", "it's\"x");
    all(&session, &aiven::create_publication("p", &[&odd], Published::Everything, ServerVersion(120_000)))
        .await;
    let make = aiven::create_subscription("s", &Secret::new("host='h'"), "p", "l");
    session.batch(make.expose()).await.unwrap();
    session.batch(&aiven::drop_subscription("s")).await.unwrap();
    let said: Vec<String> =
        session.query("SELECT t FROM public.said", &[]).await.unwrap().iter().map(|r| r.get(0)).collect();
    assert_eq!(said, ["S.|it's\"x", "host='h'false", "sfalse"]);
}

/// A user who may nothing gets answers all the same, and is told what is missing.
async fn modest(cluster: &Cluster) {
    let session = session(cluster).await;
    let version = version(&session).await;
    session.batch("CREATE ROLE modest LOGIN; CREATE TABLE public.theirs (n int PRIMARY KEY)").await.unwrap();
    let host = Host::Tcp { name: "127.0.0.1".to_owned(), addr: None };
    let server = Server::new(Endpoint::new(host, cluster.port(), "modest"), Passwords::default(), "m".into());
    let refused = server.connect_replication("postgres", &SETTINGS).await;
    assert_eq!(refused.map(drop).unwrap_err().kind, ErrorKind::InsufficientPrivilege);
    let modest = server.connect("postgres", &SETTINGS).await.unwrap();
    let rights = server::gather(&modest).await.unwrap().rights;
    assert!(
        !rights.superuser && !rights.replication && !rights.create_subscription && !rights.create_in_database
    );
    assert!(candidates(&modest).await.unwrap().iter().all(|t| !t.owned));
    left_out(&modest).await.unwrap();
    let writing = "BEGIN; SET LOCAL application_name = 'secretive'; INSERT INTO public.theirs VALUES (1)";
    session.batch(writing).await.unwrap();
    let writer = watch::writers(&modest, &[]).await.unwrap().pop().unwrap();
    assert!(writer.pid.is_some() && writer.user == "postgres" && writer.state.is_empty());
    watch::open_transactions(&modest).await.unwrap();
    watch::blockers(&modest, writer.pid.unwrap()).await.unwrap();
    session.batch("ROLLBACK").await.unwrap();
    watch::schema_fingerprint(&modest).await.unwrap();
    progress::position(&modest).await.unwrap();
    assert_eq!(progress::of_slot(&modest, "none").await.unwrap(), None);
    assert_eq!(objects::slots(&modest, "").await.unwrap(), []);
    assert_eq!(objects::publications(&modest, "").await.unwrap(), []);
    let unconnected =
        "CREATE SUBSCRIPTION idle CONNECTION 'password=tiger' PUBLICATION p WITH (connect = false)";
    session.batch(unconnected).await.unwrap();
    let subscriptions = objects::subscriptions(&modest, "idle").await.unwrap();
    assert!(subscriptions.iter().all(|s| !s.owned && !s.enabled) && subscriptions.len() == 1);
    assert!(!format!("{subscriptions:?}").contains("tiger"));
    assert_eq!(objects::table_states(&modest, "idle").await.unwrap(), BTreeMap::new());
    assert_eq!(objects::subscribed_tables(&modest, "idle").await.unwrap(), []);
    if version.at_least(15) {
        assert!(objects::subscription_errors(&modest, "idle").await.unwrap().is_some());
    }
    all(&session, &[subscription::forget_slot("idle"), subscription::drop("idle")]).await;
    session.batch("DROP TABLE public.theirs").await.unwrap();
}

fn on(major: u32) {
    let Some(bin) = binaries(major) else { return };
    let cluster = cluster(bin);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        means(&cluster).await;
        modest(&cluster).await;
        waiting(&cluster).await;
        fingerprints(&cluster).await;
        tables(&cluster).await;
        slots(&cluster).await;
    });
}

#[test]
fn pieces_on_10() {
    on(10);
}

#[test]
fn pieces_on_11() {
    on(11);
}

#[test]
fn pieces_on_12() {
    on(12);
}

#[test]
fn pieces_on_13() {
    on(13);
}

#[test]
fn pieces_on_14() {
    on(14);
}

#[test]
fn pieces_on_15() {
    on(15);
}

#[test]
fn pieces_on_16() {
    on(16);
}

#[test]
fn pieces_on_17() {
    on(17);
}

#[test]
fn pieces_on_18() {
    on(18);
}

/// Everything of one run from one server to the other.
struct Following {
    source: Session,
    target: Session,
    versions: (ServerVersion, ServerVersion),
    names: ObjectNames,
    tables: Vec<TableName>,
}

impl Following {
    fn name(&self, kind: ObjectKind) -> String {
        self.names.of(kind)
    }

    fn named(&self) -> Vec<NamedTable<'_>> {
        let form = |t: &TableName| if t.name == "whole" { TableForm::Partitioned } else { TableForm::Plain };
        self.tables.iter().map(|name| NamedTable { name, form: form(name) }).collect()
    }

    /// The same tables on both sides, rows on one, and what tells them apart.
    async fn tables(&self) {
        let schema = "CREATE TABLE public.keyed (n int PRIMARY KEY, v text);
                      CREATE TABLE public.grown (v text); CREATE TABLE public.equal (n int, v text);
                      CREATE TABLE public.whole (n int NOT NULL, v text) PARTITION BY LIST (n);
                      CREATE TABLE public.leaf PARTITION OF public.whole FOR VALUES IN (1, 2);
                      ALTER TABLE public.leaf ADD PRIMARY KEY (n);";
        let (source, target) = self.versions;
        for (session, version) in [(&self.source, source), (&self.target, target)] {
            session.batch(schema).await.unwrap();
            if version.at_least(11) && source.at_least(11) {
                session.batch("ALTER TABLE public.whole ADD PRIMARY KEY (n)").await.unwrap();
            }
        }
        let rows = "INSERT INTO public.keyed SELECT g, 'old' FROM generate_series(1, 1000) g;
                    INSERT INTO public.grown VALUES ('old'); INSERT INTO public.equal VALUES (1, 'old'), (2, NULL);
                    INSERT INTO public.whole VALUES (1, 'old')";
        self.source.batch(rows).await.unwrap();
        self.source.batch("BEGIN").await.unwrap();
        let full = replica_identity(&TableName::new("public", "equal"), ReplicaIdentity::Full);
        all(&self.source, &[lock_timeout(2000), full, "COMMIT".to_owned()]).await;
    }

    async fn publications(&self) {
        let (ours, grown): (Vec<_>, Vec<_>) = self.named().into_iter().partition(|t| t.name.name != "grown");
        let (publication, inserts) =
            (self.name(ObjectKind::Publication), self.name(ObjectKind::InsertPublication));
        let source = self.versions.0;
        all(&self.source, &create_publication(&publication, &ours, Published::Everything, source)).await;
        all(&self.source, &create_publication(&inserts, &grown, Published::Inserts, source)).await;
        let found = objects::publications(&self.source, "pgpassage_").await.unwrap();
        let counts: Vec<_> = found.iter().map(|p| (p.name.as_str(), p.tables, p.owned)).collect();
        assert_eq!(counts, [(publication.as_str(), 3, true), (inserts.as_str(), 1, true)]);
    }

    async fn subscription(&self, port: u16) {
        let (publication, inserts) =
            (self.name(ObjectKind::Publication), self.name(ObjectKind::InsertPublication));
        let conninfo = Secret::new(format!("host=127.0.0.1 port={port} dbname=postgres user=postgres"));
        let name = self.name(ObjectKind::Subscription);
        let new = NewSubscription {
            name: &name,
            conninfo: &conninfo,
            publications: &[&publication, &inserts],
            slot: &self.name(ObjectKind::Slot),
            begins: Begins::Disabled,
            values: Values::Text,
            on_error: OnError::Disable,
            apply_as: ApplyAs::TableOwner,
            synchronous_commit: SynchronousCommit::Off,
            source: self.versions.0,
            target: self.versions.1,
        };
        self.target.batch(new.create().expose()).await.unwrap();
        let found = objects::subscriptions(&self.target, "pgpassage_").await.unwrap().pop().unwrap();
        assert!(!found.enabled && found.worker.is_none() && found.owned);
        assert_eq!(found.slot, Some(self.name(ObjectKind::Slot)));
        self.target.batch(&subscription::enable(&name)).await.unwrap();
        self.target.batch(&subscription::refresh(&name, CopyData::No)).await.unwrap();
        let states = objects::table_states(&self.target, &name).await.unwrap();
        assert_eq!(states, BTreeMap::from([(TableState::Ready, 4)]));
        let mut subscribed = objects::subscribed_tables(&self.target, &name).await.unwrap();
        subscribed.sort();
        let mut tables: Vec<_> = self.tables.iter().map(|t| (t.clone(), TableState::Ready)).collect();
        tables.sort();
        assert_eq!(subscribed, tables);
    }

    /// Until all that the source has written by now is safe on the target.
    async fn catch_up(&self) {
        let now = progress::position(&self.source).await.unwrap();
        let slot = self.name(ObjectKind::Slot);
        until("catching up", async || {
            let far = progress::of_slot(&self.source, &slot).await.unwrap().unwrap();
            far.confirmed_flush_lsn.is_some_and(|lsn| lsn >= now)
                && far.sender.is_some_and(|s| s.state == "streaming")
        })
        .await;
        for table in ["keyed", "grown", "equal", "whole"] {
            let sql = format!("SELECT string_agg(t::text, ',' ORDER BY t::text) FROM public.{table} t");
            let [there, here] = [&self.source, &self.target].map(|s| s.query_one(&sql, &[]));
            let (there, here) = (there.await.unwrap(), here.await.unwrap());
            assert_eq!(there.get::<_, String>(0), here.get::<_, String>(0), "{table}");
        }
    }

    async fn clean_up(&self) {
        let (slot, name) = (self.name(ObjectKind::Slot), self.name(ObjectKind::Subscription));
        self.target.batch(&subscription::disable(&name)).await.unwrap();
        until("an idle slot", async || {
            !objects::slots(&self.source, &slot).await.unwrap().iter().any(|s| s.active)
        })
        .await;
        let target = [subscription::forget_slot(&name), subscription::drop(&name)];
        all(&self.target, &target).await;
        let publications = [ObjectKind::Publication, ObjectKind::InsertPublication];
        all(&self.source, &[drop_slot(&slot)]).await;
        all(&self.source, &publications.map(|kind| drop_publication(&self.name(kind)))).await;
        assert_eq!(objects::slots(&self.source, "").await.unwrap(), []);
        assert_eq!(objects::publications(&self.source, "").await.unwrap(), []);
        assert_eq!(objects::subscriptions(&self.target, "").await.unwrap(), []);
    }
}

/// Rows by COPY under the slot's snapshot, changes by the slot: together exactly what the source has.
async fn follows(source: &Cluster, target: &Cluster) {
    let (there, here) = (session(source).await, session(target).await);
    let versions = (version(&there).await, version(&here).await);
    let root = if versions.0.at_least(13) { "whole" } else { "leaf" };
    let run = Following {
        source: there,
        target: here,
        versions,
        names: ObjectNames::new("t_1", "postgres", Mangle::WhereNeeded).unwrap(),
        tables: ["keyed", "grown", "equal", root].map(|t| TableName::new("public", t)).to_vec(),
    };
    run.tables().await;
    run.publications().await;
    let mut maker = server(source).connect_replication("postgres", &SETTINGS).await.unwrap();
    let slot = run.name(ObjectKind::Slot);
    let made =
        maker.create_logical_slot(&slot, SlotLife::Permanent, SlotSnapshot::Exported, versions.0).await;
    let snapshot = made.unwrap().snapshot.unwrap();
    let changes = "UPDATE public.keyed SET v = 'new' WHERE n < 10; DELETE FROM public.keyed WHERE n = 500;
                   INSERT INTO public.grown VALUES ('new'); UPDATE public.equal SET v = 'new' WHERE n = 2;
                   INSERT INTO public.whole VALUES (2, 'new'); UPDATE public.whole SET v = 'x' WHERE n = 1";
    run.source.batch(changes).await.unwrap();

    let mut reader = server(source).connect_wire("postgres", &SETTINGS).await.unwrap();
    let mut writer = server(target).connect_wire("postgres", &SETTINGS).await.unwrap();
    reader.command(&import_snapshot(&snapshot)).await.unwrap();
    drop(maker);
    let mut copied = 0;
    for table in ["keyed", "grown", "equal", "leaf"] {
        let (out, into) =
            (format!("COPY public.{table} TO STDOUT"), format!("COPY public.{table} FROM STDIN"));
        let stats = relay(&mut reader, &mut writer, Relayed::unchanged(&out, &into), &Passing::default())
            .await
            .unwrap();
        copied += stats.rows_in;
    }
    assert_eq!(copied, 1004);
    run.subscription(source.port()).await;
    run.catch_up().await;

    // A walsender that is ended comes back, and its slot goes on where it was. But to switch off on error means on this
    // one too.
    let far = progress::of_slot(&run.source, &slot).await.unwrap().unwrap();
    let ended = run.source.query_one(END_WALSENDER, &[&far.active_pid.unwrap(), &slot]).await.unwrap();
    assert!(ended.get::<_, bool>("ended"));
    if versions.1.at_least(15) {
        let name = run.name(ObjectKind::Subscription);
        until("switching off", async || {
            !objects::subscriptions(&run.target, &name).await.unwrap().iter().any(|s| s.enabled)
        })
        .await;
        run.target.batch(&subscription::enable(&name)).await.unwrap();
    }
    run.source.batch("DELETE FROM public.equal; INSERT INTO public.equal VALUES (7, 'last')").await.unwrap();
    // The last moment: nobody writes any more.
    run.source.batch("BEGIN").await.unwrap();
    all(&run.source, &[lock_timeout(2000)]).await;
    all(&run.source, &lock_against_writes(&run.named())).await;
    let late = session(source).await;
    let refused = late.batch("SET lock_timeout = 50; INSERT INTO public.leaf VALUES (9, '')").await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::LockTimeout);
    run.catch_up().await;
    if versions.1.at_least(15) {
        let name = run.name(ObjectKind::Subscription);
        let errors = objects::subscription_errors(&run.target, &name).await.unwrap();
        assert_eq!(errors, Some(SubscriptionErrors { apply: 1, sync: 0 }));
    }
    run.source.batch("ROLLBACK").await.unwrap();
    let ours = names::parse(&slot).unwrap();
    assert_eq!((ours.id.as_str(), ours.database.as_str(), ours.kind), ("t_1", "postgres", ObjectKind::Slot));
    run.clean_up().await;
}

fn between(from: u32, to: u32) {
    let (Some(from), Some(to)) = (binaries(from), binaries(to)) else { return };
    let (source, target) = (cluster(from), cluster(to));
    tokio::runtime::Runtime::new().unwrap().block_on(follows(&source, &target));
}

#[test]
fn from_10_to_18() {
    between(10, 18);
}

#[test]
fn from_15_to_15() {
    between(15, 15);
}

#[test]
fn from_16_to_18() {
    between(16, 18);
}

#[test]
fn from_10_to_19() {
    between(10, 19);
}

#[test]
fn from_19_to_19() {
    between(19, 19);
}

#[test]
fn from_18_to_14() {
    between(18, 14);
}
