//! Every bound of `myriad sim`.

use std::time::Duration;

/// Guests of a run: the ids of domains end at 32751.
pub(super) const GUESTS: u16 = 32_751;
/// How often one transaction may meet EAGAIN.
pub(super) const ATTEMPTS: u32 = 1000;
/// Messages of one socket that are taken before rings get their turn.
pub(super) const MESSAGES: usize = 256;
/// How often a ring is looked at before others get their turn.
pub(super) const ROUNDS: usize = 8;
/// Descriptors that a daemon needs besides one for each guest.
pub(super) const DESCRIPTORS: u64 = 64;
/// How long nothing may come, where the command line doesn't say.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
