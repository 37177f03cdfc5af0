//! Statements that move rows and what only makes sense with them.

use crate::model::units::TableName;
use crate::pg::facts::grants::Grant;
use crate::pg::facts::objects::LargeObjectFacts;
use crate::pg::facts::relations::{Act, ActKind, Fires, ForeignKey, Refusal, RefusedBy};
use crate::pg::facts::replication::tables::IdentitySetting;
use crate::pg::facts::tables::{Belongs, TableFacts};
use crate::pg::quote::{Ident, Literal, Qualified, column_list};
use crate::pg::statement::replication::{NamedTable, ReplicaIdentity, replica_identity};

/// The form in which rows travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyFormat<'a> {
    Binary,
    /// Text in the encoding of the source's database, named in the statement: the session itself always speaks UTF-8,
    /// so that names in statements are right, and the rows pass without being converted twice.
    Text {
        encoding: &'a str,
    },
}

impl std::fmt::Display for CopyFormat<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CopyFormat::Binary => f.write_str("(FORMAT binary)"),
            CopyFormat::Text { encoding } => write!(f, "(FORMAT text, ENCODING {})", Literal(encoding)),
        }
    }
}

/// How rows are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Normally,
    /// Frozen, so that no vacuum has to come by again: only in the transaction that made or truncated the table.
    Frozen,
}

/// Which rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    All,
    /// Those in these blocks of its heap; the last part of a table has no end, for it may have grown since it was
    /// measured.
    Blocks {
        from: u64,
        to: Option<u64>,
    },
}

/// Rows of this table alone: COPY of a table name does not descend to children (manual, COPY, "Notes").
pub fn copy_out(table: &TableFacts, rows: Rows, format: CopyFormat<'_>) -> String {
    let name = Qualified(&table.name);
    let columns = column_list(&table.columns);
    if let Rows::Blocks { from, to } = rows {
        // Answered by a TID range scan from 14 on; before, the whole table would be read for each part.
        let columns: Vec<_> = table.columns.iter().map(|c| Ident(c).to_string()).collect();
        let end = to.map(|to| format!(" AND ctid < '({to},0)'::pg_catalog.tid")).unwrap_or_default();
        return format!(
            "COPY (SELECT {} FROM ONLY {name} WHERE ctid >= '({from},0)'::pg_catalog.tid{end}) TO STDOUT {format}",
            columns.join(", ")
        );
    }
    match &table.belongs {
        Belongs::Extension { condition: Some(condition), .. } => {
            let columns: Vec<_> = table.columns.iter().map(|c| Ident(c).to_string()).collect();
            // The condition is the extension's own text, with its WHERE, and runs on the server that it came from.
            format!("COPY (SELECT {} FROM ONLY {name} {condition}) TO STDOUT {format}", columns.join(", "))
        }
        Belongs::Extension { condition: None, .. } | Belongs::User => {
            format!("COPY {name}{columns} TO STDOUT {format}")
        }
    }
}

pub fn copy_in(table: &TableName, columns: &[String], format: CopyFormat<'_>, written: Written) -> String {
    let mut options = format.to_string();
    if written == Written::Frozen {
        options.insert_str(options.len() - 1, ", FREEZE");
    }
    format!("COPY {}{} FROM STDIN {options}", Qualified(table), column_list(columns))
}

/// Begins a transaction that sees what the exported snapshot sees.
pub fn import_snapshot(id: &str) -> String {
    format!("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; {}", set_snapshot(id))
}

/// The first statement of a transaction that is to see what the exported snapshot sees.
pub fn set_snapshot(id: &str) -> String {
    format!("SET TRANSACTION SNAPSHOT {};", Literal(id))
}

/// Several tables in one statement: ACCESS SHARE is compatible with everything but a change of the definition, a
/// rewrite or a TRUNCATE. `ONLY`, for the children are planned tables of their own.
pub fn lock_access_share(tables: &[&TableName]) -> String {
    let names: Vec<_> = tables.iter().map(|t| format!("ONLY {}", Qualified(t))).collect();
    format!("LOCK TABLE {} IN ACCESS SHARE MODE", names.join(", "))
}

