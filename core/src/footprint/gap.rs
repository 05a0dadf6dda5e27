//! What the base of a transaction lacks: nodes are often made one below another.

use crate::path::Path;
use crate::state::{Env, State};
use crate::tree::Found;

/// A path that the base lacks, so that it lacks all below it as well.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    path: Box<str>,
    /// Bytes of the path of its nearest ancestor in the base.
    nearest: usize,
}

impl Gap {
    fn holds(&self, path: Path<'_>) -> bool {
        path.is_within(Path::trusted(&self.path))
    }

    /// How much of a path that the base lacks is that of its nearest ancestor there; none where
    /// the base has it. `last`: what was found before, in the same base.
    pub(super) fn find(
        last: &mut Option<Gap>,
        env: &Env,
        base: &State,
        path: Path<'_>,
    ) -> Option<usize> {
        if let Some(gap) = last.as_ref().filter(|gap| gap.holds(path)) {
            return Some(gap.nearest);
        }
        let Found::Missing { bytes, .. } = base.tree.find(&env.keys, path) else { return None };
        let text = path.as_str();
        // The root's path ends with the slash before the next name, and no other does.
        let first = if bytes > 1 { bytes + 1 } else { bytes };
        let name = text.get(first..).unwrap_or_default();
        let end = first + name.find('/').unwrap_or(name.len());
        let missing = text.get(..end).unwrap_or(text);
        *last = Some(Gap { path: missing.into(), nearest: bytes });
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Caller;
    use crate::config::Config;
    use crate::edit::Writes;
    use crate::store::Store;
    use proptest::prelude::*;

    proptest! {
        /// What was found before changes no answer.
        #[test]
        fn the_nearest_ancestor_is_that_of_the_base(
            there in proptest::collection::vec(proptest::collection::vec(0u8..3, 1..4), 0..6),
            asked in proptest::collection::vec(proptest::collection::vec(0u8..3, 1..5), 1..30),
        ) {
            let text = |names: &Vec<u8>| names.iter().map(|n| format!("/{n}")).collect::<String>();
            let store = Store::new(&Config::default()).unwrap();
            for path in there.iter().map(text) {
                let path = Path::new(&path).unwrap();
                store.edit(|edit| edit.mkdir(&Caller::Control, path)).result.unwrap();
            }
            let (base, mut last) = (store.0.current(), None);
            for path in asked.iter().map(text) {
                let path = Path::new(&path).unwrap();
                let known = match base.state.tree.find(&store.0.env.keys, path) {
                    Found::Node(_) => None,
                    Found::Missing { bytes, .. } => Some(bytes),
                };
                let found = Gap::find(&mut last, &store.0.env, &base.state, path);
                prop_assert_eq!(found, known, "{}", path.as_str());
            }
        }
    }
}
