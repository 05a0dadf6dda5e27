//! `quota` and `quota-soft`.

use std::fmt::Write;

use myriad_core::{DomId, DomainInfo, Errno, Quota, Store};

use super::{Answer, Run};
use crate::sync::{AtomicU32, Ordering::Relaxed};

/// The hard quotas in the order in which C lists them, with its words for each.
const HARD: [(Quota, &str); 9] = [
    (Quota::Nodes, "Nodes per domain"),
    (Quota::Watches, "Watches per domain"),
    (Quota::Outstanding, "Outstanding requests per domain"),
    (Quota::Memory, "Total Xenstore memory per domain"),
    (Quota::Transactions, "Active transactions per domain"),
    (Quota::TransactionNodes, "Max. number of accessed nodes per transaction"),
    (Quota::NodePermissions, "Max. number of permissions per node"),
    (Quota::PathMax, "Max. length of a node path"),
    (Quota::NodeSize, "Max. size of a node"),
];

/// The soft quotas, which C calls by the names of the hard ones.
const SOFT: [(&str, Quota, &str); 1] =
    [("memory", Quota::SoftMemory, "Total Xenstore memory per domain")];

/// The greatest usage that any domain was seen with.
#[derive(Debug, Default)]
pub struct HighWater {
    nodes: AtomicU32,
    watches: AtomicU32,
}

impl HighWater {
    /// Takes a domain's usage into account.
    pub fn note(&self, domain: &DomainInfo) {
        self.nodes.fetch_max(domain.nodes, Relaxed);
        self.watches.fetch_max(domain.watches, Relaxed);
    }

    fn note_all(&self, store: &Store, control: DomId) {
        for domain in store.pin().domains().iter().filter(|d| d.domid != control) {
            self.note(domain);
        }
    }

    fn reset(&self) {
        self.nodes.store(0, Relaxed);
        self.watches.store(0, Relaxed);
    }
}

/// `quota [set <name> <val>|<domid>|max [-r]]`
pub(super) fn hard(run: &mut Run<'_, '_>, words: &[&str]) -> Result<Answer, Errno> {
    match words {
        [] => Ok(show(run, HARD.iter().map(|(q, descr)| (q.name(), *q, *descr)))),
        ["set", name, value] => {
            // 4.17 calls it `permissions`.
            let name = if *name == "permissions" { Quota::NodePermissions.name() } else { name };
            set(run, HARD.iter().map(|(q, _)| (q.name(), *q)), name, value)
        }
        ["max"] => Ok(most(run)),
        ["max", "-r"] => {
            run.context.seen.reset();
            Ok(most(run))
        }
        ["set" | "max", ..] => Err(Errno::EINVAL),
        [domid] => usage(run, domid),
        _ => Err(Errno::EINVAL),
    }
}

/// `quota-soft [set <name> <val>]`
pub(super) fn soft(run: &mut Run<'_, '_>, words: &[&str]) -> Result<Answer, Errno> {
    match words {
        [] => Ok(show(run, SOFT.iter().copied())),
        ["set", name, value] => set(run, SOFT.iter().map(|(n, q, _)| (*n, *q)), name, value),
        _ => Err(Errno::EINVAL),
    }
}

fn show<'n>(run: &Run<'_, '_>, quotas: impl Iterator<Item = (&'n str, Quota, &'n str)>) -> Answer {
    let values = run.context.store.pin().quotas();
    let lines =
        quotas.map(|(name, quota, descr)| format!("{name:<17}: {:8} {descr}\n", values.get(quota)));
    Answer::Text(format!("Quota settings:\n{}", lines.collect::<String>()))
}

fn set<'n>(
    run: &mut Run<'_, '_>,
    mut quotas: impl Iterator<Item = (&'n str, Quota)>,
    name: &str,
    value: &str,
) -> Result<Answer, Errno> {
    let value: u32 = value.parse().map_err(|_| Errno::EINVAL)?;
    // C refuses 0 here, which would mean no limit.
    if value == 0 || i32::try_from(value).is_err() {
        return Err(Errno::EINVAL);
    }
    let (_, quota) = quotas.find(|(n, _)| *n == name).ok_or(Errno::EINVAL)?;
    let outcome = run.context.store.edit(|edit| edit.set_quota(None, quota, value));
    run.seq = outcome.seq;
    outcome.result.map_err(|error| Errno::from(&error))?;
    run.context.effects.quotas_changed();
    Ok(Answer::Ack)
}

fn usage(run: &Run<'_, '_>, domid: &str) -> Result<Answer, Errno> {
    let domid: u16 = domid.parse().map_err(|_| Errno::EINVAL)?;
    let domain = run.context.store.pin().domain(DomId(domid)).ok_or(Errno::ENOENT)?;
    let mut text = format!("Domain {domid}:\n");
    for (quota, used) in [(Quota::Nodes, domain.nodes), (Quota::Watches, domain.watches)] {
        // Writing into a String can't fail.
        let _ = writeln!(text, "{:<16}: {used:8}", quota.name());
    }
    Ok(Answer::Text(text))
}

fn most(run: &Run<'_, '_>) -> Answer {
    let seen = run.context.seen;
    seen.note_all(run.context.store, run.context.control);
    let values = [(Quota::Nodes, &seen.nodes), (Quota::Watches, &seen.watches)];
    let lines = values.iter().map(|(q, v)| format!("{:<17}: {:8}\n", q.name(), v.load(Relaxed)));
    Answer::Text(format!("Max. seen accounting values:\n{}", lines.collect::<String>()))
}
