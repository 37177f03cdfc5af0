//! Every check as a table: calm facts about which it is silent, and what makes it speak.

mod databases;
mod servers;

use super::{Check, Judge, Judged, all};
use crate::engine::checks::facts::{Facts, InDatabase, Probes, SideFacts, SlotProbe, Wanted};
use crate::engine::checks::provider::Provider;
use crate::engine::database::Candidate;
use crate::engine::replicate::means::Subscriber;
use crate::model::check::Severity;
use crate::model::endpoint::{Endpoint, Host};
use crate::model::plan::{
    FORMAT, Fallback, Method, MethodPolicy, Plan, Policies, ReplicationPlan, Scope, ToolPlaces,
};
use crate::model::remedy::{Step, steps};
use crate::model::units::ServerVersion;
use crate::pg::facts::databases::{DatabaseFacts, LocaleProvider};
use crate::pg::facts::remarks::{Question, Remark};
use crate::pg::facts::replication::server::{ReplicationFacts, Rights, Supply};
use crate::pg::facts::roles::RoleFacts;
use crate::pg::facts::server::{Identity, ServerFacts};
use crate::pg::facts::standing::{Settings, Standing};
use crate::pg::tools::{Tool, ToolVersion};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What makes a check speak, and how loudly.
type Case = (&'static str, Severity, fn(&mut Facts, &mut Plan));

#[test]
fn every_check_speaks_when_it_should_and_is_silent_otherwise() {
    let cases: Vec<&Case> = servers::CASES.iter().chain(&databases::CASES).collect();
    for (id, wanted, disturb) in &cases {
        let check = all().find(|c| c.id == *id).unwrap_or_else(|| panic!("there is no check {id}"));
        let (mut facts, mut plan) = (calm(), plan());
        assert_eq!(judge(check, &facts, &plan), Ok(Vec::new()), "{id} speaks without a reason");
        disturb(&mut facts, &mut plan);
        let found = judge(check, &facts, &plan).unwrap_or_else(|e| panic!("{id}: {e:?}"));
        for finding in &found {
            is_by_convention(&finding.fix);
        }
        let worst = found.iter().map(|f| f.severity).max();
        assert_eq!(worst, Some(*wanted), "{id}: {found:?}");
    }
    // Reaching both servers is not judged from facts: without it there are none.
    let silent = all().filter(|c| c.id != super::CONNECT && !cases.iter().any(|(id, ..)| *id == c.id));
    assert_eq!(silent.map(|c| c.id).collect::<Vec<_>>(), Vec::<&str>::new(), "checks without a case");
}

#[test]
fn ids_are_words_that_stand_for_one_check() {
    let ids: Vec<_> = all().map(|c| c.id).collect();
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len());
    let legal = |id: &&str| {
        !id.is_empty() && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    assert!(ids.iter().all(legal), "{ids:?}");
    for check in all() {
        assert!(check.what.ends_with('.') && !check.title.is_empty(), "{}", check.id);
        for provider in Provider::ALL {
            assert!(!check.fix.text(provider).is_empty(), "{}", check.id);
            is_by_convention(&check.fix.text(provider));
        }
    }
}

/// A statement of a fix stands after its server and ends in a semicolon: else it is taken for words, and nobody can run it.
fn is_by_convention(fix: &str) {
    const VERBS: [&str; 6] = ["ALTER", "GRANT", "CREATE", "DROP", "SELECT", "REVOKE"];
    for step in steps(fix) {
        if let Step::Words { text, .. } = step {
            let mut words = text.split_whitespace();
            assert!(!text.contains(';') || !words.any(|word| VERBS.contains(&word)), "{fix}: {text}");
        }
    }
}

/// Without any fact that could be unknown: each check that needs one says so, and none fails.
#[test]
fn what_is_not_known_is_not_judged() {
    let lost = || "a privilege is missing".to_owned();
    let mut facts = calm();
    for side in [&mut facts.source, &mut facts.target] {
        side.server.superuser = false;
        side.standing = Err(lost());
        side.settings = Err(lost());
        side.replication = Err(lost());
        side.slots = Err(lost());
        side.subscriptions = Err(lost());
        side.transactions = Err(lost());
        side.roles = Err(lost());
        side.memberships = Err(lost());
        side.parameter_privileges = Err(lost());
        side.settable = Err(lost());
        side.passwords = Err(lost());
        side.extensions = Err(lost());
        side.languages = Err(lost());
        side.collations = Err(lost());
        side.remarks = Err(lost());
        side.keeps = Err(lost());
        side.template = Err(lost());
    }
    let here = database(&mut facts);
    here.remarks = [Question::Relations, Question::Surroundings, Question::Columns, Question::Constraints]
        .map(|question| (question, Err(lost())))
        .to_vec();
    here.extensions = Some(Err(lost()));
    here.languages = Some(Err(lost()));
    here.tables = Some(Err(lost()));
    let unknown = all().filter(|c| judge(c, &facts, &plan()).is_err()).count();
    assert!(unknown > 35, "{unknown}");
}

fn judge(check: &Check, facts: &Facts, plan: &Plan) -> Judged {
    match check.judge {
        Judge::Servers(judge) => judge(facts, plan),
        Judge::Database(judge) => judge(facts, &facts.databases[0], plan),
    }
}

fn plan() -> Plan {
    let at = |port| Endpoint::new(Host::Unix(PathBuf::from("/tmp")), port, "mover");
    Plan {
        format: FORMAT,
        id: "x".into(),
        home: PathBuf::from("/"),
        source: at(1),
        target: at(2),
        scope: Scope::default(),
        method: MethodPolicy::Auto(Fallback::Dump),
        replication: ReplicationPlan::default(),
        policies: Policies::default(),
        jobs: None,
        split_from_bytes: None,
        max_total_bytes: None,
        tools: ToolPlaces::default(),
        only_checks: true,
        skipped_checks: Vec::new(),
        selected_checks: Vec::new(),
        target_disk_bytes: None,
        keep_snapshot_s: None,
        again: None,
    }
}

/// Two good servers of version 15, one empty database that is to be moved.
fn calm() -> Facts {
    let candidate = Candidate {
        facts: database_facts("shop"),
        on_target: None,
        occupied: false,
        defaults: Vec::new(),
        method: Method::Replication,
        fell_back: None,
        blocked: None,
    };
    let source = InDatabase { survey: Some(Ok(Ok(Default::default()))), ..InDatabase::default() };
    Facts {
        source: side("1", 1),
        target: side("2", 2),
        tool: Ok(Tool { path: PathBuf::from("/pg_dump"), version: ToolVersion { major: 18, minor: 6 } }),
        databases: vec![Wanted { candidate, source: Ok(source), target: None, subscribes: Ok(()) }],
        left_out: Vec::new(),
        probes: Probes { slot: SlotProbe::Made, means: Ok(Subscriber::OurUser), wal_bytes_per_s: Ok(0) },
    }
}

fn side(identifier: &str, port: u16) -> SideFacts {
    let host = Host::Tcp { name: "localhost".into(), addr: None };
    SideFacts {
        server: ServerFacts {
            version: ServerVersion(150_018),
            user: "mover".into(),
            superuser: true,
            may_create_roles: true,
            may_create_databases: true,
            reads_passwords: true,
            in_recovery: false,
            maintenance_work_mem_kb: 65536,
            shared_buffers_kb: 131_072,
            free_connections: 97,
            cores: Some(2),
            identity: Some(Identity { system_identifier: identifier.into(), started: "0".into() }),
        },
        databases: vec![database_facts("shop")],
        hosts: vec![crate::model::endpoint::HostSpec { host, port }],
        provider: Provider::SelfHosted,
        standing: Ok(Standing { connection_limit: -1, encrypted: true, ..Standing::default() }),
        free_bytes: Some(1 << 40),
        last_pid: Ok(0),
        settings: Ok(Settings::default()
            .with("max_locks_per_transaction", "64")
            .with("max_connections", "100")
            .with("wal_level", "logical")),
        replication: Ok(replication()),
        slots: Ok(Vec::new()),
        subscriptions: Ok(Vec::new()),
        transactions: Ok(Vec::new()),
        roles: Ok(Vec::new()),
        memberships: Ok(Vec::new()),
        parameter_privileges: Ok(Vec::new()),
        settable: Ok(Vec::new()),
        passwords: Ok(Vec::new()),
        extensions: Ok(BTreeMap::new()),
        languages: Ok(Vec::new()),
        collations: Ok(BTreeSet::new()),
        remarks: Ok(Vec::new()),
        keeps: Ok(None),
        template: Ok(Vec::new()),
    }
}

fn replication() -> ReplicationFacts {
    let supply = Supply { max: 10, used: 0 };
    let rights =
        Rights { superuser: true, replication: true, create_subscription: true, create_in_database: true };
    ReplicationFacts {
        wal_level: "logical".into(),
        raises_wal_level: false,
        slots: supply,
        senders: supply,
        logical_workers: supply,
        origins: supply,
        max_worker_processes: 16,
        max_sync_workers: 2,
        max_parallel_workers: None,
        max_slot_wal_keep_bytes: None,
        wal_sender_timeout_ms: Some(60_000),
        idle_slot_timeout_ms: None,
        rights,
    }
}

fn database_facts(name: &str) -> DatabaseFacts {
    DatabaseFacts {
        name: name.into(),
        allows_connections: true,
        is_template: false,
        may_connect: true,
        encoding: "UTF8".into(),
        collate: "C".into(),
        ctype: "C".into(),
        provider: LocaleProvider::Libc,
        locale: None,
        icu_rules: None,
        owner: "mover".into(),
        tablespace: None,
        size_bytes: Some(1 << 30),
    }
}

fn role(name: &str) -> RoleFacts {
    RoleFacts {
        name: name.into(),
        is_bootstrap: false,
        superuser: false,
        inherit: true,
        create_role: false,
        create_database: false,
        login: true,
        replication: false,
        bypass_rls: false,
        connection_limit: -1,
        valid_until: None,
        comment: None,
    }
}

/// The source's database.
fn database(facts: &mut Facts) -> &mut InDatabase {
    facts.databases[0].source.as_mut().unwrap()
}

fn remark(kind: &str) -> Remark {
    Remark {
        kind: kind.into(),
        schema: "s".into(),
        name: "t".into(),
        part: Some("c".into()),
        detail: Some(kind.into()),
    }
}

/// The source's database has this to say.
fn says(facts: &mut Facts, question: Question, kind: &str) {
    database(facts).remarks.push((question, Ok(vec![remark(kind)])));
}

/// From a version to another one.
fn versions(facts: &mut Facts, from: u32, to: u32) {
    facts.source.server.version = ServerVersion(from * 10_000);
    facts.target.server.version = ServerVersion(to * 10_000);
}

fn set(facts: &mut SideFacts, name: &str, value: &str) {
    let settings = facts.settings.clone().unwrap();
    facts.settings = Ok(settings.with(name, value));
}
