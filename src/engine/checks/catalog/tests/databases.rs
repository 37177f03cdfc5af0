//! What makes the checks of single databases speak.

use super::{Case, database, database_facts, remark, role, says, versions};
use crate::engine::checks::facts::{Facts, InDatabase};
use crate::model::check::Severity::{Blocker, Info, Warning};
use crate::model::failure::Failure;
use crate::model::filter::{TablePattern, TableScope};
use crate::model::plan::{Plan, TargetPolicy};
use crate::model::units::TableName;
use crate::pg::facts::extensions::{Available, Extension, Language};
use crate::pg::facts::relations::{ActiveTrigger, ForeignKey, UserObject};
use crate::pg::facts::remarks::{Question, Remark};
use crate::pg::facts::replication::objects::PublicationFacts;
use crate::pg::facts::replication::tables::{CandidateKind, IdentitySetting, PublishCandidate};

/// One table with a primary key, but for what is changed.
pub(super) fn table(facts: &mut Facts, change: impl FnOnce(&mut PublishCandidate)) {
    let mut table = PublishCandidate {
        oid: 16384,
        name: TableName::new("s", "t"),
        kind: CandidateKind::Plain,
        root: None,
        extension: None,
        owner: "other".into(),
        owned: true,
        identity: IdentitySetting::Default,
        identity_index: Some("t_pkey".into()),
        candidate_index: None,
        full_obstacles: Vec::new(),
        publications: Vec::new(),
        changes: 0,
    };
    change(&mut table);
    database(facts).tables = Some(Ok(vec![table]));
}

fn extension(facts: &mut Facts, name: &str) {
    let extension = Extension {
        name: name.into(),
        version: "2.0".into(),
        schema: "public".into(),
        configuration: vec!["public.conf".into()],
    };
    database(facts).extensions = Some(Ok(vec![extension]));
}

fn available(facts: &mut Facts, change: impl FnOnce(&mut Available)) {
    let mut available =
        Available { default_version: Some("1.9".into()), superuser: true, ..Available::default() };
    change(&mut available);
    facts.target.extensions = Ok([("hstore".to_owned(), available)].into_iter().collect());
}

fn plain_users(facts: &mut Facts) {
    facts.source.server.superuser = false;
    facts.target.server.superuser = false;
}

fn on_target(facts: &mut Facts, there: InDatabase) {
    facts.databases[0].candidate.on_target = Some(database_facts("shop"));
    facts.databases[0].target = Some(Ok(there));
}

fn only_t() -> TableScope {
    TableScope::Only(vec![TablePattern { database: None, schema: None, table: "t".into() }])
}

fn objects() -> InDatabase {
    let theirs = UserObject { kind: "table".into(), name: TableName::new("public", "theirs") };
    InDatabase { objects: Some(Ok(vec![theirs])), ..InDatabase::default() }
}

