//! How a history file is to be: its size, its tiers, and a guest's share of it.

use super::errors::OpenError;
use crate::limits::{FILE_BYTES_MAX, FILE_BYTES_MIN, TIERS};

/// Settings of a history file. Size, periods and budgets are fixed when it is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Bytes of the file: from 1 MiB, a multiple of 4 KiB.
    pub size: u64,
    /// The tiers, finest first. The first has every commit: its period is 0.
    pub tiers: Vec<TierOptions>,
    /// The part of a segment that one guest's changes may fill, in per cent.
    pub guest_share: u8,
    /// Nanoseconds that a commit may wait in memory for others to be written with.
    pub flush_after: u64,
}

/// Settings of a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierOptions {
    /// Nanoseconds of which one version is kept; 0: every commit.
    pub period: u64,
    /// Part of the file, in per cent.
    pub share: u8,
}

impl Default for Options {
    /// 64 MiB: half for every commit, then versions by second, minute, hour and day.
    fn default() -> Options {
        let tiers = [(0, 44), (SECOND, 14), (MINUTE, 14), (HOUR, 14), (24 * HOUR, 14)];
        Options {
            size: 64 << 20,
            tiers: tiers.map(|(period, share)| TierOptions { period, share }).to_vec(),
            guest_share: 10,
            flush_after: SECOND / 4,
        }
    }
}

impl Options {
    /// The default tiers in a file of another size.
    #[must_use]
    pub fn sized(size: u64) -> Options {
        Options { size, ..Options::default() }
    }

    /// Whether a file can be made like this.
    ///
    /// # Errors
    /// [`OpenError::Options`] says what can't be.
    pub fn check(&self) -> Result<(), OpenError> {
        let wrong = |what: String| Err(OpenError::Options(what));
        if !(FILE_BYTES_MIN..=FILE_BYTES_MAX).contains(&self.size)
            || !self.size.is_multiple_of(4096)
        {
            let size = self.size;
            return wrong(format!("a size of {size}; give 1 MiB to 1 TiB, a multiple of 4 KiB"));
        }
        if self.tiers.is_empty() || self.tiers.len() > TIERS {
            return wrong(format!("{} tiers; give 1 to {TIERS}", self.tiers.len()));
        }
        if self.tiers.iter().any(|tier| tier.share < 2) {
            return wrong("a tier has less than 2 per cent of the file".to_owned());
        }
        if self.tiers.iter().map(|tier| u32::from(tier.share)).sum::<u32>() > 100 {
            return wrong("the tiers have more than 100 per cent of the file".to_owned());
        }
        let rising = self.tiers.windows(2).all(|pair| match pair {
            [finer, coarser] => finer.period < coarser.period,
            _ => true,
        });
        if self.tiers.first().is_some_and(|tier| tier.period != 0) || !rising {
            return wrong("periods must begin with 0 and grow".to_owned());
        }
        if !(1..=100).contains(&self.guest_share) {
            return wrong(format!("a guest's share of {}; give 1 to 100", self.guest_share));
        }
        Ok(())
    }
}

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
