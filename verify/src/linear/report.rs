//! What a run has found, for people and for programs.

use std::{collections::BTreeMap, fmt};

use serde_json::{Value, json};

use super::{
    act::Act,
    answer::show,
    check::{Stuck, Verdict},
    limits::{CONFLICTS, CONFLICTS_FROM, SHOWN, SHOWN_BYTES, VISITS},
    record::{Call, ClientLog, Event, History, Overlap},
};

/// A history that can't have happened.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The history.
    pub history: History,
    /// Why not.
    pub verdict: Verdict,
}

/// What was done and found.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// What the programs are drawn from.
    pub seed: u64,
    /// Histories that were checked.
    pub histories: u64,
    /// Requests, and how many of them met others.
    pub overlap: Overlap,
    /// Places that the checks visited, in all and for one history at most.
    pub visits: (usize, usize),
    /// How often each thing happened.
    pub seen: BTreeMap<&'static str, u64>,
    /// The first history that is wrong.
    pub failure: Option<Box<Failure>>,
}

/// Those that were not put upon the state that they began with.
const ON_TOP: &str = "commits on top of others' changes";

/// What has to happen in a long run.
const KINDS: [&str; 14] = [
    "events",
    "commits",
    ON_TOP,
    "conflicts (EAGAIN)",
    "transactions given up",
    "EACCES",
    "ENOENT",
    "reads of the index",
    "batches on rings",
    "batches on sockets",
    "commits of v2",
    "commits of v2 whose condition failed",
    "reads of several nodes at once",
    "matches looked up",
];

impl Summary {
    /// Adds a history that was checked.
    pub fn add(&mut self, history: &History, verdict: Verdict) {
        self.histories += 1;
        self.overlap.add(history.overlap());
        for client in &history.clients {
            self.count(client);
        }
        let on_top = u64::try_from(history.commits_on_top()).unwrap_or(u64::MAX);
        *self.seen.entry(ON_TOP).or_default() += on_top;
        match verdict {
            Verdict::Right(visits) => {
                self.visits.0 += visits;
                self.visits.1 = self.visits.1.max(visits);
            }
            verdict if self.failure.is_none() => {
                self.failure = Some(Box::new(Failure { history: history.clone(), verdict }));
            }
            _ => {}
        }
    }

    fn count(&mut self, client: &ClientLog) {
        let mut see = |kind: &'static str, count: usize| {
            *self.seen.entry(kind).or_default() += u64::try_from(count).unwrap_or(u64::MAX);
        };
        let mut answered = 0;
        for call in &client.calls {
            see("events", call.events.len());
            match (&call.ask.act, &call.reply) {
                (Act::End(true), Ok(_)) => see("commits", 1),
                (Act::End(false), _) => see("transactions given up", 1),
                (Act::End(true), Err(_)) => see("conflicts (EAGAIN)", 1),
                (Act::Commit(_), Ok(_)) => see("commits of v2", 1),
                (Act::Commit(_), Err(error)) if error.starts_with("EAGAIN") => {
                    see("commits of v2 whose condition failed", 1);
                }
                (Act::GetMany(_) | Act::ListValues(_), Ok(_)) => {
                    see("reads of several nodes at once", 1);
                }
                (Act::LookUp(_), Ok(found)) if !found.is_empty() => see("matches looked up", 1),
                (Act::Read(path) | Act::List(path), Ok(_)) if path.starts_with("/@") => {
                    see("reads of the index", 1);
                }
                (_, Err(error)) if error == "EACCES" => see("EACCES", 1),
                (_, Err(error)) if error == "ENOENT" => see("ENOENT", 1),
                _ => {}
            }
            if call.invoked < answered {
                see(if client.domid == 0 { "batches on sockets" } else { "batches on rings" }, 1);
            }
            answered = call.answered;
        }
    }

    /// What should have happened in a run of this length, and hasn't.
    #[must_use]
    pub fn gaps(&self) -> Vec<String> {
        if self.histories < CONFLICTS_FROM {
            return Vec::new();
        }
        let percent = self.overlap.percent();
        let few = (percent < CONFLICTS)
            .then(|| format!("only {percent:.1} % of operations conflict, not {CONFLICTS}"));
        let missing = KINDS.iter().filter(|kind| self.seen.get(*kind).is_none_or(|n| *n == 0));
        few.into_iter().chain(missing.map(|kind| format!("there were no {kind}"))).collect()
    }

    /// The same for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "seed": self.seed,
            "histories": self.histories,
            "requests": self.overlap.requests,
            "conflicts_percent": self.overlap.percent(),
            "visits_most": self.visits.1,
            "seen": self.seen,
            "gaps": self.gaps(),
            "failure": self.failure.as_ref().map(|failure| failure.to_string()),
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = self.overlap.requests;
        writeln!(f, "{} histories, {requests} requests", self.histories)?;
        let percent = self.overlap.percent();
        writeln!(f, "{percent:.1} % of operations overlap with one that conflicts with them")?;
        let (all, most) = self.visits;
        writeln!(f, "{all} places visited, {most} at most for a history, of {VISITS}")?;
        for (kind, count) in &self.seen {
            writeln!(f, "{count:>10} {kind}")?;
        }
        self.failure.iter().try_for_each(|failure| write!(f, "\n{failure}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let History { seed, number, clients, .. } = &self.history;
        writeln!(f, "seed {seed}, history {number}: no order of its operations explains it")?;
        match &self.verdict {
            Verdict::Right(_) => writeln!(f, "but there is one"),
            Verdict::TooLong => writeln!(f, "within {VISITS} places: the check was given up"),
            Verdict::Unsound => {
                writeln!(f, "its times contradict each other: it isn't recorded right")
            }
            Verdict::Wrong(stuck) => tell(f, clients, stuck),
        }
    }
}

/// The place that the longest order leads to, client by client.
fn tell(f: &mut fmt::Formatter<'_>, clients: &[ClientLog], stuck: &Stuck) -> fmt::Result {
    let places = stuck.executed.iter().zip(&stuck.reasons);
    for ((place, client), (executed, reason)) in clients.iter().enumerate().zip(places) {
        let who =
            if client.domid == 0 { "socket".into() } else { format!("domain {}", client.domid) };
        writeln!(f, "client {place} ({who})")?;
        let from = executed.saturating_sub(SHOWN);
        let shown = client.calls.iter().enumerate().skip(from).take(2 * SHOWN);
        for (at, call) in shown {
            call.events.iter().try_for_each(|event| tell_event(f, event))?;
            if at == *executed {
                let reason = reason.as_deref().unwrap_or("is done");
                writeln!(f, "    -- up to here; the next {reason}")?;
            }
            tell_call(f, call)?;
        }
        if *executed == client.calls.len() {
            writeln!(f, "    -- {}", reason.as_deref().unwrap_or("all of it"))?;
        }
        client.after.iter().try_for_each(|event| tell_event(f, event))?;
    }
    Ok(())
}

fn tell_call(f: &mut fmt::Formatter<'_>, call: &Call) -> fmt::Result {
    let Call { ask, invoked, answered, reply, .. } = call;
    let reply: String = show(reply).chars().take(SHOWN_BYTES).collect();
    writeln!(f, "    {invoked:>9}..{answered:<9} {ask} -> {reply}")
}

fn tell_event(f: &mut fmt::Formatter<'_>, event: &Event) -> fmt::Result {
    let Event { path, token, at } = event;
    writeln!(f, "    {at:>20} event {path} {token}")
}
