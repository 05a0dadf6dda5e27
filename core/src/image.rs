//! A whole version as bytes: what a checkpoint holds.
//!
//! Numbers are little-endian, a text is its length (u16) and its bytes.
//!
//! ```text
//! magic 8 │ seq 8 │ generation 8 │ next instance 8 │ quotas 10 × 4 │ two lists: special nodes
//! domains: count 4, each: domid 2 │ instance 8 │ flags 1 │ target 2 + 8 │ features 4
//!                         │ unique id 8 │ port 4 │ own quotas: bits 2, values 10 × 4
//! nodes:   each: level + 1 2 │ stamps 3 × 8 │ name │ value │ list; level + 1 = 0 ends them
//! watches: count 8, each: conn 8 │ domid 2 │ instance 8 │ depth 4 │ prefix 2 │ path │ token
//! ```
//!
//! Nodes come depth first, parents before children, siblings in order of creation; the level of
//! the root is 0. Domains are sorted. An empty list is that of the node before. Watches come in
//! order of registration. What can be counted from these (usage, ownership, indices) is not in it.

use crate::caller::Caller;
use crate::domain::{DomId, Instance};
use crate::domains::Domain;
use crate::path::Path;
use crate::quota::Quota;
use crate::state::Special;
use crate::tree::{Node, Part, Walk};
use crate::version::Version;
use crate::watch::Watch;

/// Writes a version, piece by piece.
pub(crate) fn write<E>(
    version: &Version,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let state = &version.state;
    let mut out = Out { bytes: Vec::with_capacity(2 * PIECE), sink };
    out.put(&MAGIC);
    out.put(&version.seq.to_le_bytes());
    out.put(&state.generation.to_le_bytes());
    out.put(&state.next_instance.to_le_bytes());
    Quota::ALL.into_iter().for_each(|q| out.put(&state.quotas.get(q).to_le_bytes()));
    for special in [Special::IntroduceDomain, Special::ReleaseDomain] {
        out.text(state.special(special).as_acl().bytes());
    }
    let mut domains: Vec<&Domain> = state.domains.iter().collect();
    domains.sort_unstable_by_key(|domain| domain.domid);
    out.put(&u32::try_from(domains.len()).unwrap_or(u32::MAX).to_le_bytes());
    for domain in domains {
        out.domain(domain);
        out.flush(PIECE)?;
    }
    let root = Path::trusted("/");
    let mut walk = Walk::new(root, state.tree.root());
    let mut before = Vec::new();
    while let Some((path, node)) = walk.next() {
        out.node(path, node, &mut before);
        out.flush(PIECE)?;
    }
    out.put(&0u16.to_le_bytes());
    let mut watches: Vec<Watch<'_>> = state.watches.iter().collect();
    watches.sort_unstable_by_key(|watch| watch.order());
    out.put(&(watches.len() as u64).to_le_bytes());
    for watch in watches {
        out.watch(watch);
        out.flush(PIECE)?;
    }
    out.flush(0)
}

struct Out<'s, E> {
    bytes: Vec<u8>,
    sink: &'s mut dyn FnMut(&[u8]) -> Result<(), E>,
}

impl<E> Out<'_, E> {
    fn domain(&mut self, domain: &Domain) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        self.put(&domain.domid.0.to_le_bytes());
        self.put(&domain.instance.0.to_le_bytes());
        self.put(&[flag(domain.introduced, INTRODUCED)
            | flag(domain.shutdown, SHUTDOWN)
            | flag(domain.target.is_some(), TARGET)
            | flag(domain.features.is_some(), FEATURES)]);
        let (target, life) = domain.target.unwrap_or((DomId::ZERO, Instance::NONE));
        self.put(&target.0.to_le_bytes());
        self.put(&life.0.to_le_bytes());
        self.put(&domain.features.unwrap_or(0).to_le_bytes());
        self.put(&domain.seat.unique_id.to_le_bytes());
        self.put(&domain.seat.port.to_le_bytes());
        let own = Quota::ALL.map(|q| domain.own_quota(q));
        let bits = own.iter().enumerate().filter(|(_, q)| q.is_some());
        let bits = bits.fold(0u16, |bits, (at, _)| bits | 1 << at);
        self.put(&bits.to_le_bytes());
        own.into_iter().for_each(|q| self.put(&q.unwrap_or(0).to_le_bytes()));
    }

    fn node(&mut self, path: &str, node: Node<'_>, before: &mut Vec<u8>) {
        let level = if path == "/" { 0 } else { path.bytes().filter(|b| *b == b'/').count() };
        self.put(&u16::try_from(level + 1).unwrap_or(u16::MAX).to_le_bytes());
        for part in [Part::Value, Part::Perms, Part::Children] {
            self.put(&node.stamp(part).to_le_bytes());
        }
        self.text(Path::trusted(path).leaf().as_bytes());
        self.text(node.value());
        let list = node.acl().bytes();
        if before == list {
            self.text(&[]);
        } else {
            self.text(list);
            before.clear();
            before.extend_from_slice(list);
        }
    }

    fn watch(&mut self, watch: Watch<'_>) {
        let watch = watch.registered();
        let caller = watch.caller;
        let (domid, life) = caller.guest().unwrap_or((DomId::ZERO, Instance::CONTROL));
        debug_assert!(caller == Caller::Control || life != Instance::CONTROL);
        self.put(&watch.conn.0.to_le_bytes());
        self.put(&domid.0.to_le_bytes());
        self.put(&life.0.to_le_bytes());
        self.put(&watch.depth.to_le_bytes());
        self.put(&watch.prefix.to_le_bytes());
        self.text(watch.path.as_bytes());
        self.text(watch.token);
    }

    fn text(&mut self, bytes: &[u8]) {
        self.put(&u16::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
        self.put(bytes);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Hands on what is there, if it is more than so much.
    fn flush(&mut self, least: usize) -> Result<(), E> {
        if self.bytes.len() > least {
            (self.sink)(&self.bytes)?;
            self.bytes.clear();
        }
        Ok(())
    }
}

pub(crate) const MAGIC: [u8; 8] = *b"MYRIMG1\n";
pub(crate) const INTRODUCED: u8 = 1;
pub(crate) const SHUTDOWN: u8 = 2;
pub(crate) const TARGET: u8 = 4;
pub(crate) const FEATURES: u8 = 8;
/// Bytes that are handed on at a time, at least.
const PIECE: usize = 64 << 10;
