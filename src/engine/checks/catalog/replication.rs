//! Checks that only a continuous migration needs, of the servers as such.

use super::{Check, Fix, Judge, Judged, Only, PLAIN, Unjudged, blocker, info, statements, warning};
use crate::engine::checks::facts::{Facts, SlotProbe};
use crate::model::check::Finding;
use crate::model::plan::Plan;
use crate::model::units::{Side, count_of, human_bytes, human_ms, printable, readable};
use crate::pg::facts::replication::server::Supply;
use crate::pg::facts::replication::watch::Other;
use crate::pg::statement::fixes;

const CONTINUOUS: Check = Check { only: Only::Continuous, ..PLAIN };

pub(super) const CHECKS: [Check; 16] = [
    Check {
        id: "wal-level",
        title: "wal_level",
        what: "Whether the source writes what logical replication needs into its log. From 19 on replica will do: it begins with the \
               first slot.",
        why: "with less than logical, changes cannot be read from the log",
        fix: Fix::On(Side::Source, |provider| provider.set("wal_level", "logical")),
        judge: Judge::Servers(wal_level),
        ..CONTINUOUS
    },
    Check {
        id: "standby-source",
        title: "Source is a primary",
        what: "Whether the source is a standby. Publications can only be made on its primary.",
        why: "nothing can be published on a standby",
        fix: Fix::Same("name its primary as the source"),
        judge: Judge::Servers(standby),
        ..CONTINUOUS
    },
    Check {
        id: "replication-right",
        title: "Source's user may replicate",
        what: "Whether the source's user has REPLICATION (or what the provider has instead).",
        why: "without it no replication slot can be made",
        fix: Fix::On(Side::Source, |provider| {
            provider.give_replication("migrator", &fixes::role_attribute("migrator", "REPLICATION"))
        }),
        judge: Judge::Servers(replication_right),
        ..CONTINUOUS
    },
    Check {
        id: "slots",
        title: "Free replication slots",
        what: "Whether the source has a free replication slot for each database that is to be moved.",
        why: "each database takes a slot for as long as it follows",
        fix: Fix::On(Side::Source, |provider| provider.set("max_replication_slots", "20")),
        judge: Judge::Servers(slots),
        ..CONTINUOUS
    },
    Check {
        id: "wal-senders",
        title: "Free WAL senders",
        what: "Whether max_wal_senders of the source leaves one for each database.",
        why: "each subscription holds one, and so does the making of a slot",
        fix: Fix::On(Side::Source, |provider| provider.set("max_wal_senders", "20")),
        judge: Judge::Servers(senders),
        ..CONTINUOUS
    },
    Check {
        id: "slot",
        title: "A slot can be made",
        what: "A temporary replication slot is made on the source and gone with its connection: this proves wal_level, \
               REPLICATION, a free slot, pg_hba.conf for this database, and that no open transaction holds it up (it is given \
               3 seconds). The server logs that a slot was made: by a user who may not keep that out (superusers may, and from 15 on \
               whoever may set log_min_messages) it is not tried.",
        why: "a migration begins with a slot for each database",
        fix: Fix::Same("what is wrong says what to do"),
        judge: Judge::Servers(slot),
        ..CONTINUOUS
    },
    Check {
        id: "open-transactions",
        title: "Open transactions",
        what: "Transactions that have written and are open for more than 30 seconds, on the whole source server.",
        why: "a new slot waits for every transaction that was open before it",
        fix: Fix::Same("end it, or wait for it"),
        judge: Judge::Servers(transactions),
        ..CONTINUOUS
    },
    Check {
        id: "prepared-transactions",
        title: "Prepared transactions",
        what: "Transactions prepared for two-phase commit and not yet decided.",
        why: "a new slot waits for them, and nobody but you can decide about them",
        fix: Fix::Same("commit it or roll it back, in its database"),
        judge: Judge::Servers(prepared),
        ..CONTINUOUS
    },
    Check {
        id: "wal-kept",
        title: "Log that the source keeps",
        since: 13,
        what: "Whether max_slot_wal_keep_size leaves room for the log that the source writes while rows are copied, and \
               whether other slots have been given up or are about to be.",
        why: "a slot whose log was taken away never delivers again: the copy starts over",
        fix: Fix::On(Side::Source, |provider| provider.set("max_slot_wal_keep_size", "-1")),
        judge: Judge::Servers(wal_kept),
        ..CONTINUOUS
    },
    Check {
        id: "wal-rate",
        title: "Rate of changes",
        what: "How much log the source writes in a second, looked at for a second.",
        why: "the source keeps this much for as long as rows are copied",
        fix: Fix::Same("begin when little is written"),
        judge: Judge::Servers(wal_rate),
        ..CONTINUOUS
    },
    Check {
        id: "idle-slots",
        title: "Slots may rest",
        since: 18,
        what: "Whether idle_replication_slot_timeout of the source is off, or longer than a pause may last.",
        why: "a slot that nobody reads from for that long is given up",
        fix: Fix::On(Side::Source, |provider| provider.set("idle_replication_slot_timeout", "0")),
        judge: Judge::Servers(idle_slots),
        ..CONTINUOUS
    },
    Check {
        id: "output-plugins",
        title: "pgoutput is allowed",
        what: "Whether output_plugin_libraries of the source has pgoutput. The setting exists from 19 on, and in later minor \
               versions of 14 to 18.",
        why: "changes are decoded by pgoutput",
        fix: Fix::On(Side::Source, |provider| {
            provider.set("output_plugin_libraries", "pgoutput, test_decoding")
        }),
        judge: Judge::Servers(output_plugins),
        ..CONTINUOUS
    },
    Check {
        id: "sender-timeout",
        title: "wal_sender_timeout",
        what: "Whether the source gives a target that is busy enough time to answer.",
        why: "a large transaction may keep the target busy for longer, and the connection begins anew each time",
        fix: Fix::On(Side::Source, |provider| provider.set("wal_sender_timeout", "5min")),
        judge: Judge::Servers(sender_timeout),
        ..CONTINUOUS
    },
    Check {
        id: "decoding",
        title: "Decoding and standbys",
        what: "Settings of the source under which following is slow or waits for others: synchronized_standby_slots (17), \
               small logical_decoding_work_mem, and a failover for which no slot is prepared (17).",
        why: "our slot waits for standbys, or large transactions go through files",
        fix: Fix::Same("look at the settings that are named"),
        judge: Judge::Servers(decoding),
        ..CONTINUOUS
    },
    Check {
        id: "workers",
        title: "Workers and origins",
        what: "Whether the target has a logical replication worker, a background worker and a replication origin free for \
               each database.",
        why: "a subscription without a worker waits, and one without an origin fails",
        fix: Fix::On(Side::Target, |provider| provider.set("max_logical_replication_workers", "20")),
        judge: Judge::Servers(workers),
        ..CONTINUOUS
    },
    Check {
        id: "replication",
        title: "Replication as a whole",
        what: "What the migration itself asks before it follows, the way from the target to the source included: where the \
               target's user is a superuser, the target really dials the source, in a transaction that is rolled back and \
               kept out of the target's log. Others could not keep the source's password out of that log, and do not try.",
        why: "the target has to reach the source by itself",
        fix: Fix::Same(
            "open the way from the target to the source, or name the address that it must use with --source-for-target",
        ),
        judge: Judge::Servers(means),
        ..CONTINUOUS
    },
];

