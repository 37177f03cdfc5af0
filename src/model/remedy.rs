//! What a finding says to do, taken apart: statements with the server that they are for, and words.
//!
//! The text follows one convention: `on the source: STATEMENT; words`, or `on the target, as a superuser: …`. What stands
//! without such a head is words, whatever it looks like.

use super::units::Side;

/// A piece of a fix, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Words { side: Option<Side>, text: String },
    Statement(Statement),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub side: Side,
    pub sql: String,
    /// What is said of it before it comes, such as `as a superuser`.
    pub note: String,
    pub kind: Kind,
}

/// Whether a statement is simply what to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Run,
    /// One way of several, for later, or something that ends or drops what others may need: the operator decides.
    Choice,
}

/// What statements of a fix begin with.
const VERBS: [&str; 12] = [
    "ALTER", "GRANT", "REVOKE", "CREATE", "DROP", "SELECT", "ROLLBACK", "DO", "REINDEX", "REFRESH",
    "COMMENT", "SET",
];
/// What nobody should run unread: it ends the work of others, or takes away what cannot be had back.
/// Its first word, and what the second begins with.
const FINAL: [(&str, &str); 4] = [
    ("DROP", ""),
    ("ROLLBACK", "PREPARED"),
    ("SELECT", "pg_catalog.pg_terminate"),
    ("SELECT", "pg_catalog.pg_drop"),
];
/// The same, wherever it stands in a statement; and what rewrites a table while everybody waits.
const FINAL_WITHIN: [&str; 4] = [" WITHOUT OIDS", " NO INHERIT ", " INHERIT ", " DROP "];
/// Before a statement: it is one way of several, or not for now.
const OTHERWISE: [&str; 4] = ["or", "after", "when", "then"];
/// Characters between the side's name and the colon.
const LONGEST_HEAD: usize = 60;

/// The statements and words of a fix.
pub fn steps(fix: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = fix;
    let mut side = None;
    while let Some(head) = find_head(rest) {
        let (before, after) = (&rest[..head.at], &rest[head.end..]);
        let (statements, left) = take_statements(after, head.side);
        if !matches!(statements.first(), Some(Step::Statement(_))) {
            add_words(&mut steps, side, before);
            side = Some(head.side);
            rest = after;
            continue;
        }
        let lead = trim(before);
        let chosen = lead.split_whitespace().any(|word| OTHERWISE.contains(&word));
        // What is said of those before does not belong to this one.
        let own = if chosen || steps.is_empty() { lead } else { "" };
        if own.is_empty() {
            add_words(&mut steps, side, before);
        }
        let note =
            [own, trim(head.note)].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(", ");
        steps.extend(statements.into_iter().map(|step| match step {
            Step::Statement(one) => {
                let kind = if chosen { Kind::Choice } else { one.kind };
                Step::Statement(Statement { note: note.clone(), kind, ..one })
            }
            words => words,
        }));
        side = Some(head.side);
        rest = left;
    }
    add_words(&mut steps, side, rest);
    steps
}

/// A server's words, in which no statement is found, whatever they look like: a hostile one would have its own run on the
/// other server.
pub fn only_words(theirs: &str) -> String {
    theirs.replace("n the source", "n that source").replace("n the target", "n that target")
}

/// What `y` copies: the statements to run, or those to choose from; nothing where there are only words.
pub fn statements(fix: &str) -> Vec<String> {
    let all: Vec<_> = steps(fix)
        .into_iter()
        .filter_map(|step| match step {
            Step::Statement(one) => Some(one),
            Step::Words { .. } => None,
        })
        .collect();
    let to_run: Vec<_> = all.iter().filter(|one| one.kind == Kind::Run).map(|one| one.sql.clone()).collect();
    if to_run.is_empty() { all.into_iter().map(|one| one.sql).collect() } else { to_run }
}

/// `on the source, as a superuser: `, where it stands.
struct Head<'a> {
    at: usize,
    end: usize,
    side: Side,
    note: &'a str,
}

/// A head inside of double quotes is somebody's name, and says nothing.
fn find_head(text: &str) -> Option<Head<'_>> {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        if c == '"' {
            quoted = !quoted;
        }
        if quoted || !matches!(c, 'o' | 'O') {
            continue;
        }
        for side in [Side::Source, Side::Target] {
            let Some(after) = text[at + 1..].strip_prefix(&format!("n the {side}")) else { continue };
            let Some(colon) = after.find(": ") else { continue };
            let note = &after[..colon];
            let begins = note.is_empty() || note.starts_with(',');
            if begins && colon <= LONGEST_HEAD && !note.contains([';', '"', '\n']) {
                return Some(Head { at, end: text.len() - after.len() + colon + 2, side, note });
            }
        }
    }
    None
}

/// Statements that follow each other, words in brackets between them, and what is left.
fn take_statements(text: &str, side: Side) -> (Vec<Step>, &str) {
    let mut steps = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let verb = rest.split(' ').next().unwrap_or_default();
        let end = match rest.chars().next() {
            Some('(') => end_of(rest, ')'),
            // Outside of quotes a backslash is a command to psql, which no fix of ours has.
            _ if VERBS.contains(&verb) => {
                end_of(rest, ';').filter(|end| !outside_quotes(&rest[..*end]).contains('\\'))
            }
            _ => None,
        };
        let Some(end) = end else { return (steps, rest) };
        let piece = &rest[..end];
        steps.push(if piece.starts_with('(') {
            Step::Words { side: Some(side), text: piece.trim_matches(['(', ')']).to_owned() }
        } else {
            let mut words = piece.split(' ');
            let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let is_final = FINAL.iter().any(|(verb, of)| *verb == first && second.starts_with(of))
                || is_final_within(piece);
            let kind = if is_final { Kind::Choice } else { Kind::Run };
            Step::Statement(Statement { side, sql: piece.to_owned(), note: String::new(), kind })
        });
        rest = rest[end..].trim_start();
    }
}

