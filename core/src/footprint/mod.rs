//! A transaction's footprint: what it was answered by, and what it touched in which order.
//!
//! Facts are checked at END against the current version: if all hold, every answer would be the
//! same now, and the transaction's effects can be applied there. A stamp is never used twice, so
//! an equal stamp means an unchanged part. What the transaction itself wrote is no fact.

mod gap;
mod touches;

pub(crate) use touches::Touch;

use gap::Gap;
use touches::Touches;

use crate::acl::{AclBuf, Who};
use crate::caller::Caller;
use crate::domain::{DomId, Instance};
use crate::hash::Keys;
use crate::path::Path;
use crate::perms::Perm;
use crate::state::{Env, State};
use crate::tree::{Found, Node, Part};

/// Everything that a transaction has touched, in order of first access.
#[derive(Clone, Debug, Default)]
pub(crate) struct Footprint {
    touches: Touches,
    /// What the base was last seen to lack.
    gap: Option<Gap>,
    /// Index keys that were looked up, and the stamp of their matches (0: none).
    keys: Vec<(u8, Box<str>, u64)>,
    /// The stamp of the keys of all indices, where they were listed.
    keys_stamp: Option<u64>,
    /// Guests whose permissions were checked, as they were seen then.
    callers: Vec<(Caller, Who)>,
    /// Domains named in permissions, and their lives.
    named: Vec<(DomId, Option<Instance>)>,
    /// The generation of the base: larger stamps are the transaction's own.
    base: u64,
}

#[derive(Clone, Debug, Default)]
struct Fact {
    exists: bool,
    value: Option<u64>,
    perms: Option<u64>,
    children: Option<u64>,
    absent: Option<Absent>,
}

/// Why an absence was decided as it was.
#[derive(Clone, Debug)]
enum Absent {
    /// Only that there is no such node.
    Plain,
    /// Its nearest ancestor, whose permissions decided: that many bytes of the path.
    Below(usize),
    /// As `Below`, for a creation: a parent created meanwhile must equal the one that this would
    /// create, with this list.
    Create(usize, AclBuf),
}

impl Footprint {
    pub(crate) fn new(base: u64) -> Footprint {
        Footprint { base, ..Footprint::default() }
    }

    /// The same touches in the same order, without facts or events: for a replay.
    pub(crate) fn order_only(&self) -> Footprint {
        Footprint { touches: self.touches.order_only(), ..Footprint::default() }
    }

    /// The same with a later base, at which all facts hold.
    pub(crate) fn moved(&self, base: u64) -> Footprint {
        Footprint { base, gap: None, ..self.clone() }
    }

    pub(crate) fn len(&self) -> usize {
        self.touches.len() + self.keys.len() + self.named.len()
    }

    pub(crate) fn touches(&self) -> &[Touch] {
        self.touches.all()
    }

    /// Whether a node is changed.
    pub(crate) fn changes(&self, keys: &Keys, path: Path<'_>) -> bool {
        self.touches.find(keys, path).is_some_and(|touch| touch.fire.is_some())
    }

    /// The entry of a path, made at first access.
    pub(crate) fn touch(&mut self, keys: &Keys, path: Path<'_>) -> &mut Touch {
        self.touches.touch(keys, path)
    }

    /// A node was seen, and `parts` of it decided an answer.
    pub(crate) fn saw(
        &mut self,
        env: &Env,
        base: &State,
        path: Path<'_>,
        node: Node<'_>,
        parts: &[Part],
    ) {
        let own = self.base;
        let touch = self.touch(&env.keys, path);
        let fact = &mut touch.fact;
        // A node whose permissions are the transaction's own was created or owned by it: what
        // let it do so was noted then.
        fact.exists |= node.stamp(Part::Perms) <= own;
        for part in parts {
            let stamp = node.stamp(*part);
            match part {
                Part::Value if stamp <= own => {
                    fact.value.get_or_insert(stamp);
                }
                Part::Perms if stamp <= own => {
                    fact.perms.get_or_insert(stamp);
                }
                Part::Children if fact.children.is_none() => {
                    // Its own new children hide no others: what the base had is a fact.
                    let known = base.tree.get(&env.keys, path);
                    fact.children = known.map(|n| n.stamp(Part::Children));
                    // It is the transaction's own: that it wasn't there is part of the answer.
                    if known.is_none() && fact.absent.is_none() {
                        fact.absent = Some(Absent::Plain);
                    }
                }
                _ => {}
            }
        }
    }