fn wal_level(facts: &Facts, _: &Plan) -> Judged {
    let source = &facts.source;
    let replication = source.replication.as_ref().map_err(Clone::clone)?;
    if replication.decodes() {
        return super::well();
    }
    let level = &replication.wal_level;
    let waits = source.settings.as_ref().is_ok_and(|s| s.waits_for_restart("wal_level"));
    let finding = blocker(format!("wal_level is {level} on the source, not logical"));
    Ok(vec![if waits { finding.fix("restart the source: the change waits for it") } else { finding }])
}

fn standby(facts: &Facts, _: &Plan) -> Judged {
    Ok(facts.source.server.in_recovery.then(|| blocker("the source is a standby")).into_iter().collect())
}

fn replication_right(facts: &Facts, _: &Plan) -> Judged {
    let rights = facts.source.replication.as_ref().map_err(Clone::clone)?.rights;
    let by_role = facts
        .source
        .standing
        .as_ref()
        .is_ok_and(|s| s.member_of.iter().any(|r| r == "rds_replication" || r == "rds_superuser"));
    if rights.superuser || rights.replication || by_role {
        return super::well();
    }
    let user = facts.user(Side::Source);
    let own = fixes::role_attribute(user, "REPLICATION");
    let fix = format!("on the source: {}", facts.source.provider.give_replication(user, &own));
    Ok(vec![blocker(format!("{} has no REPLICATION on the source", readable(user))).fix(fix)])
}