pub(super) const CASES: [Case; 85] = [
    ("source-databases", Blocker, |f, _| f.databases[0].source = Err(Failure::refused("closed"))),
    ("readable", Blocker, |f, _| {
        plain_users(f);
        says(f, Question::Unreadable, "table");
    }),
    ("row-security", Blocker, |f, _| {
        plain_users(f);
        says(f, Question::RowSecurity, "row security");
    }),
    ("large-objects-readable", Warning, |f, _| {
        says(f, Question::Surroundings, "unreadable large objects");
    }),
    ("target-rights", Blocker, |f, _| {
        on_target(f, InDatabase { creates: Some(Ok(false)), ..InDatabase::default() });
    }),
    ("target-databases", Blocker, |f, _| f.databases[0].target = Some(Err(Failure::refused("closed")))),
    ("target-empty", Blocker, |f, _| on_target(f, objects())),
    ("target-empty", Warning, |f, p| {
        on_target(f, objects());
        p.policies.target_not_empty = TargetPolicy::Append;
    }),
    ("pg-dump", Blocker, |f, p| {
        on_target(f, objects());
        p.policies.target_not_empty = TargetPolicy::Append;
        versions(f, 14, 16);
        f.tool.as_mut().unwrap().version.major = 15;
    }),
    ("encoding", Warning, |f, _| {
        on_target(f, InDatabase::default());
        f.databases[0].candidate.facts.encoding = "LATIN1".into();
    }),
    ("locale", Warning, |f, _| {
        on_target(f, InDatabase::default());
        f.databases[0].candidate.facts.collate = "de_DE".into();
    }),
    ("locale", Info, |f, _| f.databases[0].candidate.facts.collate = "xx_XX".into()),
    ("locale", Warning, |f, _| {
        versions(f, 15, 14);
        f.databases[0].candidate.facts.provider = super::LocaleProvider::Icu;
    }),
    ("leftovers", Warning, |f, _| {
        let ours = PublicationFacts {
            name: "pgpassage_x_shop_pub".into(),
            database: "shop".into(),
            owner: "o".into(),
            owned: true,
            all_tables: false,
            tables: 1,
        };
        database(f).publications = Some(Ok(vec![ours]));
    }),
    ("languages", Blocker, |f, _| {
        plain_users(f);
        let language = Language { name: "foo".into(), trusted: false, extension: None };
        database(f).languages = Some(Ok(vec![language]));
    }),
    ("languages", Blocker, |f, _| {
        let language = Language { name: "plfoo".into(), trusted: true, extension: Some("plfoo".into()) };
        database(f).languages = Some(Ok(vec![language]));
    }),
    ("extensions-available", Blocker, |f, _| extension(f, "nowhere")),
    ("extension-versions", Warning, |f, _| {
        extension(f, "hstore");
        available(f, |_| {});
    }),
    ("extensions-installable", Blocker, |f, _| {
        plain_users(f);
        extension(f, "hstore");
        available(f, |_| {});
    }),
    ("extension-rows", Info, |f, _| extension(f, "postgis")),
    ("special-extensions", Warning, |f, _| extension(f, "timescaledb")),
    ("replica-identity", Blocker, |f, _| table(f, |t| t.identity_index = None)),
    ("replica-identity", Info, |f, p| {
        table(f, |t| t.identity_index = None);
        p.replication.identity = crate::model::plan::IdentityPolicy::Full;
    }),
    ("identity-full", Blocker, |f, _| {
        table(f, |t| {
            t.identity = IdentitySetting::Full;
            t.full_obstacles = vec!["j json".into()];
        });
    }),
    ("publishable", Blocker, |f, _| table(f, |t| t.owned = false)),
    ("publishable", Blocker, |f, _| database(f).creates = Some(Ok(false))),
    ("publishable", Blocker, |f, _| database(f).publishes = Some(Err("no".into()))),
    ("publishable", Blocker, |f, _| database(f).survey = Some(Ok(Err(Failure::refused("parts"))))),
    ("subscription-right", Blocker, |f, _| f.databases[0].subscribes = Err(Failure::refused("no"))),
    ("unlogged", Warning, |f, _| says(f, Question::Relations, "unlogged table")),
    ("large-objects", Warning, |f, _| says(f, Question::Surroundings, "large objects")),
    ("sequences", Info, |f, _| says(f, Question::Relations, "sequence")),
    ("materialized-views", Info, |f, _| says(f, Question::Relations, "materialized view")),
    ("materialized-views", Info, |f, _| says(f, Question::Relations, "unpopulated view")),
    ("generated", Info, |f, _| says(f, Question::Columns, "generated")),
    ("generated", Info, |f, _| says(f, Question::Columns, "identity")),
    ("partitions", Info, |f, _| says(f, Question::Relations, "partitioned table")),
    ("partitions", Warning, |f, _| {
        versions(f, 12, 15);
        says(f, Question::Relations, "partitioned table");
    }),
    ("partitions", Info, |f, _| says(f, Question::Relations, "inheritance")),
    ("constraints", Info, |f, _| says(f, Question::Constraints, "deferrable key")),
    ("constraints", Info, |f, _| says(f, Question::Constraints, "exclusion")),
    ("constraints", Info, |f, _| says(f, Question::Constraints, "not valid")),
    ("triggers", Warning, |f, _| says(f, Question::Constraints, "trigger")),
    ("triggers", Warning, |f, _| says(f, Question::Constraints, "rule")),
    ("left-behind", Info, |f, p| {
        database(f).names = Some(Ok(vec![TableName::new("s", "t"), TableName::new("s", "u")]));
        p.scope.tables = only_t();
    }),
    ("left-behind", Warning, |f, p| {
        let key = ForeignKey {
            table: TableName::new("s", "t"),
            name: "k".into(),
            columns: Vec::new(),
            referenced: TableName::new("s", "u"),
            referenced_columns: Vec::new(),
            operators: Vec::new(),
        };
        database(f).foreign_keys = Some(Ok(vec![key]));
        p.scope.tables = only_t();
    }),
    ("foreign-tables", Info, |f, _| says(f, Question::Relations, "foreign table")),
    ("large-tables", Info, |f, _| says(f, Question::Relations, "large table")),
    ("invalid-indexes", Warning, |f, _| says(f, Question::Relations, "invalid index")),
    ("superuser-objects", Blocker, |f, _| {
        plain_users(f);
        says(f, Question::Programs, "C function");
    }),
    ("libraries", Warning, |f, _| {
        says(f, Question::Programs, "C function");
        let (_, said) = super::database(f).remarks.last_mut().unwrap();
        said.as_mut().unwrap()[0].detail = Some("$libdir/mine".into());
    }),
    ("compression", Blocker, |f, _| {
        f.target.standing.as_mut().unwrap().compressions = vec!["pglz".into()];
        says(f, Question::Columns, "compressed with lz4");
    }),
    ("generated-inheritance", Blocker, |f, _| {
        versions(f, 15, 16);
        says(f, Question::Columns, "generated in the child only");
    }),
    ("owners", Warning, |f, _| {
        plain_users(f);
        says(f, Question::Owners, "function");
    }),
    ("event-triggers", Info, |f, _| says(f, Question::Surroundings, "event trigger")),
    ("event-triggers", Warning, |f, _| {
        plain_users(f);
        says(f, Question::Surroundings, "event trigger");
    }),
    ("foreign-servers", Info, |f, _| says(f, Question::Surroundings, "foreign server")),
    ("foreign-servers", Warning, |f, _| says(f, Question::Surroundings, "user mapping")),
    ("foreign-servers", Warning, |f, _| {
        plain_users(f);
        f.target.keeps = Ok(Some("its log"));
        says(f, Question::Surroundings, "user mapping");
        let Some((_, Ok(remarks))) = database(f).remarks.last_mut() else { return };
        remarks[0].detail = None;
    }),
    ("publications", Info, |f, _| says(f, Question::Surroundings, "publication")),
    ("public-schema", Info, |f, _| says(f, Question::PublicSchema, "public")),
    ("search-path", Warning, |f, _| {
        versions(f, 15, 17);
        says(f, Question::SearchPath, "function");
    }),
    ("labels", Warning, |f, _| says(f, Question::Surroundings, "security label")),
    ("removed-types", Blocker, |f, _| {
        versions(f, 11, 12);
        says(f, Question::Types, "abstime");
    }),
    ("oids", Blocker, |f, _| {
        versions(f, 11, 12);
        says(f, Question::WithOids, "with oids");
    }),
    ("array-functions", Blocker, |f, _| {
        versions(f, 13, 14);
        says(f, Question::Programs, "array aggregate");
    }),
    ("postfix-operators", Blocker, |f, _| {
        versions(f, 13, 14);
        says(f, Question::Programs, "postfix operator");
    }),
    ("conversions", Warning, |f, _| {
        versions(f, 13, 14);
        says(f, Question::Programs, "conversion");
    }),
    ("not-null-inheritance", Blocker, |f, _| {
        versions(f, 17, 18);
        says(f, Question::Columns, "child without not null");
    }),
    ("newer-versions", Blocker, |f, _| {
        versions(f, 18, 19);
        f.databases[0].candidate.facts.name = "a\rb".into();
    }),
    ("newer-versions", Info, |f, _| {
        versions(f, 18, 19);
        says(f, Question::Relations, "inet index");
    }),
    ("removed-settings", Blocker, |f, _| {
        versions(f, 18, 19);
        let gone = Remark {
            part: Some("standard_conforming_strings".into()),
            detail: Some("off".into()),
            ..remark("function setting")
        };
        database(f).remarks.push((Question::FunctionSettings, Ok(vec![gone])));
    }),
    ("mixed-collations", Blocker, |f, _| {
        versions(f, 17, 18);
        says(f, Question::Constraints, "mixed collations");
    }),
    ("unlogged-partitioned", Blocker, |f, _| {
        versions(f, 17, 18);
        says(f, Question::Relations, "unlogged partitioned table");
    }),
    ("reg-types", Info, |f, _| says(f, Question::Types, "regclass")),
    ("collations", Warning, |f, _| says(f, Question::Columns, "collation")),
    ("collation-versions", Warning, |f, _| says(f, Question::Surroundings, "collation version")),
    ("order", Info, |f, _| says(f, Question::Order, "range partitions")),
    ("sql-ascii", Warning, |f, _| f.databases[0].candidate.facts.encoding = "SQL_ASCII".into()),
    ("expired-roles", Info, |f, _| {
        f.source.roles =
            Ok(vec![super::RoleFacts { valid_until: Some("2030-01-01".into()), ..role("guest") }]);
    }),
    ("binary", Info, |f, _| says(f, Question::Columns, "no binary form")),
    ("hold-triggers", Warning, |f, _| {
        plain_users(f);
        says(f, Question::Relations, "unlogged table");
    }),
    ("hold-triggers", Warning, |f, _| {
        plain_users(f);
        let Some(Ok(Ok(survey))) = &mut database(f).survey else { return };
        survey.skipped.push(TableName::new("s", "t"));
    }),
    ("hold-triggers", Blocker, |f, p| {
        plain_users(f);
        filled(f, p, |_| {});
    }),
    ("hold-triggers", Blocker, |f, p| filled(f, p, |trigger| trigger.fires_as_replica = true)),
];

