//! The two sides of each comparison, for criterion and for `store-ratios` alike.

pub mod commits;
pub mod deaths;
pub mod feeds;
pub mod guests;
pub mod lookups;
pub mod reads;
pub mod requests;
pub mod rings;
pub mod transactions;
pub mod vms;
pub mod watches;

/// Operations under one guard, and writes of one publication.
pub const BATCH: usize = 16;

/// Goes round a list in steps of the same size.
#[derive(Clone, Debug)]
struct Rounds<T> {
    items: std::sync::Arc<[T]>,
    step: usize,
    at: usize,
}

impl<T> Rounds<T> {
    /// The list's length must be a multiple of `step`, so that no step is cut short.
    fn new(items: std::sync::Arc<[T]>, step: usize, start: usize) -> Rounds<T> {
        debug_assert_eq!(items.len() % step, 0);
        let at = start / step * step % items.len().max(1);
        Rounds { items, step, at }
    }

    fn next(&mut self) -> &[T] {
        let start = self.at;
        let end = start + self.step;
        self.at = if end >= self.items.len() { 0 } else { end };
        self.items.get(start..end).unwrap_or_default()
    }
}
