//! Connections that end, and rings that are given up.

use myriad_ring::v1::{HEADER_LEN, Header, Op};

use super::{
    pair::Pair,
    run::{Runner, Stop},
    step::{Request, Step, Tx},
    who,
    wire::Incoming,
};

impl Runner {
    /// A client of the socket ends its connection, or has it ended.
    pub(super) fn on_socket(&mut self, step: &Step) -> Result<(), Stop> {
        match step {
            Step::Oversized { client, op, len } if *client < self.options.clients => {
                self.history.push(step);
                self.exchange.send(*client, &Pair::same(oversized(*op, *len)), 1)?;
                let ends = self.exchange.receive(*client)?;
                self.coverage.note_closed(*client);
                self.require(ends == Pair::same(Incoming::Closed), "a connection was not closed")?;
                self.compare_streams(*client, None, Pair::same(0))?;
                self.reopen(*client)
            }
            Step::Reconnect { client, partial } if *client < self.options.clients => {
                self.history.push(step);
                self.exchange.send(*client, &Pair::same(partial.clone()), 1)?;
                self.reopen(*client)
            }
            _ => Ok(()),
        }
    }

    /// A guest leaves its ring in a state from which only a new introduction helps, which comes at
    /// once: C does not heal a ring by introducing its domain again, it has to be released.
    pub(super) fn breach(&mut self, step: &Step, domid: u32) -> Result<(), Stop> {
        let client = who::guest(domid);
        if !self.world.clients.contains_key(&client) || self.world.hosts.is_target(domid) {
            return Ok(());
        }
        self.history.push(step);
        match step {
            Step::Reconnect { partial, .. } => {
                self.exchange.send(client, &Pair::same(partial.clone()), 1)?;
                for ring in self.exchange.rings(client) {
                    ring.flush()?;
                }
            }
            Step::Oversized { op, len, .. } => {
                self.exchange.send(client, &Pair::same(oversized(*op, *len)), 1)?;
                self.given_up(client)?;
                self.coverage.note_closed(client);
            }
            _ => {
                for ring in self.exchange.rings(client) {
                    ring.lie()?;
                }
                self.given_up(client)?;
            }
        }
        for (op, payload) in
            [(Op::Release, format!("{domid}\0")), (Op::Introduce, format!("{domid}\x001\x001\0"))]
        {
            self.begin();
            let (op, payload) = (op as u32, payload.into_bytes());
            let (tx, req_id) = (Tx::None, u32::from(client > 0));
            self.carry_out(&Request { client: 0, op, tx, req_id, pieces: 1, payload })?;
        }
        Ok(())
    }

    /// Waits until both servers have given a guest's ring up, and compares why. C 4.17 has
    /// no error field in its rings, and SET_FEATURE takes ours away: then nobody can see it.
    fn given_up(&mut self, client: usize) -> Result<(), Stop> {
        if !self.exchange.rings(client).iter().all(|ring| ring.tells_errors()) {
            return Ok(());
        }
        let ends = self.exchange.receive(client)?;
        self.require(ends == Pair::same(Incoming::Closed), "a ring was not given up")?;
        let errors: Vec<u32> = self.exchange.rings(client).iter().map(|r| r.error()).collect();
        let same = errors.first() == errors.last();
        self.require(same, &format!("the errors in a ring differ: {errors:?}"))?;
        self.compare_streams(client, None, Pair::same(0))
    }

    fn reopen(&mut self, client: usize) -> Result<(), Stop> {
        self.exchange.reconnect(client)?;
        self.world.forget(client);
        Ok(())
    }
}

fn oversized(op: u32, len: u32) -> Vec<u8> {
    let header = Header { op, req_id: 1, tx_id: 0, len }.to_bytes();
    debug_assert_eq!(header.len(), HEADER_LEN);
    header.to_vec()
}
