//! Small typed values that would otherwise travel as bare strings and numbers.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A schema-qualified relation name as the catalog spells it (unquoted, exact case).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    pub schema: String,
    pub name: String,
}

impl TableName {
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }
}

/// For people: identifiers are quoted only where SQL would need it, control characters never reach a terminal.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", readable(&self.schema), readable(&self.name))
    }
}

/// An identifier as a person would write it: bare where that is unambiguous, else in double quotes.
pub fn readable(identifier: &str) -> String {
    let plain = identifier.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && identifier.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '$');
    if plain { identifier.to_owned() } else { format!("\"{}\"", printable(&identifier.replace('"', "\"\""))) }
}

/// Text from a server made safe for a terminal and a log line: control characters become escapes.
/// A hostile source may put terminal sequences into any name or message.
pub fn printable(text: &str) -> String {
    printable_but(text, &[])
}

/// The same of several lines, which stay lines.
pub fn printable_lines(text: &str) -> String {
    printable_but(text, &['\n'])
}

/// With these characters as they are.
pub fn printable_but(text: &str, stay: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if stay.contains(&c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || turns_text(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Invisible characters that reorder or break the line they stand in (Unicode TR 36, "bidirectional text spoofing").
pub fn turns_text(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// One of the two servers of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Source,
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Source => "source",
            Side::Target => "target",
        })
    }
}

/// `server_version_num`, for example 150018.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerVersion(pub u32);

impl ServerVersion {
    /// The major version: 15 for 150018. Before 10 two numbers made it up; those come out as 9.
    pub fn major(self) -> u32 {
        self.0 / 10_000
    }

    pub fn at_least(self, major: u32) -> bool {
        self.major() >= major
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= 100_000 {
            write!(f, "{}.{}", self.0 / 10_000, self.0 % 10_000)
        } else {
            write!(f, "{}.{}.{}", self.0 / 10_000, self.0 / 100 % 100, self.0 % 100)
        }
    }
}

/// A place in a server's write-ahead log: bytes since its beginning. Written as PostgreSQL does, `16/B374D848`, also in
/// JSON. Two servers' places have nothing to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Lsn(pub u64);

impl Lsn {
    /// How many bytes of log lie between `earlier` and this place; 0 where `earlier` is the later one.
    pub fn bytes_since(self, earlier: Lsn) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

impl From<Lsn> for String {
    fn from(lsn: Lsn) -> Self {
        lsn.to_string()
    }
}

/// A text that is no place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a WAL position of the form X/Y")]
pub struct BadLsn;

/// Two hexadecimal numbers of 1 to 8 digits and a slash between them (pg_lsn_in in pg_lsn.c).
impl std::str::FromStr for Lsn {
    type Err = BadLsn;

    fn from_str(text: &str) -> Result<Self, BadLsn> {
        let half = |digits: &str| {
            let hexadecimal =
                (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
            if hexadecimal { u64::from_str_radix(digits, 16).map_err(|_| BadLsn) } else { Err(BadLsn) }
        };
        let (high, low) = text.split_once('/').ok_or(BadLsn)?;
        Ok(Self(half(high)? << 32 | half(low)?))
    }
}

impl TryFrom<String> for Lsn {
    type Error = BadLsn;

    fn try_from(text: String) -> Result<Self, BadLsn> {
        text.parse()
    }
}

/// `1 table`, `2 tables`, with thousands separated.
pub fn count_of(n: u64, noun: &str) -> String {
    let plural = if n == 1 {
        noun.to_owned()
    } else if let Some(stem) = noun.strip_suffix('y').filter(|s| !s.ends_with(['a', 'e', 'o', 'u'])) {
        format!("{stem}ies")
    } else if noun.ends_with('x') {
        format!("{noun}es")
    } else {
        format!("{noun}s")
    };
    format!("{} {plural}", thousands(n))
}

/// `1,234,567`
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Bytes for people, in powers of 1024: `312 MB`, `1.4 GB`.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value >= 10.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// A span of time for people: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`.
pub fn human_ms(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0..10 => format!("{:.1} s", ms as f64 / 1000.0),
        10..60 => format!("{s} s"),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_only_where_needed() {
        assert_eq!(TableName::new("public", "orders").to_string(), "public.orders");
        assert_eq!(TableName::new("My Schema", "a\"b").to_string(), "\"My Schema\".\"a\"\"b\"");
        assert_eq!(readable("a\x1b[31m"), "\"a\\u{1b}[31m\"");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1234567), "1,234,567");
        assert_eq!(count_of(1, "index"), "1 index");
        assert_eq!(count_of(2, "index"), "2 indexes");
        assert_eq!(count_of(3, "foreign key"), "3 foreign keys");
        assert_eq!(human_bytes(999), "999 B");
        assert_eq!(human_bytes(1536), "1.5 kB");
        assert_eq!(human_bytes(327155712), "312 MB");
        assert_eq!(human_ms(400), "0.4 s");
        assert_eq!(human_ms(200_000), "3 min 20 s");
        assert_eq!(ServerVersion(150018).to_string(), "15.18");
    }

    #[test]
    fn places_in_the_log_are_read_and_written_as_the_server_does() {
        for text in ["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF", "1/A"] {
            assert_eq!(text.parse::<Lsn>().unwrap().to_string(), text);
        }
        assert_eq!("00000016/0b374d848".parse::<Lsn>(), Err(BadLsn));
        assert_eq!("00000016/b374d848".parse(), Ok(Lsn(0x16_b374_d848)));
        for text in ["", "/", "1", "1/", "/1", "1/2/3", "+1/2", "1/ 2", "g/1", "123456789/1", "0x1/2"] {
            assert_eq!(text.parse::<Lsn>(), Err(BadLsn), "{text:?}");
        }
        assert!("1/0".parse::<Lsn>().unwrap() > "0/FFFFFFFF".parse().unwrap());
        assert_eq!(Lsn(7).bytes_since(Lsn(2)), 5);
        assert_eq!(Lsn(2).bytes_since(Lsn(7)), 0);
        assert_eq!(serde_json::to_string(&Lsn(0x1_0000_000a)).unwrap(), "\"1/A\"");
        assert_eq!(serde_json::from_str::<Lsn>("\"1/A\"").unwrap(), Lsn(0x1_0000_000a));
        assert!(serde_json::from_str::<Lsn>("\"x\"").is_err());
    }
}
