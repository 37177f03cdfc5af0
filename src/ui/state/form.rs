//! What the operator fills in: the two servers, what is left out, a name. Validation itself happens where the plan is made.

use super::text::{Password, Text};
use crate::model::conninfo::{self, Params};
use crate::model::endpoint::{SslMode, Words};
use crate::model::names::{IdError, check_id};
use crate::model::plan::{IdentityPolicy, TargetPolicy};
use crate::model::units::Side;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One thing that can be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Field {
    Name,
    Target(Part),
    Source(Part),
    Exclude,
    SkipTables,
    Jobs,
    NotEmpty,
    /// What becomes of tables of which nothing tells the rows apart.
    Identity,
}

/// One part of a server's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    Host,
    Port,
    Database,
    User,
    Password,
    Ssl,
    Ca,
}

pub const PARTS: [Part; 7] =
    [Part::Host, Part::Port, Part::Database, Part::User, Part::Password, Part::Ssl, Part::Ca];

impl Field {
    pub fn of(side: Side, part: Part) -> Self {
        match side {
            Side::Source => Field::Source(part),
            Side::Target => Field::Target(part),
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Field::Name => "Name",
            Field::Exclude => "Exclude databases",
            Field::SkipTables => "Leave out rows of",
            Field::Jobs => "Parallel copies",
            Field::NotEmpty => "Target not empty",
            Field::Identity => "Replica identity",
            Field::Source(part) | Field::Target(part) => match part {
                Part::Host => "Hostname",
                Part::Port => "Port",
                Part::Database => "Database name",
                Part::User => "Username",
                Part::Password => "Password",
                Part::Ssl => "SSL encryption",
                Part::Ca => "CA certificate",
            },
        }
    }
}

/// Whether the connection is encrypted: the checkbox, or a mode for those who need another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encryption {
    On,
    Off,
    Mode(SslMode),
}

/// What a field says is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    pub field: Field,
    pub what: String,
}

impl FieldError {
    pub fn new(field: Field, what: impl Into<String>) -> Self {
        Self { field, what: what.into() }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Server {
    pub host: Text,
    pub port: Text,
    pub database: Text,
    pub user: Text,
    #[serde(skip)]
    pub password: Password,
    pub encryption: Encryption,
    pub ca: Text,
    /// Settings of a pasted address that have no field of their own. No secrets.
    pub more: BTreeMap<String, String>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            host: Text::default(),
            port: Text::new("5432"),
            database: Text::default(),
            user: Text::default(),
            password: Password::default(),
            encryption: Encryption::On,
            ca: Text::default(),
            more: BTreeMap::new(),
        }
    }
}

impl Server {
    /// With the checkbox on, a certificate that was named is also compared.
    pub fn ssl_mode(&self) -> SslMode {
        match self.encryption {
            Encryption::Mode(mode) => mode,
            Encryption::On if self.ca.trimmed().is_empty() => SslMode::Require,
            Encryption::On => SslMode::VerifyFull,
            Encryption::Off => SslMode::Prefer,
        }
    }

    pub fn encrypts(&self) -> bool {
        self.ssl_mode() >= SslMode::Require
    }

    pub fn toggle_encryption(&mut self) {
        self.encryption = if self.encrypts() { Encryption::Off } else { Encryption::On };
    }

    /// To the next mode that libpq knows, or the one before.
    pub fn turn_mode(&mut self, forward: Turn) {
        const MODES: [SslMode; 6] = [
            SslMode::Disable,
            SslMode::Allow,
            SslMode::Prefer,
            SslMode::Require,
            SslMode::VerifyCa,
            SslMode::VerifyFull,
        ];
        let now = MODES.iter().position(|mode| *mode == self.ssl_mode()).unwrap_or(0);
        let step = match forward {
            Turn::Forward => 1,
            Turn::Back => MODES.len() - 1,
        };
        self.encryption = Encryption::Mode(MODES[(now + step) % MODES.len()]);
    }

    pub fn text(&self, part: Part) -> Option<&Text> {
        match part {
            Part::Host => Some(&self.host),
            Part::Port => Some(&self.port),
            Part::Database => Some(&self.database),
            Part::User => Some(&self.user),
            Part::Ca => Some(&self.ca),
            Part::Password | Part::Ssl => None,
        }
    }

