//! Values of `char(n)` travel without the blanks that pad them, and nobody can tell afterwards.

use crate::common::Pair;
use crate::traps::ask;

const TABLES: &str = "
    CREATE DOMAIN code AS char(4);
    CREATE TABLE padded (id int PRIMARY KEY, a char(84), b char, c bpchar, d text, e varchar(9), f code, g char(5)[],
                         h char(70000), i char(3) NOT NULL DEFAULT '');
    INSERT INTO padded SELECT n, '', 'x', 'c' || repeat(' ', n % 5), 'd' || repeat(' ', n % 3), 'e  ', 'f', ARRAY['g', NULL],
                              NULL FROM generate_series(1, 20000) n;
    INSERT INTO padded VALUES (0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'abc'),
                              (-1, repeat('\u{e4}', 84), '\u{e4}', '   ', '   ', '   ', '', '{\"\"}', 'short', '\u{e4}'),
                              (-2, E'tab\\t \\n', ' ', '', '', '', '\u{1f418}', '{}', repeat('h', 70000), ' a '),
                              (-3, 'a  b', 'b', 'c', 'd', 'e', 'f', '{g}', repeat('h', 60000), 'i');
    CREATE TABLE split (id int, c char(20)) PARTITION BY RANGE (id);
    CREATE TABLE split_1 PARTITION OF split FOR VALUES FROM (0) TO (10);
    CREATE TABLE split_2 (c char(20), gone int, id int); ALTER TABLE split_2 DROP gone;
    ALTER TABLE split ATTACH PARTITION split_2 FOR VALUES FROM (10) TO (100);
    INSERT INTO split SELECT n, repeat('s', n) FROM generate_series(0, 20) n;
    DO $$ BEGIN FOR t IN 1..40 LOOP
        EXECUTE format('CREATE TABLE small_%s AS SELECT n, repeat(chr(65 + n), n)::char(7) AS c FROM generate_series(1, 7) n', t);
    END LOOP; END $$;";

/// What a value is made of, blanks included.
const BYTES: &str = "SELECT md5(string_agg(concat_ws(',', id, octet_length(a), octet_length(b), octet_length(c), \
                     octet_length(d), octet_length(e), octet_length(f), octet_length(g[1]), octet_length(h), \
                     octet_length(i), md5(d), md5(e)), ';' ORDER BY id)) FROM padded";

#[test]
fn blanks_of_char_columns_are_there_again() {
    let pair = Pair::new();
    pair.source.psql("postgres", "CREATE DATABASE shop").unwrap();
    pair.source.psql("shop", TABLES).unwrap();
    for arguments in [&["--jobs", "2"][..], &["--jobs", "4", "--split-tables-larger-than", "1"]] {
        pair.migrate(&[arguments, &["--database", "shop"]].concat()).assert_done();
        assert_eq!(ask(&pair.target, "shop", BYTES), ask(&pair.source, "shop", BYTES));
        let differences: Vec<_> = pair.compare_database("shop").iter().map(ToString::to_string).collect();
        assert!(differences.is_empty(), "{}", differences.join("\n"));
        let sum = "SELECT sum(octet_length(c)), count(*) FROM split";
        assert_eq!(ask(&pair.target, "shop", sum), "420|21");
        pair.target.psql("postgres", "DROP DATABASE shop").unwrap();
    }
}
