//! One path of one version, without the rest of its tree.

use crate::file::delta::Item;
use crate::file::errors::ReadError;
use crate::file::merge::{Merge, Merged};
use crate::file::model::Node;
use crate::file::order;

use super::position::{Keys, Position, Reader, of_interest};

/// What a version has at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Node(Option<Node>),
    /// The file had no room for it.
    Unknown,
}

impl Reader<'_> {
    /// What a version has at a path: the last changes of it, and the snapshot where they don't say
    /// all.
    pub(crate) fn lookup(&self, path: &str, position: &Position) -> Result<Found, ReadError> {
        let (segment, base) = self.base(position)?;
        let (since, upto) = (base.moment.generation, position.kept.generation);
        let mut later = Merged::default();
        for (of, block) in self.blocks_back(position, Keys::new(path, false)) {
            let mut merge = Merge::default();
            self.commits_of(of, block, |head, item| {
                let within = (since + 1..=upto).contains(&head.moment.generation);
                let Some(Item::Change(change)) = item.filter(|_| within) else { return };
                if let Some(change) = of_interest(&change, path, false) {
                    merge.add(&change);
                }
            })?;
            for (_, earlier) in merge.sorted() {
                later = std::mem::take(&mut later).after(earlier);
            }
            if later.is_decided() {
                return Ok(Found::Node(later.apply(None)));
            }
        }
        if base.index.cut.as_ref().is_some_and(|cut| order::compare(path, cut).is_ge()) {
            return Ok(Found::Unknown);
        }
        let mut before = None;
        if let Some(block) = base.index.blocks_of(path).first() {
            self.nodes(segment, base, block, |at, node| {
                let order = order::compare(at, path);
                if order.is_eq() {
                    before = Some(node);
                }
                order.is_lt()
            })?;
        }
        Ok(Found::Node(later.apply(before)))
    }
}
