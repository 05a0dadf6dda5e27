//! One thread that plays all guests: it hears doorbells and sockets, and hands each message to
//! the party that it is for.
//!
//! Invariant: a guest whose ring may hold something is in `ready`, or its doorbell will be heard.

use std::{
    collections::VecDeque,
    path::Path,
    time::{Duration, Instant},
};

use myriad_core::DomId;
use myriad_ring::{page::guest::Client, v1::Op};
use rustix::event::PollFlags;
use std::os::fd::AsFd;

use super::{
    Observer, Plan,
    actor::Request,
    cast::{Cast, mix, token},
    judge::World,
    limits::{MESSAGES, ROUNDS},
    port::{Port, Received},
    script::{Role, Spot},
    signals::Signals,
    vm::{Progress, Vm},
    wrong::{SimError, bad_index},
};
use crate::sim::machine::Machine;

/// All guests and the ways to the daemon.
pub(super) struct Driver<'a> {
    pub(super) plan: &'a Plan,
    pub(super) machine: Machine,
    toolstack: Port,
    backend: Port,
    pub(super) vms: Vec<Vm>,
    /// The order in which guests are begun.
    order: Vec<usize>,
    /// Guests whose rings are to be looked at.
    pub(super) ready: VecDeque<usize>,
    pub(super) world: World,
    pub(super) count: Count,
    /// The guest whose ring is being looked at.
    pub(super) pumped: Option<usize>,
    pub(super) under_way: usize,
    last_news: Instant,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) requests: u64,
    /// Those that make the nodes and watches of new guests.
    pub(super) making: u64,
    pub(super) checked: u64,
    pub(super) events: u64,
    pub(super) up: usize,
    pub(super) gone: usize,
}

/// Where all guests are to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// They are up.
    Up,
    /// They stay as they are until a signal comes.
    Hold,
    /// They are gone.
    Gone,
}

