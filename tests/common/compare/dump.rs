//! `pg_dump`'s text, cut into its entries by its own headings; their order means nothing.

use super::run::Facts;

const HEADING: &str = "-- Name: ";

/// Lines that are no entry's own: states that pg_dump switches between entries (the catalogs tell them), marks of the file.
fn of_no_entry(line: &str) -> bool {
    const NOISE: [&str; 9] = [
        "SET default_tablespace = ",
        "SET default_table_access_method = ",
        "\\restrict ",
        "\\unrestrict ",
        "-- PostgreSQL database dump",
        "-- Dumped from database version ",
        "-- Dumped by pg_dump version ",
        "-- Started on ",
        "-- Completed on ",
    ];
    line.is_empty() || line == "--" || NOISE.iter().any(|noise| line.starts_with(noise))
}

/// (kind, heading) → bodies.
pub(super) fn entries(lines: &[String]) -> Facts {
    let mut facts = Facts::new();
    let mut heading = "preamble".to_owned();
    let mut body: Vec<&str> = Vec::new();
    let mut close = |heading: &str, body: &mut Vec<&str>| {
        let of = |name: &str| heading.contains(name);
        // Grants and settings stand in the order they were made; each is one line.
        if of("; Type: ACL;") || of("; Type: DEFAULT ACL;") || of("; Type: DATABASE PROPERTIES;") {
            body.sort_unstable();
        }
        // Roles stand in the order of pg_authid; the catalogs are compared exactly.
        if of("; Type: POLICY;") {
            let text = body.concat();
            let mut words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
            words.sort_unstable();
            let sorted = words.join(" ");
            body.clear();
            facts.entry(("pg_dump".to_owned(), heading.to_owned())).or_default().push(sorted);
            return;
        }
        let subscription = of("; Type: SUBSCRIPTION;") || heading.starts_with("SUBSCRIPTION ");
        let kind = if subscription { "subscription" } else { "pg_dump" };
        facts.entry((kind.to_owned(), heading.to_owned())).or_default().push(body.join("\\n"));
        body.clear();
    };
    for (index, line) in lines.iter().enumerate() {
        let framed =
            index > 0 && lines[index - 1] == "--" && lines.get(index + 1).is_some_and(|next| next == "--");
        match line.strip_prefix(HEADING) {
            Some(next) if framed => {
                close(&heading, &mut body);
                next.clone_into(&mut heading);
            }
            _ if of_no_entry(line) => {}
            _ => body.push(line),
        }
    }
    close(&heading, &mut body);
    for values in facts.values_mut() {
        values.sort();
    }
    facts
}
