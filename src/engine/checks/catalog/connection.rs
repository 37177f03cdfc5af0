//! Checks of the way to both servers.

use super::{CONNECT, Check, Fix, Judge, Judged, PLAIN, Weight, blocker, info, warning};
use crate::engine::checks::facts::{Facts, Wanted};
use crate::engine::checks::provider::Provider;
use crate::model::endpoint::Host;
use crate::model::plan::{Plan, TargetPolicy};
use crate::model::units::{Side, count_of, readable};
use crate::pg::statement::fixes;

pub(super) const CHECKS: [Check; 8] = [
    Check {
        id: CONNECT,
        title: "Connection",
        weight: Weight::Stops,
        what: "Both servers are reached, and log us in: name, port, TLS, pg_hba.conf, password and database are told apart \
               where one of them is wrong.",
        why: "without a session on both servers nothing can be asked",
        fix: Fix::Same("what is wrong says what to do"),
        judge: Judge::Servers(|_, _| super::well()),
        ..PLAIN
    },
    Check {
        id: "tls",
        title: "Encryption",
        what: "Whether the sessions of this check were encrypted, and whether the certificate was looked at.",
        why: "rows and password hashes travel over these connections",
        fix: Fix::Same("add sslmode=verify-full and sslrootcert=… to the address"),
        judge: Judge::Servers(tls),
        ..PLAIN
    },
    Check {
        id: "pooler",
        title: "No pooler in between",
        what: "Whether the address is that of a connection pooler (PgBouncer, pgcat, a provider's pooled host or port): \
               sessions are not ours alone there, and snapshots, locks and replication need one that is.",
        why: "a pooler gives a session to somebody else between two statements, and knows no replication",
        fix: Fix::On(Side::Source, direct_address),
        judge: Judge::Servers(pooler),
        ..PLAIN
    },
    Check {
        id: "ipv6",
        title: "Address family",
        what: "Whether the source was reached by IPv6 while the target has an address of IPv4 only: the target has to reach \
               the source by itself for a continuous migration.",
        why: "a target without IPv6 cannot subscribe to such a source",
        fix: Fix::On(Side::Source, by_ipv4),
        only: super::Only::Continuous,
        judge: Judge::Servers(ipv6),
        ..PLAIN
    },
    Check {
        id: "pg-dump",
        title: "pg_dump",
        weight: Weight::Stops,
        what: "A pg_dump on this machine that can read the source and writes what the target understands, without the holes \
               of 2025 and 2026 by which a hostile source attacks whoever reads its dump (CVE-2025-8714, CVE-2026-6477).",
        why: "definitions are read by pg_dump, which refuses servers newer than itself",
        fix: Fix::Same("install the client tools of the target's version, and keep them up to date"),
        judge: Judge::Servers(tool),
        ..PLAIN
    },
    Check {
        id: "connections",
        title: "Free connections",
        what: "How many connections are free on both servers, and whether our user's own limit leaves enough of them.",
        why: "with few, fewer tables are copied at a time",
        fix: Fix::Same("close idle sessions, or raise max_connections or the role's CONNECTION LIMIT"),
        judge: Judge::Servers(connections),
        ..PLAIN
    },
    Check {
        id: "timeouts",
        title: "Time limits",
        what: "statement_timeout, lock_timeout, idle_in_transaction_session_timeout and transaction_timeout as our sessions \
               get them, after they have set them to 0.",
        why: "a limit that cannot be lifted ends the copy of a large table",
        fix: Fix::Same(
            "something sets it after each login, an event trigger (from 17 on) or a pooler: leave the migration's user out of it",
        ),
        judge: Judge::Servers(timeouts),
        ..PLAIN
    },
    Check {
        id: "clock",
        title: "Clocks",
        what: "Whether both servers' clocks agree within a minute.",
        why: "defaults such as now() jump when applications move over",
        fix: Fix::Same("set both machines by NTP"),
        judge: Judge::Servers(clock),
        ..PLAIN
    },
];

const SIDES: [Side; 2] = [Side::Source, Side::Target];

fn tls(facts: &Facts, _: &Plan) -> Judged {
    let mut found = Vec::new();
    for side in SIDES {
        let of = facts.side(side);
        let encrypted = of.standing.as_ref().map_err(Clone::clone)?.encrypted;
        let away = of.hosts.iter().any(|h| match &h.host {
            Host::Tcp { name, addr } => !addr.map_or(name == "localhost", |a| a.is_loopback()),
            Host::Unix(_) => false,
        });
        if !encrypted && away {
            found.push(warning(format!("the connection to the {side} is not encrypted")));
        }
    }
    Ok(found)
}

fn pooler(facts: &Facts, _: &Plan) -> Judged {
    let pooled = |host: &crate::model::endpoint::HostSpec| {
        let by_name = matches!(&host.host, Host::Tcp { name, .. } if {
            let name = name.to_ascii_lowercase();
            name.contains("-pooler.") || name.contains(".pooler.") || name.starts_with("pgbouncer")
        });
        by_name || matches!(host.port, 6432 | 6543)
    };
    let mut found = Vec::new();
    for side in SIDES {
        let of = facts.side(side);
        let (first, last) = (of.standing.as_ref().map(|s| s.pid), of.last_pid.as_ref());
        if first.is_ok_and(|first| last.is_ok_and(|last| first != *last)) {
            let title =
                format!("one session with the {side} was served by two processes: there is a pooler between");
            found.push(blocker(title));
        } else if of.hosts.iter().any(pooled) {
            found.push(warning(format!("the {side}'s address looks like that of a pooler")));
        }
    }
    Ok(found)
}

