//! Tables whose rows are copied again when the connection is closed: the old ones make room, and no trigger and no foreign
//! key may act on either. Who may set session_replication_role holds off most of them, and switches off those that act all the
//! same (ENABLE ALWAYS, ENABLE REPLICA). Else the owner of a table switches its triggers off, and foreign keys see rows go and
//! come in an order in which nothing is amiss. What would refuse rows although it lets them stay, as a CHECK that was never
//! validated does, or a publication of the target that wants deleted rows told apart, is set aside for that transaction.

use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::engine::retry::ends_the_database;
use crate::model::check::Finding;
use crate::model::failure::Failure;
use crate::model::units::{Side, TableName, readable};
use crate::pg::connect::Session;
use crate::pg::facts::relations::{
    Act, ActKind, Fires, Reference, Refusal, RefusedBy, acts_on_rows, references, refusals,
};
use crate::pg::facts::tables::{Belongs, TableFacts};
use crate::pg::statement::data::{
    AS_ORIGIN, AS_REPLICA, AT_ONCE, delete_only, put_back, set_aside, switch_off, switch_on,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What to do where rows cannot be replaced.
pub(crate) const HELP: &str = "finish with a superuser on the target, or from 15 on GRANT SET ON PARAMETER session_replication_role there";

/// What stands around the statements that replace a table's rows, in their transaction. Each ends with a semicolon, or is
/// empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Around {
    pub(crate) before: String,
    pub(crate) after: String,
}

/// What a transaction does with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    /// Deletes the old ones, whatever it does then: a publication may want these told apart.
    OldRowsToo,
    NewRows,
}

/// What on the target would act on rows, or refuse them.
#[derive(Debug, Default)]
struct OnTarget {
    acts: Vec<Act>,
    refusals: Vec<Refusal>,
    references: Vec<Reference>,
}

impl OnTarget {
    /// Without what does not act anyway: by default, or where session_replication_role is `replica`.
    async fn ask(db: &Db, target: &Session, idle: Fires) -> Result<OnTarget, Failure> {
        let asking = async {
            let acts = acts_on_rows(target).await?.into_iter().filter(|act| act.fires != idle).collect();
            let refusals = refusals(target).await?;
            Ok(OnTarget { acts, refusals, references: references(target).await? })
        };
        db.guarded(target.canceller(), asking).await
    }

    /// `tables`: all that the rows can come into, or go from.
    fn around(&self, tables: &BTreeSet<TableName>, goes: Goes) -> Around {
        let mut around = Around::default();
        for table in tables {
            let acts: Vec<_> = self.acts.iter().filter(|act| act.table == *table).collect();
            if !acts.is_empty() {
                around.before.push_str(&format!("{}; ", switch_off(table, &acts)));
                around.after.push_str(&format!("{}; ", switch_on(table, &acts)));
            }
        }
        let in_the_way = |refusal: &&Refusal| {
            tables.contains(&refusal.table)
                && (goes == Goes::OldRowsToo || !matches!(refusal.by, RefusedBy::Identity(..)))
        };
        for refusal in self.refusals.iter().filter(in_the_way) {
            around.before.push_str(&set_aside(refusal));
            around.after.push_str(&put_back(refusal));
        }
        if !around.before.is_empty() {
            // Events of deferred keys that wait for the commit would be in the way of putting it all back.
            around.before.insert_str(0, &format!("{AT_ONCE}; "));
        }
        around
    }

    /// Why our user cannot keep all that acts from acting on these.
    fn fixed(&self, tables: &BTreeSet<TableName>) -> Option<String> {
        let of_it = self.acts.iter().filter(|act| tables.contains(&act.table));
        of_it.filter(|act| act.is_fixed || !act.table_is_ours).map(why_it_acts).next()
    }
}

fn alone(table: &TableFacts) -> BTreeSet<TableName> {
    BTreeSet::from([table.name.clone()])
}

/// The table, and where it is a partition all of its tree, by way of which its rows may go.
fn tree(table: &TableFacts, all: &[TableFacts]) -> BTreeSet<TableName> {
    let of_it = |other: &&TableFacts| {
        other.oid == table.oid
            || !table.ancestors.is_empty() && other.ancestors.last() == table.ancestors.last()
    };
    all.iter().filter(of_it).flat_map(TableFacts::names).chain([table.name.clone()]).collect()
}