    pub fn text_mut(&mut self, part: Part) -> Option<&mut Text> {
        match part {
            Part::Host => Some(&mut self.host),
            Part::Port => Some(&mut self.port),
            Part::Database => Some(&mut self.database),
            Part::User => Some(&mut self.user),
            Part::Ca => Some(&mut self.ca),
            Part::Password | Part::Ssl => None,
        }
    }

    /// A connection string without the password: for the command line that is shown, and for resolving.
    pub fn conninfo(&self) -> String {
        let mut parts = Vec::new();
        let mut say = |keyword: &str, value: &str| {
            if !value.is_empty() {
                parts.push(format!("{keyword}={}", quoted(value)));
            }
        };
        say("host", self.host.trimmed());
        say("port", self.port.trimmed());
        say("dbname", self.database.trimmed());
        say("user", self.user.trimmed());
        say("sslmode", self.ssl_mode().word());
        say("sslrootcert", self.ca.trimmed());
        for (keyword, value) in &self.more {
            say(keyword, value);
        }
        parts.join(" ")
    }

    /// The same server and user, by the first of its hosts.
    pub fn is_at(&self, other: &Server) -> bool {
        let first = |text: &Text| text.trimmed().split(',').next().unwrap_or_default().to_owned();
        let user = self.user.trimmed();
        first(&self.host) == first(&other.host)
            && first(&self.port) == first(&other.port)
            && (user.is_empty() || user == other.user.trimmed())
    }

    /// How it is called in headings: the host, or nothing yet.
    pub fn short(&self) -> Option<&str> {
        Some(self.host.trimmed()).filter(|host| !host.is_empty())
    }

    /// Takes over a whole connection string, as pasted. False where the text is not one.
    ///
    /// # Errors
    /// When it is one and something is wrong with it; no message quotes a value.
    pub fn fill(&mut self, text: &str) -> Result<bool, String> {
        let text = text.trim();
        let uri = text.starts_with("postgres://") || text.starts_with("postgresql://");
        if !uri && !text.contains('=') {
            return Ok(false);
        }
        let params = conninfo::parse(text).map_err(|error| error.to_string())?;
        if ["sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"]
            .iter()
            .any(|secret| params.get(secret).is_some())
        {
            return Err("sslpassword and keys cannot be pasted here; name them in a service file".to_owned());
        }
        self.take(&params);
        Ok(true)
    }

    fn take(&mut self, params: &Params) {
        *self = Self::default();
        for (keyword, value) in params.iter() {
            match keyword {
                "host" => self.host.set(value),
                "port" => self.port.set(value),
                "dbname" => self.database.set(value),
                "user" => self.user.set(value),
                "password" => self.password.set(value),
                "sslrootcert" => self.ca.set(value),
                "sslmode" => {
                    self.encryption = SslMode::parse(value).map_or(Encryption::On, Encryption::Mode);
                    if SslMode::parse(value).is_none() {
                        self.more.insert(keyword.to_owned(), value.to_owned());
                    }
                }
                _ => {
                    self.more.insert(keyword.to_owned(), value.to_owned());
                }
            }
        }
    }
}

/// Which way a choice is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Forward,
    Back,
}

fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:/,[]".contains(c);
    if value.chars().all(plain) { value.to_owned() } else { conninfo::quote(value) }
}

/// A name that was proposed in the place of one that a migration has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renamed {
    pub taken: String,
    pub name: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Form {
    pub name: Text,
    pub source: Server,
    pub target: Server,
    /// Names separated by spaces or commas.
    pub exclude: Text,
    pub skip_tables: Text,
    /// Empty: by the servers' processors.
    pub jobs: Text,
    pub not_empty: TargetPolicy,
    pub identity: IdentityPolicy,
    #[serde(default)]
    pub renamed: Option<Renamed>,
    pub errors: Vec<FieldError>,
}

