//! The connections of all clients to both servers, and what came in on them.
//!
//! A server queues a client's events before its later replies, so a reply to a request that changes
//! nothing is a barrier: when it is there, so is all that came before. Nothing here waits for time
//! to pass.

use std::path::PathBuf;

use myriad_ring::v1::Op;

use super::{
    pair::{Pair, Side},
    wire::{Incoming, Link, Message, WireError, encode},
};

/// The connections of a run.
#[derive(Debug)]
pub struct Exchange {
    sockets: Pair<PathBuf>,
    clients: Vec<Pair<Link>>,
    /// What each client got in this step, in order.
    pub inbox: Vec<Pair<Vec<Incoming>>>,
    barrier_id: u32,
}

impl Exchange {
    /// Connects so many clients to both servers.
    ///
    /// # Errors
    /// [`WireError::Connect`].
    pub fn connect(sockets: Pair<PathBuf>, clients: usize) -> Result<Exchange, WireError> {
        let mut exchange = Exchange {
            sockets,
            clients: Vec::new(),
            inbox: (0..clients).map(|_| Pair::default()).collect(),
            barrier_id: 0,
        };
        for client in 0..clients {
            let links = exchange.links(client)?;
            exchange.clients.push(links);
        }
        Ok(exchange)
    }

    /// Closes a client's connections and opens others.
    ///
    /// # Errors
    /// [`WireError::Connect`].
    pub fn reconnect(&mut self, client: usize) -> Result<(), WireError> {
        let links = self.links(client)?;
        if let Some(slot) = self.clients.get_mut(client) {
            *slot = links;
        }
        Ok(())
    }

    /// A connection of its own to one server.
    ///
    /// # Errors
    /// [`WireError::Connect`].
    pub fn aside(&self, side: Side) -> Result<Link, WireError> {
        Link::connect(self.sockets.get(side), side.name(), self.clients.len())
    }

    /// Empties the inboxes.
    pub fn begin_step(&mut self) {
        for inbox in &mut self.inbox {
            inbox.left.clear();
            inbox.right.clear();
        }
    }

    /// Sends bytes of a client's to both servers.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn send(
        &mut self,
        client: usize,
        bytes: &Pair<Vec<u8>>,
        pieces: usize,
    ) -> Result<(), WireError> {
        for side in Side::BOTH {
            if let Some(links) = self.clients.get_mut(client) {
                links.get_mut(side).send(bytes.get(side), pieces)?;
            }
        }
        Ok(())
    }

    /// Takes in what a client gets from both servers, up to and with the first reply or the end of
    /// the connection, which is returned.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn receive(&mut self, client: usize) -> Result<Pair<Incoming>, WireError> {
        Pair::make(|side| self.receive_from(side, client))
    }

    /// Takes in what the named clients still get, until nothing more can come.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn barrier(&mut self, clients: &[usize]) -> Result<(), WireError> {
        self.barrier_id = self.barrier_id.wrapping_add(1);
        let op = Op::GetDomainPath as u32;
        self.unseen(clients, op, b"0\0", op, b"/local/domain/0\0")
    }

    /// Has both servers refuse a request of a client's.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn provoke(&mut self, client: usize) -> Result<(), WireError> {
        self.unseen(&[client], Op::Read as u32, b"//\0", Op::Error as u32, b"EINVAL\0")
    }

    /// Sends a request of these clients to both servers. Its reply is left out of the inboxes if it
    /// is the expected one; any other stays for the comparison.
    fn unseen(
        &mut self,
        clients: &[usize],
        op: u32,
        payload: &[u8],
        reply_op: u32,
        reply: &[u8],
    ) -> Result<(), WireError> {
        let request = Pair::same(encode(op, self.barrier_id, 0, payload));
        for client in clients {
            self.send(*client, &request, 1)?;
        }
        let expected = Incoming::Message(Message {
            op: reply_op,
            req_id: self.barrier_id,
            tx_id: 0,
            payload: reply.to_vec(),
        });
        for client in clients {
            for side in Side::BOTH {
                let reply = self.receive_from(side, *client)?;
                if let Some(inbox) = self.inbox.get_mut(*client).filter(|_| reply == expected) {
                    inbox.get_mut(side).pop();
                }
            }
        }
        Ok(())
    }

    fn receive_from(&mut self, side: Side, client: usize) -> Result<Incoming, WireError> {
        let (Some(links), Some(inbox)) = (self.clients.get_mut(client), self.inbox.get_mut(client))
        else {
            return Ok(Incoming::Closed);
        };
        loop {
            let incoming = links.get_mut(side).receive()?;
            inbox.get_mut(side).push(incoming.clone());
            match &incoming {
                Incoming::Message(m) if m.op == Op::WatchEvent as u32 => {}
                _ => return Ok(incoming),
            }
        }
    }

    fn links(&self, client: usize) -> Result<Pair<Link>, WireError> {
        Pair::make(|side| Link::connect(self.sockets.get(side), side.name(), client))
    }
}
