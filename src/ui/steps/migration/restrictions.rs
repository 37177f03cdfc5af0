//! What logical replication does not carry of this source: what the checks found there, with numbers, and nothing else.

use crate::model::check::{Finding, Verdict};
use crate::model::plan::IdentityPolicy;
use crate::model::units::count_of;
use crate::ui::state::check::{Check, Way};
use crate::ui::widgets::form::identity;

/// Tables that are named; the rest are counted.
const NAMED: usize = 3;

/// The check that finds them, what they are called, and what becomes of them.
const KINDS: [(&str, &str, &str); 6] = [
    ("sequences", "sequence", "values are set when you close"),
    ("materialized-views", "materialized view", "refreshed when you close"),
    ("unlogged", "unlogged table", "changes do not follow, copied again when you close"),
    ("large-objects", "large object", "changes do not follow, copied again when you close"),
    ("generated", "generated column", "the target computes the values itself"),
    ("partitions", "partitioned table", "add and drop no partitions until you close"),
];

/// One sentence each, the one that always applies first.
pub fn restrictions(check: &Check, policy: IdentityPolicy) -> Vec<String> {
    let mut all = vec![
        "Logical replication carries rows and no DDL: definitions must not change until you close."
            .to_owned(),
    ];
    if check.possible.is_empty() {
        all.push("What else it does not carry of this source was not judged.".to_owned());
        return all;
    }
    for (id, noun, fate) in KINDS {
        let number: u64 = found(check, id).map(|finding| finding.not_carried).sum();
        if number > 0 {
            all.push(format!("{}: {fate}.", count_of(number, noun)));
        }
    }
    all.extend(without_identity(check, policy));
    if let Some(source) = check.run.source.as_ref().filter(|source| !source.version.at_least(11)) {
        all.push(format!("A TRUNCATE does not follow: the source is PostgreSQL {}.", source.version));
    }
    all.extend(unknown(check));
    all
}

/// What was found in databases that follow.
fn found<'a>(check: &'a Check, id: &'a str) -> impl Iterator<Item = &'a Finding> {
    check.run.findings.iter().filter(move |f| f.id == id && follows(check, f.database.as_deref()))
}

fn follows(check: &Check, database: Option<&str>) -> bool {
    let judged = check.possible.iter().find(|p| Some(p.database.as_str()) == database);
    judged.is_none_or(|possible| check.way(possible) == Way::Continuous)
}

fn without_identity(check: &Check, policy: IdentityPolicy) -> Option<String> {
    let tables = check.without_identity_in(|database| follows(check, database));
    if tables.is_empty() {
        return None;
    }
    let more = tables.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named = tables.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let (word, means) = identity(policy);
    let undone = match policy {
        IdentityPolicy::Index | IdentityPolicy::Full => {
            ". Their REPLICA IDENTITY on the source is changed for as long as it follows"
        }
        _ => "",
    };
    let count = count_of(tables.len() as u64, "table");
    Some(format!("{count} without a replica identity ({named}{rest}), {word}: {means}{undone}."))
}

/// What could not be asked is not said to be absent.
fn unknown(check: &Check) -> Option<String> {
    let asked = |id: &str| {
        check.judgements.iter().find(|j| {
            j.check == id && matches!(j.verdict, Verdict::Unknown(_)) && follows(check, j.database.as_deref())
        })
    };
    let titles: Vec<_> =
        KINDS.iter().filter_map(|(id, ..)| asked(id)).map(|judgement| judgement.title.clone()).collect();
    (!titles.is_empty()).then(|| format!("Could not be asked, and may be there: {}.", titles.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::check::{Judgement, Possible};
    use crate::ui::state::check::Decision;

    fn check() -> Check {
        let mut check = Check::new(0);
        for (name, continuous) in [("a", true), ("b", false)] {
            check.possible.push(Possible {
                database: name.to_owned(),
                not_continuous: (!continuous).then(|| "no key".to_owned()),
                not_snapshot: None,
                size_bytes: None,
                estimate_s: None,
                wal_bytes: None,
            });
            for (id, number) in [("sequences", 14), ("unlogged", 2), ("large-objects", 1_200)] {
                let finding = Finding::info(id, "").in_database(name).not_carried(number);
                check.run.findings.push(finding);
            }
        }
        check.decisions.each.insert("b".to_owned(), Decision::Snapshot);
        check
    }

    #[test]
    fn only_what_is_there_and_follows_is_told() {
        let all = restrictions(&check(), IdentityPolicy::Refuse);
        assert_eq!(
            all,
            [
                "Logical replication carries rows and no DDL: definitions must not change until you close.",
                "14 sequences: values are set when you close.",
                "2 unlogged tables: changes do not follow, copied again when you close.",
                "1,200 large objects: changes do not follow, copied again when you close.",
            ]
        );
    }

    #[test]
    fn what_could_not_be_asked_is_not_left_out_in_silence() {
        let mut check = check();
        check.run.findings.clear();
        let judgement = |id: &str, title: &str, database: &str| Judgement {
            check: id.to_owned(),
            title: title.to_owned(),
            database: Some(database.to_owned()),
            verdict: Verdict::Unknown("permission denied".to_owned()),
        };
        check.judgements =
            vec![judgement("sequences", "Sequences", "b"), judgement("large-objects", "Large objects", "a")];
        let all = restrictions(&check, IdentityPolicy::Refuse);
        assert_eq!(all[1..], ["Could not be asked, and may be there: Large objects."]);
    }

    #[test]
    fn tables_without_an_identity_are_named() {
        let mut check = check();
        check.run.findings.clear();
        let tables = ["a", "b", "c", "d", "e"].map(str::to_owned);
        check.run.findings.push(Finding::info("replica-identity", "").in_database("a").objects(tables));
        let all = restrictions(&check, IdentityPolicy::Full);
        assert!(
            all[1].starts_with("5 tables without a replica identity (a: a, a: b, a: c and 2 more), full:")
        );
        assert!(all[1].contains("REPLICA IDENTITY on the source is changed"), "{}", all[1]);
    }
}
