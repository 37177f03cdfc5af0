//! Real states of servers that take some making: standbys, poolers' ports, sparse files, libraries, foreign addresses.

use super::covered::speaks;
use super::versions::version;
use super::{Checked, HOSTILE, Open, check, check_as, check_between, obey, objects, pair, text, with};
use crate::common::{Pair, eventually, server_binaries};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A command of the server's machine, as the account that the server runs as.
#[track_caller]
fn shell(cluster: &Cluster, command: &str) {
    let quoted = command.replace('\'', "''");
    cluster.psql("postgres", &format!("COPY (SELECT 1) TO PROGRAM '{quoted}'")).unwrap();
}

/// A hot standby of the first, in the place of the second.
fn make_standby(primary: &Cluster, standby: &Cluster) {
    standby.stop().unwrap();
    let (data, folder) = (standby.data_dir(), standby.folder().display().to_string());
    let data = data.display();
    let copy = format!(
        "rm -rf {data} && {bin}/pg_basebackup -D {data} -R -X stream -c fast -U postgres -h {socket} -p {port} && \
         printf \"unix_socket_directories = '{folder}'\\nport = {own}\\n\" >>{data}/postgresql.auto.conf",
        bin = primary.bin().display(),
        socket = primary.socket_dir().display(),
        port = primary.port(),
        own = standby.port(),
    );
    shell(primary, &copy);
    standby.restart().unwrap();
    eventually(standby, "postgres", "SELECT pg_is_in_recovery()", "t");
}

#[test]
fn standbys_are_no_targets_and_followed_by_nobody() {
    let pair = pair();
    let standby = with(&[]);
    make_standby(&pair.source, &standby);
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let uri = standby.uri("postgres");
    let from = check_between(&pair, (&uri, &target), &[]);
    from.says("standby-source", None, "warning");
    assert_eq!((from.0.code, from.verdict("postgres")), (0, "snapshot"), "{:?}", from.0);
    from.is_silent("physical-copy", None);
    let to = check_between(&pair, (&source, &uri), &[]);
    to.says("target-writable", None, "blocker");
    to.says("physical-copy", None, "warning");
    assert_eq!((to.0.code, to.verdict("postgres")), (1, "impossible"), "{:?}", to.0);
    // The fix is the primary.
    let after = check_between(&pair, (&source, &target), &[]);
    for id in ["standby-source", "target-writable", "physical-copy"] {
        after.is_silent(id, None);
    }
    speaks("standbys_are_no_targets_and_followed_by_nobody");
}

#[test]
fn an_address_on_a_poolers_port_is_doubted() {
    let pair = pair();
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let port = [6432, 6543].into_iter().find(free).unwrap();
    pair.source.psql("postgres", &format!("ALTER SYSTEM SET port = {port}")).unwrap();
    pair.source.restart().unwrap();
    let (source, target) =
        (format!("postgres://postgres@127.0.0.1:{port}/postgres"), pair.target.uri("postgres"));
    let ran = check_between(&pair, (&source, &target), &[]);
    ran.says("pooler", None, "warning");
    assert_eq!(ran.verdict("postgres"), "continuous", "{:?}", ran.0);
    pair.source.stop().unwrap();
    std::fs::write(pair.source.data_dir().join("postgresql.auto.conf"), "").unwrap();
    pair.source.restart().unwrap();
    check(&pair, &[]).is_silent("pooler", None);
    speaks("an_address_on_a_poolers_port_is_doubted");
}

