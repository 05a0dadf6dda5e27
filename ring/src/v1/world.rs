//! A server without sockets or domains, for tests and fuzzers: one store and its connections.
//!
//! It is the smallest owner that keeps the rules of [`Connection`]: the feed's events go out
//! before the reply that was computed after them.

use std::time::Duration;

use myriad_core::{Caller, Config, ConnId, DomId, Errno, Feed, FeedItem, Instance, Store};

use crate::{
    v1::{
        ControlArgs, Listings, Op,
        connection::{
            Conflict, Connection, ControlReply, Event, Executed, Host, Peer, Progress, Report,
        },
        features,
    },
    v2,
};

/// What the host was asked and told.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    listings: Listings,
    /// Domains that the hypervisor has.
    pub(crate) alive: Vec<DomId>,
    pub(crate) refuse_connect: Option<Errno>,
    pub(crate) calls: Vec<String>,
    pub(crate) log: Vec<String>,
    pub(crate) reports: Vec<Report>,
    /// Where transactions failed, and the how manieth in a row each was.
    pub(crate) conflicts: Vec<(String, u32)>,
    /// The server's domain, where it isn't the control domain.
    pub(crate) store_domain: Option<DomId>,
    /// The connections of domains' rings.
    connections: Vec<(DomId, ConnId)>,
    /// Domains whose ring must be reset, or closed.
    rings: Vec<(DomId, bool)>,
}

/// A store, its connections and their host. Domain 0 is the control domain.
pub(crate) struct World {
    pub(crate) store: Store,
    feed: Feed,
    pub(crate) conns: Vec<Connection>,
    pub(crate) desk: Desk,
    pub(crate) now: Duration,
    /// The connections that were reset because their domain was introduced again or released.
    pub(crate) reset: Vec<usize>,
}

impl World {
    pub(crate) fn new() -> World {
        let config = Config { features: features::OFFERED, ..Config::default() };
        let Ok(store) = Store::new(&config) else { unreachable!("no index is declared") };
        store.edit(|edit| Ok(edit.introduce(DomId::ZERO)));
        let feed = store.feed();
        let (desk, now) = (Desk::default(), Duration::ZERO);
        World { store, feed, conns: Vec::new(), desk, now, reset: Vec::new() }
    }

    /// A new client of the socket; gives its place in `conns`.
    pub(crate) fn socket(&mut self) -> usize {
        self.connect(Peer::Socket, Caller::Control)
    }

    /// A new domain, introduced, and its ring.
    pub(crate) fn guest(&mut self, domid: u16) -> usize {
        let domid = DomId(domid);
        self.desk.alive.push(domid);
        self.store.edit(|edit| Ok(edit.introduce(domid)));
        let instance = self.store.pin().domain(domid).map(|info| info.instance);
        let instance = instance.unwrap_or(Instance::NONE);
        let at = self.connect(|_| Peer::Domain(domid), Caller::Guest { domid, instance });
        self.desk.connections.extend(self.conns.get(at).map(|conn| (domid, conn.id())));
        at
    }

    fn connect(&mut self, peer: impl FnOnce(u64) -> Peer, caller: Caller) -> usize {
        let number = u64::try_from(self.conns.len()).unwrap_or(0).saturating_add(1);
        let conn = Connection::new(ConnId::new(0, number), peer(number), caller);
        self.conns.push(conn.with_v2());
        self.conns.len().saturating_sub(1)
    }

    pub(crate) fn conn(&mut self, at: usize) -> Option<&mut Connection> {
        self.conns.get_mut(at)
    }

    /// Gives a connection bytes and executes what is complete; says how many it took.
    pub(crate) fn bytes(&mut self, at: usize, bytes: &[u8]) -> usize {
        let taken = self.conn(at).map_or(0, |conn| conn.input(bytes));
        self.run(at);
        taken
    }

    /// Executes what a connection has, as far as its limits let it.
    pub(crate) fn run(&mut self, at: usize) -> Option<Progress> {
        loop {
            let conn = self.conns.get_mut(at)?;
            match conn.step(&self.store, &mut self.desk, self.now) {
                Progress::Held { seq } => {
                    self.deliver(Some(seq));
                    let now = self.now;
                    self.conn(at)?.release(now);
                    self.reset_rings();
                }
                progress => return Some(progress),
            }
        }
    }

