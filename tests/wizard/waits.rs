//! What a table waits for: asked of the server that knows, told by the engine, shown in the list.

use super::common::{Pair, eventually, wait};
use super::tty::Tty;
use super::{pair, uris};
use pgpassage::link::look;
use pgpassage::model::gauges::{Gauges, Hurdle, LockWait};
use pgpassage::model::units::Side;
use std::time::{Duration, Instant};

/// What a face sees, once it fits.
fn seen(pair: &Pair, fits: impl Fn(&Gauges) -> bool) -> Gauges {
    let home = pair.state.path().join("pgpassage/mine");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let began = Instant::now();
        let mut link = None;
        loop {
            match &link {
                None => link = look(&home).await.ok(),
                Some(link) if fits(&link.gauges()) => return link.gauges(),
                Some(_) => {}
            }
            let now = link.as_ref().map(pgpassage::link::Link::gauges);
            assert!(began.elapsed() < Duration::from_secs(60), "{now:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
}

fn lock(gauges: &Gauges) -> Option<&LockWait> {
    gauges.running.iter().find_map(|running| running.lock.as_ref())
}

/// Somebody's session that has something locked, until it is ended.
const HOLDS: &str = "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(90)'";

#[test]
fn a_table_that_waits_for_a_lock_names_it_and_who_has_it() {
    let pair = pair("replica");
    pair.target.psql("postgres", "CREATE DATABASE shop").unwrap();
    let tables = "CREATE TABLE orders (id bigint PRIMARY KEY, note text);
                  CREATE TABLE items (id bigint PRIMARY KEY, name text)";
    pair.target.psql("shop", tables).unwrap();
    std::thread::scope(|scope| {
        let locked = "BEGIN; LOCK TABLE orders IN SHARE MODE; SELECT pg_sleep(90)";
        scope.spawn(|| pair.target.psql("shop", locked).ok());
        eventually(&pair.target, "postgres", &format!("SELECT count(*) FROM ({HOLDS}) h"), "1");
        let pid: i32 = pair.target.psql("postgres", HOLDS).unwrap().trim().parse().unwrap();
        let (source, target) = uris(&pair);
        let more = ["--migration-id", "mine", "--if-target-not-empty", "append", "--jobs", "1", "--json"];
        let child = pair.start(&[&["migrate", "-s", &source, "-t", &target], &more[..]].concat(), &[]);

        let gauges = seen(&pair, |gauges| lock(gauges).is_some());
        let found = lock(&gauges).unwrap();
        assert_eq!((found.side, found.on.as_deref()), (Side::Target, Some("public.orders")), "{found:?}");
        assert_eq!(found.mode, "RowExclusiveLock");
        let holders: Vec<_> = found.holders.iter().map(|h| (h.pid, h.application.as_str())).collect();
        assert_eq!(holders, [(Some(pid), "psql")]);
        // The only worker waits, and the other table for it.
        let waiting: Vec<_> = gauges.waiting.iter().map(|w| (w.what.as_str(), w.hurdle)).collect();
        assert!(waiting.contains(&("copying public.items", Hurdle::Job)), "{waiting:?}");

        let mut window = Tty::spawn(&pair, (100, 30), &["attach", "mine", "--read-only"], &[]);
        window.wait("▲ waits");
        window.wait(&format!("waits for pid {pid} (user postgres, psql"));
        window.wait("RowExclusiveLock");
        window.wait("waits for a free job");
        pair.target.psql("postgres", &format!("SELECT pg_terminate_backend({pid})")).unwrap();
        window.wait("✔ Ready: everything that was asked for is on the target");
        window.send("q");
        assert_eq!(window.exit(), 0);
        assert_eq!(wait(child).status.code(), Some(0));
    });
}

#[test]
fn waiting_for_the_sources_locks_is_told_too() {
    let pair = pair("replica");
    std::thread::scope(|scope| {
        scope.spawn(|| pair.source.psql("shop", "BEGIN; LOCK TABLE items; SELECT pg_sleep(90)").ok());
        eventually(&pair.source, "postgres", &format!("SELECT count(*) FROM ({HOLDS}) h"), "1");
        let pid: i32 = pair.source.psql("postgres", HOLDS).unwrap().trim().parse().unwrap();
        let (source, target) = uris(&pair);
        let child = pair.start(&["migrate", "-s", &source, "-t", &target, "--migration-id", "mine"], &[]);
        let gauges = seen(&pair, |gauges| lock(gauges).is_some());
        let found = lock(&gauges).unwrap();
        assert_eq!((found.side, found.holders[0].pid), (Side::Source, Some(pid)), "{found:?}");
        assert_eq!(found.on.as_deref(), Some("public.items"));
        pair.source.psql("postgres", &format!("SELECT pg_terminate_backend({pid})")).unwrap();
        assert_eq!(wait(child).status.code(), Some(0));
    });
}