/// This machine's addresses that others could reach it at.
fn addresses() -> Vec<IpAddr> {
    let output = Command::new("hostname").arg("-I").output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn a_source_reached_by_ipv6_and_a_way_without_encryption_are_told() {
    let found = addresses();
    let (six, four) = (found.iter().find(|a| a.is_ipv6()), found.iter().find(|a| a.is_ipv4()));
    let Some((six, four)) = six.zip(four) else {
        println!("skipped: this machine has not both an IPv4 and an IPv6 address of its own: {found:?}");
        return;
    };
    let open = |wal_level: &str| {
        let options = ClusterOptions::new(super::server_binaries()).setting("listen_addresses", "*");
        let rules = options.hba("host all all all trust").hba("host replication all all trust");
        Cluster::start(rules.setting("wal_level", wal_level)).unwrap()
    };
    let pair = Pair::of(open("logical"), open("replica"));
    let uri = |address: &IpAddr, cluster: &Cluster| {
        let host = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
        format!("postgres://postgres@{host}:{}/postgres", cluster.port())
    };
    let target = uri(four, &pair.target);
    let ran = check_between(&pair, (&uri(six, &pair.source), &target), &[]);
    ran.says("ipv6", None, "warning");
    assert_eq!(ran.of("tls", None).len(), 2, "{:?}", ran.0);
    let after = check_between(&pair, (&uri(four, &pair.source), &target), &[]);
    after.is_silent("ipv6", None);
    check(&pair, &[]).is_silent("tls", None);
    speaks("a_source_reached_by_ipv6_and_a_way_without_encryption_are_told");
}

#[test]
fn sizes_are_hidden_with_the_databases_and_told_to_who_may_read_statistics() {
    let pair = pair();
    let name = HOSTILE.replace('"', "\"\"");
    let make = format!(
        "CREATE ROLE \"{name}\" LOGIN; CREATE DATABASE shut; REVOKE CONNECT ON DATABASE shut FROM PUBLIC"
    );
    pair.source.psql("postgres", &make).unwrap();
    let users = (HOSTILE, "postgres");
    let ran = check_as(&pair, users, &["--only", "sizes-known"]);
    let told = ran.says("sizes-known", None, "info");
    assert_eq!(objects(told), ["shut"]);
    obey(&pair, told, "postgres");
    check_as(&pair, users, &["--only", "sizes-known"]).is_silent("sizes-known", None);
    speaks("sizes_are_hidden_with_the_databases_and_told_to_who_may_read_statistics");
}

/// The guard itself is not to be had: another library is loaded under its name.
#[test]
fn a_library_that_watches_over_statements_is_told() {
    let pair = pair();
    let libraries =
        pair.target.psql("postgres", "SELECT setting FROM pg_config WHERE name = 'PKGLIBDIR'").unwrap();
    let folder = pair.target.folder().display().to_string();
    shell(&pair.target, &format!("cp {libraries}/auto_explain.so {folder}/supautils.so"));
    check(&pair, &["--only", "statement-guards"]).is_silent("statement-guards", None);
    for setting in
        [format!("dynamic_library_path = '{folder}:$libdir'"), "session_preload_libraries = supautils".into()]
    {
        pair.target.psql("postgres", &format!("ALTER SYSTEM SET {setting}")).unwrap();
    }
    pair.target.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    eventually(&pair.target, "postgres", "SHOW session_preload_libraries", "supautils");
    let ran = check(&pair, &["--only", "statement-guards"]);
    assert_eq!(objects(ran.says("statement-guards", None, "info")), ["supautils"]);
    speaks("a_library_that_watches_over_statements_is_told");
}

#[test]
fn extensions_with_ways_or_rows_of_their_own_are_told() {
    let pair = pair();
    let extras = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/aiven_extras.sql");
    pair.source.psql("postgres", "CREATE DATABASE shop; CREATE DATABASE quiet").unwrap();
    pair.source.psql_file("shop", &extras).unwrap();
    // What an extension's own script says of its tables, by pg_extension_config_dump.
    let rows = "CREATE EXTENSION hstore; CREATE TABLE conf (i int PRIMARY KEY);
                UPDATE pg_extension SET extconfig = ARRAY['conf'::regclass::oid] WHERE extname = 'hstore'";
    pair.source.psql("shop", rows).unwrap();
    pair.source.psql("quiet", "CREATE EXTENSION hstore").unwrap();
    let ran = check(&pair, &["--only", "special-extensions,extension-rows"]);
    assert_eq!(objects(ran.says("special-extensions", Some("shop"), "warning")), ["aiven_extras"]);
    assert_eq!(objects(ran.says("extension-rows", Some("shop"), "info")), ["public.conf"]);
    for id in ["special-extensions", "extension-rows"] {
        ran.is_silent(id, Some("quiet"));
    }
    check(&pair, &["--no-replicate-extension-tables"]).is_silent("extension-rows", Some("shop"));
    check(&pair, &["--excluded-extensions", "aiven_extras"]).is_silent("special-extensions", Some("shop"));
    speaks("extensions_with_ways_or_rows_of_their_own_are_told");
}

/// Files with holes: 51 GB that take no room.
#[test]
fn very_large_tables_are_told_with_their_size() {
    let pair = pair();
    let make = "CREATE TABLE small (i int PRIMARY KEY); CREATE TABLE \"big; one\" (i int PRIMARY KEY);
                INSERT INTO \"big; one\" VALUES (1); INSERT INTO small VALUES (1); ANALYZE; CHECKPOINT";
    pair.source.psql("postgres", make).unwrap();
    check(&pair, &["--only", "large-tables"]).is_silent("large-tables", Some("postgres"));
    let file = pair.source.psql("postgres", "SELECT pg_relation_filepath('\"big; one\"')").unwrap();
    let file = pair.source.data_dir().join(file).display().to_string();
    let grow = format!("truncate -s 1G {file} && for n in $(seq 1 50); do truncate -s 1G {file}.$n; done");
    shell(&pair.source, &grow);
    pair.source.psql("postgres", "ANALYZE \"big; one\"").unwrap();
    let ran = check(&pair, &["--only", "large-tables"]);
    let told = ran.says("large-tables", Some("postgres"), "info");
    assert_eq!(objects(told), ["public.\"big; one\" (51 GB)"]);
    speaks("very_large_tables_are_told_with_their_size");
}

#[test]
fn tablespaces_that_the_target_lacks_are_told() {
    let pair = pair();
    let make = format!(
        "SET allow_in_place_tablespaces = on; CREATE TABLESPACE \"{}\" LOCATION ''",
        HOSTILE.replace('"', "\"\"")
    );
    pair.source.psql("postgres", &make).unwrap();
    let ran = check(&pair, &["--only", "tablespaces"]);
    assert!(objects(ran.says("tablespaces", None, "warning"))[0].contains("DROP TABLE"), "{:?}", ran.0);
    pair.target.psql("postgres", &make).unwrap();
    check(&pair, &["--only", "tablespaces"]).is_silent("tablespaces", None);
    speaks("tablespaces_that_the_target_lacks_are_told");
}

#[test]
fn too_few_locks_and_connections_are_told_and_the_fixes_give_them() {
    let source =
        with(&[("wal_level", "logical"), ("max_locks_per_transaction", "10"), ("max_connections", "12")]);
    let pair = Pair::of(source, with(&[("max_connections", "8"), ("max_wal_senders", "2")]));
    let tables: String = (0..80).map(|i| format!("CREATE TABLE t{i} (i int PRIMARY KEY);")).collect();
    pair.source.psql("postgres", &tables).unwrap();
    let ran = check(&pair, &[]);
    let told = ran.says("locks", None, "warning");
    obey(&pair, told, "postgres");
    // Of one server or of both.
    assert!(!ran.of("connections", None).is_empty(), "{:?}", ran.0);
    for told in ran.of("connections", None) {
        obey(&pair, told, "postgres");
    }
    for cluster in [&pair.source, &pair.target] {
        cluster.restart().unwrap();
    }
    let after = check(&pair, &[]);
    after.is_silent("locks", None);
    after.is_silent("connections", None);
    // Then the role's own limit.
    pair.source.psql("postgres", "CREATE ROLE \"one; two\" LOGIN CONNECTION LIMIT 5").unwrap();
    let users = ("one; two", "postgres");
    let limited = check_as(&pair, users, &["--only", "connections"]);
    obey(&pair, limited.says("connections", None, "warning"), "postgres");
    check_as(&pair, users, &["--only", "connections"]).is_silent("connections", None);
    speaks("too_few_locks_and_connections_are_told_and_the_fixes_give_them");
}

#[test]
fn without_a_pg_dump_nothing_can_be_read() {
    let pair = pair();
    let empty = tempfile::tempdir().unwrap();
    let ran = check(&pair, &["--pgbin", empty.path().to_str().unwrap()]);
    let told = ran.says("pg-dump", None, "blocker");
    assert!(text(told, "title").contains("install one that can"), "{told}");
    assert_eq!(ran.0.code, 1);
    check(&pair, &[]).is_silent("pg-dump", None);
    speaks("without_a_pg_dump_nothing_can_be_read");
}

#[test]
fn a_limit_that_comes_with_each_session_cannot_be_lifted() {
    let Some(source) = version(18, &[("wal_level", "logical")]) else {
        println!("skipped: no PostgreSQL 18, from which on something happens at each login");
        return;
    };
    let Some(target) = version(18, &[]) else { return };
    let pair = Pair::of(source, target);
    let make = "CREATE FUNCTION hurry() RETURNS event_trigger LANGUAGE plpgsql AS
                    $$BEGIN PERFORM set_config('statement_timeout', '7s', false); END$$;
                CREATE EVENT TRIGGER hurry ON login EXECUTE FUNCTION hurry()";
    pair.source.psql("postgres", make).unwrap();
    let ran = check(&pair, &["--only", "timeouts"]);
    let told = ran.says("timeouts", None, "warning");
    assert_eq!(text(told, "title"), "statement_timeout cannot be lifted on the source");
    pair.source.psql("postgres", "DROP EVENT TRIGGER hurry").unwrap();
    check(&pair, &["--only", "timeouts"]).is_silent("timeouts", None);
    speaks("a_limit_that_comes_with_each_session_cannot_be_lifted");
}

#[test]
fn a_source_that_is_written_to_is_told_with_its_rate() {
    let settings = [("wal_level", "logical"), ("max_slot_wal_keep_size", "1MB")];
    let pair = Pair::of(with(&settings), with(&[]));
    check(&pair, &["--only", "wal-kept"]).is_silent("wal-kept", None);
    let write = "DO $$BEGIN LOOP PERFORM pg_logical_emit_message(false, 'x', repeat('x', 50000)), pg_sleep(0.05); END LOOP; END$$";
    let writing = Open::new(&pair, write);
    let at_work = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'";
    eventually(&pair.source, "postgres", at_work, "1");
    let ran = check(&pair, &["--only", "wal-rate,wal-kept"]);
    ran.says("wal-rate", None, "info");
    // At this rate the copy would lose its slot.
    obey(&pair, ran.says("wal-kept", None, "warning"), "postgres");
    pair.source.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    eventually(&pair.source, "postgres", "SHOW max_slot_wal_keep_size", "-1");
    check(&pair, &["--only", "wal-kept"]).is_silent("wal-kept", None);
    drop(writing);
    pair.source
        .psql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DO %'")
        .unwrap();
    eventually(&pair.source, "postgres", at_work, "0");
    becomes_silent(&pair, "wal-rate");
    speaks("a_source_that_is_written_to_is_told_with_its_rate");
}

/// The server writes something of its own now and then.
#[track_caller]
fn becomes_silent(pair: &Pair, id: &str) {
    let silent = |ran: &Checked| ran.of(id, None).is_empty();
    assert!((0..10).any(|_| silent(&check(pair, &["--only", id]))), "{id} never falls silent");
}

#[test]
fn a_collation_that_the_target_lacks_is_told() {
    let pair = pair();
    let make = "CREATE TABLE t (i int PRIMARY KEY, t text COLLATE \"de-x-icu\")";
    if pair.source.psql("postgres", make).is_err() {
        println!("skipped: this server was built without ICU");
        return;
    }
    check(&pair, &["--only", "collations"]).is_silent("collations", Some("postgres"));
    pair.target.psql("postgres", "DROP COLLATION pg_catalog.\"de-x-icu\"").unwrap();
    let ran = check(&pair, &["--only", "collations"]);
    assert_eq!(objects(ran.says("collations", Some("postgres"), "warning")), ["public.t.t (de-x-icu)"]);
    speaks("a_collation_that_the_target_lacks_is_told");
}

/// PgBouncer, where this machine has it, as the account that the servers run as: it refuses to be root's.
struct PgBouncer {
    child: Child,
    port: u16,
}

impl PgBouncer {
    fn start(server: &Cluster) -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap();
        let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let program = folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file())?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let conf = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nauth_type = any\npool_mode = transaction\nunix_socket_dir =\n",
            server.port()
        );
        let file = server.folder().join("pgbouncer.ini");
        std::fs::write(&file, conf).unwrap();
        let owner = std::fs::metadata(server.data_dir()).unwrap();
        let mut command = Command::new(program);
        command.arg("-q").arg(&file).uid(owner.uid()).gid(owner.gid()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "PgBouncer does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self { child, port })
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_pooler_itself_is_told_from_a_server() {
    let pair = pair();
    let Some(pooler) = PgBouncer::start(&pair.source) else {
        println!("skipped: this machine has no pgbouncer");
        return;
    };
    let source = format!("postgres://postgres@127.0.0.1:{}/postgres", pooler.port);
    let ran = check_between(&pair, (&source, &pair.target.uri("postgres")), &[]);
    let told = ran.says("connect", None, "blocker");
    assert_eq!(text(told, "fix"), "this is a connection pooler: give the address of the server itself");
    assert_eq!(ran.0.code, 1);
}

/// Moves the clock of the program that it is loaded into.
const AN_HOUR_AHEAD: &str = r"
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = (int) syscall(SYS_clock_gettime, clock, now);
    if (failed == 0 && clock == CLOCK_REALTIME)
        now->tv_sec += 3600;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    (void) zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into)
{
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (into != NULL)
        *into = precise.tv_sec;
    return precise.tv_sec;
}
";