/// Nothing where there are enough.
fn short(what: &str, supply: Supply, wanted: i32, side: Side) -> Option<Finding> {
    (supply.free() < wanted).then(|| {
        blocker(format!(
            "{wanted} more are needed and {} are free of {what} ({}) on the {side}",
            supply.free().max(0),
            supply.max
        ))
    })
}

fn slots(facts: &Facts, _: &Plan) -> Judged {
    let supply = facts.source.replication.as_ref().map_err(Clone::clone)?.slots;
    let wanted = facts.count();
    let Some(finding) = short("max_replication_slots", supply, wanted, Side::Source) else {
        return super::well();
    };
    let more = (supply.used + wanted).to_string();
    let mut fix = format!("on the source: {}", facts.source.provider.set("max_replication_slots", &more));
    let idle: Vec<_> =
        facts.source.slots.iter().flatten().filter(|s| !s.active && !s.temporary).cloned().collect();
    if !idle.is_empty() {
        let drops = statements(Side::Source, &idle, |s| fixes::drop_slot(&s.name));
        fix = format!("{fix} — or drop those that nobody needs any more, {drops}");
    }
    let names = facts.source.slots.iter().flatten().map(|s| {
        let state = if s.active { "active" } else { "inactive" };
        format!("{} ({state})", printable(&s.name))
    });
    Ok(vec![finding.objects(names).fix(fix)])
}

fn senders(facts: &Facts, _: &Plan) -> Judged {
    let supply = facts.source.replication.as_ref().map_err(Clone::clone)?.senders;
    let more = (supply.used + facts.count()).to_string();
    let fix = format!("on the source: {}", facts.source.provider.set("max_wal_senders", &more));
    let found = short("max_wal_senders", supply, facts.count(), Side::Source);
    Ok(found.map(|finding| finding.fix(fix)).into_iter().collect())
}

fn slot(facts: &Facts, _: &Plan) -> Judged {
    match &facts.probes.slot {
        SlotProbe::Made => super::well(),
        SlotProbe::NotTried(why) => Err(Unjudged::Moot(why.clone())),
        SlotProbe::WouldStay(missing) => Err(Unjudged::Unknown(missing.clone())),
        SlotProbe::Waited => {
            let title = "a replication slot could not be made within 3 seconds";
            let fix = "see the open transactions: a slot waits until each of them has ended";
            Ok(vec![warning(title).fix(fix)])
        }
        SlotProbe::Failed(failure) => {
            let finding = blocker(format!("no replication slot can be made: {}", failure.what));
            Ok(vec![match &failure.advice {
                Some(advice) => finding.fix(advice.clone()),
                None => finding,
            }])
        }
    }
}

fn who(other: &Other) -> String {
    let age = other.transaction_age_s.map(|s| format!(", for {}", human_ms(s.saturating_mul(1000))));
    format!(
        "pid {} (user {}, database {}, {}{})",
        other.pid.unwrap_or_default(),
        readable(&other.user),
        readable(&other.database),
        printable(&other.state),
        age.unwrap_or_default()
    )
}

/// In seconds.
const OLD_S: u64 = 30;
const VERY_OLD_S: u64 = 600;