fn is_final_within(sql: &str) -> bool {
    let bare = outside_quotes(sql);
    let rewrites = bare.split(' ').nth(1) == Some("TABLE") && bare.contains(" TYPE ");
    rewrites || FINAL_WITHIN.iter().any(|words| bare.contains(words))
}

fn outside_quotes(sql: &str) -> String {
    let mut quote = None;
    let mut bare = String::with_capacity(sql.len());
    for c in sql.chars() {
        match quote {
            Some(open) if open == c => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None => bare.push(c),
        }
    }
    bare
}

/// After the first of these that no quotes hold.
fn end_of(text: &str, last: char) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if open == c => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == last => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

fn add_words(steps: &mut Vec<Step>, side: Option<Side>, text: &str) {
    let text = trim(text);
    if !text.is_empty() {
        steps.push(Step::Words { side, text: text.to_owned() });
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '—' | '-'))
        .trim_end_matches(" and")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(side: Side, sql: &str) -> Step {
        Step::Statement(Statement { side, sql: sql.to_owned(), note: String::new(), kind: Kind::Run })
    }

    fn words(side: Option<Side>, text: &str) -> Step {
        Step::Words { side, text: text.to_owned() }
    }

    #[test]
    fn statements_and_words_are_told_apart() {
        assert_eq!(
            steps("on the source: ALTER SYSTEM SET wal_level = 'logical'; then restart the server"),
            [
                run(Side::Source, "ALTER SYSTEM SET wal_level = 'logical';"),
                words(Some(Side::Source), "then restart the server")
            ]
        );
        assert_eq!(
            steps("on the target: GRANT \"a; b\" TO \"c\"\"; x\"; GRANT 'it''s; y';"),
            [run(Side::Target, "GRANT \"a; b\" TO \"c\"\"; x\";"), run(Side::Target, "GRANT 'it''s; y';")]
        );
        assert_eq!(
            steps("on the source: add x to it"),
            [words(Some(Side::Source), "add x to it")],
            "a side alone makes no statement"
        );
        assert_eq!(steps("choose a newer target"), [words(None, "choose a newer target")]);
    }

    #[test]
    fn what_is_one_of_several_ways_is_a_choice() {
        let fix = "on the source: ALTER SYSTEM SET a = '1'; then restart the server — or drop those that nobody needs \
                   any more, on the source: SELECT pg_catalog.pg_drop_replication_slot('x');";
        let Some(Step::Statement(last)) = steps(fix).pop() else { panic!("{:?}", steps(fix)) };
        assert_eq!(last.kind, Kind::Choice);
        assert_eq!(statements(fix), ["ALTER SYSTEM SET a = '1';"]);
        let alone = "on the source: DROP PUBLICATION \"p\"; or pgpassage clean";
        assert_eq!(statements(alone), ["DROP PUBLICATION \"p\";"]);
        let later = "after the migration, as a superuser, on the target: GRANT SET ON PARAMETER x TO y;";
        let Step::Statement(one) = &steps(later)[0] else { panic!() };
        assert_eq!((one.kind, one.note.as_str()), (Kind::Choice, "after the migration, as a superuser"));
    }

    #[test]
    fn what_cannot_be_taken_back_is_a_choice_and_what_is_no_sql_is_words() {
        assert!(statements("on the source: SELECT 1 \\! touch /tmp/x ;").is_empty());
        for sql in [
            "ALTER TABLE a SET WITHOUT OIDS;",
            "ALTER TABLE a ALTER COLUMN b TYPE \"int\";",
            "ALTER TABLE a NO INHERIT b;",
        ] {
            let all = steps(&format!("on the source: {sql}"));
            let [Step::Statement(one)] = all.as_slice() else { panic!("{all:?}") };
            assert_eq!((one.kind, one.sql.as_str()), (Kind::Choice, sql));
        }
        let all = steps("on the source: ALTER TABLE \"a TYPE \\! DROP \" REPLICA IDENTITY FULL;");
        assert!(matches!(&all[..], [Step::Statement(one)] if one.kind == Kind::Run), "{all:?}");
    }

    #[test]
    fn a_servers_words_are_words() {
        for hint in ["on the target: GRANT a TO b;", "x, On the source, as y: SELECT 1;"] {
            assert!(!statements(hint).is_empty());
            assert!(statements(&only_words(hint)).is_empty());
        }
    }

    #[test]
    fn a_name_is_never_read_as_a_statement() {
        let fix = "what belongs to \"x on the target: DROP DATABASE shop;\" takes a superuser";
        assert!(statements(fix).is_empty());
        let tables = "on the source: ALTER TABLE a.b REPLICA IDENTITY FULL; (add a primary key to a.\"(;\") ALTER TABLE a.c \
                      REPLICA IDENTITY FULL; — or choose --replica-identity skip";
        assert_eq!(statements(tables).len(), 2);
        assert_eq!(steps(tables)[1], words(Some(Side::Source), "add a primary key to a.\"(;\""));
    }
}
