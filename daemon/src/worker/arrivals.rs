//! What comes to a worker from outside of its connections: messages, guests and their rings.

use myriad_core::{Caller, ConnId, DomId};
use myriad_ring::{page::ServerEnd, v1::connection::Peer};
use tracing::warn;

use super::{
    accept::Listener,
    client::Client,
    clients::number_of,
    doorbell::Doorbell,
    link::RingLink,
    mailbox::Message,
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
            Message::Listen { domid, listener } => {
                let token = GUESTS | u64::from(domid.0);
                match Listener::new(listener, token, &self.poll) {
                    Ok(listener) => self.guests.insert(domid, listener),
                    Err(error) => warn!("domain {domid} can't be reached: {error}"),
                }
            }
            Message::Machine(machine) => {
                let added = self.neighbours.add(machine, self.id, &self.poll, MACHINES);
                if let Err(error) = added {
                    warn!("a machine of simulated guests can't be served: {error}");
                }
            }
            Message::MachineGone(number) => self.neighbours.remove(number, self.id, &self.poll),
            Message::Ring { domid, end, doorbell } => self.add_ring(domid, *end, doorbell),
            Message::Introduced(domid) => {
                let number = self.guests.get(domid).and_then(|guest| guest.client);
                if let Some(number) = number
                    && let Some(client) = self.clients.get(number)
                    && !client.reset(&self.shared.store)
                {
                    self.close(number);
                }
            }
            Message::Gone(domid) => {
                if let Some(number) = self.guests.remove(domid).and_then(|guest| guest.client) {
                    self.close(number);
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
            Message::Stop => self.stopping = true,
        }
    }

    pub(super) fn accept_guest(&mut self, token: u64) {
        let domid = DomId(u16::try_from(token).unwrap_or(u16::MAX));
        let Some(guest) = self.guests.get(domid) else { return };
        let Some(listener) = &mut guest.listener else { return };
        let Some(socket) = listener.accept(&self.poll, self.now) else {
            if listener.deadline().is_some() {
                self.paused_guests.push(domid);
            }
            return;
        };
        let before = guest.client.take();
        if let Some(number) = before {
            self.close(number);
        }
        let info = self.shared.store.pin().domain(domid).filter(|info| info.introduced);
        let Some(info) = info else { return };
        let caller = Caller::Guest { domid, instance: info.instance };
        let number = self.add(Peer::Domain(domid), caller, socket);
        if let Some(guest) = self.guests.get(domid) {
            guest.client = number;
        }
        if let Some(number) = number {
            self.shared.rings.begun(domid, ConnId::new(self.id, number));
        }
    }

    /// A domain has got a ring: that is its connection from now on.
    fn add_ring(&mut self, domid: DomId, end: ServerEnd, doorbell: Doorbell) {
        let info = self.shared.store.pin().domain(domid).filter(|info| info.introduced);
        let caller = match info {
            _ if domid == DomId::ZERO => Caller::Control,
            Some(info) => Caller::Guest { domid, instance: info.instance },
            None => return,
        };
        let guest = self.guests.served(domid);
        // A domain has one connection; and thousands need no descriptor each.
        guest.listener = None;
        if let Some(before) = guest.client.take() {
            self.close(before);
        }
        let link = RingLink::new(end, domid, doorbell);
        let peer = Peer::Domain(domid);
        let number = self.add_client(peer, caller, |conn| Client::on_ring(conn, link));
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
}
