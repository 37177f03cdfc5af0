//! Every check of the catalogue has a real state of servers that makes it speak.
//!
//! That each is silent on good servers is shown for all of them at once, in `face`.

use super::with;
use crate::common::Pair;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

/// Files, tests in them, and the checks that speak there; each of these tests ends with [`speaks`].
const SPEAKS: [(&str, &str, &[&str]); 46] = [
    (
        "databases",
        "what_a_database_holds_is_told_and_every_fix_works",
        &[
            "replica-identity",
            "identity-full",
            "unlogged",
            "large-objects",
            "sequences",
            "generated",
            "partitions",
            "constraints",
            "triggers",
            "materialized-views",
            "foreign-tables",
            "invalid-indexes",
            "event-triggers",
            "foreign-servers",
            "publications",
            "labels",
            "reg-types",
            "order",
            "binary",
            "sql-ascii",
            "public-schema",
            "subscriptions",
        ],
    ),
    ("databases", "a_choice_of_tables_is_judged", &["left-behind", "table-filter"]),
    ("databases", "a_collation_of_another_version_is_recorded_as_told", &["collation-versions"]),
    (
        "servers",
        "a_source_that_cannot_be_followed_is_told_all_of_it_at_once",
        &["wal-level", "slots", "wal-senders", "sender-timeout", "workers", "decoding"],
    ),
    ("servers", "what_a_slot_waits_for_is_told_within_seconds", &["slot", "prepared-transactions"]),
    ("servers", "the_same_server_and_a_copy_are_told_apart", &["same-server"]),
    ("servers", "servers_that_cannot_be_reached_are_both_named", &["connect"]),
    (
        "servers",
        "room_names_and_sizes_are_judged",
        &["disk", "total-size", "create-databases", "filter", "database-names", "system-databases"],
    ),
    ("servers", "the_way_from_the_target_to_the_source_is_tried", &["replication"]),
    ("servers", "what_is_in_template1_is_told_before_and_in_the_result", &["template1"]),
    ("servers", "what_earlier_migrations_left_is_found", &["leftovers"]),
    ("servers", "a_slot_of_others_that_was_given_up_is_dropped_as_told", &["wal-kept"]),
    ("servers", "old_transactions_are_named_and_ended_as_told", &["open-transactions"]),
    (
        "rights",
        "a_plain_role_is_told_what_it_lacks_and_the_fixes_give_it",
        &[
            "source-databases",
            "readable",
            "row-security",
            "large-objects-readable",
            "create-roles",
            "user-expiry",
            "passwords",
            "role-attributes",
            "reserved-roles",
            "expired-roles",
            "role-settings",
            "replication-right",
            "publishable",
        ],
    ),
    (
        "target",
        "databases_that_are_there_are_judged",
        &["target-empty", "target-databases", "encoding", "locale", "target-read-only"],
    ),
    (
        "target",
        "extensions_and_languages_are_held_against_the_target",
        &["languages", "extensions-available", "extensions-installable", "extension-versions"],
    ),
    ("target", "what_only_a_superuser_makes_is_told_to_everybody_else", &["superuser-objects", "owners"]),
    ("target", "aivens_security_agent_decides_about_superusers", &["superuser-roles"]),
    ("target", "fixes_speak_the_providers_words", &["provider"]),
    (
        "versions",
        "what_12_14_and_18_took_away_stops_and_the_fixes_help",
        &[
            "oids",
            "removed-types",
            "array-functions",
            "postfix-operators",
            "not-null-inheritance",
            "conversions",
        ],
    ),
    (
        "versions",
        "what_17_and_18_see_otherwise_is_told",
        &["mixed-collations", "unlogged-partitioned", "search-path"],
    ),
    (
        "versions",
        "what_19_took_away_stops_and_the_fixes_help",
        &["newer-versions", "role-names", "string-literals", "removed-settings"],
    ),
    ("versions", "a_source_that_does_not_allow_our_output_plugin_is_told", &["output-plugins"]),
    ("versions", "slots_that_may_not_rest_are_told_from_18_on", &["idle-slots"]),
    ("versions", "an_older_target_is_refused_or_warned_about", &["versions", "older-target"]),
    (
        "versions",
        "from_16_on_a_plain_user_is_let_subscribe_as_told",
        &["subscription-right", "target-rights"],
    ),
    (
        "states",
        "standbys_are_no_targets_and_followed_by_nobody",
        &["standby-source", "target-writable", "physical-copy"],
    ),
    ("states", "an_address_on_a_poolers_port_is_doubted", &["pooler"]),
    ("states", "a_source_reached_by_ipv6_and_a_way_without_encryption_are_told", &["ipv6", "tls"]),
    ("states", "sizes_are_hidden_with_the_databases_and_told_to_who_may_read_statistics", &["sizes-known"]),
    ("states", "a_library_that_watches_over_statements_is_told", &["statement-guards"]),
    (
        "states",
        "extensions_with_ways_or_rows_of_their_own_are_told",
        &["special-extensions", "extension-rows"],
    ),
    ("states", "very_large_tables_are_told_with_their_size", &["large-tables"]),
    ("states", "tablespaces_that_the_target_lacks_are_told", &["tablespaces"]),
    ("states", "too_few_locks_and_connections_are_told_and_the_fixes_give_them", &["locks", "connections"]),
    ("states", "without_a_pg_dump_nothing_can_be_read", &["pg-dump"]),
    ("states", "a_limit_that_comes_with_each_session_cannot_be_lifted", &["timeouts"]),
    ("states", "a_clock_that_is_ahead_is_told", &["clock"]),
    ("states", "a_source_that_is_written_to_is_told_with_its_rate", &["wal-rate"]),
    ("states", "a_collation_that_the_target_lacks_is_told", &["collations"]),
    ("grants", "triggers_that_would_fire_refuse_a_database_and_the_grant_lets_it_in", &["hold-triggers"]),
    ("grants", "privileges_on_parameters_are_told_where_they_cannot_be_given", &["parameter-privileges"]),
    ("builds", "functions_in_c_name_their_libraries", &["libraries"]),
    ("builds", "columns_compressed_with_lz4_stop_where_the_target_lacks_it", &["compression"]),
    ("builds", "a_childs_generated_column_stops_from_16_on", &["generated-inheritance"]),
    ("grants", "who_granted_a_membership_is_told_where_it_does_not_come_along", &["membership-grantors"]),
];

