//! Random numbers that are the same everywhere: SplitMix64.
//!
//! A seed names a run for good, so the generator is a few lines of our own and not a crate whose
//! next version draws otherwise.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, or 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        let drawn = if bound == 0 { 0 } else { self.draw() % bound };
        usize::try_from(drawn).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn range(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// A 32-bit number.
    pub fn word(&mut self) -> u32 {
        let [a, b, c, d, ..] = self.draw().to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    /// True in so many of 1000 cases.
    pub fn permille(&mut self, of_1000: usize) -> bool {
        self.below(1000) < of_1000
    }

    /// One of several; the first has to be there.
    pub fn pick<'a, T>(&mut self, first: &'a T, rest: &'a [T]) -> &'a T {
        match self.below(rest.len() + 1).checked_sub(1) {
            Some(at) => rest.get(at).unwrap_or(first),
            None => first,
        }
    }

    /// One of several, by weight.
    pub fn weighted<T: Copy>(&mut self, choices: &[(usize, T)]) -> Option<T> {
        let total = choices.iter().map(|(weight, _)| weight).sum();
        let mut drawn = self.below(total);
        for &(weight, choice) in choices {
            match drawn.checked_sub(weight) {
                Some(rest) => drawn = rest,
                None => return Some(choice),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_names_the_same_stream_for_good() {
        // The reference values of SplitMix64 for seed 1234567.
        let mut rng = Rng::new(1_234_567);
        assert_eq!(rng.draw(), 6_457_827_717_110_365_317);
        assert_eq!(rng.draw(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn weights_decide_how_often() {
        let mut rng = Rng::new(1);
        let mut seen = [0; 2];
        for _ in 0..1000 {
            seen[rng.weighted(&[(0, 0), (900, 0), (100, 1)]).unwrap()] += 1;
        }
        assert!(seen[0] > 850 && seen[1] > 50, "{seen:?}");
    }
}