/// The same for one table, with an error instead of waiting.
pub fn lock_now(table: &TableName) -> String {
    format!("{} NOWAIT", lock_access_share(&[table]))
}

/// All in one statement, because TRUNCATE insists on having both ends of a foreign key in it. `ONLY`: without it the
/// truncation of an inheritance parent empties children that were not asked for.
pub fn truncate_only(tables: &[&TableName]) -> String {
    let names: Vec<_> = tables.iter().map(|t| format!("ONLY {}", Qualified(t))).collect();
    format!("TRUNCATE TABLE {}", names.join(", "))
}

pub fn delete_only(table: &TableName) -> String {
    format!("DELETE FROM ONLY {}", Qualified(table))
}

/// The values of several sequences in one round trip: number in the list, value, whether it was handed out.
pub fn read_sequences(names: &[&TableName]) -> String {
    let selects: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(i, n)| format!("SELECT {i}::int4, s.last_value::int8, s.is_called FROM {} s", Qualified(n)))
        .collect();
    selects.join(" UNION ALL ")
}

pub fn set_sequence(name: &TableName, last_value: i64, is_called: IsCalled) -> String {
    let name = Qualified(name).to_string();
    let called = matches!(is_called, IsCalled::Yes);
    format!("SELECT pg_catalog.setval({}::pg_catalog.regclass, {last_value}, {called})", Literal(&name))
}

/// Whether a sequence's value was handed out already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsCalled {
    Yes,
    No,
}

pub fn refresh(view: &TableName) -> String {
    format!("REFRESH MATERIALIZED VIEW {}", Qualified(view))
}

/// From 12 on floating-point numbers are written in the shortest form that is exact, before with all digits: rounded to 15
/// digits they look the same.
pub const ROUNDED_FLOATS: &str = "SET extra_float_digits = 0";

/// Rows that are looked at as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lot<'a> {
    Table(NamedTable<'a>),
    /// Of a partition tree that has rows of other servers too: by its own partitions, for the whole would ask for those.
    Partitions(&'a [TableName]),
}

/// Partitions in one list; lists of lists, for a server's stack takes only so many.
const UNITED: usize = 100;

/// In a FROM, as `t`; of partitions it is the text of each row.
impl std::fmt::Display for Lot<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = match self {
            Lot::Table(table) => return write!(f, "{table} t"),
            Lot::Partitions(names) => names,
        };
        let of = |name: &TableName| format!("SELECT (r.*)::text AS t FROM ONLY {} r", Qualified(name));
        let united = |names: &[TableName]| names.iter().map(of).collect::<Vec<_>>().join(" UNION ALL ");
        let lists: Vec<_> = names.chunks(UNITED).map(|some| format!("({})", united(some))).collect();
        write!(f, "({}) t", lists.join(" UNION ALL "))
    }
}

/// How many rows a table itself has, as text.
///
/// `condition`: the server's own for a configuration table of an extension, with its WHERE; empty for all rows.
pub fn count_rows(lot: Lot<'_>, condition: &str) -> String {
    format!("SELECT pg_catalog.count(*)::text || ' rows' FROM {lot} {condition}")
}

/// The same as a number.
pub fn rows_of(lot: Lot<'_>) -> String {
    format!("SELECT pg_catalog.count(*)::int8 FROM {lot}")
}

/// What the rows of these tables take on disk, without what is stored apart from them, as a number.
pub fn bytes_of(tables: &[&TableName]) -> String {
    let names: Vec<_> = tables.iter().map(|name| Literal(&Qualified(name).to_string()).to_string()).collect();
    format!(
        "SELECT coalesce(pg_catalog.sum(pg_catalog.pg_relation_size(n::pg_catalog.regclass)), 0)::int8 \
         FROM pg_catalog.unnest(ARRAY[{}]::text[]) n",
        names.join(", ")
    )
}

