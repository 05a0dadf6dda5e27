//! A run: a daemon, its clients, and one history after another, each checked while the next is
//! played.

use std::{
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread::{Builder, JoinHandle},
};

use myriad_core::Quotas;
use myriad_ring::v1::Op;

use super::{
    act::Act,
    actor::{Actor, News, Part, Stage},
    check::check,
    generate::{Program, program, speaks_v2},
    limits::{CLIENTS_MAX, PATIENCE, UNCHECKED},
    link::{Link, LinkError},
    record::{ClientLog, History},
    report::Summary,
};
use crate::{
    oracle::wire::encode,
    peer::{PeerError, Server},
};

/// What a run is to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What the programs are drawn from.
    pub seed: u64,
    /// The number of the first history.
    pub from: u64,
    /// How many there are.
    pub histories: u64,
    /// Clients on the socket.
    pub sockets: u16,
    /// Guests on rings: domains 1 to this.
    pub guests: u16,
    /// The daemon's workers.
    pub workers: u16,
}

/// Why a run can't be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// the daemon can't be started
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// a client can't go on
    #[error("history {1}: {0}; the daemon {2}")]
    Link(LinkError, u64, String),
    /// the control domain is refused what it does before or after a history
    #[error("history {1}: {0} of the control domain is refused")]
    Refused(Act, u64),
    /// a thread can't be started
    #[error("a thread can't be started: {0}")]
    Thread(#[from] std::io::Error),
    /// a part of this program is gone
    #[error("a part of this program has panicked, or hangs")]
    Lost,
    /// the plan is senseless
    #[error("there must be one client at least, and {CLIENTS_MAX} at most")]
    Clients,
}

/// Who is told how far a run has come.
pub trait Observer {
    /// So many histories are checked.
    fn progress(&mut self, histories: u64);
}

/// Does a run: until its end, or the first history that is wrong.
///
/// # Errors
/// [`RunError`]: what keeps it from being done. What it finds is in the summary.
pub fn run(plan: &Plan, observer: &mut dyn Observer) -> Result<Summary, RunError> {
    if !(1..=CLIENTS_MAX).contains(&plan.sockets.saturating_add(plan.guests)) {
        return Err(RunError::Clients);
    }
    let workers = plan.workers.to_string();
    // Events are kept for guests for ever: a slow machine is no fault.
    let options = ["--workers", &workers, "-w", "watch-event=0"];
    let guests = u32::from(plan.guests);
    let mut server = Server::start_myriad_and(guests, &Quotas::default(), &options)?;
    let (to_check, unchecked) = sync_channel(UNCHECKED);
    let (verdicts, checked) = channel();
    let checker = Builder::new().name("checker".into()).spawn(move || {
        for history in unchecked {
            let verdict = check(&history);
            if verdicts.send((history, verdict)).is_err() {
                return;
            }
        }
    })?;
    let mut summary = Summary { seed: plan.seed, ..Summary::default() };
    let played = play(plan, server.socket(), &to_check, &mut || {
        for (history, verdict) in checked.try_iter() {
            summary.add(&history, verdict);
            observer.progress(summary.histories);
        }
        summary.failure.is_none()
    });
    drop(to_check);
    for (history, verdict) in checked.iter() {
        summary.add(&history, verdict);
        observer.progress(summary.histories);
    }
    checker.join().map_err(|_| RunError::Lost)?;
    match played {
        // What the checks have found tells more.
        Err(_) if summary.failure.is_some() => Ok(summary),
        Err(RunError::Link(error, number, _)) => Err(RunError::Link(error, number, server.state())),
        Err(error) => Err(error),
        Ok(()) => Ok(summary),
    }
}

/// Plays histories for as long as `goes_on`.
fn play(
    plan: &Plan,
    socket: &Path,
    to_check: &SyncSender<History>,
    goes_on: &mut dyn FnMut() -> bool,
) -> Result<(), RunError> {
    let mut director = Director::begin(plan, socket)?;
    let mut played = Ok(());
    for number in plan.from..plan.from.saturating_add(plan.histories) {
        played = director
            .history(plan.seed, number)
            .and_then(|history| to_check.send(history).map_err(|_| RunError::Lost));
        if played.is_err() || !goes_on() {
            break;
        }
    }
    director.end().and(played)
}

