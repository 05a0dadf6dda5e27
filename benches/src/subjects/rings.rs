//! A request and its answer through the page that a guest shares with the server.

use std::hint::black_box;

use myriad_ring::page::{
    Memfd, Scratch, ServerEnd,
    guest::{GuestEnd, Habits},
};

use crate::{fail::or_die, subject::Subject};

/// Bytes of a READ of a path of six levels, and of its reply.
const REQUEST: [u8; 64] = [b'q'; 64];
const REPLY: [u8; 24] = [b'a'; 24];

/// Both ends on one thread; one op is a request in and a reply out, without doorbells.
pub struct Transfers {
    guest: GuestEnd,
    server: ServerEnd,
    scratch: Box<Scratch>,
}

impl Transfers {
    /// Over a page of its own.
    #[must_use]
    pub fn new() -> Transfers {
        let file = or_die("a page", Memfd::create());
        let guest = GuestEnd::new(or_die("a page", file.map()), Habits::LINUX);
        let mut server = ServerEnd::new(or_die("a page", file.map()), 0);
        server.introduce();
        Transfers { guest, server, scratch: Box::default() }
    }
}

impl Default for Transfers {
    fn default() -> Transfers {
        Transfers::new()
    }
}

impl Subject for Transfers {
    fn run(&mut self, ops: u64) {
        for _ in 0..ops {
            let sent = or_die("send", self.guest.send(&REQUEST));
            let taken = or_die("receive", self.server.receive(&mut self.scratch, <[u8]>::len));
            let answered = or_die("answer", self.server.send([&REPLY[..]]));
            let read = or_die("read", self.guest.receive(|bytes| black_box(bytes).len()));
            if [sent, taken, answered, read] != [64, 64, 24, 24] {
                or_die("transfer", Err(format!("{sent}, {taken}, {answered}, {read} bytes")))
            }
            black_box((self.server.take_doorbell(), self.guest.take_doorbell()));
        }
    }
}
