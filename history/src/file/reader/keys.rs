//! What is of interest to who asks for a path: which blocks, and which of their changes.

use crate::file::model::{Change, What};
use crate::file::{filter, order};

use super::scan::Block;

/// The change as one of `top` or of what is below it: the removal of what `top` lies below is its
/// own. Nothing if it doesn't concern them.
pub(crate) fn of_interest<'c>(
    change: &Change<'c>,
    top: &'c str,
    below: bool,
) -> Option<Change<'c>> {
    if change.path == top || below && order::is_within(change.path, top) {
        return Some(*change);
    }
    let removed = matches!(change.what, What::Removed);
    let above = removed && order::is_within(top, change.path);
    above.then_some(Change { path: top, ..*change })
}

/// What of a path a block's filter is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    own: [Option<u64>; 2],
    /// Of what it lies below.
    removed: Vec<u64>,
}

impl Keys {
    pub(crate) fn new(top: &str, below: bool) -> Keys {
        use filter::Role::{Above, Changed, Removed};
        if below && top == "/" {
            return Keys { own: [None; 2], removed: Vec::new() };
        }
        let own = [Some(filter::key(top, Changed)), below.then(|| filter::key(top, Above))];
        let removed = order::ancestors(top).map(|path| filter::key(path, Removed)).collect();
        Keys { own, removed }
    }

    pub(crate) fn may_be_in(&self, block: &Block) -> bool {
        let has = |key: &u64| filter::may_have(&block.filter, *key);
        let all = self.own == [None; 2];
        all || self.own.iter().flatten().any(has) || block.removes && self.removed.iter().any(has)
    }
}
