//! What one daemon hands to the next: a store as a migration stream, and a stream as a store.
//!
//! The stream is Xen's ([`myriad_history::migration`]): C xenstored and Myriad read each other's.
//! Here it becomes a [`Store`](myriad_core::Store) and the clients that go on, or is made of them.
//! What a stream can't say, and what this store hasn't, is counted ([`Lost`]), never dropped in
//! silence.

mod arrive;
mod leave;
#[cfg(test)]
mod tests;

pub use arrive::{ArriveError, Arrived, Arriving, arrive};
pub use leave::{LeaveError, Leaving, Reader, leave};

/// What didn't come along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Nodes whose owners are no more: they are the control domain's now.
    pub owners: usize,
    /// Watches whose depth C xenstored had not written: they hear of everything below.
    pub depths: usize,
    /// Transactions that were open: their END is answered by EAGAIN.
    pub transactions: usize,
    /// Quotas that only the other daemon knows.
    pub quotas: usize,
    /// Features or depths that a stream of version 1 can't say.
    pub unsaid: usize,
}