fn transactions(facts: &Facts, _: &Plan) -> Judged {
    let all = facts.source.transactions.as_ref().map_err(Clone::clone)?;
    let age = |o: &Other| o.transaction_age_s.unwrap_or(0);
    let old: Vec<_> = all.iter().filter(|o| o.pid.is_some() && age(o) >= OLD_S).collect();
    let Some(oldest) = old.iter().map(|o| age(o)).max() else { return super::well() };
    let who_many = match old.len() {
        1 => "a transaction that has written has".to_owned(),
        n => format!("{n} transactions that have written have"),
    };
    let title =
        format!("{who_many} been open on the source for up to {}", human_ms(oldest.saturating_mul(1000)));
    let finding = if oldest >= VERY_OLD_S { blocker(title) } else { warning(title) };
    let fix = statements(Side::Source, &old, |o| fixes::end_session(o.pid.unwrap_or_default()));
    Ok(vec![finding.objects(old.iter().map(|o| who(o))).fix(format!("{fix} or wait for them"))])
}

fn prepared(facts: &Facts, _: &Plan) -> Judged {
    let all = facts.source.transactions.as_ref().map_err(Clone::clone)?;
    let prepared: Vec<_> = all.iter().filter(|o| o.pid.is_none()).collect();
    if prepared.is_empty() {
        return super::well();
    }
    let title =
        format!("{} not decided on the source", count_of(prepared.len() as u64, "prepared transaction"));
    let fix = statements(Side::Source, &prepared, |o| fixes::roll_back_prepared(&o.query));
    let objects = prepared.iter().map(|o| format!("{} in {}", printable(&o.query), readable(&o.database)));
    Ok(vec![blocker(title).objects(objects).fix(format!("{fix} in its database, or commit them"))])
}

fn wal_kept(facts: &Facts, _: &Plan) -> Judged {
    let replication = facts.source.replication.as_ref().map_err(Clone::clone)?;
    let mut found = Vec::new();
    if let (Some(most), Ok(rate)) = (replication.max_slot_wal_keep_bytes, &facts.probes.wal_bytes_per_s) {
        // As the estimate for the whole, with two workers.
        let seconds = facts.total_bytes() / (30 * 1024 * 1024) + 60;
        let needed = rate.saturating_mul(seconds);
        let title = format!(
            "the source takes log away beyond {}, and about {} may come together during the copy",
            human_bytes(most),
            human_bytes(needed)
        );
        if needed > most {
            found.push(blocker(title));
        } else if needed.saturating_mul(4) > most {
            found.push(warning(title));
        }
    }
    let slots = facts.source.slots.as_ref().map_err(Clone::clone)?;
    let bad = |s: &&crate::pg::facts::replication::objects::SlotFacts| {
        s.health.is_lost() || s.health.wal_status.as_deref() == Some("unreserved")
    };
    let lost: Vec<_> = slots.iter().filter(bad).collect();
    if !lost.is_empty() {
        let title = format!("{} of others given up, or about to be", count_of(lost.len() as u64, "slot"));
        let fix = statements(Side::Source, &lost, |s| fixes::drop_slot(&s.name));
        found.push(warning(title).objects(lost.iter().map(|s| printable(&s.name))).fix(fix));
    }
    Ok(found)
}

fn wal_rate(facts: &Facts, _: &Plan) -> Judged {
    let rate = facts.probes.wal_bytes_per_s.as_ref().map_err(Clone::clone)?;
    if *rate == 0 {
        return super::well();
    }
    let hour = human_bytes(rate.saturating_mul(3600));
    Ok(vec![info(format!("the source writes about {} of WAL a second, {hour} an hour", human_bytes(*rate)))])
}

fn idle_slots(facts: &Facts, _: &Plan) -> Judged {
    let replication = facts.source.replication.as_ref().map_err(Clone::clone)?;
    Ok(replication
        .idle_slot_timeout_ms
        .map(|ms| {
            warning(format!("the source gives up slots that nobody has read from for {}", human_ms(ms)))
        })
        .into_iter()
        .collect())
}

fn output_plugins(facts: &Facts, _: &Plan) -> Judged {
    let settings = facts.source.settings.as_ref().map_err(Clone::clone)?;
    let Some(allowed) = settings.list("output_plugin_libraries") else { return super::well() };
    if allowed.iter().any(|plugin| plugin == "pgoutput" || plugin == "*") {
        return super::well();
    }
    Ok(vec![blocker("output_plugin_libraries of the source has no pgoutput").objects(allowed)])
}

