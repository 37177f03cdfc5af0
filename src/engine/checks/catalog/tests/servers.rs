//! What makes the checks of servers speak.

use super::{Case, database_facts, remark, role, set, versions};
use crate::engine::checks::facts::{Facts, SlotProbe};
use crate::model::check::Severity::{Blocker, Info, Warning};
use crate::model::endpoint::Host;
use crate::model::failure::Failure;
use crate::model::filter::{TablePattern, TableScope};
use crate::model::plan::Keep;
use crate::pg::facts::replication::objects::{SlotFacts, SlotHealth, SubscriptionFacts};
use crate::pg::facts::replication::watch::Other;
use crate::pg::facts::roles::{Membership, ParameterPrivilege};

fn slot(name: &str) -> SlotFacts {
    SlotFacts {
        name: name.into(),
        database: None,
        plugin: None,
        temporary: false,
        active: false,
        active_pid: None,
        restart_lsn: None,
        confirmed_flush_lsn: None,
        health: SlotHealth { wal_status: None, safe_wal_bytes: None, invalidation_reason: None },
        retained_bytes: None,
    }
}

fn subscription(name: &str) -> SubscriptionFacts {
    SubscriptionFacts {
        name: name.into(),
        database: "shop".into(),
        owner: "o".into(),
        owned: true,
        enabled: true,
        slot: None,
        publications: Vec::new(),
        worker: None,
    }
}

fn transaction(facts: &mut Facts, pid: Option<i32>, age_s: u64) {
    facts.source.transactions = Ok(vec![Other {
        pid,
        user: "app".into(),
        application: String::new(),
        database: "shop".into(),
        state: "idle in transaction".into(),
        transaction_age_s: Some(age_s),
        query: "gid".into(),
    }]);
}

fn host(facts: &mut Facts, name: &str, addr: &str) {
    facts.source.hosts[0].host = Host::Tcp { name: name.into(), addr: addr.parse().ok() };
}

fn replication(facts: &mut Facts) -> &mut crate::pg::facts::replication::server::ReplicationFacts {
    facts.source.replication.as_mut().unwrap()
}

