//! Writes the queries: every column that both ends have, OIDs as names.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogs::{Catalog, ELSEWHERE, LOCAL, SHARED, Which};

/// What the catalogs of both ends have in common.
pub(super) struct Shape {
    /// Columns and their types.
    columns: BTreeMap<String, Vec<(String, String)>>,
    /// Catalogs of the whole server.
    shared: BTreeSet<String>,
    /// (catalog, column) → the catalog whose OIDs the column holds.
    references: BTreeMap<(String, String), String>,
    /// (catalog, column of attribute numbers) → the column with their relation.
    attributes: BTreeMap<(String, String), String>,
    pub(super) same_major: bool,
}

/// What is asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Server,
    Database,
}

/// Asks for the major version, columns and references of the catalogs.
pub(super) const SHAPE: &str = "\
SELECT concat_ws(chr(31), 'version', '', current_setting('server_version_num')::int / 10000);
SELECT concat_ws(chr(31), 'column', c.relname || ' ' || c.relisshared, a.attname || ' ' || a.atttypid::regtype)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND c.oid < 16384 ORDER BY a.attnum;
SELECT EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.proname = 'pg_get_catalog_foreign_keys'
    AND p.pronamespace = 'pg_catalog'::regnamespace) AS known \\gset
\\if :known
SELECT concat_ws(chr(31), 'reference', '', concat_ws(' ', k.fktable, array_to_string(k.fkcols, ','), k.pktable))
FROM pg_catalog.pg_get_catalog_foreign_keys() k;
\\endif
";

/// Columns of attribute numbers that the server's own list leaves out.
const FURTHER: &str =
    "pg_constraint conrelid,confdelsetcols pg_attribute\npg_publication_rel prrelid,prattrs pg_attribute\n";

impl Shape {
    pub(super) fn new(source: &super::run::Facts, target: &super::run::Facts) -> Self {
        let version = ("version".to_owned(), String::new());
        let mut shape = Self {
            columns: BTreeMap::new(),
            shared: BTreeSet::new(),
            references: BTreeMap::new(),
            attributes: BTreeMap::new(),
            same_major: source.get(&version) == target.get(&version),
        };
        for ((kind, catalog), columns) in source.iter().filter(|((kind, _), _)| kind == "column") {
            let Some(others) = target.get(&(kind.clone(), catalog.clone())) else { continue };
            let (name, shared) = catalog.split_once(' ').unwrap_or((catalog, ""));
            if shared == "true" {
                shape.shared.insert(name.to_owned());
            }
            let known: BTreeSet<&str> = others.iter().filter_map(|other| other.split(' ').next()).collect();
            let common = columns
                .iter()
                .filter_map(|column| column.split_once(' '))
                .filter(|(column, _)| known.contains(column));
            shape.columns.insert(
                name.to_owned(),
                common.map(|(column, of)| (column.to_owned(), of.to_owned())).collect(),
            );
        }
        let told = [source, target]
            .into_iter()
            .flat_map(|facts| facts.get(&("reference".to_owned(), String::new())))
            .flatten();
        for line in
            include_str!("foreign_keys.txt").lines().chain(FURTHER.lines()).chain(told.map(String::as_str))
        {
            let mut words = line.split(' ');
            let (Some(catalog), Some(columns), Some(referenced)) = (words.next(), words.next(), words.next())
            else {
                continue;
            };
            match columns.split_once(',') {
                None => {
                    shape.references.insert((catalog.to_owned(), columns.to_owned()), referenced.to_owned())
                }
                Some((relation, numbers)) => {
                    shape.attributes.insert((catalog.to_owned(), numbers.to_owned()), relation.to_owned())
                }
            };
        }
        shape
    }

