//! What the write load does: transactions as statements, made of nothing but a seed and what there was before.

/// Numbers that depend on the seed alone (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// One transaction.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    pub(crate) kind: &'static str,
    pub(crate) statements: Vec<String>,
    pub(crate) ends: Ends,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    Commit,
    Rollback,
}

/// How a kind of transaction writes itself.
type Writer = fn(&mut Random) -> Vec<String>;

/// Name, how often among all, what it does. Those of partitions are last: servers before 11 cannot do them.
const KINDS: [(&str, u64, Writer); 18] = [
    ("insert", 10, insert_kind),
    ("update", 10, update_kind),
    ("delete", 6, delete_some),
    ("order", 10, order),
    ("keyed", 6, keyed),
    ("full", 6, full),
    ("wide", 5, wide),
    ("page", 3, page),
    ("unchanged toast", 8, unchanged_toast),
    ("changed toast", 2, changed_toast),
    ("basket", 5, basket),
    ("truncate", 1, truncate),
    ("rollback", 4, order),
    ("savepoint", 5, savepoint),
    ("sequence", 5, sequence),
    ("event", 4, event),
    ("move", 6, move_event),
    ("hash", 4, bucket),
];

/// How many of [`KINDS`] need partitions.
const PARTITIONED: usize = 3;

/// The next transaction of a server of this version (as `server_version_num` says it).
pub(crate) fn next(random: &mut Random, version: u32) -> Transaction {
    let known = if version >= 110_000 { KINDS.len() } else { KINDS.len() - PARTITIONED };
    let kinds = &KINDS[..known];
    let mut at = random.below(kinds.iter().map(|(_, weight, _)| weight).sum());
    for (kind, weight, write) in kinds {
        if at < *weight {
            let ends = if *kind == "rollback" { Ends::Rollback } else { Ends::Commit };
            return Transaction { kind, statements: write(random), ends };
        }
        at -= weight;
    }
    unreachable!("the sum of all weights is above each of its parts")
}

/// The one big transaction, of about so many bytes that do not compress on their way into the table.
pub(crate) fn bulk(bytes: usize) -> Transaction {
    const ROW: usize = 102_400;
    const ROWS: usize = 20;
    let rows = bytes.div_ceil(ROW);
    let statements = (0..rows.div_ceil(ROWS)).map(|at| {
        let (from, to) = (at * ROWS, rows.min((at + 1) * ROWS));
        format!("INSERT INTO bulk (body) SELECT repeat(md5(n::text), {}) FROM generate_series({from}, {to} - 1) n", ROW / 32)
    });
    Transaction { kind: "bulk", statements: statements.collect(), ends: Ends::Commit }
}

/// Condition for one row of a table with an `id`: the first one from somewhere in the range that is in use.
fn row(random: &mut Random, table: &str) -> String {
    let share = random.below(1000);
    format!(
        "id = (SELECT id FROM {table} WHERE id >= (SELECT max(id) * {share} / 1000 FROM {table}) ORDER BY id LIMIT 1)"
    )
}

/// Columns of `kind` with values of all types that follow from a number.
fn kind_values(random: &mut Random) -> Vec<(&'static str, String)> {
    let n = random.below(1_000_000);
    let text = format!("md5('{n}')");
    let day = format!("date '2020-02-28' + {}", n % 3000);
    let moment = format!("timestamp '2021-03-28 01:59:59.999999' + {n} * interval '13.000007 minutes'");
    vec![
        ("n", n.to_string()),
        ("small", format!("{}", n as i64 % 32768 - 16384)),
        ("large", format!("{n}::bigint * -9000000001")),
        ("exact", if n.is_multiple_of(7) { "'NaN'".to_owned() } else { format!("{n}.{n}00 * 1e40") }),
        ("price", format!("{n} / 100.0")),
        ("single", format!("{n} / 3.0")),
        (
            "double",
            if n.is_multiple_of(11) { "'-Infinity'".to_owned() } else { format!("{n} / 7.0::float8") },
        ),
        ("truth", n.is_multiple_of(3).to_string()),
        ("letters", format!("'{}'", n % 1000)),
        ("name", format!("{text} || ' é中😀'")),
        ("words", format!("repeat({text}, {}) || E'\\n\\t\\\\.'", n % 200)),
        ("bytes", format!("decode({text}, 'hex') || '\\x0000ff'::bytea")),
        ("day", day.clone()),
        ("hour", format!("time '00:00:00' + {n} * interval '1 second'")),
        ("hour_zone", format!("timetz '12:00:00+05:30' + {n} * interval '1 second'")),
        ("moment", moment.clone()),
        ("moment_zone", format!("({moment}) AT TIME ZONE 'UTC'")),
        ("span", format!("{n} * interval '1 month -3 days 00:00:00.5'")),
        ("token", format!("{text}::uuid")),
        ("host", format!("inet '10.0.0.1/8' + {n}")),
        ("net", format!("network(set_masklen(inet '10.0.0.0' + {n}, 24))")),
        ("card", format!("('08:00:2b:' || to_char({}, 'FM00:00:00'))::macaddr", n % 1_000_000)),
        ("bits", format!("{}::bit(8)", n % 256)),
        ("more_bits", format!("{n}::bit(20)::varbit")),
        ("plain", format!("'{{\"b\" : {n}, \"a\":1,  \"a\": 2}}'")),
        ("document", format!("jsonb_build_object('n', {n}, 'text', {text}, 'none', NULL)")),
        ("spot", format!("point({n}, -0.1)")),
        ("area", format!("polygon(box(point(0, 0), point({n}, 1)))")),
        ("search", format!("to_tsvector('simple', {text} || ' words words')")),
        ("numbers", format!("ARRAY[{n}, NULL, -1]")),
        ("matrix", format!("ARRAY[[{n}, 1.10], [2, numeric 'NaN']]")),
        ("texts", format!("ARRAY[{text}, 'NULL', NULL, '', 'a \"b\", {{c}}']")),
        ("whole", format!("int4range({n}, {n} + 5, '[]')")),
        ("during", "tstzrange('2024-01-01 00:00Z', NULL)".to_owned()),
        ("tint", "'a \"quoted\", one'".to_owned()),
        ("tints", "ARRAY['red', 'blue']::color[]".to_owned()),
        ("part", format!("{} / 100.0", n % 10_001)),
        ("size", format!("ROW({n}, NULL, 'a, (b) \"c\"')::dimension")),
        ("sizes", format!("ARRAY[ROW({n}, 2, '')::dimension, NULL]")),
    ]
}