thread_local! {
    /// What was reported so far; each test has a thread of its own.
    static SPOKEN: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

/// These checks had something to report.
pub(crate) fn note<'a>(ids: impl Iterator<Item = &'a str>) {
    SPOKEN.with_borrow_mut(|spoken| spoken.extend(ids.map(str::to_owned)));
}

/// The checks that are listed for this test were reported in it.
#[track_caller]
pub(crate) fn speaks(test: &str) {
    let (.., ids) = SPEAKS.iter().find(|(_, name, _)| *name == test).unwrap();
    SPOKEN.with_borrow(|spoken| {
        let mute: Vec<_> = ids.iter().filter(|id| !spoken.contains(**id)).collect();
        assert!(mute.is_empty(), "{mute:?} said nothing; these did: {spoken:?}");
    });
}

#[test]
fn every_check_speaks_somewhere() {
    let pair = Pair::of(with(&[]), with(&[]));
    let list = pair.program(&["explain"]).stdout;
    let catalogue: BTreeSet<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let mut covered = BTreeSet::new();
    for (file, test, ids) in SPEAKS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/check/{file}.rs"));
        let text = std::fs::read_to_string(&path).unwrap();
        let begin = format!("#[test]\nfn {test}() {{");
        let (_, after) = text.split_once(&begin).unwrap_or_else(|| panic!("{file} has no test {test}"));
        let (body, _) = after.split_once("\n}").unwrap();
        assert!(
            body.ends_with(&format!("    speaks(\"{test}\");")),
            "{test} does not look whether its checks spoke"
        );
        covered.extend(ids);
    }
    assert_eq!(covered, catalogue);
}