    /// The queries about one database, or those about the server.
    pub(super) fn script(&self, about: About) -> String {
        let globals = about == About::Server;
        let listed = if globals { SHARED } else { LOCAL };
        let mut script: String = listed.iter().map(|catalog| self.query(catalog)).collect();
        let named: BTreeSet<&str> = LOCAL
            .iter()
            .chain(SHARED)
            .map(|catalog| catalog.name)
            .chain(ELSEWHERE.split_whitespace())
            .collect();
        // Catalogs of a version that this file does not know yet: as they are.
        for (name, columns) in self.columns.iter().filter(|(name, _)| !named.contains(name.as_str())) {
            if self.shared.contains(name) == globals {
                let made = columns.iter().any(|(column, _)| column == "oid");
                let which = if made { "{made}" } else { "true" };
                script.push_str(&self.lines(name, "''", which, &self.facts(name, "", ("", "")).join(", ")));
            }
        }
        let database = "d.classoid = 'pg_database'::regclass";
        let own =
            "d.objoid = (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname = current_database())";
        let which = if globals { format!("NOT {database}") } else { format!("{database} AND {own}") };
        script.push_str(&include_str!("shared.sql").replace("{which}", &which));
        if !globals {
            script.push_str(include_str!("special.sql"));
        }
        let mut script = self.expand(&script);
        if !globals {
            script.push_str(include_str!("rows.sql"));
        }
        script
    }