fn insert_kind(random: &mut Random) -> Vec<String> {
    let (columns, values): (Vec<_>, Vec<_>) = kind_values(random).into_iter().unzip();
    vec![format!("INSERT INTO kind ({}) VALUES ({})", columns.join(", "), values.join(", "))]
}

/// Some columns get another value, one becomes null.
fn update_kind(random: &mut Random) -> Vec<String> {
    let mut values = kind_values(random);
    let emptied = 1 + random.below(values.len() as u64 - 1) as usize;
    values[emptied].1 = "NULL".to_owned();
    let start = random.below(values.len() as u64) as usize;
    let mut chosen: Vec<String> = values
        .iter()
        .cycle()
        .skip(start)
        .take(8)
        .map(|(column, value)| format!("{column} = {value}"))
        .collect();
    if !chosen.iter().any(|set| set.ends_with("= NULL")) {
        chosen.push(format!("{} = NULL", values[emptied].0));
    }
    vec![format!("UPDATE kind SET {} WHERE {}", chosen.join(", "), row(random, "kind"))]
}

fn delete_some(random: &mut Random) -> Vec<String> {
    let table = ["kind", "orders", "page", "wide"][random.below(4) as usize];
    vec![format!("DELETE FROM {table} WHERE {}", row(random, table))]
}

fn order(random: &mut Random) -> Vec<String> {
    let (customer, items) = (random.below(500), 1 + random.below(6));
    let mut statements =
        vec![format!("INSERT INTO orders (customer, note) VALUES ({customer}, 'order of {customer}')")];
    for position in 1..=items {
        statements.push(format!(
            "INSERT INTO order_item VALUES (currval('orders_id_seq'), {position}, {})",
            random.below(90)
        ));
    }
    statements.push(
        "UPDATE orders SET total = (SELECT sum(amount) FROM order_item WHERE order_id = orders.id)
         WHERE id = currval('orders_id_seq')"
            .to_owned(),
    );
    statements
}

/// Inserts, updates of other columns and of the identity itself, deletes.
fn keyed(random: &mut Random) -> Vec<String> {
    let n = random.below(1_000_000);
    let one = row(random, "keyed");
    vec![match random.below(5) {
        0 | 1 => format!(
            "INSERT INTO keyed (code, country, amount) VALUES ('code {n}', 'de', {n}) ON CONFLICT DO NOTHING"
        ),
        2 => format!("UPDATE keyed SET amount = {n} WHERE {one}"),
        3 => format!("UPDATE keyed SET code = 'code {n} of ' || id WHERE {one}"),
        _ => format!("DELETE FROM keyed WHERE {one}"),
    }]
}

/// Rows that are alike, with nulls; an update and a delete hit all of a kind.
fn full(random: &mut Random) -> Vec<String> {
    let (a, b) = (random.below(60), random.below(60));
    vec![match random.below(4) {
        0 => format!(
            "INSERT INTO heap SELECT {a}, NULLIF('text ' || {b} % 5, 'text 0'), jsonb_build_object('b', {b}), {b}.10
             FROM generate_series(1, 2)"
        ),
        1 => format!("INSERT INTO heap VALUES ({a}, NULL, NULL, 'NaN')"),
        2 => format!("UPDATE heap SET d = coalesce(d, 0) + 1, b = 'now {b}' WHERE a = {a}"),
        _ => format!("DELETE FROM heap WHERE a = {a} AND d < 3"),
    }]
}