fn direct_address(provider: Provider) -> String {
    match provider {
        Provider::Supabase => {
            "use the direct host db.<project>.supabase.co, port 5432 (IPv6, or the IPv4 add-on)".to_owned()
        }
        Provider::Neon => "use the host without -pooler".to_owned(),
        Provider::Aiven => "use the service's own port, not that of a connection pool".to_owned(),
        Provider::Azure => "use port 5432; 6432 is the built-in PgBouncer".to_owned(),
        _ => "use the server's own host and port".to_owned(),
    }
}

fn ipv6(facts: &Facts, _: &Plan) -> Judged {
    let family = |side: Side| {
        facts.side(side).hosts.iter().find_map(|h| match &h.host {
            Host::Tcp { addr: Some(addr), .. } if !addr.is_loopback() => Some(addr.is_ipv6()),
            _ => None,
        })
    };
    Ok(match (family(Side::Source), family(Side::Target)) {
        (Some(true), Some(false)) => {
            vec![warning(
                "the source was reached by IPv6, the target by IPv4: it may have no way to the source",
            )]
        }
        _ => Vec::new(),
    })
}

fn by_ipv4(provider: Provider) -> String {
    match provider {
        Provider::Supabase => "buy the IPv4 add-on for the time of the migration".to_owned(),
        _ => "name an address of IPv4 with --source-for-target".to_owned(),
    }
}

/// The first releases without the known holes, by major version.
const MENDED: [(u32, u32); 6] = [(13, 22), (14, 23), (15, 18), (16, 14), (17, 10), (18, 4)];

/// Rows are put into what is there already where it is the same as on the source, which pg_dump tells of both.
fn read_on_target<'a>(facts: &'a Facts, plan: &Plan) -> Vec<&'a str> {
    let held = |wanted: &&Wanted| {
        let there = wanted.target.as_ref().and_then(|there| there.as_ref().ok());
        let objects =
            there.and_then(|there| there.objects.as_ref()).and_then(|objects| objects.as_ref().ok());
        objects.is_some_and(|objects| !objects.is_empty())
    };
    let fills = plan.policies.target_not_empty != TargetPolicy::Refuse;
    facts.to_move().filter(held).filter(|_| fills).map(Wanted::name).collect()
}

fn tool(facts: &Facts, plan: &Plan) -> Judged {
    let tool = match &facts.tool {
        Ok(tool) => tool,
        // The sentence says what to install.
        Err(sentence) => return Ok(vec![blocker(sentence.clone())]),
    };
    let version = &tool.version;
    let read = read_on_target(facts, plan);
    if !read.is_empty() && version.major < facts.to().major() {
        let title = format!("pg_dump {}.{} cannot read the target", version.major, version.minor);
        let why = "what is in a database on the target is held against the source's before rows go into it";
        let fix = format!("install the client tools of PostgreSQL {} or newer", facts.to().major());
        let names = read.into_iter().map(readable);
        return Ok(vec![blocker(title).because(why).objects(names).fix(fix)]);
    }
    let old = MENDED.iter().any(|(major, minor)| version.major == *major && version.minor < *minor);
    Ok(if old || version.major < 13 {
        vec![
            warning(format!("pg_dump {}.{} has known security holes", version.major, version.minor))
                .because("a hostile source could attack this machine or the target through it"),
        ]
    } else {
        Vec::new()
    })
}

/// What a migration of one worker takes.
const FEWEST: i32 = 6;
/// What leaves room for several workers, and for the checks.
const ENOUGH: i32 = 20;

fn connections(facts: &Facts, _: &Plan) -> Judged {
    let mut found = Vec::new();
    for side in SIDES {
        let of = facts.side(side);
        let standing = of.standing.as_ref().map_err(Clone::clone)?;
        let own = match standing.connection_limit {
            limit if limit >= 0 => limit.saturating_sub(standing.connections),
            _ => i32::MAX,
        };
        let free = of.server.free_connections.min(own).max(0);
        if free < FEWEST {
            let most = of.settings.as_ref().ok().and_then(|s| s.number("max_connections"));
            let statement = match most {
                // Our own limit is what is short.
                _ if own < of.server.free_connections => {
                    fixes::connection_limit(facts.user(side), standing.connections.saturating_add(ENOUGH))
                }
                Some(most) => of.provider.set("max_connections", &(most + i64::from(ENOUGH)).to_string()),
                None => "raise max_connections".to_owned(),
            };
            let free = count_of(u64::try_from(free).unwrap_or(0), "connection");
            found.push(
                warning(format!("the {side} has {free} left for us, and {FEWEST} are wanted at least"))
                    .fix(format!("on the {side}: {statement} — or close idle sessions")),
            );
        }
    }
    Ok(found)
}

fn timeouts(facts: &Facts, _: &Plan) -> Judged {
    const LIMITS: [&str; 4] =
        ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"];
    let mut found = Vec::new();
    for side in SIDES {
        let settings = facts.side(side).settings.as_ref().map_err(Clone::clone)?;
        for name in LIMITS.into_iter().filter(|name| settings.ms(name).is_some_and(|ms| ms > 0)) {
            found.push(warning(format!("{name} cannot be lifted on the {side}")));
        }
    }
    Ok(found)
}

/// In seconds.
const MOST_SKEW_S: u64 = 60;

fn clock(facts: &Facts, _: &Plan) -> Judged {
    let at = |side: Side| facts.side(side).standing.as_ref().map(|s| s.clock_ms).map_err(Clone::clone);
    let apart_s = at(Side::Source)?.abs_diff(at(Side::Target)?) / 1000;
    Ok(if apart_s > MOST_SKEW_S {
        vec![info(format!("the servers' clocks are {} apart", count_of(apart_s, "second")))]
    } else {
        Vec::new()
    })
}