/// A folder like the one with the server's programs, whose server lives an hour later.
fn programs_ahead() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let open = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    // The server may run as somebody else.
    std::fs::set_permissions(folder.path(), open(0o755)).unwrap();
    std::fs::write(at("ahead.c"), AN_HOUR_AHEAD).unwrap();
    let made =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([at("ahead.so"), at("ahead.c")]).status();
    assert!(made.unwrap().success());
    let real = server_binaries();
    for entry in std::fs::read_dir(&real).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "postgres" {
            std::os::unix::fs::symlink(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    let script = format!(
        "#!/bin/sh\nexec env LD_PRELOAD='{}' '{}' \"$@\"\n",
        at("ahead.so").display(),
        real.join("postgres").display()
    );
    std::fs::write(at("postgres"), script).unwrap();
    std::fs::set_permissions(at("postgres"), open(0o755)).unwrap();
    folder
}

#[test]
fn a_clock_that_is_ahead_is_told() {
    let programs = programs_ahead();
    let ahead = Cluster::start(ClusterOptions::new(programs.path())).unwrap();
    let pair = Pair::of(ahead, with(&[]));
    let told = check(&pair, &["--force-method", "dump"]);
    let told = text(told.says("clock", None, "info"), "title").to_owned();
    let apart: u64 = told.split(' ').find_map(|word| word.replace(',', "").parse().ok()).unwrap();
    assert!((3590..3700).contains(&apart), "{told}");
    // With the machine's own clock.
    let pair = Pair::of(with(&[]), with(&[]));
    check(&pair, &["--force-method", "dump"]).is_silent("clock", None);
    speaks("a_clock_that_is_ahead_is_told");
}
