//! What an engine needs in order to begin, from the face that starts it to its own process: by a pipe, in memory only.
//!
//! This is the one place where secrets are encoded. Their types have no `Serialize` on purpose; the mirrors of them below
//! are private, and the buffers are wiped. A length goes first, so that half a hand-over is none.

use crate::model::failure::Failure;
use crate::model::passwords::{Field, PassLine, Passwords};
use crate::model::plan::Plan;
use crate::model::secret::Secret;
use crate::model::secrets::{PlaceholderKey, Secrets};
use crate::model::task::{Stay, Task};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// A plan, and all lines of a password file.
const MOST_BYTES: u64 = 64 << 20;

/// Where an engine in its own process logs to, beside the migration's folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    pub further: Option<PathBuf>,
    pub detail: Detail,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Detail {
    #[default]
    Info,
    Debug,
}

/// All that an engine is told before it begins.
#[derive(Debug)]
pub struct Order {
    pub plan: Plan,
    pub secrets: Secrets,
    /// A later command on a migration that exists; a new one is begun without.
    pub task: Option<Task>,
    /// For a new one.
    pub stay: Stay,
    pub logging: Logging,
}

#[derive(Serialize, Deserialize)]
struct Handover<'a> {
    plan: Cow<'a, Plan>,
    task: Option<Task>,
    stay: Stay,
    logging: Cow<'a, Logging>,
    source: Login<'a>,
    target: Login<'a>,
    role_passwords: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    placeholder_key: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct Login<'a> {
    explicit: Option<Cow<'a, str>>,
    lines: Vec<Line<'a>>,
    ssl_key: Option<Cow<'a, str>>,
}

/// Host, port, database, user, and the password; what is absent is any.
type Line<'a> = ([Option<Cow<'a, str>>; 4], Cow<'a, str>);

impl<'a> Login<'a> {
    fn of(passwords: &'a Passwords) -> Self {
        let field = |field: &'a Field| match field {
            Field::Any => None,
            Field::Exactly(text) => Some(Cow::Borrowed(text.as_str())),
        };
        let secret = |secret: &'a Option<Secret>| secret.as_ref().map(|s| Cow::Borrowed(s.expose()));
        let line = |line: &'a PassLine| {
            let fields = [&line.host, &line.port, &line.dbname, &line.user].map(field);
            (fields, Cow::Borrowed(line.password.expose()))
        };
        Self {
            explicit: secret(&passwords.explicit),
            lines: passwords.lines.iter().map(line).collect(),
            ssl_key: secret(&passwords.ssl_key),
        }
    }

    fn into_passwords(self) -> Passwords {
        let field = |text: Option<Cow<'_, str>>| match text {
            None => Field::Any,
            Some(text) => Field::Exactly(text.into_owned()),
        };
        let line = |([host, port, dbname, user], password): Line<'_>| {
            let [host, port, dbname, user] = [host, port, dbname, user].map(field);
            PassLine { host, port, dbname, user, password: Secret::new(password) }
        };
        Passwords {
            explicit: self.explicit.map(Secret::new),
            lines: self.lines.into_iter().map(line).collect(),
            ssl_key: self.ssl_key.map(Secret::new),
        }
    }
}

/// Everything as bytes, which are wiped when they are dropped.
pub(super) fn encode(order: &Order) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let Order { plan, secrets, task, stay, logging } = order;
    let roles = secrets.role_passwords.iter();
    let handover = Handover {
        plan: Cow::Borrowed(plan),
        task: *task,
        stay: *stay,
        logging: Cow::Borrowed(logging),
        source: Login::of(&secrets.source),
        target: Login::of(&secrets.target),
        role_passwords: roles.map(|(r, s)| (r.as_str().into(), s.expose().into())).collect(),
        placeholder_key: secrets.placeholder_key.0,
    };
    let failed = |e: serde_json::Error| Failure::local(format!("the plan cannot be handed over: {e}"));
    // Counted first: a buffer that grows leaves copies of its beginnings in memory.
    let mut counted = Counted(0);
    serde_json::to_writer(&mut counted, &handover).map_err(failed)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(counted.0 + 8));
    bytes.extend_from_slice(&(counted.0 as u64).to_be_bytes());
    serde_json::to_writer(&mut *bytes, &handover).map_err(failed)?;
    Ok(bytes)
}