    /// A node was missed. `decides`: whether its nearest ancestor decided the answer; `create`: the
    /// list that a new node would get.
    pub(crate) fn missed(
        &mut self,
        env: &Env,
        base: &State,
        path: Path<'_>,
        decides: bool,
        create: Option<AclBuf>,
    ) {
        // Which ancestor decides is a matter of the base: one of the transaction's own making
        // was noted when it was made.
        let at_base = Gap::find(&mut self.gap, env, base, path);
        let touch = self.touch(&env.keys, path);
        // Found there: the transaction removed it itself.
        let Some(bytes) = at_base else { return };
        let absent = match (decides, create) {
            (false, _) => Absent::Plain,
            (true, None) => Absent::Below(bytes),
            (true, Some(list)) => Absent::Create(bytes, list),
        };
        // The stricter one stays: what was asked first does not hide what was asked later.
        let rank = |absent: &Absent| match absent {
            Absent::Plain => 0,
            Absent::Create(..) => 1,
            Absent::Below(_) => 2,
        };
        if touch.fact.absent.as_ref().is_none_or(|known| rank(known) < rank(&absent)) {
            touch.fact.absent = Some(absent);
        }
    }

    pub(crate) fn looked_up(&mut self, base: &State, env: &Env, index: u8, key: &str) {
        if !self.keys.iter().any(|(i, k, _)| *i == index && **k == *key) {
            self.keys.push((index, key.into(), stamp_of(base, env, index, key)));
        }
    }

    /// The keys of an index were listed as `own` has them.
    pub(crate) fn listed_keys(&mut self, base: &State, env: &Env, own: &State, index: u8) {
        let stamp = *self.keys_stamp.get_or_insert(base.indices.keys_stamp());
        if own.indices.keys_stamp() == stamp {
            return;
        }
        // That a key went with the transaction's own change is part of the answer: another match
        // would have kept it.
        for key in base.indices.keys_of(index) {
            if own.indices.get(&env.keys, index, key).is_none() {
                self.looked_up(base, env, index, key);
            }
        }
    }

    /// Permissions were set that name these domains.
    pub(crate) fn named(&mut self, base: &State, env: &Env, perms: &[Perm]) {
        for domid in perms.iter().map(|p| p.domid).filter(|d| *d != DomId::ANY) {
            if !self.named.iter().any(|(d, _)| *d == domid) {
                self.named.push((domid, base.instance(env, domid)));
            }
        }
    }

    /// Permissions were checked for this caller.
    pub(crate) fn checked(&mut self, base: &State, env: &Env, caller: &Caller) {
        if caller.guest().is_some() && !self.callers.iter().any(|(c, _)| c == caller) {
            self.callers.push((*caller, base.who(env, caller)));
        }
    }

    /// The path of the first fact that doesn't hold in `now`, if there is one.
    pub(crate) fn broken(&self, env: &Env, now: &State) -> Option<&str> {
        let seen = |(caller, who): &(Caller, Who)| now.who(env, caller) == *who;
        let named = |(domid, life): &(DomId, _)| now.instance(env, *domid) == *life;
        if !self.callers.iter().all(seen) || !self.named.iter().all(named) {
            return Some("");
        }
        let key = |(i, k, stamp): &(u8, Box<str>, u64)| stamp_of(now, env, *i, k) == *stamp;
        let keys = self.keys_stamp.is_none_or(|s| s == now.indices.keys_stamp());
        if !keys || !self.keys.iter().all(key) {
            return Some("/@index");
        }
        self.touches.all().iter().find(|t| !t.holds(env, now)).map(|t| t.path().as_str())
    }
}

impl Touch {
    fn holds(&self, env: &Env, now: &State) -> bool {
        let fact = &self.fact;
        let asks_existing =
            fact.exists || fact.value.is_some() || fact.perms.is_some() || fact.children.is_some();
        if !asks_existing && fact.absent.is_none() {
            return true;
        }
        match now.tree.find(&env.keys, self.path()) {
            Found::Node(node) => {
                let same = |stamp: Option<u64>, part| stamp.is_none_or(|s| s == node.stamp(part));
                fact.absent.is_none()
                    && same(fact.value, Part::Value)
                    && same(fact.perms, Part::Perms)
                    && same(fact.children, Part::Children)
            }
            Found::Missing { nearest, bytes, .. } => {
                let below = match &fact.absent {
                    None => return false,
                    Some(Absent::Plain) => return true,
                    Some(Absent::Below(below) | Absent::Create(below, _)) => *below,
                };
                if bytes == below {
                    return !asks_existing;
                }
                // Another has created a parent.
                let Some(Absent::Create(_, list)) = &fact.absent else { return false };
                bytes > below && nearest.value().is_empty() && nearest.acl() == list.as_acl()
            }
        }
    }
}

fn stamp_of(state: &State, env: &Env, index: u8, key: &str) -> u64 {
    state.indices.get(&env.keys, index, key).map_or(0, crate::index::Matches::stamp)
}
