//! Reading a delta, which may be anything: each number and text is checked.

use super::{Change, DomainChange, Item, NewWatch, Perms, What, tag};
use crate::acl::Acl;
use crate::caller::Caller;
use crate::domain::{DomId, Instance};
use crate::domains::Seat;
use crate::errno::Errno;
use crate::limits::{ACL_ENTRIES, VALUE_BYTES};
use crate::origin::Origin;
use crate::quota::Quota;
use crate::state::Special;
use crate::watch::ConnId;

/// Reads a delta; ends at what can't be read, which is not [`Items::is_done`] then.
#[derive(Clone, Debug)]
pub struct Items<'d> {
    rest: &'d [u8],
    caller: Caller,
    list: Acl<'d>,
}

impl<'d> Items<'d> {
    /// The items of a delta, as [`Entry::delta`](crate::journal::Entry) has it.
    #[must_use]
    pub fn new(delta: &'d [u8]) -> Items<'d> {
        Items { rest: delta, caller: Caller::Control, list: Acl::SHARED }
    }

    /// Whether all of it was read.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    fn read(&mut self) -> Option<Item<'d>> {
        let mut at = Cursor(self.rest);
        loop {
            let tag = at.u8()?;
            let node = |path, what| Some(Item::Node(Change { author: self.caller, path, what }));
            let item = match tag {
                tag::BY => {
                    self.caller = at.caller()?;
                    Some(Item::By(self.caller))
                }
                tag::LIST => {
                    self.list = at.list()?.0;
                    // Says nothing by itself.
                    None
                }
                tag::CREATED => {
                    let path = at.path()?;
                    self.list.entries().next()?;
                    node(path, What::Created(at.value()?, Perms(self.list)))
                }
                tag::WRITTEN => {
                    let path = at.path()?;
                    node(path, What::Written(at.value()?))
                }
                tag::REMOVED => node(at.path()?, What::Removed),
                tag::PERMS => {
                    let path = at.path()?;
                    node(path, What::Perms(at.list()?))
                }
                tag => Some(at.other(tag)?),
            };
            self.rest = at.0;
            if item.is_some() {
                return item;
            }
        }
    }
}

impl<'d> Iterator for Items<'d> {
    type Item = Item<'d>;

    fn next(&mut self) -> Option<Item<'d>> {
        self.read()
    }
}

/// What is left to read.
pub(crate) struct Cursor<'d>(pub(crate) &'d [u8]);

impl<'d> Cursor<'d> {
    fn other(&mut self, tag: u8) -> Option<Item<'d>> {
        Some(match tag {
            tag::NEXT => Item::Next(Origin {
                at: self.u64()?,
                conn: ConnId(self.u64()?),
                upto: self.u64()?,
                request: self.u32()?,
                transaction: self.u32()?,
                op: self.u8()?,
            }),
            tag::FAILED => {
                let errno = self.u8()?;
                Item::Failed(Errno::ALL.into_iter().find(|e| *e as u8 == errno)?)
            }
            tag::WATCH => Item::Watch(NewWatch {
                conn: ConnId(self.u64()?),
                caller: self.caller()?,
                depth: self.u32()?,
                prefix: self.u16()?,
                path: self.utf8()?,
                token: self.text()?,
            }),
            tag::UNWATCH => Item::Unwatch(ConnId(self.u64()?), self.utf8()?, self.text()?),
            tag::UNWATCHED => Item::Unwatched(ConnId(self.u64()?)),
            tag::QUOTA => {
                let domid = Some(self.domid()?).filter(|domid| *domid != DomId::ANY);
                let quota = usize::from(self.u8()?);
                let quota = Quota::ALL.into_iter().find(|q| *q as usize == quota)?;
                Item::Quota(domid, quota, self.u32()?)
            }
            tag::SPECIAL => {
                let special = match self.u8()? {
                    0 => Special::IntroduceDomain,
                    _ => Special::ReleaseDomain,
                };
                Item::Special(special, self.list()?)
            }
            tag => {
                let domid = self.domid()?;
                Item::Domain(domid, self.domain(tag)?)
            }
        })
    }

    fn domain(&mut self, tag: u8) -> Option<DomainChange> {
        Some(match tag {
            tag::KNOWN => DomainChange::Known(self.instance()?),
            tag::INTRODUCED => DomainChange::Introduced,
            tag::GONE => DomainChange::Gone,
            tag::SHUTDOWN => DomainChange::Shutdown,
            tag::RESUMED => DomainChange::Resumed,
            tag::TARGET => DomainChange::Target(self.domid()?, self.instance()?),
            tag::FEATURES => DomainChange::Features(self.u32()?),
            tag::SEAT => DomainChange::Seat(Seat { unique_id: self.u64()?, port: self.u32()? }),
            _ => return None,
        })
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'d [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number of at most 48 bits: a generation, a stamp.
    pub(crate) fn u48(&mut self) -> Option<u64> {
        self.u64().filter(|number| *number < MOST)
    }

    pub(crate) fn instance(&mut self) -> Option<Instance> {
        self.u48().map(Instance)
    }

    pub(crate) fn domid(&mut self) -> Option<DomId> {
        self.u16().map(DomId)
    }

    pub(crate) fn caller(&mut self) -> Option<Caller> {
        let (domid, instance) = (self.domid()?, self.instance()?);
        let guest = instance != Instance::CONTROL;
        Some(if guest { Caller::Guest { domid, instance } } else { Caller::Control })
    }

    pub(crate) fn text(&mut self) -> Option<&'d [u8]> {
        let len = self.u16()?;
        self.take(len.into())
    }

    pub(crate) fn value(&mut self) -> Option<&'d [u8]> {
        self.text().filter(|value| value.len() <= VALUE_BYTES)
    }

    pub(crate) fn utf8(&mut self) -> Option<&'d str> {
        std::str::from_utf8(self.text()?).ok()
    }

    /// A node's path.
    pub(crate) fn path(&mut self) -> Option<&'d str> {
        self.utf8().filter(|path| crate::path::Path::new(path).is_ok())
    }

    /// A permission list with an owner.
    pub(crate) fn list(&mut self) -> Option<Perms<'d>> {
        let bytes = self.text()?;
        let list = Acl::at(bytes);
        let entries = 1..=ACL_ENTRIES;
        (list.bytes().len() == bytes.len() && entries.contains(&list.entries().count()))
            .then_some(Perms(list))
    }
}

/// Generations and lives are below this: nodes keep them in 48 bits.
pub(crate) const MOST: u64 = 1 << 48;