struct Director {
    control: Link,
    stage: Arc<Stage>,
    domids: Vec<u16>,
    parts: Vec<Sender<Part>>,
    news: Receiver<News>,
    actors: Vec<JoinHandle<()>>,
}

impl Director {
    fn begin(plan: &Plan, socket: &Path) -> Result<Director, RunError> {
        let failed = |error| RunError::Link(error, plan.from, String::new());
        let mut control = Link::connect(socket, 0).map_err(failed)?;
        for domid in 1..=plan.guests {
            let payload = format!("{domid}\0{domid}\0{domid}\0");
            let request = encode(Op::Introduce as u32, 0, 0, payload.as_bytes());
            control.send(request).and_then(|()| control.receive()).map_err(failed)?;
        }
        let domids: Vec<u16> = (0..plan.sockets).map(|_| 0).chain(1..=plan.guests).collect();
        let stage = Arc::new(Stage::new(domids.len()));
        let (sender, news) = channel();
        let (mut parts, mut actors) = (Vec::new(), Vec::new());
        for (place, domid) in domids.iter().enumerate() {
            let link = if speaks_v2(plan.seed, &domids, place) {
                Link::connect_new(socket)
            } else {
                Link::connect(socket, *domid)
            };
            let link = link.map_err(failed)?;
            let actor = Actor::new(Arc::clone(&stage), link, place, *domid);
            let (part, received) = channel();
            let sender = sender.clone();
            let name = format!("client {place}");
            let thread = Builder::new().name(name).spawn(move || actor.run(&received, &sender))?;
            parts.push(part);
            actors.push(thread);
        }
        Ok(Director { control, stage, domids, parts, news, actors })
    }

    fn history(&mut self, seed: u64, number: u64) -> Result<History, RunError> {
        let Program { setup, cleanup, home, clients } = program(seed, number, &self.domids);
        self.ask(&setup, number)?;
        for (sender, batches) in self.parts.iter().zip(clients) {
            let part = Part { batches, last: home.clone() };
            sender.send(part).map_err(|_| RunError::Lost)?;
        }
        let mut logs = vec![ClientLog::default(); self.domids.len()];
        let mut failed = None;
        for _ in &self.domids {
            match self.news.recv_timeout(2 * PATIENCE) {
                Ok(News::Played(place, log)) => {
                    if let Some(at) = logs.get_mut(place) {
                        *at = log;
                    }
                }
                Ok(News::Failed(error)) => failed = Some(error),
                Ok(News::Abandoned) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    self.stage.end();
                    break;
                }
            }
        }
        if let Some(error) = failed {
            return Err(RunError::Link(error, number, String::new()));
        }
        if logs.iter().any(|log| log.calls.is_empty()) {
            return Err(RunError::Lost);
        }
        self.ask(&cleanup, number)?;
        Ok(History { seed, number, setup, clients: logs })
    }

    /// Does what comes before or after a history.
    fn ask(&mut self, acts: &[Act], number: u64) -> Result<(), RunError> {
        let failed = |error| RunError::Link(error, number, String::new());
        let request = |act: &Act| encode(act.op() as u32, 0, 0, &act.payload());
        self.control.send(acts.iter().flat_map(request).collect()).map_err(failed)?;
        for act in acts {
            let answer = self.control.receive().map_err(failed)?;
            if answer.op != act.op() as u32 {
                return Err(RunError::Refused(act.clone(), number));
            }
        }
        Ok(())
    }

    fn end(self) -> Result<(), RunError> {
        self.stage.end();
        drop(self.parts);
        let ended = self.actors.into_iter().map(|actor| actor.join().map_err(|_| RunError::Lost));
        ended.collect()
    }
}