const SHORT_MS: u64 = 30_000;

fn sender_timeout(facts: &Facts, _: &Plan) -> Judged {
    let replication = facts.source.replication.as_ref().map_err(Clone::clone)?;
    Ok(match replication.wal_sender_timeout_ms {
        Some(0) => vec![info("the source never gives up a target that is gone (wal_sender_timeout is 0)")],
        Some(ms) if ms <= SHORT_MS => {
            vec![warning(format!("wal_sender_timeout of the source is {}", human_ms(ms)))]
        }
        _ => Vec::new(),
    })
}

fn decoding(facts: &Facts, _: &Plan) -> Judged {
    let settings = facts.source.settings.as_ref().map_err(Clone::clone)?;
    let mut found = Vec::new();
    if settings.text("synchronized_standby_slots").is_some_and(|list| !list.is_empty()) {
        found.push(
            warning("synchronized_standby_slots is set on the source")
                .because("what is sent to us waits for these standbys"),
        );
    }
    if settings.text("synchronous_standby_names").is_some_and(|list| !list.is_empty()) {
        found
            .push(info("the source waits for standbys at each commit").because(
                "our subscription is not among them, whatever it is called, unless the list says *",
            ));
    }
    if settings.bytes("logical_decoding_work_mem").is_some_and(|bytes| bytes < 64 * 1024 * 1024) {
        found.push(
            info("logical_decoding_work_mem of the source is small")
                .because("transactions beyond it are decoded through files"),
        );
    }
    if settings.text("sync_replication_slots") == Some("on")
        || settings.text("hot_standby_feedback") == Some("on")
    {
        found.push(
            info("the source may have a standby that takes over")
                .because("our slots are not on it: after a switch the migration starts over"),
        );
    }
    Ok(found)
}

fn workers(facts: &Facts, _: &Plan) -> Judged {
    let target = facts.target.replication.as_ref().map_err(Clone::clone)?;
    let wanted = facts.count();
    let provider = facts.target.provider;
    let mut found = Vec::new();
    let origins =
        if facts.to().at_least(18) { "max_active_replication_origins" } else { "max_replication_slots" };
    let supplies = [("max_logical_replication_workers", target.logical_workers), (origins, target.origins)];
    for (name, supply) in supplies {
        let more = (supply.used + wanted + 2).to_string();
        let fix = || format!("on the target: {}", provider.set(name, &more));
        found.extend(short(name, supply, wanted, Side::Target).map(|f| f.fix(fix())));
    }
    let processes = Supply { max: target.max_worker_processes, used: target.logical_workers.used + 1 };
    if processes.free() < wanted {
        let more = (wanted + 4).to_string();
        found.push(
            warning(format!(
                "max_worker_processes ({}) of the target leaves too few for {}",
                processes.max,
                count_of(u64::try_from(wanted).unwrap_or(0), "subscription")
            ))
            .fix(format!("on the target: {}", provider.set("max_worker_processes", &more))),
        );
    }
    Ok(found)
}

/// What the other checks of this file say one by one is not said again.
fn means(facts: &Facts, plan: &Plan) -> Judged {
    let moot = |why: &str| Err(Unjudged::Moot(why.to_owned()));
    let failure = match &facts.probes.means {
        Err(failure) => failure,
        Ok(_) if facts.target.server.superuser => return super::well(),
        Ok(_) => return moot("only a superuser of the target can try the way from there to the source"),
    };
    let blocks = |judged: Judged| {
        judged.is_ok_and(|found| found.iter().any(|f| f.severity == crate::model::check::Severity::Blocker))
    };
    let said = [wal_level, standby, replication_right, slots, senders, workers];
    if said.into_iter().any(|judge| blocks(judge(facts, plan))) {
        return moot("something else is in its way already");
    }
    let finding = blocker(failure.what.clone());
    Ok(vec![match &failure.advice {
        Some(advice) => finding.fix(advice.clone()),
        None => finding,
    }])
}