/// Of the tables that are to be copied again, those whose rows our user cannot replace, and why. `all` are those of the
/// database that are moved.
///
/// # Errors
/// When the target cannot be asked.
pub(crate) async fn impossible(
    db: &Db,
    target: &Session,
    again: &[&TableFacts],
    all: &[TableFacts],
) -> Result<BTreeMap<TableName, String>, Failure> {
    if again.is_empty() {
        return Ok(BTreeMap::new());
    }
    if !may_hold_off(db, target).await? {
        return Ok(obstacles(again, all, &OnTarget::ask(db, target, Fires::Replica).await?));
    }
    Ok(in_spite_of_the_role(db, again, all, &OnTarget::ask(db, target, Fires::Origin).await?))
}

/// A superuser switches off what he likes.
fn in_spite_of_the_role(
    db: &Db,
    again: &[&TableFacts],
    all: &[TableFacts],
    there: &OnTarget,
) -> BTreeMap<TableName, String> {
    if db.cx.target_facts.superuser {
        return BTreeMap::new();
    }
    again.iter().filter_map(|table| Some((table.name.clone(), there.fixed(&tree(table, all))?))).collect()
}

/// Whether our user may hold off everything that would act on rows.
///
/// # Errors
/// When the target cannot be asked.
async fn may_hold_off(db: &Db, target: &Session) -> Result<bool, Failure> {
    match execute(&db.cancel, target, &format!("BEGIN; {AS_REPLICA}; ROLLBACK")).await {
        Ok(()) => Ok(true),
        Err(failure) if ends_the_database(&failure) => Err(failure),
        Err(_) => execute(&db.cancel, target, "ROLLBACK").await.map(|()| false),
    }
}

/// Takes the old rows away where they could be in the way of others' new ones.
///
/// Returns the tables whose rows can be replaced, in the order in which that is to be done; the others have been named.
///
/// # Errors
/// Only what ends the whole database.
pub(crate) async fn make_room<'a>(
    db: &Db,
    target: &Session,
    again: Vec<&'a TableFacts>,
    all: &[TableFacts],
) -> Result<Vec<&'a TableFacts>, Failure> {
    if again.is_empty() {
        return Ok(again);
    }
    if may_hold_off(db, target).await? {
        return make_room_as_replica(db, target, again, all).await;
    }
    let there = OnTarget::ask(db, target, Fires::Replica).await?;
    let mut failed: HashSet<TableName> = HashSet::new();
    for (table, why) in obstacles(&again, all, &there) {
        give_up(db, &table, why);
        failed.insert(table);
    }
    let possible = again.into_iter().filter(|t| !failed.contains(&t.name)).collect();
    let ordered = referenced_first(possible, &there.references);
    // Whoever refers to others goes before them.
    for table in ordered.iter().rev() {
        db.surround(&table.name, there.around(&alone(table), Goes::OldRowsToo));
        if table.belongs == Belongs::User && !empty(db, target, (table, &there)).await? {
            failed.insert(table.name.clone());
        }
    }
    Ok(ordered.into_iter().filter(|t| !failed.contains(&t.name)).collect())
}

async fn make_room_as_replica<'a>(
    db: &Db,
    target: &Session,
    mut again: Vec<&'a TableFacts>,
    all: &[TableFacts],
) -> Result<Vec<&'a TableFacts>, Failure> {
    db.hold_triggers_off();
    let there = OnTarget::ask(db, target, Fires::Origin).await?;
    let failed = in_spite_of_the_role(db, &again, all, &there);
    again.retain(|table| !failed.contains_key(&table.name));
    for (table, why) in failed {
        give_up(db, &table, why);
    }
    execute(&db.cancel, target, AS_REPLICA).await?;
    let doing = db.cx.board.doing(&db.name, "making room for rows that are copied again".to_owned(), None);
    db.works(&doing, Side::Target, target).await?;
    let mut possible = Vec::with_capacity(again.len());
    for table in again {
        // Rows of a partition may have come into another one. Those of other tables make room when theirs come.
        let goes = if table.ancestors.is_empty() { Goes::OldRowsToo } else { Goes::NewRows };
        db.surround(&table.name, there.around(&tree(table, all), goes));
        if goes == Goes::OldRowsToo || empty(db, target, (table, &there)).await? {
            possible.push(table);
        }
    }
    drop(doing);
    execute(&db.cancel, target, AS_ORIGIN).await?;
    Ok(possible)
}

/// Whether the table has no rows any more; one that keeps them has been named.
async fn empty(db: &Db, target: &Session, (table, there): (&TableFacts, &OnTarget)) -> Result<bool, Failure> {
    let around = there.around(&alone(table), Goes::OldRowsToo);
    let sql = format!("BEGIN; {}{}; {}COMMIT", around.before, delete_only(&table.name), around.after);
    let Err(failure) = execute(&db.cancel, target, &sql).await else { return Ok(true) };
    if ends_the_database(&failure) {
        return Err(failure.while_doing(format!("making room in {}", table.name)));
    }
    execute(&db.cancel, target, "ROLLBACK").await?;
    give_up(db, &table.name, failure.what);
    Ok(false)
}

