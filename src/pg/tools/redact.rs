//! Hides the secrets in statements that a server or a child may echo.
//!
//! What is hidden: the literal after PASSWORD, CONNECTION and any name like them; every literal of a statement about a
//! USER MAPPING; every literal that holds a connection string with a password; `password=…` and `user:password@` outside
//! literals. The text may be a fragment: servers cut the statement that they echo (`LINE 1: ...d 'x', …`), so that a
//! quote may as well end a literal as begin one. Wherever that could matter, all that follows is hidden. Too much is
//! hidden rather than too little: nobody executes the outcome.

/// What stands in a secret's place.
const MASK: &str = "'***'";

/// The value after a name with one of these in it is a secret.
const SECRET_NAMES: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "token",
    "credential",
    "connection",
    "key",
];

/// A literal that holds one of these may be a connection string, or it may be what stands between two literals, taken for
/// one because a quote before it was lost.
const TELLTALES: [&str; 6] = ["password", "passwd", "pwd", "secret", "connection", "mapping"];

/// `text` with every secret in it replaced by `'***'`.
#[must_use]
pub fn redact(text: &str) -> String {
    let mapping = text.to_ascii_lowercase().contains("user mapping");
    let mut out = String::with_capacity(text.len());
    let mut block_start = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some((label, excerpt)) = server_excerpt(line) {
            out.push_str(&Scan::over(text.get(block_start..at).unwrap_or_default()).run());
            out.push_str(label);
            let scan = Scan { mapping, ..Scan::over(excerpt) };
            out.push_str(&scan.run_excerpt());
            block_start = at + line.len();
        }
        at += line.len();
    }
    out.push_str(&Scan::over(text.get(block_start..).unwrap_or_default()).run());
    hide_userinfo(&hide_assignments(&out))
}

/// Splits `LINE 1: CREATE …`, as servers echo a part of one line of a statement.
fn server_excerpt(line: &str) -> Option<(&str, &str)> {
    let digits = line.strip_prefix("LINE ")?;
    let excerpt = digits.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(": ")?;
    line.split_at_checked(line.len() - excerpt.len())
}

/// A walk over the tokens of a text.
#[derive(Default)]
struct Scan<'a> {
    rest: &'a str,
    out: String,
    /// The last word or quoted identifier, in lower case; empty when something stands between it and a value.
    name: String,
    /// The word before it.
    name_before: String,
    /// Whether this statement is about a user mapping.
    mapping: bool,
    /// Whether nothing in the rest tells of a secret. Found out once: it stays true.
    calm: bool,
    /// Whether the last token but white space was a hidden literal, which another literal would continue.
    hidden: bool,
}

impl<'a> Scan<'a> {
    /// A walk that begins with nothing known.
    fn over(text: &'a str) -> Self {
        Scan { rest: text, ..Scan::default() }
    }

    /// Hides the literals of the whole text.
    fn run(mut self) -> String {
        while let Some(first) = self.rest.chars().next() {
            self.step(first);
        }
        self.out
    }

    /// An excerpt stands for itself: its quotes have nothing to do with those of the lines around it. One that may begin or
    /// end within a literal is hidden whole.
    fn run_excerpt(mut self) -> String {
        let quotes = self.rest.matches('\'').count();
        let end = if self.rest.ends_with('\n') { "\n" } else { "" };
        if quotes % 2 == 1 || (quotes > 0 && self.rest.starts_with("...")) {
            return format!("***{end}");
        }
        self.rest = self.rest.trim_end_matches('\n');
        self.run() + end
    }

    /// Moves one token from `rest` to `out`.
    fn step(&mut self, first: char) {
        let rest = self.rest;
        if let Some(literal) = Literal::read(rest) {
            self.literal(&literal);
        } else if rest.starts_with("--") {
            self.comment(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.comment(rest.find("*/").map_or(rest.len(), |end| end + 2));
        } else if let Some(length) = quoted_identifier(rest) {
            self.named(rest.get(1..length - 1).unwrap_or_default());
            self.pass(length);
        } else if is_word(first) {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            self.named(rest.get(..length).unwrap_or_default());
            self.pass(length);
        } else {
            if first == ';' {
                self.mapping = false;
                self.name.clear();
            }
            self.hidden &= first.is_whitespace();
            self.pass(first.len_utf8());
        }
    }

    fn named(&mut self, name: &str) {
        self.name_before = std::mem::replace(&mut self.name, name.to_ascii_lowercase());
        self.mapping |= self.name_before == "user" && self.name == "mapping";
        self.hidden = false;
    }

    /// Copies what is no literal.
    fn pass(&mut self, length: usize) {
        let (text, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.out.push_str(text);
        self.rest = rest;
    }

    fn is_calm(&mut self) -> bool {
        self.calm = self.calm || !tells(self.rest);
        self.calm
    }

    fn is_after_secret_name(&self) -> bool {
        let name = if self.name == "to" { &self.name_before } else { &self.name };
        SECRET_NAMES.iter().any(|word| name.contains(word))
    }

    /// Copies a comment, unless it may be something else: text that only looks like one.
    fn comment(&mut self, length: usize) {
        if self.rest.get(..length).is_some_and(tells) {
            self.out.push_str("***");
            self.rest = self.rest.get(length..).unwrap_or_default();
            self.hidden = true;
        } else {
            self.pass(length);
        }
    }

    /// Copies or hides a literal, and what follows it where its end is in doubt.
    fn literal(&mut self, literal: &Literal<'_>) {
        let secret = self.hidden || self.mapping || self.is_after_secret_name();
        let telling = tells(literal.whole);
        let lost = if secret { literal.unsure } else { telling || (literal.unsure && !self.is_calm()) };
        self.hidden = secret || telling || has_userinfo(literal.whole);
        if self.hidden || lost {
            self.out.push_str(MASK);
        } else {
            self.out.push_str(literal.whole);
            self.name.clear();
        }
        self.rest = if lost { "" } else { self.rest.get(literal.whole.len()..).unwrap_or_default() };
    }
}

/// Letters, digits, `_` and `$`: a `$` within a word does not begin a dollar-quoted literal.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn tells(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    TELLTALES.iter().any(|word| text.contains(word))
}

/// A string constant at the beginning of a text (manual, "Constants").
struct Literal<'a> {
    /// With its quotes and what stands before them.
    whole: &'a str,
    /// Whether its end is in doubt: it has none, or a backslash stands before a quote, which means one thing or another
    /// by `standard_conforming_strings`.
    unsure: bool,
}

