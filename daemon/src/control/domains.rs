//! `domains` and `sim`.

use std::fmt::Write;

use myriad_core::{ConnId, DomId, DomainInfo, Errno, Instance, Store};
use tracing::info;

use super::{Answer, Context, Run};
use crate::{
    hypervisor::{Condition, DomainState, Hypervisor},
    limits,
    sim::{Command, SimError},
};

/// `domains [<first domid>]`: the domains that the store knows.
pub(super) fn list(run: &mut Run<'_, '_>, words: &[&str]) -> Result<Answer, Errno> {
    let first = match words {
        [] => 0,
        [first] => first.parse().map_err(|_| Errno::EINVAL)?,
        _ => return Err(Errno::EINVAL),
    };
    let mut domains = run.context.store.pin().domains();
    domains.retain(|d| d.domid.0 >= first);
    domains.sort_by_key(|d| d.domid);
    let lines = domains.iter().map(|d| (d.domid, known_line(d)));
    Ok(Answer::Text(bounded(lines, "domains")))
}

fn known_line(domain: &DomainInfo) -> String {
    let DomainInfo { domid, nodes, watches, features, .. } = domain;
    let mut line = format!("{domid} nodes {nodes} watches {watches} features {features}");
    if domain.introduced {
        line.push_str(" introduced");
    }
    if domain.shutdown_seen {
        line.push_str(" shutdown");
    }
    if let Some(target) = domain.target {
        // Writing into a String can't fail.
        let _ = write!(line, " target {target}");
    }
    line
}

/// `sim …`
pub(super) fn sim(run: &mut Run<'_, '_>, words: &[&str]) -> Result<Answer, Errno> {
    if !run.context.simulated {
        info!("sim: this host's domains are real");
        return Err(Errno::ENOSYS);
    }
    if let [first, rest @ ..] = words
        && *first == "list"
        && let [from] = rest
    {
        return sim_list(run, from.parse().map_err(|_| Errno::EINVAL)?);
    }
    let command = Command::parse(words).map_err(|error| {
        info!("{error}");
        Errno::EINVAL
    })?;
    match command {
        Command::List => return sim_list(run, 0),
        Command::Create(range) => {
            let domids: Vec<DomId> = range.iter().collect();
            run.context.host.create(&domids).map_err(refused)?;
        }
        Command::Shutdown(domid) => stop(run, domid, Condition::Shutdown)?,
        Command::Crash(domid) => stop(run, domid, Condition::Crashed)?,
        Command::Resume(domid) => {
            let Context { host, control, .. } = &*run.context;
            host.stop(domid, *control, Condition::Running).map_err(refused)?;
        }
        Command::Destroy(range) => {
            for domid in range.iter() {
                destroy(run, domid)?;
            }
        }
    }
    Ok(Answer::Ack)
}

/// What Xen's VIRQ_DOM_EXC makes of a shutdown: all domains are looked at, so that one is told of
/// now that had shut down before its introduction (C's `check_domains`).
fn stop(run: &mut Run<'_, '_>, domid: DomId, condition: Condition) -> Result<(), Errno> {
    run.context.host.stop(domid, run.context.control, condition).map_err(refused)?;
    let host = run.context.host;
    let has_stopped =
        |domid| host.domain(domid).is_some_and(|domain| domain.condition != Condition::Running);
    let known = run.context.store.pin().domains().into_iter();
    let news = known.filter(|d| d.introduced && !d.shutdown_seen).map(|d| d.domid);
    let mut news: Vec<DomId> = news.filter(|domid| has_stopped(*domid)).collect();
    news.sort_unstable();
    let outcome = run.context.store.edit(|edit| Ok(edit.shutdown(&news)));
    run.seq = run.seq.max(outcome.seq);
    outcome.result.map(drop).map_err(|error| Errno::from(&error))
}

/// What VIRQ_DOM_EXC makes of a death.
fn destroy(run: &mut Run<'_, '_>, domid: DomId) -> Result<(), Errno> {
    run.context.host.destroy(domid, run.context.control).map_err(refused)?;
    let conn = run.context.effects.connection(domid);
    let known = run.context.store.pin().domain(domid);
    if let Some(life) = known.map(|domain| domain.instance) {
        run.seq = run.seq.max(bury(run.context.store, domid, life, conn));
        run.context.effects.domain_gone(domid, life);
    }
    // Not before: whoever introduces the next of this id must find nothing of this one.
    run.context.host.buried(domid);
    Ok(())
}

/// Takes a domain that is gone out of the store, with the watches of its connection first: it is
/// told neither of its nodes' end nor of its own. Only that life: someone may have released it
/// meanwhile, and introduced the next of its id. Gives the publication.
pub(crate) fn bury(store: &Store, domid: DomId, life: Instance, conn: Option<ConnId>) -> u64 {
    let outcome = store.edit(|edit| {
        if edit.life(domid) != Some(life) {
            return Ok(());
        }
        conn.into_iter().for_each(|conn| edit.drop_watches(conn));
        edit.release(domid)
    });
    outcome.seq
}

fn sim_list(run: &Run<'_, '_>, first: u16) -> Result<Answer, Errno> {
    let domains = run.context.host.list();
    let domains = domains.into_iter().filter(|(domid, _)| domid.0 >= first);
    let lines = domains.map(|(domid, state)| (domid, simulated_line(domid, state)));
    Ok(Answer::Text(bounded(lines, "sim list")))
}

fn simulated_line(domid: DomId, state: DomainState) -> String {
    let condition = match state.condition {
        Condition::Running => "running",
        Condition::Shutdown => "shutdown",
        Condition::Crashed => "crashed",
    };
    format!("{domid} {condition} unique id {}", state.unique_id)
}

fn refused(error: SimError) -> Errno {
    info!("sim: {error}");
    match error {
        SimError::Exists(_) => Errno::EEXIST,
        SimError::Unknown(_) => Errno::ENOENT,
        SimError::NoId(_) | SimError::Control(_) => Errno::EINVAL,
        SimError::Table(_) => Errno::EIO,
    }
}

/// Lines as far as they fit into one answer, then the command that shows the rest.
fn bounded(lines: impl Iterator<Item = (DomId, String)>, command: &str) -> String {
    let mut text = String::new();
    for (domid, line) in lines {
        if text.len() + line.len() + 1 > limits::CONTROL_TEXT_MAX {
            let _ = writeln!(text, "... go on with: {command} {domid}");
            break;
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_stop_in_time_and_say_how_to_go_on() {
        let lines = |first: u16| (first..2000).map(|n| (DomId(n), format!("{n} running")));
        let text = bounded(lines(0), "sim list");
        assert!(text.len() < myriad_ring::v1::PAYLOAD_MAX);
        let last = text.lines().last().unwrap();
        let next = last.strip_prefix("... go on with: sim list ").unwrap().parse().unwrap();
        assert!(text.contains(&format!("\n{} running\n", next - 1)));
        assert!(bounded(lines(next), "sim list").starts_with(&format!("{next} running\n")));
        assert_eq!(bounded(lines(1999), "sim list"), "1999 running\n");
    }
}
