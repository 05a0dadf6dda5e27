//! Some paths of one version, without the rest of its tree.

use std::collections::HashMap;

use crate::file::delta::Item;
use crate::file::errors::ReadError;
use crate::file::merge::{Merge, Merged};
use crate::file::model::{Change, Node, What};
use crate::file::order;
use crate::file::snapshot::read_nodes;

use super::keys::Keys;
use super::position::{Position, Reader};
use super::scan::{Block, SegmentIndex};

/// What a version has at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Node(Option<Node>),
    /// The file had no room for it, or changes of it were left out.
    Unknown,
}

/// A path that is looked for.
#[derive(Debug)]
struct Sought<'p> {
    path: &'p str,
    keys: Keys,
    /// What is known of it from later blocks.
    later: Merged,
    decided: bool,
}

impl Reader<'_> {
    /// What a version has at a path.
    pub(crate) fn lookup(&self, path: &str, position: &Position) -> Result<Found, ReadError> {
        let found = self.lookup_all(&[path], position)?.pop();
        Ok(found.unwrap_or(Found::Unknown))
    }

    /// What a version has at each of these paths, which are in path order: the last changes of it,
    /// and the snapshot where they don't say all. Each block is unpacked at most once.
    pub(crate) fn lookup_all(
        &self,
        paths: &[&str],
        position: &Position,
    ) -> Result<Vec<Found>, ReadError> {
        let mut all: Vec<Sought<'_>> = Vec::with_capacity(paths.len());
        for path in paths {
            let (keys, later) = (Keys::new(path, false), Merged::default());
            all.push(Sought { path, keys, later, decided: false });
        }
        for (segment, block) in self.blocks_back(position) {
            let open = |one: &&mut Sought<'_>| !one.decided && one.keys.may_be_in(block);
            let mut hits: Vec<&mut Sought<'_>> = all.iter_mut().filter(open).collect();
            if !hits.is_empty() {
                self.look_in(segment, block, position, &mut hits)?;
            }
        }
        self.look_in_base(all, position)
    }

    /// What a block says of some paths.
    fn look_in(
        &self,
        segment: &SegmentIndex,
        block: &Block,
        position: &Position,
        sought: &mut [&mut Sought<'_>],
    ) -> Result<(), ReadError> {
        let (_, base) = self.base(position)?;
        let within = base.moment.generation + 1..=position.kept.generation;
        let mut places: HashMap<&str, Merge, ahash::RandomState> =
            sought.iter().map(|one| (one.path, Merge::default())).collect();
        self.commits_of(segment, block, |head, item| {
            let now = within.contains(&head.moment.generation);
            let Some(Item::Change(change)) = item.filter(|_| now) else { return };
            if change.what == What::Removed {
                let below = |path: &str| order::is_within(path, change.path);
                for (path, merge) in places.iter_mut().filter(|(path, _)| below(path)) {
                    merge.add(&Change { path, ..change });
                }
            } else if let Some(merge) = places.get_mut(change.path) {
                merge.add(&change);
            }
        })?;
        for one in sought {
            for (_, earlier) in places.remove(one.path).unwrap_or_default().sorted() {
                one.later = std::mem::take(&mut one.later).after(earlier);
            }
            one.decided = one.later.is_decided();
        }
        Ok(())
    }

    /// What the snapshot says, where the changes since don't say all.
    fn look_in_base(
        &self,
        sought: Vec<Sought<'_>>,
        position: &Position,
    ) -> Result<Vec<Found>, ReadError> {
        let (segment, base) = self.base(position)?;
        let doubts = self.doubts(position);
        let mut found = Vec::with_capacity(sought.len());
        // The block that was unpacked last.
        let (mut unpacked, mut raw) = (None, Vec::new());
        for one in sought {
            if doubts.iter().any(|top| order::is_within(one.path, top)) {
                found.push(Found::Unknown);
                continue;
            }
            if one.decided {
                found.push(Found::Node(one.later.apply(None)));
                continue;
            }
            let path = one.path;
            if base.index.cut.as_ref().is_some_and(|cut| order::compare(path, cut).is_ge()) {
                found.push(Found::Unknown);
                continue;
            }
            let Some(block) = base.index.blocks_of(path).first() else {
                found.push(Found::Node(one.later.apply(None)));
                continue;
            };
            if unpacked != Some(block.number) {
                unpacked = Some(block.number);
                raw = self.nodes(segment, block)?;
            }
            let mut before = None;
            let read = read_nodes(&raw, base.moment.generation, |at, node| {
                let order = order::compare(at, path);
                before = order.is_eq().then(|| node.to_node());
                order.is_lt()
            });
            let at = segment.entry.offset + block.offset;
            read.map_err(|what| ReadError::Damaged { at, what })?;
            found.push(Found::Node(one.later.apply(before)));
        }
        Ok(found)
    }
}
