//! A guest that asks and doesn't read, until the quota of outstanding requests stops it.

use std::time::Instant;

use myriad_ring::v1::Op;

use super::{
    limits::{FLOOD, GUEST_OUTSTANDING, PATIENCE},
    pair::{Pair, Side},
    run::{Runner, Stop},
    step::Step,
    who,
    wire::{Incoming, encode},
};

impl Runner {
    /// Sends a guest's requests until neither server reads any more of them, which both must say
    /// of the same number; then the guest reads, and must get every reply, in order.
    pub(super) fn flood(&mut self, step: &Step, client: usize) -> Result<(), Stop> {
        let Some(domid) = who::domid(client) else { return Ok(()) };
        if !self.world.clients.contains_key(&client) {
            return Ok(());
        }
        self.history.push(step);
        let ids = (0..FLOOD).filter_map(|id| u32::try_from(id).ok());
        let request = |id| encode(Op::GetDomainPath as u32, id, 0, b"0\0");
        let bytes: Vec<u8> = ids.flat_map(request).collect();
        for ring in self.exchange.rings(client) {
            ring.flood(&bytes)?;
        }
        for side in Side::BOTH {
            self.stalled(side, domid)?;
        }
        for _ in 0..FLOOD {
            let replies = self.exchange.receive(client)?;
            let answered = matches!(&replies.left, Incoming::Message(m)
                if m.payload == b"/local/domain/0\0");
            self.require(answered, "a request of a flood was not answered")?;
        }
        self.met(FLOODS);
        self.compare_streams(client, None, Pair::same(0))
    }

    /// Waits until a server says that as many requests of a domain are outstanding as may be.
    fn stalled(&mut self, side: Side, domid: u32) -> Result<(), Stop> {
        let request = encode(Op::Control as u32, 1, 0, format!("quota\0{domid}\0").as_bytes());
        let (begin, wanted) = (Instant::now(), format!("outstanding     : {GUEST_OUTSTANDING:8}"));
        loop {
            let text = match self.exchange.aside_ask(side, &request)? {
                Incoming::Message(m) => String::from_utf8_lossy(&m.payload).into_owned(),
                Incoming::Closed => String::new(),
            };
            if text.lines().any(|line| line == wanted) {
                return Ok(());
            }
            if begin.elapsed() > PATIENCE {
                let what = format!("the {} server still reads a guest: {text}", side.name());
                return Err(self.fail(&what));
            }
        }
    }
}

/// What floods are called in the summary, where they are counted among the differences.
const FLOODS: &str = "(floods, no difference)";
