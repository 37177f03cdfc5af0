//! The names of what a migration makes on servers for replication, and back from a name to the migration.
//!
//! `pgpassage_<id>_<database>_<kind>`. An underscore in the id is written twice there, so that the id's end can be
//! found. A database's name stands as it is, or as `x` and 16 hexadecimal digits where it cannot.

use std::fmt;

const PREFIX: &str = "pgpassage_";

/// NAMEDATALEN less the final zero; a longer name would be cut off silently, and two could become one.
const MAX_NAME_BYTES: usize = 63;

/// `x` and the hash's digits.
const HASHED_BYTES: usize = 17;

/// Beyond that nobody would type it again.
const MOST_ID: usize = 20;

/// The longest ending of a name.
const MOST_ENDING: usize = "pubins".len();

/// Of an id with its underscores written twice, so that every name has room for a database's hash.
const MOST_ESCAPED: usize = MAX_NAME_BYTES - PREFIX.len() - HASHED_BYTES - MOST_ENDING - "__".len();

/// Why an id cannot be a migration's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("use up to {most} of a-z, 0-9 and _, beginning with a letter or digit", most = MOST_ID)]
    Illegal,
    /// So long it is with its underscores written twice.
    #[error(
        "in names on the servers an underscore is written twice, which makes it {0} characters of which only \
         {most} have room; use fewer underscores",
        most = MOST_ESCAPED
    )]
    TooLong(usize),
}

/// Whether names of all kinds can be made of an id, whatever a database is called.
///
/// # Errors
/// Why not.
pub fn check_id(id: &str) -> Result<(), IdError> {
    if id.is_empty() || id.len() > MOST_ID || id.starts_with('_') || !id.bytes().all(is_legal) {
        return Err(IdError::Illegal);
    }
    match id.replace('_', "__").len() {
        ..=MOST_ESCAPED => Ok(()),
        escaped => Err(IdError::TooLong(escaped)),
    }
}

/// Ids to follow this one: `shop_2` after `shop`, `shop_3` after that. One that is too long gives way at its end.
pub fn later_ids(id: &str) -> impl Iterator<Item = String> {
    let is_number = |text: &&str| !text.starts_with('0');
    let counted = id.rsplit_once('_').and_then(|(stem, end)| {
        let number = Some(end).filter(is_number)?.parse::<u32>().ok()?;
        Some((stem, number)).filter(|(stem, _)| !stem.is_empty())
    });
    let (stem, last) = counted.unwrap_or((id, 1));
    let stem = stem.to_owned();
    (u64::from(last) + 1..).map_while(move |number| numbered(&stem, number))
}

/// None where not even the first letter will do.
fn numbered(stem: &str, number: u64) -> Option<String> {
    let ends = (1..=stem.len()).rev().filter(|end| stem.is_char_boundary(*end));
    let mut all = ends.map(|end| format!("{}_{number}", stem[..end].trim_end_matches('_')));
    all.find(|id| check_id(id).is_ok())
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    Publication,
    /// The second publication, for tables of which only new rows travel.
    InsertPublication,
    Slot,
    Subscription,
}

impl ObjectKind {
    pub const ALL: [ObjectKind; 4] =
        [ObjectKind::Publication, ObjectKind::InsertPublication, ObjectKind::Slot, ObjectKind::Subscription];

    fn ending(self) -> &'static str {
        match self {
            ObjectKind::Publication => "pub",
            ObjectKind::InsertPublication => "pubins",
            ObjectKind::Slot => "slot",
            ObjectKind::Subscription => "sub",
        }
    }
}

/// Whether databases' names may be read in the names of our objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mangle {
    /// Always the hash.
    Always,
    /// The hash only where the name itself will not do.
    WhereNeeded,
}

/// The names for one database in one migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectNames {
    /// Everything but the kind, with the last underscore.
    stem: String,
}