    fn query(&self, catalog: &Catalog) -> String {
        if !self.columns.contains_key(catalog.name) {
            return String::new();
        }
        let which = match catalog.which {
            Which::All => "true".to_owned(),
            Which::Made => "{made}".to_owned(),
            Which::OfRelation(column) => format!("{{relation:t.{column}}}"),
            Which::If(condition) => condition.to_owned(),
        };
        let own = format!("{{{}:t.oid}}", catalog.name.trim_start_matches("pg_"));
        let key = if catalog.key.is_empty() { own.as_str() } else { catalog.key };
        let mut facts = self.facts(catalog.name, catalog.skip, catalog.acl);
        for (name, sql) in catalog.extra {
            let known = sql
                .split("t.")
                .skip(1)
                .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next());
            // An expression over a column that one end does not have is left out.
            if known.into_iter().all(|column| {
                column == "oid" || self.columns[catalog.name].iter().any(|(name, _)| name == column)
            }) {
                facts.push(format!("'{name}=' || coalesce({{esc:{sql}}}, '-')"));
            }
        }
        self.lines(catalog.name, key, &which, &facts.join(", "))
    }

    fn lines(&self, name: &str, key: &str, which: &str, facts: &str) -> String {
        let kind = if name == "pg_subscription" { "subscription" } else { name };
        format!(
            "SELECT '{kind}' || chr(31) || coalesce({{esc:{key}}}, 'nameless') || chr(31) || concat_ws(chr(30), {facts}) FROM pg_catalog.{name} t WHERE {which};\n"
        )
    }

    /// `'column=' || value` for every column that is a fact.
    fn facts(&self, catalog: &str, skip: &str, (acl, owner): (&str, &str)) -> Vec<String> {
        let skip: BTreeSet<&str> = skip.split_whitespace().chain(["oid"]).collect();
        let mut facts = Vec::new();
        for (column, of) in self
            .columns
            .get(catalog)
            .into_iter()
            .flatten()
            .filter(|(column, _)| !skip.contains(column.as_str()))
        {
            let place = (catalog.to_owned(), column.clone());
            let array = matches!(of.as_str(), "oid[]" | "oidvector" | "int2vector" | "smallint[]");
            let many = |each: &str, cast: &str, order: &str| {
                format!(
                    "(SELECT string_agg({each}, ', ' ORDER BY {order}) FROM unnest(t.{column}::{cast}) WITH ORDINALITY u(v, n))"
                )
            };
            let value = if let Some(relation) = self.attributes.get(&place) {
                let name = |number: &str| {
                    format!(
                        "CASE WHEN {number} > 0 THEN (SELECT quote_ident(a.attname) FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.{relation} AND a.attnum = {number}) ELSE ({number})::text END"
                    )
                };
                if array { many(&name("u.v"), "int2[]", "u.n") } else { name(&format!("t.{column}")) }
            } else if let Some(referenced) = self.references.get(&place) {
                // The order of a policy's roles means nothing, and pg_dump sorts them.
                let order = if column == "polroles" { "1" } else { "u.n" };
                let each = identity(referenced, "u.v");
                match array {
                    true if order == "1" => many(&each, "oid[]", &each),
                    true => many(&each, "oid[]", order),
                    false => identity(referenced, &format!("t.{column}::oid")),
                }
            } else {
                match of.as_str() {
                    // Physical, or read by a function of the server's (see `extra`).
                    "oid" | "oid[]" | "oidvector" | "xid" | "pg_node_tree" | "anyarray" => continue,
                    "aclitem[]" if acl.is_empty() => format!("{{acl:t.{column}}}"),
                    "aclitem[]" => format!("{{acl:coalesce(t.{column}, acldefault({acl}, t.{owner}))}}"),
                    "text[]"
                        if column.ends_with("options")
                            || column.ends_with("config") && column != "extconfig" =>
                    {
                        format!(
                            "CASE WHEN t.{column} IS NOT NULL THEN ARRAY(SELECT unnest(t.{column}) ORDER BY 1)::text END"
                        )
                    }
                    _ => format!("t.{column}::text"),
                }
            };
            facts.push(format!("'{column}=' || coalesce({{esc:{value}}}, '-')"));
        }
        facts
    }

    /// Writes out the macros `{name}` and `{name:expression}`, from the inside to the outside.
    fn expand(&self, script: &str) -> String {
        let mut text = script.to_owned();
        while let Some(end) = text.find('}') {
            let Some(start) = text[..end].rfind('{') else { break };
            let (name, of) = text[start + 1..end].split_once(':').unwrap_or((&text[start + 1..end], ""));
            let written = match name {
                "made" => "t.oid >= 16384".to_owned(),
                "system" => self.same_major.to_string(),
                "relation" => format!(
                    "{of} IN (SELECT c.oid FROM pg_catalog.pg_class c WHERE c.oid >= 16384 AND c.relpersistence <> 't' AND c.relkind <> 't' AND c.relnamespace <> 'pg_toast'::regnamespace)"
                ),
                // 17 took json's schema out of its name.
                "esc" if !self.same_major => format!(
                    "replace(replace(replace(replace(({of})::text, 'pg_catalog.json', 'json'), '\\', '\\\\'), chr(10), '\\n'), chr(13), '\\r')"
                ),
                "esc" => format!("replace(replace(replace(({of})::text, '\\', '\\\\'), chr(10), '\\n'), chr(13), '\\r')"),
                "acl" => format!(
                    "(SELECT string_agg(concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE {} END, ':', x.privilege_type, CASE WHEN x.is_grantable THEN '*' END, ' by ', {}), ', ' ORDER BY 1) FROM aclexplode({of}) x WHERE {})",
                    identity("pg_authid", "x.grantee"),
                    identity("pg_authid", "x.grantor"),
                    // An owner's own right from 17 on.
                    if self.same_major { "true" } else { "x.privilege_type <> 'MAINTAIN'" }
                )
                .replace("ORDER BY 1", "ORDER BY x.grantee::regrole::text, x.privilege_type, x.grantor::regrole::text"),
                _ => identity(&format!("pg_{name}"), of),
            };
            text.replace_range(start..=end, &written);
        }
        text
    }
}

/// The name of an object by its OID.
fn identity(catalog: &str, oid: &str) -> String {
    match catalog {
        "pg_authid" => format!(
            "CASE WHEN {oid} <> 0 THEN coalesce((SELECT r.rolname FROM pg_catalog.pg_authid r WHERE r.oid = {oid}), 'a dropped role') END"
        ),
        "pg_type" => format!("CASE WHEN {oid} <> 0 THEN format_type({oid}, NULL) END"),
        "pg_proc" => format!("CASE WHEN {oid} <> 0 THEN {oid}::regprocedure::text END"),
        _ => format!(
            "CASE WHEN {oid} <> 0 THEN (pg_identify_object('pg_catalog.{catalog}'::regclass, {oid}, 0)).identity END"
        ),
    }
}