impl<'a> Driver<'a> {
    /// Connects to the daemon at `socket`, and to its simulated host at `machines`; the toolstack
    /// speaks v2 where the daemon `has_v2`.
    pub(super) fn new(
        plan: &'a Plan,
        (socket, machines): (&Path, &Path),
        has_v2: bool,
    ) -> Result<Driver<'a>, SimError> {
        let (first, count) = (plan.first, usize::from(plan.guests));
        let domids = (first..=u16::MAX).take(count);
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|at| mix(plan.seed ^ u64::try_from(*at).unwrap_or(0)));
        let mut toolstack = Port::connect("toolstack", socket)?;
        if has_v2 {
            toolstack.ask_for_v2();
        }
        let words = format!("@introduceDomain\0{}\0", token(0, Spot::Introduced)).into_bytes();
        toolstack.send(NO_GUEST, &Request { op: Op::Watch, tx: 0, payload: words });
        Ok(Driver {
            plan,
            machine: Machine::connect(machines)?,
            toolstack,
            backend: Port::connect("backends", socket)?,
            vms: domids.map(|domid| Vm::new(Cast::new(domid, plan.seed), has_v2)).collect(),
            order,
            ready: VecDeque::new(),
            pumped: None,
            world: World::default(),
            count: Count::default(),
            under_way: 0,
            last_news: Instant::now(),
        })
    }

    /// Brings all guests to a goal.
    pub(super) fn run(
        &mut self,
        goal: Goal,
        observer: &mut dyn Observer,
        signals: Option<&Signals>,
    ) -> Result<(), SimError> {
        self.last_news = Instant::now();
        let mut begun = 0;
        loop {
            begun += self.launch(goal, begun)?;
            let done = match goal {
                Goal::Up => self.count.up,
                Goal::Hold | Goal::Gone => self.count.gone,
            };
            observer.progress(done);
            let is_asked = signals.is_some_and(Signals::came);
            if is_asked || (goal != Goal::Hold && done == self.vms.len()) {
                return Ok(());
            }
            if self.sweep()? {
                self.last_news = Instant::now();
            } else {
                self.sleep(goal, signals)?;
            }
        }
    }

    /// Begins as many guests as may be under way; says how far in the order it has come.
    fn launch(&mut self, goal: Goal, begun: usize) -> Result<usize, SimError> {
        let mut launched = 0;
        while goal != Goal::Hold && self.under_way < usize::from(self.plan.parallel) {
            let Some(&at) = self.order.get(begun + launched) else { break };
            launched += 1;
            let Some(vm) = self.vms.get_mut(at) else { break };
            let progress = if goal == Goal::Up { vm.create() } else { vm.shut_down() };
            if progress != Progress::None {
                vm.counted = true;
                self.under_way += 1;
                self.follow(at, progress)?;
            }
        }
        Ok(launched)
    }

    /// Moves everything that can be moved; false where nothing was.
    fn sweep(&mut self) -> Result<bool, SimError> {
        let (first, ready) = (self.plan.first, &mut self.ready);
        // First: what is found from here on is not told of any more.
        self.machine.bells().hear(|domid| ready.extend(domid.checked_sub(first).map(usize::from)));
        let mut moved = !self.ready.is_empty();
        for _ in 0..self.ready.len() {
            self.pumped = self.ready.pop_front();
            if let Some(at) = self.pumped
                && !self.pump(at)?
            {
                self.ready.push_back(at);
            }
        }
        self.pumped = None;
        for role in [Role::Toolstack, Role::Backend] {
            for _ in 0..MESSAGES {
                let port = self.port(role);
                let Some(message) = port.receive()? else { break };
                moved = true;
                self.take(role, message)?;
            }
        }
        self.toolstack.flush()?;
        self.backend.flush()?;
        Ok(moved)
    }

    fn sleep(&mut self, goal: Goal, signals: Option<&Signals>) -> Result<(), SimError> {
        let patience = match goal {
            Goal::Hold => None,
            _ => Some(self.plan.patience.saturating_sub(self.last_news.elapsed())),
        };
        if patience == Some(Duration::ZERO) {
            return Err(self.silent());
        }
        let wanted = |port: &Port| {
            if port.has_output() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN }
        };
        let mut others = vec![
            (self.toolstack.as_fd(), wanted(&self.toolstack)),
            (self.backend.as_fd(), wanted(&self.backend)),
        ];
        others.extend(signals.map(|signals| (signals.as_fd(), PollFlags::IN)));
        Ok(self.machine.sleep_beside(&others, patience)?)
    }

    /// Looks at a guest's ring until it is quiet; false where it isn't after so many rounds.
    fn pump(&mut self, at: usize) -> Result<bool, SimError> {
        for _ in 0..ROUNDS {
            let mut messages = Vec::new();
            {
                let Some((domid, ring)) = self.ring(at) else { return Ok(true) };
                ring.pump().map_err(|error| bad_index(domid, &error))?;
                messages.extend(std::iter::from_fn(|| ring.message()));
            }
            for (header, payload) in messages {
                let is_event = header.op == Op::WatchEvent as u32;
                let guest = (!is_event).then_some(at);
                self.take(Role::Guest, Received { op: header.op, payload, guest })?;
            }
            let Some((domid, ring)) = self.ring(at) else { return Ok(true) };
            let broken = |error| bad_index(domid, &error);
            if ring.has_output() {
                ring.pump().map_err(broken)?;
            }
            let rings = ring.take_doorbell();
            let is_quiet = !ring.look_again().map_err(broken)?;
            if rings {
                self.machine.ring(DomId(domid))?;
            }
            if is_quiet {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn port(&mut self, role: Role) -> &mut Port {
        if role == Role::Backend { &mut self.backend } else { &mut self.toolstack }
    }

    fn ring(&mut self, at: usize) -> Option<(u16, &mut Client)> {
        let vm = self.vms.get_mut(at)?;
        Some((vm.cast.domid, vm.ring.as_mut()?))
    }
}

/// Stands for a guest in the one request that is for all of them: the watch of new domains. Where
/// it is refused, the first INTRODUCE lacks its event.
const NO_GUEST: usize = usize::MAX;
