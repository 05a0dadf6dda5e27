//! Buffers that a thread keeps for whichever connection needs one next.
//!
//! Ten thousand guests are quiet at almost any moment. So what a connection needs only while it
//! has something to do is borrowed, and a thread keeps at most [`SPARES_KEPT`] of each kind.

use crate::v1::limits::SPARES_KEPT;

/// Some empty buffers of one kind.
#[derive(Debug)]
pub(crate) struct Spares<T>(Vec<T>);

impl<T> Spares<T> {
    pub(crate) const NONE: Spares<T> = Spares(Vec::new());

    /// One that was given back.
    pub(crate) fn take(&mut self) -> Option<T> {
        self.0.pop()
    }

    /// Gives an empty one back.
    pub(crate) fn give(&mut self, empty: T) {
        if self.0.len() < SPARES_KEPT {
            self.0.push(empty);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_kept_and_no_more() {
        let mut spares = Spares::NONE;
        assert_eq!(spares.take(), None);
        (0..2 * SPARES_KEPT).for_each(|number| spares.give(number));
        assert_eq!(std::iter::from_fn(|| spares.take()).count(), SPARES_KEPT);
    }
}