impl ObjectNames {
    /// `None` for an id that is empty, begins with an underscore, holds anything but a-z, 0-9 and `_`, or is longer
    /// than 28 bytes with its underscores counted twice: there is no room for the rest then.
    pub fn new(id: &str, database: &str, mangle: Mangle) -> Option<Self> {
        if id.is_empty() || id.starts_with('_') || !id.bytes().all(is_legal) {
            return None;
        }
        let id = id.replace('_', "__");
        // The same form for all kinds, whether the shorter ones have room or not.
        let room = MAX_NAME_BYTES.checked_sub(PREFIX.len() + id.len() + 1 + 1 + MOST_ENDING)?;
        if room < HASHED_BYTES {
            return None;
        }
        let fits = mangle == Mangle::WhereNeeded && database.len() <= room && stands_for_itself(database);
        let database = if fits { database.to_owned() } else { hashed(database) };
        Some(Self { stem: format!("{PREFIX}{id}_{database}_") })
    }

    pub fn of(&self, kind: ObjectKind) -> String {
        format!("{}{}", self.stem, kind.ending())
    }
}

/// What a name of ours says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    pub id: String,
    /// The database's name, or what stands for it.
    pub database: String,
    pub kind: ObjectKind,
}

/// Reads a name as [`ObjectNames`] writes it; `None` for any other. That somebody else made an object with such a name
/// cannot be told from the name alone.
pub fn parse(name: &str) -> Option<ObjectName> {
    let rest = name.strip_prefix(PREFIX).filter(|_| name.len() <= MAX_NAME_BYTES)?;
    let (rest, ending) = rest.rsplit_once('_')?;
    let kind = ObjectKind::ALL.into_iter().find(|k| k.ending() == ending)?;
    let (id, database) = split_id(rest)?;
    let legal = !id.is_empty() && !id.starts_with('_') && id.bytes().all(is_legal);
    let database = Some(database).filter(|d| stands_for_itself(d) || is_hash(d))?;
    legal.then(|| ObjectName { id, database: database.to_owned(), kind })
}

/// Finds the first underscore that is not doubled.
fn split_id(text: &str) -> Option<(String, &str)> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find('_')?;
        if !text.get(at + 1..)?.starts_with('_') {
            return Some((text.get(..at)?.replace("__", "_"), text.get(at + 1..)?));
        }
        from = at + 2;
    }
}