    /// Resets the rings of domains that were introduced again, and closes those of released ones.
    fn reset_rings(&mut self) {
        for (domid, gone) in std::mem::take(&mut self.desk.rings) {
            for (at, conn) in self.conns.iter_mut().enumerate() {
                if conn.peer() == Peer::Domain(domid) {
                    if gone {
                        conn.close(&self.store)
                    } else {
                        conn.reset(&self.store)
                    }
                    self.reset.push(at);
                }
            }
        }
    }

    /// Delivers the feed's events up to a publication, or all there are.
    pub(crate) fn deliver(&mut self, until: Option<u64>) {
        while until.is_none_or(|until| self.feed.seq() < until) {
            match self.feed.next() {
                FeedItem::Empty => return,
                FeedItem::Overrun => {
                    for conn in &mut self.conns {
                        conn.overrun(&self.store, self.now);
                    }
                }
                FeedItem::Record(record) => {
                    let ticket = self.conns.iter().find_map(|conn| conn.ticket_of(&record));
                    for (at, fire) in record.fires.iter().enumerate() {
                        let conn = self.conns.iter_mut().find(|conn| conn.id() == fire.conn());
                        let Some(conn) = conn else { continue };
                        if !conn.wants(&record, fire) {
                            continue;
                        }
                        let (path, token) = (fire.path().as_bytes(), fire.token());
                        let (seq, ticket) = (record.seq, ticket.clone());
                        conn.deliver(Event { seq, at, path, token, ticket }, self.now);
                    }
                }
            }
        }
    }

    /// Takes up to `most` bytes that were sent to a client.
    pub(crate) fn take(&mut self, at: usize, most: usize) -> Vec<u8> {
        let Some(conn) = self.conns.get_mut(at) else { return Vec::new() };
        let bytes: Vec<u8> = conn.unsent().flatten().copied().take(most).collect();
        conn.advance(bytes.len(), &self.store);
        bytes
    }
}

impl Host for Desk {
    fn domain_exists(&mut self, domid: DomId) -> bool {
        self.alive.contains(&domid)
    }

    fn connect(&mut self, domid: DomId, port: u32) -> Result<(), Errno> {
        self.calls.push(format!("connect {domid} {port}"));
        self.refuse_connect.map_or(Ok(()), Err)
    }

    fn store_domain(&self) -> DomId {
        self.store_domain.unwrap_or(self.control_domain())
    }

    fn connection(&mut self, domid: DomId) -> Option<ConnId> {
        self.connections.iter().rev().find(|(of, _)| *of == domid).map(|(_, conn)| *conn)
    }

    fn introduced(&mut self, domid: DomId, _: Instance) {
        self.calls.push(format!("introduced {domid}"));
        self.rings.push((domid, false));
    }

    fn released(&mut self, domid: DomId, _: Instance) {
        self.calls.push(format!("released {domid}"));
        self.rings.push((domid, true));
    }

    fn quotas_changed(&mut self, domid: Option<DomId>) {
        self.calls.push(format!("quotas {domid:?}"));
    }

    fn listings(&mut self) -> Option<&mut Listings> {
        Some(&mut self.listings)
    }

    fn control(&mut self, _: &Store, command: &ControlArgs<'_>) -> ControlReply {
        match command.command {
            b"check" => ControlReply::Done,
            b"print" => ControlReply::Text(format!("{} arguments", command.args.count())),
            b"live-update" => ControlReply::Later,
            _ => ControlReply::Refused(Errno::EINVAL),
        }
    }

    fn executed(&mut self, request: &Executed<'_>) {
        let name = request.op.map_or("?", Op::name);
        let result = match request.reply {
            Ok(reply) => String::from_utf8_lossy(reply).into_owned(),
            Err(errno) => errno.name().into(),
        };
        let said = String::from_utf8_lossy(request.payload).into_owned();
        self.log.push(format!("{:?}.{} {name} {said:?} {result:?}", request.peer, request.tx_id));
    }

    fn executed_v2(&mut self, request: &v2::Executed<'_>) {
        self.log.push(format!("{:?} {} {:?}", request.peer, request.op.name(), request.result));
    }

    fn conflicted(&mut self, conflict: &Conflict<'_>) {
        self.conflicts.push((conflict.path.into(), conflict.in_a_row));
    }

    fn report(&mut self, report: Report) {
        self.reports.push(report);
    }
}
