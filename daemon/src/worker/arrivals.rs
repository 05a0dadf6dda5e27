//! What comes to a worker from outside of its connections: messages, guests and their rings.

use myriad_core::{Caller, ConnId, DomId, Instance};
use myriad_ring::v1::connection::Peer;
use tracing::warn;

use super::{
    accept::Listener,
    client::Client,
    clients::number_of,
    doorbell::Doorbell,
    guests::{Arrival, Guest, GuestSocket},
    link::RingLink,
    mailbox::{Message, Origin, RingOf},
    real,
    run::{GUESTS, MACHINES, Worker},
};

impl Worker {
    /// Acts on all messages.
    pub(super) fn read_inbox(&mut self) {
        while let Ok(message) = self.inbox.messages.try_recv() {
            self.handle(message);
        }
    }

    pub(super) fn handle(&mut self, message: Message) {
        match message {
            Message::Client { socket, number } => {
                self.add(Peer::Socket(number), Caller::Control, socket);
            }
            Message::Returned { socket, number, remains } => {
                self.add_returned(socket, number, *remains);
            }
            Message::Former(domid, former) => drop(self.formers.insert(domid, former)),
            Message::Listen { domid, life, socket } => self.add_arrival(domid, life, socket),
            Message::Machine(machine) => {
                let added = self.neighbours.add(machine, self.id, &self.poll, MACHINES);
                if let Err(error) = added {
                    warn!("a machine of simulated guests can't be served: {error}");
                }
            }
            Message::MachineGone(number) => self.neighbours.remove(number, self.id, &self.poll),
            Message::Ring { domid, life, ring } => self.add_ring(domid, life, ring),
            Message::Introduced { domid, life, port } => self.introduced_again(domid, life, port),
            Message::Gone(domid, life) => {
                if let Some(guest) = self.guests.end(domid, life) {
                    self.let_go(domid, guest);
                }
            }
            Message::Usage(domid, asker) => self.tell_usage(domid, asker),
            Message::QuotasChanged(Some(domid)) => self.wake_guest(domid),
            Message::QuotasChanged(None) => self.wake_all(),
            Message::Resume(conn) => self.clients.note_busy(number_of(conn)),
            Message::Answer(conn, answer) => {
                let number = number_of(conn);
                self.deliver(None);
                if let Some(client) = self.clients.get(number) {
                    client.conn.answer(&answer);
                    self.clients.note_output(number);
                    self.clients.note_busy(number);
                }
            }
            Message::Quiesce(round) => {
                self.shared.mailboxes.post(round.asker.worker(), Message::Quiet(round));
            }
            Message::Quiet(round) => self.note_quiet(number_of(round.asker), round),
            Message::Ticket(seq, ticket) => self.events.expect(seq, ticket),
            Message::Past(conn, said) => self.told(conn, said),
            Message::Stop => self.stopping = true,
        }
    }

    pub(super) fn accept_guest(&mut self, token: u64) {
        let domid = DomId(u16::try_from(token).unwrap_or(u16::MAX));
        let Some(guest) = self.guests.get(domid) else { return };
        let Some(arrival) = &mut guest.arrival else { return };
        let Some(socket) = arrival.listener.accept(&self.poll, self.now) else {
            if arrival.listener.deadline().is_some() {
                self.paused_guests.push(domid);
            }
            return;
        };
        let life = guest.life;
        let before = guest.client.take();
        if let Some(number) = before {
            self.close(number);
        }
        if !self.lives(domid, life) {
            return;
        }
        let caller = Caller::Guest { domid, instance: life };
        let number = self.add(Peer::Domain(domid), caller, socket);
        if let Some(guest) = self.guests.get(domid) {
            guest.client = number;
        }
        self.formers.remove(&domid);
        self.take_over(domid, number, None);
        if let Some(number) = number {
            self.shared.rings.begun(domid, ConnId::new(self.id, number));
        }
    }

    /// Whether this is the life of a domain that is introduced now. If so, its end is still to be
    /// told.
    fn lives(&self, domid: DomId, life: Instance) -> bool {
        let info = self.shared.store.pin().domain(domid);
        info.is_some_and(|info| info.introduced && info.instance == life)
    }