fn is_legal(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

/// Whether a database's name can be used as it is: legal in a slot's name, no part of the id by its underscore, and
/// not to be taken for the hash of another one's.
fn stands_for_itself(database: &str) -> bool {
    !database.is_empty() && database.bytes().all(is_legal) && !database.starts_with('_') && !is_hash(database)
}

fn is_hash(text: &str) -> bool {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.len() == HASHED_BYTES && text.strip_prefix('x').is_some_and(|d| d.bytes().all(digit))
}

/// FNV-1a with 64 bits: the same in every build, and no secret is to be kept.
fn hashed(database: &str) -> String {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("x{:016x}", database.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ObjectKind::Publication | ObjectKind::InsertPublication => "publication",
            ObjectKind::Slot => "replication slot",
            ObjectKind::Subscription => "subscription",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(id: &str, database: &str) -> String {
        ObjectNames::new(id, database, Mangle::WhereNeeded).unwrap().of(ObjectKind::Slot)
    }

    #[test]
    fn plain_names_stand_as_they_are() {
        let names = ObjectNames::new("ab2c", "shop_1", Mangle::WhereNeeded).unwrap();
        assert_eq!(names.of(ObjectKind::Publication), "pgpassage_ab2c_shop_1_pub");
        assert_eq!(names.of(ObjectKind::InsertPublication), "pgpassage_ab2c_shop_1_pubins");
        assert_eq!(names.of(ObjectKind::Slot), "pgpassage_ab2c_shop_1_slot");
        assert_eq!(names.of(ObjectKind::Subscription), "pgpassage_ab2c_shop_1_sub");
    }

    #[test]
    fn other_names_are_hashed_and_the_hash_is_stable() {
        // The standard's own test values (Fowler, Noll, Vo).
        assert_eq!(hashed(""), "xcbf29ce484222325");
        assert_eq!(hashed("foobar"), "x85944171f73967e8");
        let mangled = ObjectNames::new("a", "foobar", Mangle::Always).unwrap();
        assert_eq!(mangled.of(ObjectKind::Slot), "pgpassage_a_x85944171f73967e8_slot");
        for database in ["Shop", "a-b", "_a", "caf\u{e9}", &"d".repeat(60), "x85944171f73967e8"] {
            let name = slot("a", database);
            assert!(name.len() <= MAX_NAME_BYTES && name.bytes().all(is_legal), "{name}");
            let stands_in = parse(&name).unwrap().database;
            assert!(is_hash(&stands_in) && stands_in != database, "{name}");
        }
        // What looks like a hash is hashed itself.
        assert_ne!(slot("a", "x85944171f73967e8"), mangled.of(ObjectKind::Slot));
    }

    #[test]
    fn no_two_share_a_name_and_all_are_read_back() {
        let ids = ["a", "a_", "a_b", "a__b", "ab", "sub", "a_sub"];
        let databases =
            ["b", "b_c", "_b", "__b", "b_", "b_pub", "pub", "c", "b_c_slot", "B", "x0123456789abcdef"];
        let mut seen = std::collections::BTreeSet::new();
        for id in ids {
            for database in databases {
                let names = ObjectNames::new(id, database, Mangle::WhereNeeded).unwrap();
                for kind in ObjectKind::ALL {
                    let name = names.of(kind);
                    let read = parse(&name).unwrap();
                    assert_eq!((read.id.as_str(), read.kind), (id, kind), "{name}");
                    assert!(read.database == database || is_hash(&read.database), "{name}");
                    assert!(seen.insert(name.clone()), "{name}");
                }
            }
        }
    }

    #[test]
    fn the_next_ids_are_counted_and_are_ids() {
        for (id, next) in [
            ("shop", "shop_2"),
            ("shop_2", "shop_3"),
            ("shop_99", "shop_100"),
            ("shop_02", "shop_02_2"),
            ("a_b", "a_b_2"),
            ("_2", ""),
            ("abcdefghijklmnopqrst", "abcdefghijklmnopqr_2"),
            ("abcdefghijklmno_9999", "abcdefghijklmn_10000"),
            // Each underscore counts twice.
            ("a_b_c_d_e_f_g_h_i", "a_b_c_d_e_f_g_h_i_2"),
            ("a_a_a_a_a_a_a_a_a_ab", "a_a_a_a_a_a_a_a_a_2"),
            ("\u{e9}", ""),
        ] {
            assert_eq!(later_ids(id).next().unwrap_or_default(), next, "{id}");
            assert!(later_ids(id).take(200).all(|id| check_id(&id).is_ok()), "{id}");
        }
        let all: std::collections::BTreeSet<_> = later_ids("abcdefghijklmnopqrst").take(200).collect();
        assert_eq!(all.len(), 200);
    }

    #[test]
    fn others_names_are_not_ours() {
        for name in [
            "",
            "pgpassage",
            "pgpassage_",
            "pgpassage_a_slot",
            "pgpassage__a_b_slot",
            "pgpassage_a_b_view",
            "pgpassage_a_B_slot",
            "Pgpassage_a_b_slot",
            "xpgpassage_a_b_slot",
            "pgpassage_a__slot",
            "pgpassage_a-b_c_slot",
        ] {
            assert_eq!(parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn ids_that_leave_no_room_are_refused() {
        assert!(ObjectNames::new(&"i".repeat(28), "db", Mangle::WhereNeeded).is_some());
        assert!(ObjectKind::ALL.iter().all(|kind| kind.ending().len() <= MOST_ENDING));
        for id in ["", "_a", "A", "a-b", &"i".repeat(29), &"i_".repeat(10)] {
            assert_eq!(ObjectNames::new(id, "db", Mangle::WhereNeeded), None, "{id:?}");
        }
    }
}
