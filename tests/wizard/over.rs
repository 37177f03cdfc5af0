//! Start over in a window that knows nothing of the migration: what was chosen for it is chosen again.

use super::common::Pair;
use super::proxy::Proxy;
use super::tty::Tty;
use super::{pair, to_check, uris, wizard};
use pgpassage::link::Known;
use pgpassage::model::plan::{IdentityPolicy, Plan, TargetPolicy};
use std::time::Duration;

fn plan(pair: &Pair, id: &str) -> Plan {
    Known::read(&pair.state.path().join("pgpassage").join(id)).unwrap().plan.unwrap()
}

/// A choice of several, which stands on another one: forward to it.
fn choose(tty: &mut Tty, (field, from, to): (&str, &str, &str)) {
    tty.tab_to(&format!("▌ {field}  ← {from} →"));
    tty.press_to("\x1b[C", &format!("▌ {field}  ← {to} →"));
}

/// Everything is chosen that can be, and the migration stopped in its copy.
fn stopped(pair: &Pair, proxy: &Proxy) {
    let (_, target) = uris(pair);
    let source = format!("{}?sslmode=prefer", proxy.uri("postgres"));
    let mut tty = wizard(pair);
    to_check(&mut tty, (&source, &target));
    tty.wait("\n Report");
    tty.send("\x1b");
    tty.wait("Migrate from");
    tty.tab_to("▌ Exclude databases");
    tty.send("aside");
    tty.tab_to("▌ Leave out rows of");
    tty.send("shop.public.items");
    tty.tab_to("▐ Run check ▌");
    tty.send("\r");
    tty.wait("\n Report");
    choose(&mut tty, ("Replica identity", "refuse", "full"));
    tty.wait("Run check judges it");
    tty.tab_to("▐ Run check ▌");
    tty.send("\r");
    tty.wait_for("the choice judged", |screen| {
        screen.contains("Continue") && !screen.contains("Run check judges it")
    });
    tty.tab_to("▐ Continue ▌");
    tty.send("\r");
    tty.wait("What will happen");
    tty.tab_to("▌ Parallel copies");
    tty.send("3");
    choose(&mut tty, ("Target not empty", "refuse", "append"));
    tty.tab_to("▐ Start migration ▌");
    proxy.delay(Duration::from_millis(120));
    tty.send("\r");
    tty.wait("▶ running");
    tty.send("s");
    tty.wait("▐ Go on ▌");
    tty.send("\t");
    tty.wait("▐ Stop migration ▌");
    tty.send("\r");
    tty.wait("■ Stopped at");
    proxy.delay(Duration::ZERO);
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}

#[test]
fn another_window_knows_what_was_chosen() {
    let pair = pair("logical");
    pair.source.psql("postgres", "CREATE DATABASE aside").unwrap();
    pair.source.psql("shop", "CREATE TABLE notes (day int, note text)").unwrap();
    let proxy = Proxy::start(pair.source.port());
    stopped(&pair, &proxy);
    let mut tty = wizard(&pair);
    tty.wait("■ Stopped");
    tty.send("\r");
    tty.wait("■ Stopped at");
    tty.tab_to("▐ Start over ▌");
    tty.send("\r");
    tty.wait("Start over?");
    tty.send("\t\r");
    tty.wait("mine is taken; this is free");
    // By Enter alone, as nothing is left to be filled in or chosen.
    tty.press_to("\r", "Migrate from");
    tty.wait("[aside ");
    tty.wait("[shop.public.items ");
    tty.press_to("\r", "▐ Run check ▌");
    tty.send("\r");
    tty.wait("▐ Continue ▌");
    tty.wait("Replica identity  ← full →");
    tty.send("\r");
    tty.wait("What will happen");
    tty.wait("Parallel copies   [3 ");
    tty.wait("Target not empty  ← append →");
    tty.tab_to("▐ Start migration ▌");
    tty.send("\r");
    tty.wait("mine_2: Replication mode active");
    let (before, now) = (plan(&pair, "mine"), plan(&pair, "mine_2"));
    let chosen = |plan: &Plan| {
        (plan.scope.clone(), plan.jobs, plan.replication.identity, plan.policies.target_not_empty)
    };
    assert_eq!(chosen(&before), chosen(&now));
    assert_eq!((&now.source, &now.target), (&before.source, &before.target));
    let (scope, jobs, identity, not_empty) = chosen(&before);
    assert_eq!((jobs, identity, not_empty), (Some(3), IdentityPolicy::Full, TargetPolicy::Append));
    assert_eq!(scope.excluded_databases, ["aside"]);
    assert_eq!(scope.tables.skipped(), ["shop.public.items"]);
    assert_eq!(pair.target.psql("shop", "SELECT count(*) FROM items").unwrap(), "0");
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}
