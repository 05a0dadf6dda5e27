//! Plots of guests: how they come to be, and how they reach what chance alone would reach too
//! seldom: their quotas, what their targets and the dead have left them, what is reserved for dom0.

use myriad_ring::v1::Op;

use super::{
    generate::{Generator, string},
    limits::{
        DOMAINS, GUEST_NODE_SIZE, GUEST_NODES, GUEST_TRANSACTION_NODES, GUEST_WATCHES, SLOTS,
    },
    payload,
    step::{Step, Tx},
    text, who,
    world::World,
};
use crate::peer::DomainChange;

impl Generator {
    /// Puts a plot of a guest into the queue.
    pub(super) fn of_guests(&mut self, world: &World) {
        let Some(client) = self.guest(world) else { return };
        let domid = who::home(client);
        match self.rng.weighted(&[
            (18, 0),
            (8, 1),
            (10, 2),
            (6, 3),
            (10, 4),
            (11, 5),
            (17, 6),
            (12, 7),
            (12, 8),
            (6, 9),
        ]) {
            Some(0) => self.home(domid),
            Some(1) => self.boot(world),
            Some(2) => self.fill(world, client),
            Some(3) => self.watch_all(client),
            Some(4) => self.open_all(client),
            Some(5) => self.touch_all(world, client),
            Some(6) => self.fill_twice(world, client),
            Some(7) => self.outgrow(world, client),
            Some(8) => self.serve(world),
            _ => self.inherit(world, domid),
        }
    }

    /// A domain begins, if it doesn't exist, and is introduced.
    pub(super) fn boot(&mut self, world: &World) {
        let hosts = &world.hosts;
        let domid = payload::domid(&mut self.rng, |d| !hosts.is_introduced(d));
        if !(1..=DOMAINS).contains(&domid) {
            return;
        }
        if !hosts.exists(domid) {
            self.queue.push_back(Step::Host(DomainChange::Create(domid)));
        }
        // The toolstack makes the home before.
        let before = self.rng.permille(500);
        if before {
            self.home(domid);
        }
        let payload = format!("{domid}\x001\x00{}\0", self.rng.range(1, 99));
        let socket = self.socket();
        self.push(socket, Op::Introduce, Tx::None, payload.into_bytes());
        if !before {
            self.home(domid);
        }
    }

    /// A domain's home becomes its own, and perhaps somebody else's to read.
    fn home(&mut self, domid: u32) {
        let (socket, home) = (self.socket(), text::home(domid));
        self.push(socket, Op::Mkdir, Tx::None, string(&home));
        let mut perms = [string(home), string(format!("n{domid}"))].concat();
        if self.rng.permille(500) {
            let letter = *self.rng.pick(&'r', &['w', 'b']);
            perms.extend(string(format!("{letter}{}", payload::any_domid(&mut self.rng))));
        }
        self.push(socket, Op::SetPerms, Tx::None, perms);
    }

    /// A guest makes as many nodes as it may, and one more; then they go.
    fn fill(&mut self, world: &World, client: usize) {
        let domid = who::home(client);
        self.home(domid);
        let left = GUEST_NODES.saturating_sub(world.tree.owned(domid));
        let deep = self.rng.permille(300);
        for at in 0..left + 2 {
            let path = if deep && at % 4 == 0 { format!("q/{at}/a/b") } else { format!("q/{at}") };
            let op = *self.rng.pick(&Op::Mkdir, &[Op::Write]);
            self.push(client, op, Tx::None, string(path));
        }
        let gone = if self.rng.permille(700) { "q" } else { "q/1" };
        self.push(client, Op::Rm, Tx::None, string(gone));
    }

    /// A guest sets more watches than it may.
    fn watch_all(&mut self, client: usize) {
        for at in 0..=GUEST_WATCHES {
            let watch = [string(format!("w{at}")), string("t0")].concat();
            self.push(client, Op::Watch, Tx::None, watch);
        }
        if self.rng.permille(600) {
            self.push(client, Op::ResetWatches, Tx::None, string(""));
        }
    }

    /// A guest begins more transactions than it may, and ends them.
    fn open_all(&mut self, client: usize) {
        for slot in 0..SLOTS {
            self.push(client, Op::TransactionStart, Tx::Slot(slot), string(""));
        }
        for slot in 0..SLOTS {
            self.push(client, Op::TransactionEnd, Tx::Slot(slot), string("F"));
        }
    }

    /// A guest looks at more nodes than a transaction of its may touch.
    fn touch_all(&mut self, world: &World, client: usize) {
        let Some(slot) = self.find_slot(world, client, false) else { return };
        self.home(who::home(client));
        self.push(client, Op::TransactionStart, Tx::Slot(slot), string(""));
        for at in 0..GUEST_TRANSACTION_NODES {
            self.push(client, Op::Read, Tx::Slot(slot), string(format!("t{at}")));
        }
        for (op, rest) in [
            (Op::Read, ""),
            (Op::Directory, ""),
            (Op::GetPerms, ""),
            (Op::Mkdir, ""),
            (Op::Rm, ""),
            (Op::DirectoryPart, "0\0"),
            (Op::Write, "value"),
        ] {
            let payload = [string(format!("u{}", op as u32)), rest.into()].concat();
            self.push(client, op, Tx::Slot(slot), payload);
        }
        self.push(client, Op::TransactionEnd, Tx::Slot(slot), string("T"));
    }

