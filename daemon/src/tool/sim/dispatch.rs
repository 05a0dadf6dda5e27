//! Each message goes to the party that it is for, and what that party does next is done.

use myriad_core::DomId;
use myriad_ring::{
    page::guest::{Client, Habits},
    v1::Op,
};

use super::{
    actor::Turn,
    cast::of_token,
    driver::Driver,
    limits::ATTEMPTS,
    port::Received,
    script::{Role, Spot},
    vm::{Progress, Stage},
    wrong::{SimError, Wrong, show},
};

impl Driver<'_> {
    /// Hands a message to the party that it is for.
    pub(super) fn take(&mut self, role: Role, message: Received) -> Result<(), SimError> {
        let Some(at) = message.guest else { return self.event(role, &message.payload) };
        self.count.checked += 1;
        let Some(vm) = self.vms.get_mut(at) else { return Ok(()) };
        let (cast, mut states) = (vm.cast, vm.states);
        let actor = vm.actor(role);
        actor.reply((message.op, &message.payload), &cast, &mut states, &mut self.world)?;
        if let Some(wrong) = actor.starved(ATTEMPTS, &cast) {
            return Err(wrong.into());
        }
        vm.states = states;
        self.turn(at, role)
    }

    fn event(&mut self, role: Role, payload: &[u8]) -> Result<(), SimError> {
        self.count.events += 1;
        let mut words = payload.strip_suffix(b"\0").unwrap_or(payload).split(|byte| *byte == 0);
        let (path, token) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let known = std::str::from_utf8(token).ok().and_then(of_token);
        if let Some((0, Spot::Introduced)) = known.filter(|_| path == b"@introduceDomain") {
            self.world.introductions += 1;
            return Ok(());
        }
        let found = known.and_then(|(domid, spot)| {
            Some((usize::from(domid.checked_sub(self.plan.first)?), spot))
        });
        let found = found.filter(|(at, _)| *at < self.vms.len() && words.next().is_none());
        let Some((at, spot)) = found else {
            let wrong = Wrong {
                guest: 0,
                who: role.name(),
                request: "an event".into(),
                expected: "a path and a token of a watch".into(),
                got: show(payload),
            };
            return Err(wrong.into());
        };
        let Some(vm) = self.vms.get_mut(at) else { return Ok(()) };
        let cast = vm.cast;
        vm.actor(role).event(spot, path, &cast)?;
        self.turn(at, role)
    }

    /// Lets a party do what it can do now.
    fn turn(&mut self, at: usize, role: Role) -> Result<(), SimError> {
        let Some(vm) = self.vms.get_mut(at) else { return Ok(()) };
        let (cast, mut states) = (vm.cast, vm.states);
        let turn = vm.actor(role).turn(&cast, &mut states);
        vm.states = states;
        match turn {
            Turn::Wait => Ok(()),
            Turn::Done => {
                let progress = vm.advance();
                self.follow(at, progress)
            }
            Turn::SendBatch(batch) => {
                self.count.requests += 1;
                self.count.making += u64::from(vm.stage == Stage::Building);
                self.port(role).send_batch(at, &batch);
                Ok(())
            }
            Turn::Send(request) => {
                self.count.requests += 1;
                let is_making = vm.stage == Stage::Building && is_about_nodes(request.op);
                self.count.making += u64::from(is_making);
                match (role, &mut vm.ring) {
                    (Role::Guest, Some(ring)) => {
                        ring.ask(request.op, request.tx, &request.payload);
                        if self.pumped != Some(at) {
                            self.ready.push_back(at);
                        }
                    }
                    (Role::Guest, None) => {}
                    (role, _) => self.port(role).send(at, &request),
                }
                Ok(())
            }
        }
    }

    /// Does what a guest's progress asks for.
    pub(super) fn follow(&mut self, at: usize, progress: Progress) -> Result<(), SimError> {
        match progress {
            Progress::None => Ok(()),
            Progress::Run(roles) => roles.iter().try_for_each(|role| self.turn(at, *role)),
            Progress::Attach => {
                let Some(vm) = self.vms.get_mut(at) else { return Ok(()) };
                let (domid, mut ring) = (DomId(vm.cast.domid), None);
                self.machine.attach(domid, domid, |_, page| ring = Some(page))?;
                let Some(page) = ring else { return Ok(()) };
                let progress = vm.attached(Client::new(page, Habits::LINUX));
                self.follow(at, progress)
            }
            Progress::Up | Progress::Gone => {
                let Some(vm) = self.vms.get_mut(at) else { return Ok(()) };
                let was_counted = std::mem::take(&mut vm.counted);
                self.under_way -= usize::from(was_counted);
                if progress == Progress::Gone {
                    self.count.gone += 1;
                    return Ok(());
                }
                self.count.up += 1;
                self.turn(at, Role::Guest)
            }
        }
    }

    /// What all parties wait for.
    pub(super) fn silent(&self) -> SimError {
        let waiting: Vec<Wrong> = self
            .vms
            .iter()
            .filter(|vm| !matches!(vm.stage, Stage::New | Stage::Up | Stage::Gone))
            .flat_map(|vm| [&vm.toolstack, &vm.guest, &vm.backend].map(|a| a.awaited(&vm.cast)))
            .flatten()
            .collect();
        match waiting.first() {
            Some(first) => SimError::Silent {
                after: self.plan.patience,
                waiting: waiting.len(),
                first: Box::new(first.clone()),
            },
            None => SimError::Limit("nobody waits for anything, yet it isn't done".into()),
        }
    }
}

/// Whether an operation is about nodes and watches, and not about domains.
fn is_about_nodes(op: Op) -> bool {
    !matches!(op, Op::Control | Op::Introduce | Op::IsDomainIntroduced)
}