/// Of the server and its log: another one once a standby has taken over. As text. And up to where the log is on its disk:
/// what it once has there it has for ever, unless somebody puts an older copy of its disk in its place.
pub const TIMELINE: &str = "SELECT c.system_identifier::text || ' ' || \
     pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8), \
     pg_catalog.pg_current_wal_flush_lsn()::text \
     FROM pg_catalog.pg_control_system() c";

/// In which language the server writes to this session.
pub const LANGUAGE: &str = "SHOW lc_messages";

/// Deferred constraints are looked at with each statement, until the transaction ends.
pub const AT_ONCE: &str = "SET CONSTRAINTS ALL IMMEDIATE";

/// For a transaction of a session that does not wait for its commits.
pub const DURABLY: &str = "SET LOCAL synchronous_commit = local";

/// The same with a sum over a hash of each row's text: the order of rows does not matter. `columns`: in which order a row's
/// are read; empty for their own.
pub fn checksum_rows(lot: Lot<'_>, condition: &str, columns: &[String]) -> String {
    let row = match columns {
        // A bare t would be a column of that name, where there is one.
        [] => "(t.*)".to_owned(),
        columns => {
            let each: Vec<_> = columns.iter().map(|column| format!("t.{}", Ident(column))).collect();
            format!("ROW({})", each.join(", "))
        }
    };
    format!(
        "SELECT pg_catalog.count(*)::text || ' rows, checksum ' || \
         coalesce(pg_catalog.sum(('x' || pg_catalog.substr(pg_catalog.md5({row}::text), 1, 15))::bit(60)::int8), 0)::text \
         FROM {lot} {condition}"
    )
}

/// No trigger fires and no foreign key is looked at, and back.
pub const AS_REPLICA: &str = "SET session_replication_role = replica";
pub const AS_ORIGIN: &str = "SET session_replication_role = DEFAULT";

fn kind(act: &Act) -> &'static str {
    match act.kind {
        ActKind::Trigger => "TRIGGER",
        ActKind::Rule => "RULE",
    }
}

/// For the transaction that replaces the table's rows: none of these acts on them.
pub fn switch_off(table: &TableName, acts: &[&Act]) -> String {
    let each = acts.iter().map(|act| format!("DISABLE {} {}", kind(act), Ident(&act.name)));
    format!("ALTER TABLE ONLY {} {}", Qualified(table), each.collect::<Vec<_>>().join(", "))
}

/// As they were before [`switch_off`].
pub fn switch_on(table: &TableName, acts: &[&Act]) -> String {
    let each = acts.iter().map(|act| {
        let when = match act.fires {
            Fires::Origin => "",
            Fires::Always => "ALWAYS ",
            Fires::Replica => "REPLICA ",
        };
        format!("ENABLE {when}{} {}", kind(act), Ident(&act.name))
    });
    format!("ALTER TABLE ONLY {} {}", Qualified(table), each.collect::<Vec<_>>().join(", "))
}

/// For the transaction that replaces the table's rows: they are not refused. Each ends with a semicolon.
pub fn set_aside(refusal: &Refusal) -> String {
    let table = &refusal.table;
    match &refusal.by {
        RefusedBy::Identity(..) => format!("{}; ", replica_identity(table, ReplicaIdentity::Full)),
        RefusedBy::Constraint { name, .. } => {
            format!("ALTER TABLE ONLY {} DROP CONSTRAINT {}; ", Qualified(table), Ident(name))
        }
    }
}

/// As it was before [`set_aside`]. A constraint's definition is the server's own text, and goes back to that server.
pub fn put_back(refusal: &Refusal) -> String {
    let table = &refusal.table;
    match &refusal.by {
        RefusedBy::Identity(setting, index) => {
            let before = match (setting, index) {
                (IdentitySetting::Index, Some(index)) => ReplicaIdentity::Index(index),
                (IdentitySetting::Full, _) => ReplicaIdentity::Full,
                (IdentitySetting::Nothing, _) => ReplicaIdentity::Nothing,
                (IdentitySetting::Default | IdentitySetting::Index, _) => ReplicaIdentity::Default,
            };
            format!("{}; ", replica_identity(table, before))
        }
        RefusedBy::Constraint { name, definition, comment } => {
            let (table, name) = (Qualified(table), Ident(name));
            let add = format!("ALTER TABLE ONLY {table} ADD CONSTRAINT {name} {definition}; ");
            let comment = comment
                .as_deref()
                .map(|text| format!("COMMENT ON CONSTRAINT {name} ON {table} IS {}; ", Literal(text)));
            add + &comment.unwrap_or_default()
        }
    }
}

