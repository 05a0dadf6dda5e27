//! The connections of all clients to both servers, and what came in on them.
//!
//! A server queues a client's events before its later replies, so a reply to a request that changes
//! nothing is a barrier: when it is there, so is all that came before. Nothing here waits for time
//! to pass.

use std::{collections::BTreeMap, path::PathBuf};

use myriad_ring::v1::Op;

use super::{
    pair::{Pair, Side},
    text,
    wire::{Incoming, Link, Message, WireError, encode},
};
use crate::peer::ring::Ring;

/// The connections of a run.
#[derive(Debug)]
pub struct Exchange {
    sockets: Pair<PathBuf>,
    clients: BTreeMap<usize, Pair<Way>>,
    /// What each client got in this step, in order.
    pub inbox: BTreeMap<usize, Pair<Vec<Incoming>>>,
    barrier_id: u32,
    /// A connection to each server that is no client's.
    spare: Pair<Option<Link>>,
}

/// How a client reaches a server.
#[derive(Debug)]
enum Way {
    Socket(Link),
    Ring(Ring),
}

impl Way {
    fn send(&mut self, bytes: &[u8], pieces: usize) -> Result<(), WireError> {
        match self {
            Way::Socket(link) => link.send(bytes, pieces),
            Way::Ring(ring) => ring.send(bytes, pieces),
        }
    }

    fn receive(&mut self) -> Result<Incoming, WireError> {
        match self {
            Way::Socket(link) => link.receive(),
            Way::Ring(ring) => ring.receive(),
        }
    }
}

impl Exchange {
    /// Connects so many clients to both servers.
    ///
    /// # Errors
    /// [`WireError::Connect`].
    pub fn connect(sockets: Pair<PathBuf>, clients: usize) -> Result<Exchange, WireError> {
        let mut exchange = Exchange {
            sockets,
            clients: BTreeMap::new(),
            inbox: BTreeMap::new(),
            barrier_id: 0,
            spare: Pair::default(),
        };
        for client in 0..clients {
            exchange.reconnect(client)?;
        }
        Ok(exchange)
    }

    /// Closes a client's connections, if it had any, and opens others.
    ///
    /// # Errors
    /// [`WireError::Connect`].
    pub fn reconnect(&mut self, client: usize) -> Result<(), WireError> {
        let connect = |side: Side| Link::connect(self.sockets.get(side), side.name(), client);
        let links = Pair::make(|side| connect(side).map(Way::Socket))?;
        self.clients.insert(client, links);
        self.inbox.entry(client).or_default();
        Ok(())
    }

    /// A guest is on these rings from now on.
    pub fn attach(&mut self, client: usize, rings: Pair<Ring>) {
        let ways = Pair { left: Way::Ring(rings.left), right: Way::Ring(rings.right) };
        self.clients.insert(client, ways);
        self.inbox.entry(client).or_default();
    }

    /// A guest has no rings any more.
    pub fn detach(&mut self, client: usize) {
        self.clients.remove(&client);
    }

    /// The rings of a guest.
    pub fn rings(&mut self, client: usize) -> Vec<&mut Ring> {
        let ways = self.clients.get_mut(&client).map(|ways| [&mut ways.left, &mut ways.right]);
        let mut rings = Vec::new();
        for way in ways.into_iter().flatten() {
            if let Way::Ring(ring) = way {
                rings.push(ring);
            }
        }
        rings
    }

    /// A connection of its own to one server.
    ///
    /// # Errors
    /// [`WireError::Connect`].
    pub fn aside(&self, side: Side) -> Result<Link, WireError> {
        Link::connect(self.sockets.get(side), side.name(), usize::MAX)
    }

    /// Begins a transaction on one server, and ends it: C's generation is another one after that.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn age(&mut self, side: Side) -> Result<(), WireError> {
        let id = match self.aside_ask(side, &encode(Op::TransactionStart as u32, 1, 0, b"\0"))? {
            Incoming::Message(m) => text::one_string(&m.payload).map_or(0, text::atoi),
            Incoming::Closed => 0,
        };
        self.aside_ask(side, &encode(Op::TransactionEnd as u32, 1, id, b"F\0")).map(drop)
    }

    /// Asks one server something by a connection that no client has.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn aside_ask(&mut self, side: Side, request: &[u8]) -> Result<Incoming, WireError> {
        let mut link = match self.spare.get_mut(side).take() {
            Some(link) => link,
            None => self.aside(side)?,
        };
        link.send(request, 1)?;
        let reply = link.receive()?;
        *self.spare.get_mut(side) = Some(link);
        Ok(reply)
    }

    /// Empties the inboxes.
    pub fn begin_step(&mut self) {
        for inbox in self.inbox.values_mut() {
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
            if let Some(ways) = self.clients.get_mut(&client) {
                ways.get_mut(side).send(bytes.get(side), pieces)?;
            }
        }
        Ok(())
    }

    /// Sends a request of a client's to one server, and takes its reply out of what comes back.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn ask(
        &mut self,
        side: Side,
        client: usize,
        request: &[u8],
    ) -> Result<Incoming, WireError> {
        if let Some(ways) = self.clients.get_mut(&client) {
            ways.get_mut(side).send(request, 1)?;
        }
        let reply = self.receive_from(side, client)?;
        if let Some(inbox) = self.inbox.get_mut(&client) {
            inbox.get_mut(side).pop();
        }
        Ok(reply)
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
                if let Some(inbox) = self.inbox.get_mut(client).filter(|_| reply == expected) {
                    inbox.get_mut(side).pop();
                }
            }
        }
        Ok(())
    }

    fn receive_from(&mut self, side: Side, client: usize) -> Result<Incoming, WireError> {
        let (ways, inbox) = (self.clients.get_mut(&client), self.inbox.get_mut(&client));
        let (Some(ways), Some(inbox)) = (ways, inbox) else { return Ok(Incoming::Closed) };
        loop {
            let incoming = ways.get_mut(side).receive()?;
            inbox.get_mut(side).push(incoming.clone());
            match &incoming {
                Incoming::Message(m) if m.op == Op::WatchEvent as u32 => {}
                _ => return Ok(incoming),
            }
        }
    }
}
