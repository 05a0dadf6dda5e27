//! A guest on a ring, alone on its machine.

use std::{collections::VecDeque, sync::Arc};

use myriad::sim::machine::Machine;
use myriad_core::DomId;
use myriad_ring::{
    page::{
        Page, Word,
        guest::{Client, Habits, Liar},
    },
    v1::{Header, Op},
};

/// A guest, alone on its machine.
pub struct Guest {
    pub machine: Arc<Machine>,
    pub domid: DomId,
    pub page: Page,
    pub client: Client,
    events: VecDeque<(String, String)>,
}

impl Guest {
    pub fn attach(mut machine: Machine, domid: u16, habits: Habits) -> Guest {
        let (domid, mut page) = (DomId(domid), None);
        machine.attach(domid, domid, |_, ring| page = Some(ring)).unwrap();
        let page: Page = page.unwrap();
        let client = Client::new(page.clone(), habits);
        Guest::on(machine, domid, page, client)
    }

    /// One that goes on with what it had.
    pub fn on(machine: Machine, domid: DomId, page: Page, client: Client) -> Guest {
        Guest { machine: Arc::new(machine), domid, page, client, events: Default::default() }
    }

    /// Writes into its page what it likes.
    pub fn liar(&self) -> Liar {
        Liar::new(self.page.clone())
    }

    pub fn ring(&self) {
        self.machine.ring(self.domid).unwrap();
    }

    /// Puts bytes into the ring as far as there is room, and rings.
    pub fn put(&mut self, bytes: Vec<u8>) {
        self.client.push(bytes);
        self.client.pump().unwrap();
        self.ring();
    }

    /// Moves what can be moved; true where something was.
    pub fn pump(&mut self) -> bool {
        let moved = self.client.pump().unwrap();
        if self.client.take_doorbell() {
            self.ring();
        }
        moved
    }

    /// The next message.
    pub fn receive(&mut self) -> (Header, Vec<u8>) {
        loop {
            // First: what is found from here on is not told of any more.
            self.machine.bells().hear(|_| {});
            self.pump();
            if let Some(message) = self.client.message() {
                return message;
            }
            if !self.client.look_again().unwrap() {
                self.machine.sleep().unwrap();
            }
        }
    }

    /// The answer to a request.
    pub fn answer(&mut self, id: u32) -> Result<String, String> {
        loop {
            let (header, body) = self.receive();
            if header.op == Op::WatchEvent as u32 {
                self.keep_event(&body);
                continue;
            }
            assert_eq!(header.req_id, id);
            let text = String::from_utf8_lossy(&body).trim_end_matches('\0').to_owned();
            return if header.op == Op::Error as u32 { Err(text) } else { Ok(text) };
        }
    }

    pub fn ask(&mut self, op: Op, payload: &str) -> Result<String, String> {
        self.ask_in(0, op, payload)
    }

    pub fn ask_in(&mut self, tx: u32, op: Op, payload: &str) -> Result<String, String> {
        let id = self.client.ask(op, tx, payload.as_bytes());
        self.answer(id)
    }

    /// A request that is acknowledged.
    pub fn must(&mut self, op: Op, payload: &str) {
        self.must_in(0, op, payload);
    }

    pub fn must_in(&mut self, tx: u32, op: Op, payload: &str) {
        assert_eq!(self.ask_in(tx, op, payload), Ok("OK".into()), "{} {payload}", op.name());
    }

    /// A request that is refused.
    pub fn refused(&mut self, op: Op, payload: &str, error: &str) {
        self.refused_in(0, op, payload, error);
    }

    pub fn refused_in(&mut self, tx: u32, op: Op, payload: &str, error: &str) {
        assert_eq!(self.ask_in(tx, op, payload), Err(error.into()), "{} {payload}", op.name());
    }

    /// Watches a path, whatever is there; its first event is taken.
    pub fn watch(&mut self, path: &str, token: &str) {
        self.must(Op::Watch, &format!("{path}\0{token}\0"));
        assert_eq!(self.event(), (path.into(), token.into()));
    }

    /// Begins a transaction.
    pub fn start(&mut self) -> u32 {
        self.ask(Op::TransactionStart, "\0").unwrap().parse().unwrap()
    }

    /// The next event: path and token.
    pub fn event(&mut self) -> (String, String) {
        while self.events.is_empty() {
            let (header, body) = self.receive();
            assert_eq!(header.op, Op::WatchEvent as u32, "a reply that nobody waits for");
            self.keep_event(&body);
        }
        self.events.pop_front().unwrap()
    }

    /// All events that there are: they come before an answer that is given after their causes.
    pub fn events(&mut self) -> Vec<(String, String)> {
        assert!(self.ask(Op::GetDomainPath, "0\0").is_ok());
        self.events.drain(..).collect()
    }

    /// The paths of all events that there are.
    pub fn paths(&mut self) -> Vec<String> {
        self.events().into_iter().map(|(path, _)| path).collect()
    }

    fn keep_event(&mut self, body: &[u8]) {
        let text = String::from_utf8(body.to_vec()).unwrap();
        let mut parts = text.split('\0');
        let (path, token) = (parts.next().unwrap().into(), parts.next().unwrap().into());
        self.events.push_back((path, token));
    }

    /// A write whose event comes first, and what was written, read again.
    pub fn round(&mut self, number: u64) {
        assert_eq!(self.ask(Op::Write, &format!("seen\0{number}")), Ok("OK".into()));
        assert_eq!(self.event(), ("seen".into(), "t".into()));
        assert_eq!(self.ask(Op::Read, "seen\0"), Ok(number.to_string()));
        let expected = format!("/local/domain/{}", self.domid);
        assert_eq!(self.ask(Op::GetDomainPath, &format!("{}\0", self.domid)), Ok(expected));
    }

    /// Waits until a word of its page has this value, ringing all the while.
    pub fn await_word(&self, word: Word, value: u32) {
        let liar = self.liar();
        while liar.get(word) != value {
            self.ring();
            std::thread::yield_now();
        }
    }

    /// Begins anew on its ring, with the server's consent.
    pub fn reconnect(&mut self) {
        self.client.reconnect();
        self.ring();
        while !self.client.end().has_reconnected() {
            self.machine.sleep().unwrap();
            self.machine.bells().hear(|_| {});
        }
        self.events.clear();
    }

    /// It is served as any guest is, from scratch.
    pub fn is_well(&mut self) {
        assert_eq!(self.ask(Op::Watch, "seen\0t\0"), Ok("OK".into()));
        assert_eq!(self.event(), ("seen".into(), "t".into()));
        (0..3).for_each(|number| self.round(number));
        assert_eq!(self.ask(Op::Unwatch, "seen\0t\0"), Ok("OK".into()));
    }
}