/// Rows go into a table that is there, and has a trigger.
fn filled(facts: &mut Facts, plan: &mut Plan, change: impl FnOnce(&mut ActiveTrigger)) {
    plan.policies.target_not_empty = TargetPolicy::Append;
    let table = TableName::new("s", "t");
    database(facts).names = Some(Ok(vec![table.clone()]));
    let mut trigger = ActiveTrigger { table, trigger: "noted".into(), fires_as_replica: false };
    change(&mut trigger);
    on_target(facts, InDatabase { triggers: Some(Ok(vec![trigger])), ..InDatabase::default() });
}

#[test]
fn who_may_set_it_holds_triggers_off() {
    let (mut facts, mut plan) = (super::calm(), super::plan());
    plain_users(&mut facts);
    filled(&mut facts, &mut plan, |_| {});
    let check = super::all().find(|c| c.id == "hold-triggers").unwrap();
    assert_eq!(super::judge(check, &facts, &plan).unwrap().len(), 1);
    facts.target.settable = Ok(vec!["session_replication_role".into()]);
    assert_eq!(super::judge(check, &facts, &plan), Ok(Vec::new()));
    // What is not copied may have what it likes.
    facts.target.settable = Ok(Vec::new());
    plan.scope.tables =
        TableScope::Except(vec![TablePattern { database: None, schema: None, table: "t".into() }]);
    assert_eq!(super::judge(check, &facts, &plan), Ok(Vec::new()));
    // Nor is it known of a provider's server before 15.
    plan.scope.tables = TableScope::All;
    versions(&mut facts, 13, 14);
    facts.target.provider = super::Provider::Rds;
    assert!(super::judge(check, &facts, &plan).is_err());
}

#[test]
fn a_trusted_extension_needs_no_superuser() {
    let mut facts = super::calm();
    plain_users(&mut facts);
    extension(&mut facts, "hstore");
    available(&mut facts, |a| a.trusted = true);
    let check = super::all().find(|c| c.id == "extensions-installable").unwrap();
    assert_eq!(super::judge(check, &facts, &super::plan()), Ok(Vec::new()));
    available(&mut facts, |a| a.trusted = false);
    assert_eq!(super::judge(check, &facts, &super::plan()).unwrap().len(), 1);
    super::set(&mut facts.target, "extwlist.extensions", "citext,hstore");
    assert_eq!(super::judge(check, &facts, &super::plan()), Ok(Vec::new()));
}
