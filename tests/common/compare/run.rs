//! Child processes: `psql` and `pg_dump`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use super::Conn;

/// Settings that make every value print alike on both ends, whatever the database, the role or the server sets.
const SETTINGS: &str = "\
SET client_min_messages = error; SET search_path = ''; SET row_security = off; SET statement_timeout = 0;
SET lock_timeout = 0; SET extra_float_digits = 3; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = postgres;
SET TimeZone = 'UTC'; SET bytea_output = hex; SET lc_monetary = 'C'; SET xmlbinary = base64; SET xmloption = content;
SET quote_all_identifiers = off; SET standard_conforming_strings = on; SET transform_null_equals = off; SET jit = off;
SET default_transaction_isolation = 'read committed'; SET transaction_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
";

/// What a script printed.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) lines: Vec<String>,
    pub(super) errors: Vec<String>,
}

/// Facts by kind and identity, from lines `kind 0x1f identity 0x1f fact 0x1e fact …`; more than one line per key is allowed.
pub(super) type Facts = BTreeMap<(String, String), Vec<String>>;

impl Answer {
    pub(super) fn facts(&mut self) -> Facts {
        let mut facts = Facts::new();
        for line in &self.lines {
            let mut parts = line.splitn(3, '\u{1f}');
            match (parts.next(), parts.next(), parts.next()) {
                (Some(kind), Some(identity), Some(rest)) => {
                    facts.entry((kind.to_owned(), identity.to_owned())).or_default().push(rest.to_owned());
                }
                _ => self.errors.push(format!("a line without three parts: {line}")),
            }
        }
        for values in facts.values_mut() {
            values.sort();
        }
        facts
    }
}

/// A connection string for `-d`, which takes any database name.
fn conninfo(conn: &Conn, db: &str) -> String {
    let quote = |value: &str| format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"));
    format!(
        "host={} port={} user={} dbname={} connect_timeout=30",
        quote(&conn.host),
        conn.port,
        quote(&conn.user),
        quote(db)
    )
}

fn command(conn: &Conn, program: &str, db: &str) -> Command {
    let mut command = Command::new(conn.bin.join(program));
    command
        .args(["-d", &conninfo(conn, db)])
        .env("LC_ALL", "C.UTF-8")
        .env("PGOPTIONS", "-c client_min_messages=error")
        .env("PGAPPNAME", "compare")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for name in ["PGSERVICE", "PGHOSTADDR", "PGTZ", "PGDATESTYLE", "PGCLIENTENCODING", "PSQLRC", "PGDATABASE"]
    {
        command.env_remove(name);
    }
    command
}

fn run(mut command: Command, input: &str) -> std::io::Result<Output> {
    let mut child = command.spawn()?;
    let stdin = child.stdin.take();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        if let Some(mut stdin) = stdin {
            // A child that ended early says so itself, by its status and on its stderr.
            let _ = stdin.write_all(input.as_bytes());
        }
    });
    let output = child.wait_with_output();
    let _ = writer.join();
    output
}

/// Bytes as text, without loss: what is no UTF-8 becomes `\xNN`.
fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

fn answer(output: std::io::Result<Output>, what: &str) -> Answer {
    match output {
        Err(error) => Answer { lines: Vec::new(), errors: vec![format!("{what}: {error}")] },
        Ok(output) => {
            let mut errors: Vec<String> = text(&output.stderr)
                .lines()
                .filter(|line| line.contains("ERROR:") || line.contains("FATAL:"))
                .map(str::to_owned)
                .collect();
            if !output.status.success() && errors.is_empty() {
                errors.push(format!("{what} ended with {}: {}", output.status, text(&output.stderr).trim()));
            }
            Answer { lines: text(&output.stdout).split('\n').map(str::to_owned).collect(), errors }
        }
    }
}

/// Runs a script; a failed statement is reported and does not stop the rest.
pub(super) fn psql(conn: &Conn, db: &str, script: &str) -> Answer {
    let mut psql = command(conn, "psql", db);
    // No conversion at all: names and values of every server encoding come through.
    psql.args(["-X", "-q", "-A", "-t", "-f", "-"]).env("PGCLIENTENCODING", "SQL_ASCII");
    let mut answer = answer(run(psql, &format!("{SETTINGS}{script}")), "psql");
    answer.lines.retain(|line| !line.is_empty());
    // Settings that this version does not have yet.
    answer.errors.retain(|error| !error.contains("unrecognized configuration parameter"));
    answer
}

/// The schema of a database as `pg_dump` writes it; the program is the caller's, so that both ends are written by the same.
pub(super) fn pg_dump(conn: &Conn, bin: &Conn, db: &str) -> Answer {
    let conn =
        Conn { host: conn.host.clone(), port: conn.port, user: conn.user.clone(), bin: bin.bin.clone() };
    let mut dump = command(&conn, "pg_dump", db);
    dump.args(["--create", "--schema-only"]);
    let mut answer = answer(run(dump, ""), "pg_dump");
    for line in &mut answer.lines {
        line.truncate(line.trim_end().len());
    }
    answer
}

/// Does the same on both ends at once.
pub(super) fn both<T: Send>(
    source: &Conn,
    target: &Conn,
    work: impl Fn(&Conn) -> T + Sync,
) -> (Option<T>, Option<T>) {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| work(target));
        let own = work(source);
        (Some(own), other.join().ok())
    })
}
