//! What a party says at once, in protocol v2.

use myriad_core::Perm;
use myriad_ring::{
    v1::Op,
    v2::{body::put, permission, records::Kind},
};

use super::{Actor, Turn};
use crate::tool::sim::{
    cast::{Cast, token_number},
    judge::Sent,
    script::{Ask, Expect, Spot, Step},
};

/// Several things said at once.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::tool::sim) enum Batch {
    /// Changes.
    Commit(Vec<Item>),
    /// Watches: token and path.
    Watch(Vec<(u64, Vec<u8>)>),
    /// The same, to be removed.
    Unwatch(Vec<(u64, Vec<u8>)>),
}

/// A change.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::tool::sim) struct Item {
    pub(in crate::tool::sim) kind: Kind,
    pub(in crate::tool::sim) path: Vec<u8>,
    pub(in crate::tool::sim) value: Vec<u8>,
}

impl Item {
    /// A change out of a request of v1.
    fn of(ask: &Ask, cast: &Cast) -> Item {
        let payload = cast.render(ask.text);
        let (path, rest) = match payload.iter().position(|byte| *byte == 0) {
            Some(end) => payload.split_at(end),
            None => (payload.as_slice(), &[][..]),
        };
        let rest = rest.get(1..).unwrap_or_default();
        let (kind, value) = match ask.op {
            Op::Mkdir => (Kind::Create, Vec::new()),
            Op::Rm => (Kind::Remove, Vec::new()),
            Op::SetPerms => (Kind::SetPerms, list(rest)),
            _ => (Kind::SetValue, rest.to_vec()),
        };
        Item { kind, path: path.to_vec(), value }
    }
}

/// A permission list of v1 as v2 has it.
fn list(words: &[u8]) -> Vec<u8> {
    let mut list = Vec::new();
    let perms = words.split(|byte| *byte == 0).filter_map(|word| Perm::parse(word).ok());
    perms.for_each(|perm| put(&mut list, &permission(&perm)));
    list
}

impl Actor {
    /// The message of a step that says several things.
    pub(super) fn at_once(&mut self, step: Step, cast: &Cast) -> Turn {
        let (name, op, batch) = match step {
            Step::Together(groups) => {
                let items = groups.iter().copied().flatten().map(|ask| Item::of(ask, cast));
                ("COMMIT", Op::TransactionEnd, Batch::Commit(items.collect()))
            }
            Step::WatchAll(spots) => {
                spots.iter().for_each(|spot| self.watches |= 1 << spot.number());
                ("WATCH", Op::Watch, Batch::Watch(self.named(spots, cast)))
            }
            Step::UnwatchAll(spots) => {
                ("UNWATCH", Op::Unwatch, Batch::Unwatch(self.named(spots, cast)))
            }
            _ => return Turn::Wait,
        };
        let payload = cast.render("$H");
        self.sent = Some(Sent { name, op, payload, expect: Expect::Ok, least: 0 });
        Turn::SendBatch(batch)
    }

    fn named(&self, spots: &[Spot], cast: &Cast) -> Vec<(u64, Vec<u8>)> {
        let one =
            |spot: &Spot| (token_number(cast.domid, *spot), cast.render(spot.path(self.role)));
        spots.iter().map(one).collect()
    }
}