fn give_up(db: &Db, table: &TableName, why: String) {
    let title = format!("the rows of {table} cannot be copied again by the target's user");
    db.finding(Finding::lost("table", title).because(why).fix(HELP).object(table.to_string()));
}

/// Why our user cannot replace the rows of which tables; `all` are those of the database that are moved.
fn obstacles(again: &[&TableFacts], all: &[TableFacts], there: &OnTarget) -> BTreeMap<TableName, String> {
    let fixed = |table: &TableFacts| Some((table.name.clone(), there.fixed(&alone(table))?));
    let mut found: BTreeMap<TableName, String> = again.iter().filter_map(|table| fixed(table)).collect();
    let wanted: HashSet<i64> = again.iter().map(|table| table.oid).collect();
    loop {
        let (possible, others): (Vec<_>, Vec<_>) =
            all.iter().partition(|t| wanted.contains(&t.oid) && !found.contains_key(&t.name));
        let others: HashSet<TableName> = others.into_iter().flat_map(TableFacts::names).collect();
        let mut inside: HashSet<TableName> = possible.iter().flat_map(|t| t.names()).collect();
        inside.retain(|name| !others.contains(name));
        let from_outside: HashMap<&TableName, &Reference> = there
            .references
            .iter()
            .filter(|r| !inside.contains(&r.table))
            .map(|r| (&r.referenced, r))
            .collect();
        let before = found.len();
        for table in possible {
            if let Some(reference) = table.names().iter().find_map(|name| from_outside.get(name)) {
                let why = format!(
                    "{} refers to it by a foreign key and is not copied again with it: its rows would keep the old ones \
                     from going, or go with them",
                    reference.table
                );
                found.insert(table.name.clone(), why);
            }
        }
        // What cannot be replaced is outside for the others.
        if found.len() == before {
            return found;
        }
    }
}

fn why_it_acts(act: &Act) -> String {
    let name = readable(&act.name);
    if act.kind == ActKind::Rule {
        return format!(
            "rule {name} on {} acts when rows are deleted, and only the table's owner may switch it off",
            act.table
        );
    }
    let who = match act.is_fixed {
        true => {
            "it comes from the partitioned table above, and before 15 only a superuser may switch it off here"
        }
        false => "only the table's owner may switch it off",
    };
    format!("trigger {name} on {} acts when rows are replaced, and {who}", act.table)
}