/// Some of the database's that are not among `$1` (oid[]), one row each: again and again, until there are none. Each is
/// locked until the transaction ends, and the server's room for locks is limited.
pub const UNLINK_LARGE_OBJECTS: &str = "SELECT pg_catalog.lo_unlink(m.oid) FROM (SELECT l.oid FROM \
     pg_catalog.pg_largeobject_metadata l WHERE NOT EXISTS (SELECT FROM pg_catalog.unnest($1::pg_catalog.oid[]) k WHERE k = l.oid) \
     ORDER BY l.oid LIMIT 1000) m";

/// Several tables in one statement: from 11. Each is a transaction of its own (manual, ANALYZE).
pub fn analyze(tables: &[&TableName]) -> String {
    let names: Vec<_> = tables.iter().map(|t| Qualified(t).to_string()).collect();
    format!("ANALYZE {}", names.join(", "))
}

/// Before the statements of an index build: how much memory its processes share, and how many may help with it.
pub fn building(memory_kb: i64, helpers: Option<u32>) -> String {
    let helpers = helpers.map(|count| format!("; SET max_parallel_maintenance_workers = {count}"));
    format!("SET maintenance_work_mem = '{memory_kb}kB'{}", helpers.unwrap_or_default())
}

/// Tables are joined by reading both in the order of their indexes; where one has few rows, by looking up each.
pub const JOIN_IN_ORDER: &str = "SET enable_hashjoin = off";
/// As the server thinks best.
pub const JOIN_BY_ANY_MEANS: &str = "RESET enable_hashjoin";

/// One row if a row of the table points to nothing. MATCH SIMPLE: a key with a NULL in it is not looked up.
pub fn orphans(key: &ForeignKey) -> String {
    let present: Vec<_> = key.columns.iter().map(|c| format!("c.{} IS NOT NULL", Ident(c))).collect();
    let both = key.columns.iter().zip(&key.referenced_columns).zip(&key.operators);
    // An operator's name is made of signs alone and cannot be quoted (manual, CREATE OPERATOR).
    let signs = |name: &str| name.chars().filter(|c| "+-*/<>=~!@#%^&|`?".contains(*c)).collect::<String>();
    let same: Vec<_> = both
        .map(|((column, referenced), (schema, name))| {
            format!("p.{} OPERATOR({}.{}) c.{}", Ident(referenced), Ident(schema), signs(name), Ident(column))
        })
        .collect();
    format!(
        "SELECT 1 FROM {} c WHERE {} AND NOT EXISTS (SELECT FROM {} p WHERE {}) LIMIT 1",
        Qualified(&key.table),
        present.join(" AND "),
        Qualified(&key.referenced),
        same.join(" AND ")
    )
}

/// Takes away what everybody has by default, then gives what the source gave. `object` is quoted already.
pub(super) fn grants(object: &str, owner: &str, privileges: &[Grant]) -> Vec<String> {
    const WORDS: [&str; 6] = ["SELECT", "UPDATE", "CREATE", "CONNECT", "TEMPORARY", "TEMP"];
    let mut statements = vec![format!("REVOKE ALL ON {object} FROM PUBLIC, {}", Ident(owner))];
    for grant in privileges.iter().filter(|g| WORDS.contains(&g.privilege.as_str())) {
        let to = grant.grantee.as_ref().map_or("PUBLIC".to_owned(), |g| Ident(g).to_string());
        let with = if grant.grantable { " WITH GRANT OPTION" } else { "" };
        statements.push(format!("GRANT {} ON {object} TO {to}{with}", grant.privilege));
    }
    statements
}