    /// A guest makes as many nodes as it may in a transaction, and others outside of it.
    fn fill_twice(&mut self, world: &World, client: usize) {
        let Some(slot) = self.find_slot(world, client, false) else { return };
        let domid = who::home(client);
        self.home(domid);
        let left = GUEST_NODES.saturating_sub(world.tree.owned(domid));
        self.push(client, Op::TransactionStart, Tx::Slot(slot), string(""));
        let inside = self.rng.range(1, left.max(1));
        for at in 0..inside {
            self.push(client, Op::Mkdir, Tx::Slot(slot), string(format!("i{at}")));
        }
        for at in 0..self.rng.below(left + 1) {
            self.push(client, Op::Mkdir, Tx::None, string(format!("q/{at}")));
        }
        self.push(client, Op::TransactionEnd, Tx::Slot(slot), string("T"));
        self.push(client, Op::Rm, Tx::None, string("q"));
        for at in 0..inside {
            self.push(client, Op::Rm, Tx::None, string(format!("i{at}")));
        }
    }

    /// A guest writes more than a node of its may hold, in a transaction and not.
    fn outgrow(&mut self, world: &World, client: usize) {
        let Some(slot) = self.find_slot(world, client, false) else { return };
        self.home(who::home(client));
        let big = [string("big"), vec![b'v'; GUEST_NODE_SIZE]].concat();
        self.push(client, Op::Write, Tx::None, big.clone());
        self.push(client, Op::TransactionStart, Tx::Slot(slot), string(""));
        self.push(client, Op::Write, Tx::Slot(slot), [string("a"), b"1".into()].concat());
        self.push(client, Op::Write, Tx::Slot(slot), big);
        self.push(client, Op::Write, Tx::Slot(slot), [string("b"), b"2".into()].concat());
        self.push(client, Op::TransactionEnd, Tx::Slot(slot), string("T"));
    }

    /// A stub domain gets its target's access.
    fn serve(&mut self, world: &World) {
        let hosts = &world.hosts;
        let ready = |d: u32| hosts.is_introduced(d);
        // Odd domains are stub domains, even ones targets, so that no two hold each other.
        let stub = payload::domid(&mut self.rng, |d| d % 2 == 1 && ready(d));
        let target = payload::domid(&mut self.rng, |d| d % 2 == 0 && ready(d));
        if !ready(stub) || !ready(target) || stub % 2 == 0 || target % 2 == 1 {
            return;
        }
        self.home(target);
        let socket = self.socket();
        if !hosts.has_target(stub) {
            let payload = format!("{stub}\0{target}\0").into_bytes();
            self.push(socket, Op::SetTarget, Tx::None, payload);
        }
        let (client, of) = (who::guest(stub), text::home(hosts.target(stub).unwrap_or(target)));
        for (op, payload) in [
            (Op::Directory, string(&of)),
            (Op::Write, [string(format!("{of}/stub")), b"x".to_vec()].concat()),
            (Op::SetPerms, [string(&of), string(format!("n{target}")), string("r1")].concat()),
            (Op::GetPerms, string(&of)),
            (Op::Rm, string(format!("{of}/stub"))),
        ] {
            self.push(client, op, Tx::None, payload);
        }
    }

    /// A domain dies, another begins with its id, and tries what the first was granted.
    fn inherit(&mut self, world: &World, granter: u32) {
        let hosts = &world.hosts;
        let fits = |d: u32| d != granter && hosts.is_introduced(d) && !hosts.is_target(d);
        let heir = payload::domid(&mut self.rng, fits);
        if !fits(heir) {
            return;
        }
        self.home(granter);
        let (home, granter, heir_client) =
            (text::home(granter), who::guest(granter), who::guest(heir));
        let granted = format!("n{}", who::home(granter));
        let perms = [string(&home), string(granted), string(format!("b{heir}"))].concat();
        let tries = [(Op::Read, string(&home)), (Op::Mkdir, string(format!("{home}/h")))];
        self.push(granter, Op::SetPerms, Tx::None, perms);
        for (op, payload) in &tries {
            self.push(heir_client, *op, Tx::None, payload.clone());
        }
        let introduce = format!("{heir}\x001\x001\0").into_bytes();
        let socket = self.socket();
        if self.rng.permille(500) {
            self.queue.push_back(Step::Host(DomainChange::Destroy(heir)));
            self.queue.push_back(Step::Host(DomainChange::Create(heir)));
        } else {
            self.push(socket, Op::Release, Tx::None, string(heir.to_string()));
        }
        self.push(socket, Op::Introduce, Tx::None, introduce);
        for (op, payload) in tries {
            self.push(heir_client, op, Tx::None, payload);
        }
    }
}