    /// A life of a domain begins here, if it is another than the one before.
    fn begin(&mut self, domid: DomId, life: Instance) {
        if let Some(before) = self.guests.begin(domid, life) {
            self.let_go(domid, before);
        }
    }

    /// What served a life of a domain that is over.
    fn let_go(&mut self, domid: DomId, guest: Guest) {
        if let Some(arrival) = guest.arrival {
            self.shared.sockets.forget(domid, arrival.file);
        }
        if let Some(number) = guest.client {
            self.close(number);
        }
    }

    /// A simulated domain can be reached by its socket.
    fn add_arrival(&mut self, domid: DomId, life: Instance, socket: GuestSocket) {
        let file = socket.file;
        if !self.lives(domid, life) {
            return self.shared.sockets.forget(domid, file);
        }
        self.begin(domid, life);
        match Listener::new(socket.listener, GUESTS | u64::from(domid.0), &self.poll) {
            Ok(listener) => {
                if let Some(guest) = self.guests.get(domid) {
                    guest.arrival = Some(Box::new(Arrival { listener, file }));
                }
            }
            Err(error) => warn!("domain {domid} can't be reached: {error}"),
        }
    }

    /// A domain has got a ring: that is its connection from now on.
    fn add_ring(&mut self, domid: DomId, life: Instance, ring: RingOf) {
        let caller = if domid == DomId::ZERO {
            Caller::Control
        } else if self.lives(domid, life) {
            Caller::Guest { domid, instance: life }
        } else {
            return;
        };
        self.begin(domid, life);
        let Some(RingOf { end, doorbell, origin }) = self.take_back(domid, ring) else { return };
        if let Some(guest) = self.guests.get(domid) {
            // A domain has one connection; and thousands need no descriptor each.
            let (arrival, before) = (guest.arrival.take(), guest.client.take());
            self.let_go(domid, Guest { life, arrival, client: before });
        }
        if origin != Origin::New {
            // What it was to be told of when the daemon ended.
            doorbell.ring(domid);
        }
        let former = self.formers.remove(&domid).filter(|_| origin != Origin::New);
        let keeping = self.keeping(domid);
        let link = RingLink::new(*end, domid, doorbell).with_keeping(keeping);
        let peer = Peer::Domain(domid);
        let number = self.add_client(peer, caller, |conn| Client::on_ring(conn.with_v2(), link));
        self.take_over(domid, number, (origin != Origin::New).then_some(former));
        if let Some(guest) = self.guests.get(domid) {
            guest.client = number;
        }
        if let Some(number) = number {
            let ring = self.clients.get(number).and_then(|client| client.ring());
            if let Some(Doorbell::Port(port)) = ring.map(RingLink::doorbell) {
                self.ports.begun(port, number);
            }
            self.shared.rings.begun(domid, ConnId::new(self.id, number));
            // What came before its doorbell could be heard.
            self.clients.note_busy(number);
        }
    }

    /// A domain that is served here was introduced again: its connection starts afresh.
    fn introduced_again(&mut self, domid: DomId, life: Instance, port: u32) {
        let guest = self.guests.get(domid).filter(|guest| guest.life == life);
        let Some(number) = guest.and_then(|guest| guest.client) else { return };
        let Some(client) = self.clients.get(number) else { return };
        if !client.reset(&self.shared.store) {
            return self.close(number);
        }
        if let Some(ring) = client.ring_mut()
            && let Doorbell::Port(before) = ring.doorbell()
        {
            self.ports.ended(before, number);
            let remote = ring.event_channel().unwrap_or(port);
            // First: Xen binds no port of the domain's that is bound.
            ring.set_doorbell(Doorbell::None);
            match real::doorbell(&self.shared, domid, remote) {
                Ok(doorbell) => {
                    if let Doorbell::Port(port) = &doorbell {
                        self.ports.begun(port, number);
                    }
                    ring.set_doorbell(doorbell);
                }
                Err(error) => warn!("domain {domid} can't be heard any more: {error}"),
            }
        }
        // It may have rung before.
        self.clients.note_busy(number);
    }
}
