//! Writing a delta.

use super::{DomainChange, NewWatch, tag};
use crate::acl::Acl;
use crate::caller::Caller;
use crate::domain::{DomId, Instance};
use crate::errno::Errno;
use crate::origin::Origin;
use crate::quota::Quota;
use crate::state::Special;
use crate::watch::ConnId;

/// A delta in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delta {
    bytes: Vec<u8>,
    /// Items that are about nodes.
    nodes: usize,
    /// The item before, where the next of its kind may replace it.
    last: Option<Last>,
    caller: Option<Caller>,
    /// Where the permission list is that counts.
    list: (usize, usize),
}

#[derive(Clone, Copy, Debug)]
struct Last {
    tag: u8,
    path: (usize, usize),
}

impl Delta {
    /// Items that are about nodes.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes
    }

    /// What was written, without room for more.
    pub(crate) fn into_bytes(self) -> Box<[u8]> {
        self.bytes.into_boxed_slice()
    }

    /// What follows is this caller's.
    pub(crate) fn by(&mut self, caller: Caller) {
        if self.caller == Some(caller) {
            return;
        }
        self.caller = Some(caller);
        self.begin(tag::BY);
        self.caller_of(caller);
    }

    /// The permission list of the nodes that are created next.
    pub(crate) fn list(&mut self, list: Acl<'_>) {
        let (start, end) = self.list;
        if self.bytes.get(start..end) == Some(list.bytes()) {
            return;
        }
        self.begin(tag::LIST);
        self.text(list.bytes());
        self.list = (self.bytes.len() - list.bytes().len(), self.bytes.len());
    }

    pub(crate) fn created(&mut self, path: &str, value: &[u8]) {
        if self.nodes == 1 {
            // More will come: room for those of a VM.
            self.bytes.reserve(NODES * path.len());
        }
        self.begin(tag::CREATED);
        self.nodes += 1;
        self.text(path.as_bytes());
        self.text(value);
    }

    /// A node that is written again and again is one item.
    pub(crate) fn written(&mut self, path: &str, value: &[u8]) {
        self.again(tag::WRITTEN, path);
        self.text(value);
    }

    pub(crate) fn removed(&mut self, path: &str) {
        self.begin(tag::REMOVED);
        self.nodes += 1;
        self.text(path.as_bytes());
    }

    pub(crate) fn perms(&mut self, path: &str, list: Acl<'_>) {
        self.again(tag::PERMS, path);
        self.text(list.bytes());
    }

    pub(crate) fn next(&mut self, origin: &Origin) {
        self.begin(tag::NEXT);
        self.put(&origin.at.to_le_bytes());
        self.put(&origin.conn.0.to_le_bytes());
        self.put(&origin.upto.to_le_bytes());
        self.put(&origin.request.to_le_bytes());
        self.put(&origin.transaction.to_le_bytes());
        self.put(&[origin.op]);
    }

    pub(crate) fn failed(&mut self, errno: Errno) {
        self.begin(tag::FAILED);
        self.put(&[errno as u8]);
    }

    pub(crate) fn watch(&mut self, watch: &NewWatch<'_>) {
        self.begin(tag::WATCH);
        self.put(&watch.conn.0.to_le_bytes());
        self.caller_of(watch.caller);
        self.put(&watch.depth.to_le_bytes());
        self.put(&watch.prefix.to_le_bytes());
        self.text(watch.path.as_bytes());
        self.text(watch.token);
    }

    pub(crate) fn unwatch(&mut self, conn: ConnId, path: &str, token: &[u8]) {
        self.begin(tag::UNWATCH);
        self.put(&conn.0.to_le_bytes());
        self.text(path.as_bytes());
        self.text(token);
    }

    pub(crate) fn unwatched(&mut self, conn: ConnId) {
        self.begin(tag::UNWATCHED);
        self.put(&conn.0.to_le_bytes());
    }

    pub(crate) fn domain(&mut self, domid: DomId, change: DomainChange) {
        self.begin(match change {
            DomainChange::Known(_) => tag::KNOWN,
            DomainChange::Introduced => tag::INTRODUCED,
            DomainChange::Gone => tag::GONE,
            DomainChange::Shutdown => tag::SHUTDOWN,
            DomainChange::Resumed => tag::RESUMED,
            DomainChange::Target(..) => tag::TARGET,
            DomainChange::Features(_) => tag::FEATURES,
            DomainChange::Seat(_) => tag::SEAT,
        });
        self.put(&domid.0.to_le_bytes());
        match change {
            DomainChange::Known(life) => self.put(&life.0.to_le_bytes()),
            DomainChange::Target(target, life) => {
                self.put(&target.0.to_le_bytes());
                self.put(&life.0.to_le_bytes());
            }
            DomainChange::Features(bits) => self.put(&bits.to_le_bytes()),
            DomainChange::Seat(seat) => {
                self.put(&seat.unique_id.to_le_bytes());
                self.put(&seat.port.to_le_bytes());
            }
            _ => {}
        }
    }

    pub(crate) fn quota(&mut self, domid: Option<DomId>, quota: Quota, value: u32) {
        self.begin(tag::QUOTA);
        self.put(&domid.unwrap_or(DomId::ANY).0.to_le_bytes());
        self.put(&[quota as u8]);
        self.put(&value.to_le_bytes());
    }

    pub(crate) fn special(&mut self, special: Special, list: Acl<'_>) {
        self.begin(tag::SPECIAL);
        self.put(&[u8::from(special == Special::ReleaseDomain)]);
        self.text(list.bytes());
    }

    /// An item about a node: in the place of the one before, where that said the same of it.
    fn again(&mut self, tag: u8, path: &str) {
        if let Some(last) = self.last.filter(|last| last.tag == tag)
            && self.bytes.get(last.path.0..last.path.1) == Some(path.as_bytes())
        {
            self.bytes.truncate(last.path.1);
            return;
        }
        self.begin(tag);
        self.nodes += 1;
        self.text(path.as_bytes());
        let end = self.bytes.len();
        self.last = Some(Last { tag, path: (end - path.len(), end) });
    }

    fn begin(&mut self, tag: u8) {
        self.last = None;
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(FIRST_BYTES);
        }
        self.bytes.push(tag);
    }

    fn caller_of(&mut self, caller: Caller) {
        let (domid, life) = caller.guest().unwrap_or((DomId::ZERO, Instance::CONTROL));
        self.put(&domid.0.to_le_bytes());
        self.put(&life.0.to_le_bytes());
    }

    fn text(&mut self, bytes: &[u8]) {
        // Paths, values and lists are bounded by far smaller limits.
        self.put(&u16::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
        self.put(bytes);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

/// Bytes for which there is room from the first item on: as many as one write takes.
const FIRST_BYTES: usize = 128;
/// Nodes for which there is room from the second on.
const NODES: usize = 48;