pub(super) const CASES: [Case; 77] = [
    ("tls", Warning, |f, _| {
        host(f, "db", "10.0.0.1");
        f.source.standing.as_mut().unwrap().encrypted = false;
    }),
    ("pooler", Warning, |f, _| f.source.hosts[0].port = 6432),
    ("pooler", Warning, |f, _| host(f, "ep-1-pooler.eu.neon.tech", "")),
    ("pooler", Blocker, |f, _| f.source.last_pid = Ok(7)),
    ("ipv6", Warning, |f, _| {
        host(f, "db", "2001:db8::1");
        f.target.hosts[0].host = Host::Tcp { name: "t".into(), addr: "10.0.0.1".parse().ok() };
    }),
    ("pg-dump", Blocker, |f, _| f.tool = Err("no pg_dump".into())),
    ("pg-dump", Warning, |f, _| f.tool.as_mut().unwrap().version.minor = 1),
    ("connections", Warning, |f, _| f.target.server.free_connections = 2),
    ("connections", Warning, |f, _| f.source.standing.as_mut().unwrap().connection_limit = 3),
    ("timeouts", Warning, |f, _| set(&mut f.source, "statement_timeout", "5000")),
    ("clock", Info, |f, _| f.source.standing.as_mut().unwrap().clock_ms = 3_600_000),
    ("same-server", Blocker, |f, _| {
        f.target.server.identity = f.source.server.identity.clone();
    }),
    ("same-server", Blocker, |f, _| {
        f.target.server.identity = None;
        f.target.hosts = f.source.hosts.clone();
    }),
    ("physical-copy", Warning, |f, _| {
        f.target.server.identity = f.source.server.identity.clone();
        f.target.server.identity.as_mut().unwrap().started = "1".into();
    }),
    ("versions", Blocker, |f, _| versions(f, 15, 14)),
    ("versions", Blocker, |f, _| versions(f, 9, 14)),
    ("older-target", Warning, |f, p| {
        versions(f, 15, 14);
        p.policies.version_check = Keep::No;
    }),
    ("target-writable", Blocker, |f, _| f.target.server.in_recovery = true),
    ("database-names", Blocker, |_, p| p.scope.databases.push("Shop".into())),
    ("database-names", Blocker, |f, _| f.databases.clear()),
    ("filter", Info, |_, p| p.scope.excluded_databases.push("nowhere".into())),
    ("template1", Warning, |f, _| f.source.template = Ok(vec!["extension hstore".into()])),
    ("system-databases", Info, |f, _| f.left_out.push("rdsadmin".into())),
    ("create-databases", Blocker, |_, p| p.policies.create_databases = Keep::No),
    ("create-databases", Blocker, |f, _| {
        f.target.server.superuser = false;
        f.target.server.may_create_databases = false;
    }),
    ("table-filter", Blocker, |_, p| {
        let nowhere = TablePattern { database: None, schema: None, table: "nowhere".into() };
        p.scope.tables = TableScope::Only(vec![nowhere]);
    }),
    ("provider", Info, |f, _| f.target.provider = super::Provider::Aiven),
    ("total-size", Blocker, |_, p| p.max_total_bytes = Some(1)),
    ("disk", Blocker, |f, _| f.target.free_bytes = Some(1 << 30)),
    ("disk", Info, |f, _| f.target.free_bytes = None),
    ("disk", Blocker, |_, p| p.target_disk_bytes = Some(1)),
    ("sizes-known", Info, |f, _| f.databases[0].candidate.facts.size_bytes = None),
    ("locks", Warning, |f, _| {
        set(&mut f.source, "max_connections", "0");
        super::databases::table(f, |_| {});
    }),
    ("create-roles", Warning, |f, _| {
        f.target.server.superuser = false;
        f.target.server.may_create_roles = false;
    }),
    ("user-expiry", Warning, |f, _| f.source.standing.as_mut().unwrap().valid_for_s = Some(60)),
    ("user-expiry", Info, |f, _| f.source.standing.as_mut().unwrap().valid_for_s = Some(200_000)),
    ("leftovers", Warning, |f, _| f.source.slots = Ok(vec![slot("pgpassage_x_shop_slot")])),
    ("leftovers", Info, |f, _| {
        f.source.slots = Ok(vec![SlotFacts { active: true, ..slot("pgpassage_x_shop_slot") }]);
        f.target.subscriptions = Ok(vec![subscription("pgpassage_x_shop_sub")]);
    }),
    ("leftovers", Warning, |f, _| f.target.subscriptions = Ok(vec![subscription("pgpassage_x_shop_sub")])),
    ("target-read-only", Warning, |f, _| {
        let on = super::Remark {
            name: "default_transaction_read_only".into(),
            detail: Some("on".into()),
            ..remark("setting")
        };
        f.target.remarks = Ok(vec![on]);
    }),
    ("statement-guards", Info, |f, _| set(&mut f.target, "shared_preload_libraries", "x, aiven_gatekeeper")),
    ("wal-level", Blocker, |f, _| replication(f).wal_level = "replica".into()),
    ("standby-source", Blocker, |f, _| f.source.server.in_recovery = true),
    ("replication-right", Blocker, |f, _| {
        replication(f).rights.superuser = false;
        replication(f).rights.replication = false;
    }),
    ("slots", Blocker, |f, _| replication(f).slots.used = 10),
    ("wal-senders", Blocker, |f, _| replication(f).senders.used = 10),
    ("slot", Warning, |f, _| f.probes.slot = SlotProbe::Waited),
    ("slot", Blocker, |f, _| f.probes.slot = SlotProbe::Failed(Failure::refused("no"))),
    ("open-transactions", Warning, |f, _| transaction(f, Some(7), 31)),
    ("open-transactions", Blocker, |f, _| transaction(f, Some(7), 601)),
    ("prepared-transactions", Blocker, |f, _| transaction(f, None, 1)),
    ("wal-kept", Blocker, |f, _| {
        replication(f).max_slot_wal_keep_bytes = Some(1 << 20);
        f.probes.wal_bytes_per_s = Ok(1 << 20);
    }),
    ("wal-kept", Warning, |f, _| {
        let mut lost = slot("other");
        lost.health.wal_status = Some("lost".into());
        f.source.slots = Ok(vec![lost]);
    }),
    ("wal-rate", Info, |f, _| f.probes.wal_bytes_per_s = Ok(1)),
    ("idle-slots", Warning, |f, _| replication(f).idle_slot_timeout_ms = Some(60_000)),
    ("output-plugins", Blocker, |f, _| set(&mut f.source, "output_plugin_libraries", "wal2json")),
    ("sender-timeout", Warning, |f, _| replication(f).wal_sender_timeout_ms = Some(10_000)),
    ("sender-timeout", Info, |f, _| replication(f).wal_sender_timeout_ms = Some(0)),
    ("decoding", Warning, |f, _| set(&mut f.source, "synchronized_standby_slots", "s1")),
    ("workers", Blocker, |f, _| f.target.replication.as_mut().unwrap().logical_workers.used = 10),
    ("workers", Warning, |f, _| f.target.replication.as_mut().unwrap().max_worker_processes = 1),
    ("replication", Blocker, |f, _| f.probes.means = Err(Failure::refused("no way"))),
    ("tablespaces", Warning, |f, _| f.source.remarks = Ok(vec![remark("tablespace")])),
    ("subscriptions", Warning, |f, _| f.source.subscriptions = Ok(vec![subscription("theirs")])),
    ("wal-level", Blocker, |f, _| {
        versions(f, 19, 19);
        replication(f).wal_level = "minimal".into();
        replication(f).raises_wal_level = true;
    }),
    ("string-literals", Warning, |f, _| {
        versions(f, 18, 19);
        set(&mut f.source, "standard_conforming_strings", "off");
    }),
    ("role-names", Blocker, |f, _| {
        versions(f, 18, 19);
        f.source.roles = Ok(vec![role("a\nb")]);
    }),
    ("superuser-roles", Blocker, |f, _| {
        set(&mut f.target, "aiven.pg_security_agent_reserved_roles", "postgres,avnadmin");
        f.source.roles = Ok(vec![super::RoleFacts { superuser: true, ..role("boss") }]);
    }),
    ("role-attributes", Warning, |f, _| {
        f.target.server.superuser = false;
        f.source.roles = Ok(vec![super::RoleFacts { replication: true, ..role("standby") }]);
    }),
    ("reserved-roles", Warning, |f, _| f.source.roles = Ok(vec![role("rds_superuser")])),
    ("passwords", Warning, |f, _| {
        f.source.server.reads_passwords = false;
        f.source.roles = Ok(vec![role("app")]);
    }),
    ("role-settings", Info, |f, _| f.source.remarks = Ok(vec![remark("setting")])),
    ("role-settings", Warning, |f, _| {
        versions(f, 13, 14);
        let gone =
            super::Remark { name: "operator_precedence_warning".into(), ..remark("removable setting") };
        f.source.remarks = Ok(vec![gone]);
    }),
    ("parameter-privileges", Warning, |f, _| parameter_privilege(f)),
    ("parameter-privileges", Warning, |f, _| {
        f.target.server.superuser = true;
        versions(f, 15, 14);
        parameter_privilege(f);
    }),
    ("membership-grantors", Info, |f, _| membership(f)),
    ("membership-grantors", Info, |f, p| {
        membership(f);
        f.target.server.superuser = true;
        p.scope.excluded_roles.push("head".into());
    }),
];