impl<'a> Literal<'a> {
    /// The literal at the beginning, if there is one.
    fn read(text: &'a str) -> Option<Self> {
        if text.starts_with('$') {
            return Self::read_dollar(text);
        }
        let start = text.bytes().take(3).position(|byte| byte == b'\'')?;
        let escapes = match text.get(..start)?.to_ascii_lowercase().as_str() {
            "" | "b" | "x" | "n" | "u&" => false,
            "e" => true,
            _ => return None,
        };
        let (mut end, mut unsure, mut backslash) = (None, false, false);
        let mut bytes = text.bytes().enumerate().skip(start + 1).peekable();
        while let Some((at, byte)) = bytes.next() {
            let escaped = backslash && escapes;
            if byte == b'\'' && !escaped {
                unsure |= backslash;
                if bytes.next_if(|(_, next)| *next == b'\'').is_none() {
                    end = Some(at + 1);
                    break;
                }
            }
            backslash = byte == b'\\' && !escaped;
        }
        unsure |= end.is_none();
        Some(Self { whole: text.get(..end.unwrap_or(text.len()))?, unsure })
    }

    fn read_dollar(text: &'a str) -> Option<Self> {
        let tag_end = text.get(1..)?.find('$')? + 2;
        let tag = text.get(..tag_end)?;
        let name = tag.trim_matches('$');
        let is_tag = name.chars().all(|c| c.is_alphanumeric() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit());
        if !is_tag {
            return None;
        }
        let end = text.get(tag_end..)?.find(tag).map(|end| tag_end + end + tag.len());
        let whole = text.get(..end.unwrap_or(text.len()))?;
        Some(Self { whole, unsure: end.is_none() })
    }
}

/// The length of a quoted identifier at the beginning, with its quotes. None also for one without an end, and for what may
/// be a statement between two of them.
fn quoted_identifier(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate().peekable();
    bytes.next_if(|(_, byte)| *byte == b'"')?;
    while let Some((at, byte)) = bytes.next() {
        if byte == b'"' && bytes.next_if(|(_, next)| *next == b'"').is_none() {
            let whole = text.get(..=at)?;
            return (!whole.contains('\'') || !tells(whole)).then_some(at + 1);
        }
    }
    None
}

/// Hides bare values of connection strings: `password=tiger`, also in the query part of a URI.
fn hide_assignments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(equals) = rest.find('=') {
        let (before, value) = rest.split_at_checked(equals + 1).unwrap_or((rest, ""));
        out.push_str(before);
        rest = value.trim_start();
        out.push_str(value.strip_suffix(rest).unwrap_or_default());
        let name = before.trim_end_matches(|c: char| c == '=' || c.is_whitespace());
        let name = name.rsplit(|c: char| !is_word(c)).next().unwrap_or_default().to_ascii_lowercase();
        let is_secret = ["password", "passwd", "pwd", "secret"].iter().any(|word| name.ends_with(word));
        if is_secret && !rest.is_empty() && !rest.starts_with('\'') {
            out.push_str("***");
            rest = rest.get(bare_value_length(rest)..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}

/// A bare value ends at white space, `&` or a quote, unless a backslash stands before it.
fn bare_value_length(value: &str) -> usize {
    let mut backslash = false;
    let end = value.find(|c: char| {
        let escaped = std::mem::replace(&mut backslash, c == '\\');
        !escaped && (c.is_whitespace() || matches!(c, '&' | '\'' | '"'))
    });
    end.unwrap_or(value.len())
}

/// Hides the passwords of URIs: `postgres://user:password@host`. A password reaches up to the last `@`, because people
/// forget to encode one.
fn hide_userinfo(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://").map(|start| start + 3) {
        let (before, after) = rest.split_at_checked(start).unwrap_or((rest, ""));
        out.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"')).unwrap_or(after.len());
        // All of it is passed over at once, so that no text takes more than one walk.
        let (stretch, next) = after.split_at_checked(end).unwrap_or((after, ""));
        let (userinfo, host) = stretch.rsplit_once('@').unwrap_or(("", stretch));
        match userinfo.split_once(':') {
            Some((user, _)) => out.extend([user, ":***@", host]),
            None => out.push_str(stretch),
        }
        rest = next;
    }
    out.push_str(rest);
    out
}

fn has_userinfo(text: &str) -> bool {
    text.contains("://") && hide_userinfo(text) != text
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
