//! `quota` and `quota-soft`.

use myriad_core::{DomId, Errno, Quota};

use super::{Answer, Context, Run, Usage};

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

fn usage(run: &mut Run<'_, '_>, domid: &str) -> Result<Answer, Errno> {
    let domid: u16 = domid.parse().map_err(|_| Errno::EINVAL)?;
    run.context.effects.tell_usage(DomId(domid));
    Ok(Answer::Later)
}

fn most(run: &Run<'_, '_>) -> Answer {
    let Context { store, seen, control, .. } = &*run.context;
    let domains = store.pin().domains();
    for domain in domains.iter().filter(|domain| domain.domid != *control) {
        if let Some(usage) = Usage::of(store, domain.domid, None) {
            seen.note(&usage);
        }
    }
    Answer::Text(seen.text())
}