fn parameter_privilege(facts: &mut Facts) {
    facts.target.server.superuser &= facts.to().major() < 15;
    facts.source.roles = Ok(vec![role("app")]);
    let privilege = ParameterPrivilege {
        parameter: "log_statement".into(),
        privilege: "SET".into(),
        grantable: false,
        grantee: Some("app".into()),
    };
    facts.source.parameter_privileges = Ok(vec![privilege]);
}

fn membership(facts: &mut Facts) {
    versions(facts, 16, 17);
    facts.target.server.superuser = false;
    facts.source.roles = Ok(vec![role("app"), role("staff"), role("head")]);
    let membership = Membership {
        role: "staff".into(),
        member: "app".into(),
        grantor: Some("head".into()),
        admin: false,
        inherit: Some(true),
        set: Some(true),
    };
    facts.source.memberships = Ok(vec![membership]);
}

#[test]
fn a_limit_is_not_kept_by_what_is_not_known() {
    let check = super::all().find(|c| c.id == "total-size").unwrap();
    let (mut facts, mut plan) = (super::calm(), super::plan());
    plan.max_total_bytes = Some(u64::MAX);
    assert_eq!(super::judge(check, &facts, &plan), Ok(Vec::new()));
    facts.databases[0].candidate.facts.size_bytes = None;
    assert!(matches!(super::judge(check, &facts, &plan), Err(super::super::Unjudged::Unknown(_))));
}

/// Not a case by itself: it keeps the helper honest.
#[test]
fn roles_that_are_there_are_not_made() {
    let mut facts = super::calm();
    facts.source.roles = Ok(vec![role("rds_superuser")]);
    facts.target.roles = Ok(vec![role("rds_superuser")]);
    facts.databases[0].candidate.on_target = Some(database_facts("shop"));
    let check = super::all().find(|c| c.id == "reserved-roles").unwrap();
    assert_eq!(super::judge(check, &facts, &super::plan()), Ok(Vec::new()));
}

/// What was not tried has not come through.
#[test]
fn the_way_back_is_not_called_open_where_nobody_went_it() {
    let check = super::all().find(|c| c.id == "replication").unwrap();
    let judged = |disturb: fn(&mut Facts)| {
        let mut facts = super::calm();
        disturb(&mut facts);
        super::judge(check, &facts, &super::plan())
    };
    assert_eq!(judged(|_| ()), Ok(Vec::new()));
    let moot = |judged| matches!(judged, Err(super::super::Unjudged::Moot(_)));
    assert!(moot(judged(|f| f.target.server.superuser = false)));
    assert!(moot(judged(|f| {
        replication(f).wal_level = "replica".into();
        f.probes.means = Err(Failure::refused("wal_level is replica on the source, not logical"));
    })));
}