/// # Errors
/// When what comes is not a hand-over, or ends before it does.
pub(super) fn decode(mut from: impl Read) -> Result<Order, Failure> {
    let broken = |e: io::Error| Failure::local(format!("the hand-over broke off: {e}"));
    let mut length = [0; 8];
    from.read_exact(&mut length).map_err(broken)?;
    let length = u64::from_be_bytes(length);
    let length = usize::try_from(length).ok().filter(|_| length <= MOST_BYTES);
    let length = length.ok_or_else(|| Failure::local("this is no hand-over"))?;
    let mut bytes = Zeroizing::new(vec![0; length]);
    from.read_exact(&mut bytes).map_err(broken)?;
    // The parser's own words could quote what must not be seen.
    let understood = serde_json::from_slice::<Handover<'_>>(&bytes);
    let handover = understood.map_err(|_| Failure::local("the hand-over cannot be understood"))?;
    let roles = handover.role_passwords.into_iter();
    let secrets = Secrets {
        source: handover.source.into_passwords(),
        target: handover.target.into_passwords(),
        role_passwords: roles.map(|(role, secret)| (role.into_owned(), Secret::new(secret))).collect(),
        placeholder_key: PlaceholderKey(handover.placeholder_key),
    };
    let (plan, logging) = (handover.plan.into_owned(), handover.logging.into_owned());
    Ok(Order { plan, secrets, task: handover.task, stay: handover.stay, logging })
}

struct Counted(usize);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::endpoint::{Host, HostSpec, Keepalives, Ssl};
    use crate::model::passwords::parse_passfile;
    use crate::model::task::Finish;

    fn order() -> Order {
        let endpoint = serde_json::json!({
            "hosts": [HostSpec { host: Host::Unix("/tmp".into()), port: 5432 }], "user": "u", "dbname": null,
            "ssl": Ssl::default(), "channel_binding": "prefer", "connect_timeout_s": null, "options": null,
            "application_name": null, "target_session_attrs": "any", "load_balance_hosts": false,
            "keepalives": Keepalives::default(), "tcp_user_timeout_ms": null,
        });
        let plan = serde_json::json!({
            "format": 1, "id": "abc", "home": "/state/abc", "source": endpoint, "target": endpoint,
            "scope": { "databases": [], "excluded_databases": [], "tables": "all", "excluded_roles": [],
                "excluded_extensions": [], "extension_tables": "copy" },
            "method": "dump", "policies": { "target_not_empty": "refuse", "owners": "yes", "privileges": "yes",
                "create_databases": "yes", "version_check": "yes" },
            "tools": { "pgbin": null, "path_dirs": [] },
        });
        let source = Passwords {
            explicit: Some(Secret::new("p\"\\\u{1F511}\n'x")),
            lines: parse_passfile("db:*:shop:app:right\n*:5432:*:*:late\\:r"),
            ssl_key: Some(Secret::new("")),
        };
        let secrets = Secrets {
            source,
            target: Passwords::default(),
            role_passwords: BTreeMap::from([("a:b".to_owned(), Secret::new("pw"))]),
            placeholder_key: PlaceholderKey([7; 32]),
        };
        let logging = Logging { further: Some("/tmp/x".into()), detail: Detail::Debug };
        let task = Some(Task::Finish(Finish::default()));
        let stay = Stay::AndWaits;
        Order { plan: serde_json::from_value(plan).unwrap(), secrets, task, stay, logging }
    }

    #[test]
    fn what_is_handed_over_arrives() {
        let order = order();
        let bytes = encode(&order).unwrap();
        // Nothing comes to lie where it would not be wiped.
        assert_eq!(bytes.len(), bytes.capacity());
        let back = decode(bytes.as_slice()).unwrap();
        assert_eq!((&back.plan, &back.logging), (&order.plan, &order.logging));
        assert_eq!((back.task, back.stay), (order.task, order.stay));
        assert_eq!(back.secrets.source, order.secrets.source);
        assert_eq!(back.secrets.target, order.secrets.target);
        assert_eq!(back.secrets.role_passwords, order.secrets.role_passwords);
        assert_eq!(back.secrets.placeholder_key.0, order.secrets.placeholder_key.0);
    }

    #[test]
    fn half_of_it_is_nothing_and_no_complaint_quotes_it() {
        let bytes = encode(&order()).unwrap();
        for length in 0..bytes.len() {
            let failure = decode(&bytes[..length]).unwrap_err();
            assert!(!failure.what.contains("right"), "{failure}");
        }
        let mut odd = bytes.to_vec();
        let at = odd.windows(5).position(|w| w == b"right").unwrap();
        odd[at + 5] = b'!';
        assert_eq!(decode(odd.as_slice()).unwrap_err().what, "the hand-over cannot be understood");
        assert_eq!(decode(&[0xff; 64][..]).unwrap_err().what, "this is no hand-over");
    }
}
