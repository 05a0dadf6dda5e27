//! A server for rings, for tests and fuzzers: one store, and guests on pages of their own.
//!
//! Its sweep is the one that the [module](super) shows.

use super::{
    guest::{Client, Habits, Liar},
    memfd::Memfd,
    raw::Page,
    server::{Scratch, ServerEnd},
    window::BadIndex,
};
use crate::v1::{
    Header, Op,
    connection::{Connection, Failure, Progress},
    world::World,
};

pub(crate) struct Rig {
    pub(crate) world: World,
    pub(crate) rings: Vec<Ring>,
    scratch: Scratch,
}

/// A domain's ring, as the server has it.
pub(crate) struct Ring {
    pub(crate) server: ServerEnd,
    /// The place of its connection in the world.
    conn: usize,
    page: Page,
    /// How often its doorbell was rung.
    pub(crate) bells: u32,
}

impl Rig {
    pub(crate) fn new() -> Rig {
        let mut world = World::new();
        world.socket();
        Rig { world, rings: Vec::new(), scratch: Scratch::default() }
    }

    /// A request of the control domain.
    pub(crate) fn tell(&mut self, op: Op, payload: &[u8]) {
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let header = Header { op: op as u32, req_id: 0, tx_id: 0, len };
        self.world.bytes(0, &[&header.to_bytes()[..], payload].concat());
        let reply = self.world.take(0, usize::MAX);
        assert!(reply.ends_with(b"OK\0"), "{op:?}: {reply:?}");
    }

    /// A new domain with a ring that begins at these indices; gives its place. None where the
    /// system has no memory.
    pub(crate) fn guest(&mut self, domid: u16, features: u32, start: u32) -> Option<usize> {
        let page = Memfd::create().and_then(|memory| memory.map()).ok()?;
        Liar::new(page.clone()).start_at(start, start);
        let mut server = ServerEnd::new(page.clone(), features);
        server.start();
        let conn = self.world.guest(domid);
        self.rings.push(Ring { server, conn, page, bells: 0 });
        Some(self.rings.len().saturating_sub(1))
    }

    /// The guest's side of a ring.
    pub(crate) fn client(&self, at: usize, habits: Habits) -> Option<Client> {
        self.rings.get(at).map(|ring| Client::new(ring.page.clone(), habits))
    }

    /// A liar about a ring.
    pub(crate) fn liar(&self, at: usize) -> Option<Liar> {
        self.rings.get(at).map(|ring| Liar::new(ring.page.clone()))
    }

    /// What a worker does for one ring. Whether there is more to do.
    pub(crate) fn sweep(&mut self, at: usize) -> Option<bool> {
        match self.try_sweep(at)? {
            Ok(more) => Some(more),
            Err(_) => {
                let Rig { world, rings, .. } = self;
                let conn = world.conns.get_mut(rings.get(at)?.conn)?;
                conn.fail(&world.store, Failure::RingIndex);
                Some(false)
            }
        }
    }

    fn try_sweep(&mut self, at: usize) -> Option<Result<bool, BadIndex>> {
        let ring = self.rings.get_mut(at)?;
        let conn = self.world.conns.get_mut(ring.conn)?;
        if ring.server.wants_reconnect() {
            conn.reset(&self.world.store);
            ring.server.reconnect();
        }
        if conn.wants_input()
            && let Err(bad) = ring.server.receive(&mut self.scratch, |bytes| conn.input(bytes))
        {
            return Some(Err(bad));
        }
        if let Some(Progress::Failed(failure)) = self.world.run(ring.conn) {
            ring.server.fail(failure);
        }
        let conn = self.world.conns.get_mut(ring.conn)?;
        match ring.server.send(conn.unsent()) {
            Ok(count) => conn.advance(count, &self.world.store),
            Err(bad) => return Some(Err(bad)),
        }
        ring.bells = ring.bells.saturating_add(u32::from(ring.server.take_doorbell()));
        Some(ring.server.look_again(conn.wants_input(), conn.has_output()))
    }

    /// The domain is introduced again.
    pub(crate) fn introduce(&mut self, at: usize) -> Option<()> {
        let ring = self.rings.get_mut(at)?;
        self.world.conns.get_mut(ring.conn)?.reset(&self.world.store);
        ring.server.introduce();
        Some(())
    }

    /// The connection ends.
    pub(crate) fn close(&mut self, at: usize) -> Option<()> {
        let conn = self.rings.get(at)?.conn;
        self.world.conns.get_mut(conn)?.close(&self.world.store);
        Some(())
    }

    /// The connection of a ring.
    pub(crate) fn conn(&mut self, at: usize) -> Option<&mut Connection> {
        let conn = self.rings.get(at)?.conn;
        self.world.conns.get_mut(conn)
    }
}