pub fn large_object_privileges(object: &LargeObjectFacts) -> Vec<String> {
    let Some(privileges) = &object.privileges else { return Vec::new() };
    grants(&format!("LARGE OBJECT {}", object.oid), &object.owner, privileges)
}

pub fn large_object_owner(object: &LargeObjectFacts) -> String {
    format!("ALTER LARGE OBJECT {} OWNER TO {}", object.oid, Ident(&object.owner))
}

pub fn large_object_texts(object: &LargeObjectFacts) -> Vec<String> {
    let comment =
        object.comment.as_ref().map(|c| format!("COMMENT ON LARGE OBJECT {} IS {}", object.oid, Literal(c)));
    let labels = object.labels.iter().map(|(provider, label)| {
        format!("SECURITY LABEL FOR {} ON LARGE OBJECT {} IS {}", Ident(provider), object.oid, Literal(label))
    });
    comment.into_iter().chain(labels).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(belongs: Belongs, columns: &[&str]) -> TableFacts {
        TableFacts {
            oid: 1,
            name: TableName::new("S", "t"),
            size_bytes: 0,
            heap_blocks: None,
            rows_estimate: 0,
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            padded: vec![false; columns.len()],
            binary_is_safe: true,
            ancestors: Vec::new(),
            belongs,
        }
    }

    #[test]
    fn copies_name_their_columns_and_their_encoding() {
        let text = CopyFormat::Text { encoding: "LATIN1" };
        let plain = table(Belongs::User, &["a", "B"]);
        assert_eq!(
            copy_out(&plain, Rows::All, text),
            "COPY \"S\".\"t\" (\"a\", \"B\") TO STDOUT (FORMAT text, ENCODING 'LATIN1')"
        );
        assert_eq!(
            copy_in(&TableName::new("S", "t"), &[], CopyFormat::Binary, Written::Frozen),
            "COPY \"S\".\"t\" FROM STDIN (FORMAT binary, FREEZE)"
        );
        let part = Rows::Blocks { from: 4, to: Some(8) };
        assert_eq!(
            copy_out(&plain, part, CopyFormat::Binary),
            "COPY (SELECT \"a\", \"B\" FROM ONLY \"S\".\"t\" WHERE ctid >= '(4,0)'::pg_catalog.tid AND ctid < \
             '(8,0)'::pg_catalog.tid) TO STDOUT (FORMAT binary)"
        );
        let condition = Some("WHERE NOT standard".into());
        let config = table(Belongs::Extension { name: "x".into(), condition }, &["a"]);
        assert_eq!(
            copy_out(&config, Rows::All, CopyFormat::Binary),
            "COPY (SELECT \"a\" FROM ONLY \"S\".\"t\" WHERE NOT standard) TO STDOUT (FORMAT binary)"
        );
    }

    #[test]
    fn partitions_are_counted_by_themselves() {
        let names: Vec<_> = (0..UNITED + 1).map(|n| TableName::new("s", format!("p{n}"))).collect();
        let sql = rows_of(Lot::Partitions(&names[..2]));
        let both = "SELECT (r.*)::text AS t FROM ONLY \"s\".\"p0\" r UNION ALL SELECT (r.*)::text AS t FROM ONLY \"s\".\"p1\" r";
        assert_eq!(sql, format!("SELECT pg_catalog.count(*)::int8 FROM (({both})) t"));
        let sql = count_rows(Lot::Partitions(&names), "");
        assert_eq!((sql.matches(") UNION ALL (").count(), sql.matches(" UNION ALL ").count()), (1, UNITED));
    }

    #[test]
    fn sequences_are_set_by_quoted_name() {
        let name = TableName::new("s", "o'x");
        assert_eq!(
            set_sequence(&name, -5, IsCalled::No),
            "SELECT pg_catalog.setval('\"s\".\"o''x\"'::pg_catalog.regclass, -5, false)"
        );
    }
}