fn wide(random: &mut Random) -> Vec<String> {
    let (column, value) = (1 + random.below(1599), random.below(1_000_000));
    vec![match random.below(4) {
        0 => format!("INSERT INTO wide (c0001, c{column:04}) VALUES (1, {value})")
            .replace("(c0001, c0001) VALUES (1, ", "(c0001) VALUES ("),
        _ => format!("UPDATE wide SET c{column:04} = {value} WHERE {}", row(random, "wide")),
    }]
}

fn page(random: &mut Random) -> Vec<String> {
    let n = random.below(1_000_000);
    vec![format!(
        "INSERT INTO page (body, raw) VALUES (repeat(md5('{n}'), {}), decode(repeat(md5('{n}'), {}), 'hex'))",
        100 + n % 4000,
        200 + n % 3000
    )]
}

fn unchanged_toast(random: &mut Random) -> Vec<String> {
    vec![format!("UPDATE page SET seen = seen + 1 WHERE {}", row(random, "page"))]
}

/// One of two such values changes, the other one does not.
fn changed_toast(random: &mut Random) -> Vec<String> {
    let size = 100 + random.below(3000);
    vec![format!(
        "UPDATE page SET body = repeat(md5(id::text || seen), {size}) WHERE {}",
        row(random, "page")
    )]
}

fn basket(random: &mut Random) -> Vec<String> {
    let items = 1 + random.below(3);
    vec![
        format!("INSERT INTO basket (owner) VALUES ('owner {}')", random.below(1000)),
        format!(
            "INSERT INTO basket_item (basket, what)
             SELECT currval('basket_id_seq'), 'what ' || n FROM generate_series(1, {items}) n"
        ),
    ]
}

/// With later inserts, and sometimes with its sequences started again.
fn truncate(random: &mut Random) -> Vec<String> {
    let mut statements = vec![match random.below(3) {
        0 => "TRUNCATE basket, basket_item RESTART IDENTITY".to_owned(),
        1 => "TRUNCATE basket CASCADE".to_owned(),
        _ => "TRUNCATE basket_item".to_owned(),
    }];
    if random.below(2) == 0 {
        statements.extend(basket(random));
    }
    statements
}

/// A savepoint that is kept inside of one that is rolled back, and the other way round.
fn savepoint(random: &mut Random) -> Vec<String> {
    let (n, one) = (random.below(1000), row(random, "orders"));
    let insert = |note: &str| format!("INSERT INTO orders (customer, note) VALUES ({n}, '{note}')");
    let [kept, lost] = ["kept", "must not be seen"].map(insert);
    let update = format!("UPDATE orders SET note = 'must not be seen' WHERE {one}");
    [
        &kept,
        "SAVEPOINT a",
        &lost,
        "SAVEPOINT b",
        &update,
        "RELEASE SAVEPOINT b",
        "ROLLBACK TO SAVEPOINT a",
        &kept,
        "SAVEPOINT c",
        &kept,
        "SAVEPOINT d",
        &lost,
        "ROLLBACK TO SAVEPOINT d",
        "RELEASE SAVEPOINT c",
        &kept,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Sequences that no insert advances; what a rollback took stays taken.
fn sequence(random: &mut Random) -> Vec<String> {
    let times = 1 + random.below(20);
    vec![
        format!("SELECT count(nextval('ticket')) FROM generate_series(1, {times})"),
        "SAVEPOINT a".to_owned(),
        "SELECT nextval('countdown')".to_owned(),
        "ROLLBACK TO SAVEPOINT a".to_owned(),
    ]
}

fn event(random: &mut Random) -> Vec<String> {
    let day = random.below(1400);
    vec![format!("INSERT INTO event (day, what) VALUES (date '2023-01-01' + {day}, 'event {day}')")]
}

/// An update of the partition key: to another partition, most often.
fn move_event(random: &mut Random) -> Vec<String> {
    let day = random.below(1400);
    vec![format!("UPDATE event SET day = date '2023-01-01' + {day} WHERE {}", row(random, "event"))]
}

fn bucket(random: &mut Random) -> Vec<String> {
    let (n, one) = (random.below(1000), row(random, "bucket"));
    vec![match random.below(4) {
        0 | 1 => format!("INSERT INTO bucket (what) VALUES ('bucket {n}')"),
        // Another key is another partition, for two out of three.
        2 => format!("UPDATE bucket SET id = nextval('bucket_key'), what = 'moved {n}' WHERE {one}"),
        _ => format!("DELETE FROM bucket WHERE {one}"),
    }]
}