/// Tables before those that refer to them; where they refer to each other in a circle, in any order.
fn referenced_first<'a>(tables: Vec<&'a TableFacts>, references: &[Reference]) -> Vec<&'a TableFacts> {
    let mut by_name: HashMap<TableName, Vec<usize>> = HashMap::new();
    for (at, table) in tables.iter().enumerate() {
        for name in table.names() {
            by_name.entry(name).or_default().push(at);
        }
    }
    let of = |name: &TableName| by_name.get(name).map(Vec::as_slice).unwrap_or_default();
    let mut waits_for: Vec<HashSet<usize>> = vec![HashSet::new(); tables.len()];
    for reference in references {
        for at in of(&reference.table) {
            waits_for[*at].extend(of(&reference.referenced).iter().filter(|on| *on != at));
        }
    }
    let mut ordered = Vec::with_capacity(tables.len());
    let mut rest: Vec<usize> = (0..tables.len()).collect();
    while !rest.is_empty() {
        let open: HashSet<usize> = rest.iter().copied().collect();
        let (mut ready, waiting): (Vec<usize>, Vec<usize>) =
            rest.iter().copied().partition(|at| waits_for[*at].is_disjoint(&open));
        rest = if ready.is_empty() { Vec::new() } else { waiting.clone() };
        if ready.is_empty() {
            ready = waiting;
        }
        ordered.extend(ready.into_iter().map(|at| tables[at]));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(oid: i64, name: &str, ancestors: &[&str]) -> TableFacts {
        TableFacts {
            oid,
            name: TableName::new("s", name),
            size_bytes: 0,
            heap_blocks: None,
            rows_estimate: 0,
            columns: Vec::new(),
            padded: Vec::new(),
            binary_is_safe: true,
            ancestors: ancestors.iter().map(|a| TableName::new("s", *a)).collect(),
            belongs: Belongs::User,
        }
    }

    fn refers(pairs: &[(&str, &str)]) -> Vec<Reference> {
        let name = |name: &str| TableName::new("s", name);
        let reference = |(a, b): &(&str, &str)| Reference {
            oid: 1,
            table: name(a),
            referenced: name(b),
            in_order: false,
        };
        pairs.iter().map(reference).collect()
    }

    fn named<'a>(all: &'a [TableFacts], names: &[&str]) -> Vec<&'a TableFacts> {
        names.iter().map(|name| all.iter().find(|t| t.name.name == *name).unwrap()).collect()
    }

    #[test]
    fn what_is_referred_to_comes_first() {
        let all =
            [table(1, "child", &[]), table(2, "part", &["root"]), table(3, "top", &[]), table(4, "own", &[])];
        let references = refers(&[("child", "root"), ("root", "top"), ("own", "own")]);
        let order: Vec<_> =
            referenced_first(all.iter().collect(), &references).iter().map(|t| t.name.name.clone()).collect();
        assert_eq!(order, ["top", "own", "part", "child"]);
        let circle = refers(&[("child", "top"), ("top", "child")]);
        assert_eq!(referenced_first(named(&all, &["child", "top", "own"]), &circle).len(), 3);
    }

    #[test]
    fn what_others_refer_to_stays() {
        let all = [
            table(1, "a", &[]),
            table(2, "b", &[]),
            table(3, "c", &[]),
            table(4, "p1", &["p"]),
            table(5, "p2", &["p"]),
        ];
        let blocked = |again: &[&str], pairs: &[(&str, &str)]| {
            let there = OnTarget { references: refers(pairs), ..OnTarget::default() };
            let found = obstacles(&named(&all, again), &all, &there);
            found.into_keys().map(|table| table.name).collect::<Vec<_>>()
        };
        assert_eq!(blocked(&["a", "b"], &[("b", "a"), ("a", "a"), ("a", "c")]), Vec::<String>::new());
        assert_eq!(blocked(&["a"], &[("b", "a")]), ["a"]);
        // By way of one that cannot be replaced itself, and from a table that is not moved.
        assert_eq!(blocked(&["a", "b"], &[("b", "a"), ("c", "b")]), ["a", "b"]);
        assert_eq!(blocked(&["a", "b"], &[("stranger", "b")]), ["b"]);
        // A tree of which only a part is copied again refers to others from outside too.
        assert_eq!(blocked(&["a", "p1"], &[("p", "a")]), ["a"]);
        assert_eq!(blocked(&["a", "p1", "p2"], &[("p", "a")]), Vec::<String>::new());
        assert_eq!(blocked(&["p1", "p2"], &[("a", "p")]), ["p1", "p2"]);
    }

    #[test]
    fn triggers_that_our_user_cannot_switch_off_are_named() {
        let act = |kind, is_fixed, table_is_ours| Act {
            table: TableName::new("s", "a"),
            name: "Odd one".to_owned(),
            kind,
            fires: Fires::Always,
            is_fixed,
            table_is_ours,
        };
        let all = [table(1, "a", &[])];
        let why = |act: Act| {
            let there = OnTarget { acts: vec![act], ..OnTarget::default() };
            obstacles(&[&all[0]], &all, &there).into_values().next().unwrap_or_default()
        };
        assert!(why(act(ActKind::Rule, false, false)).starts_with("rule "));
        assert!(why(act(ActKind::Trigger, true, true)).contains("partitioned table above"));
        assert!(why(act(ActKind::Trigger, false, false)).contains("owner"));
        assert_eq!(why(act(ActKind::Trigger, false, true)), "");
        let mut acts = vec![act(ActKind::Trigger, false, true), act(ActKind::Rule, false, true)];
        acts[1].fires = Fires::Replica;
        let there = OnTarget { acts, ..OnTarget::default() };
        let around = there.around(&alone(&all[0]), Goes::OldRowsToo);
        assert_eq!(
            around.before,
            "SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE ONLY \"s\".\"a\" DISABLE TRIGGER \"Odd one\", DISABLE RULE \"Odd one\"; "
        );
        let after = "ALTER TABLE ONLY \"s\".\"a\" ENABLE ALWAYS TRIGGER \"Odd one\", ENABLE REPLICA RULE \"Odd one\"; ";
        assert_eq!(around.after, after);
        assert_eq!(there.around(&alone(&table(2, "b", &[])), Goes::OldRowsToo), Around::default());
    }

    #[test]
    fn rows_of_a_partition_may_go_into_all_of_its_tree() {
        let all =
            [table(1, "p1", &["p"]), table(2, "p2", &["q", "p"]), table(3, "a", &[]), table(4, "b", &[])];
        let names = |at: usize| tree(&all[at], &all).into_iter().map(|t| t.name).collect::<Vec<_>>();
        assert_eq!(
            (names(0), names(1), names(2)),
            (vec!["p".into(), "p1".into(), "p2".into(), "q".into()], names(0), vec!["a".to_owned()])
        );
    }
}
