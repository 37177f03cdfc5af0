//! Table names as `--with-table` takes them.

use pgpassage::model::filter::{TablePattern, TableScope, parse_list};
use pgpassage::model::units::TableName;
use proptest::prelude::*;

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

proptest! {
    #[test]
    fn quoted_names_come_back_as_they_were(db in ".{1,20}", schema in ".{1,20}", table in ".{1,20}") {
        let text = format!("{} . {}.{}", quoted(&db), quoted(&schema), quoted(&table));
        let wanted = TablePattern { database: Some(db), schema: Some(schema), table };
        prop_assert_eq!(parse_list(&text).unwrap(), vec![wanted]);
    }

    #[test]
    fn unquoted_names_are_folded(table in "[A-Za-z_][A-Za-z0-9_$]{0,20}") {
        let parsed = parse_list(&table).unwrap();
        prop_assert_eq!(&parsed[0].table, &table.to_ascii_lowercase());
    }

    #[test]
    fn a_list_is_its_parts(names in prop::collection::vec(".{1,10}", 1..6)) {
        let text = names.iter().map(|n| quoted(n)).collect::<Vec<_>>().join(",");
        let parsed: Vec<_> = parse_list(&text).unwrap().into_iter().map(|p| p.table).collect();
        prop_assert_eq!(parsed, names);
    }

    #[test]
    fn nothing_panics(text in ".{0,60}") {
        drop(parse_list(&text));
    }

    #[test]
    fn only_and_except_are_opposites(schema in "[a-c]", name in "[a-c]", pattern in "[a-c](\\.[a-c])?") {
        let patterns = parse_list(&pattern).unwrap();
        let names = [TableName::new(schema, name)];
        let only = TableScope::Only(patterns.clone()).selects("db", &names);
        prop_assert_eq!(only, !TableScope::Except(patterns).selects("db", &names));
    }
}