impl Form {
    pub fn server(&self, side: Side) -> &Server {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    pub fn server_mut(&mut self, side: Side) -> &mut Server {
        match side {
            Side::Source => &mut self.source,
            Side::Target => &mut self.target,
        }
    }

    pub fn rename(&mut self, taken: String, name: String) {
        self.name.set(&name);
        self.errors.retain(|error| error.field != Field::Name);
        self.renamed = Some(Renamed { taken, name });
    }

    /// The name that another one stands in the place of, as long as nobody has changed it.
    pub fn renamed_from(&self) -> Option<&str> {
        let proposed = |renamed: &&Renamed| renamed.name == self.name.value();
        self.renamed.as_ref().filter(proposed).map(|renamed| renamed.taken.as_str())
    }

    pub fn error(&self, field: Field) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.what.as_str())
    }

    pub fn text(&self, field: Field) -> Option<&Text> {
        match field {
            Field::Name => Some(&self.name),
            Field::Exclude => Some(&self.exclude),
            Field::SkipTables => Some(&self.skip_tables),
            Field::Jobs => Some(&self.jobs),
            Field::NotEmpty | Field::Identity => None,
            Field::Source(part) => self.source.text(part),
            Field::Target(part) => self.target.text(part),
        }
    }

    pub fn text_mut(&mut self, field: Field) -> Option<&mut Text> {
        match field {
            Field::Name => Some(&mut self.name),
            Field::Exclude => Some(&mut self.exclude),
            Field::SkipTables => Some(&mut self.skip_tables),
            Field::Jobs => Some(&mut self.jobs),
            Field::NotEmpty | Field::Identity => None,
            Field::Source(part) => self.source.text_mut(part),
            Field::Target(part) => self.target.text_mut(part),
        }
    }

    pub fn password_mut(&mut self, field: Field) -> Option<&mut Password> {
        match field {
            Field::Source(Part::Password) => Some(&mut self.source.password),
            Field::Target(Part::Password) => Some(&mut self.target.password),
            _ => None,
        }
    }

    /// The databases to leave out. A name with spaces stands in double quotes.
    pub fn excluded(&self) -> Vec<String> {
        words(self.exclude.value())
    }

    /// Whether the database is left out afterwards.
    pub fn toggle_excluded(&mut self, database: &str) -> bool {
        let mut names = self.excluded();
        let was = names.iter().any(|name| name == database);
        names.retain(|name| name != database);
        if !was {
            names.push(database.to_owned());
        }
        self.exclude.set(names.iter().map(|name| as_word(name)).collect::<Vec<_>>().join(" "));
        !was
    }

    /// What can be judged without a server. The address itself is judged by those who resolve it.
    pub fn check(&self, fields: &[Field]) -> Vec<FieldError> {
        let mut errors = Vec::new();
        for field in fields {
            let value = self.text(*field).map(Text::trimmed).unwrap_or_default();
            let wrong = match field {
                Field::Source(Part::Host) | Field::Target(Part::Host) if value.is_empty() => {
                    Some("Hostname is needed: a name, an address, a folder")
                }
                Field::Source(Part::Port) | Field::Target(Part::Port)
                    if value.split(',').any(|port| port.parse::<u16>().map_or(true, |port| port == 0)) =>
                {
                    Some("Port must be a number from 1 to 65535")
                }
                Field::Jobs
                    if !value.is_empty() && !value.parse().is_ok_and(|n: u32| (1..=256).contains(&n)) =>
                {
                    Some("a number from 1 to 256, or nothing")
                }
                Field::Exclude if is_open(value) => {
                    Some("a double quote is not closed (within a name: \"\")")
                }
                Field::Name if !value.is_empty() => match check_id(value) {
                    Ok(()) => None,
                    Err(IdError::Illegal) => Some("up to 20 of a-z, 0-9, _; a letter or digit first"),
                    Err(IdError::TooLong(_)) => Some("too long: on the servers each _ counts twice"),
                },
                _ => None,
            };
            errors.extend(wrong.map(|what| FieldError::new(*field, what)));
        }
        errors
    }
}

/// Whether a name begins with a quote that nothing ends: all that follows would be one name.
fn is_open(text: &str) -> bool {
    text.chars().filter(|c| *c == '"').count() % 2 == 1
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quoted, mut any) = (String::new(), false, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                word.push('"');
            }
            '"' => {
                quoted = !quoted;
                any = true;
            }
            c if !quoted && (c.is_whitespace() || c == ',') => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

/// A database's name as it is written into the list of those to leave out.
pub fn as_word(name: &str) -> String {
    let odd = name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == ',' || c == '"');
    if odd { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
}

#[cfg(test)]
mod tests;
