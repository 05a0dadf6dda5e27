//! The search for the first bad version: which to look at next, and when it is found.
//!
//! Invariant: `good` is older than `bad`. What lies between them and is kept is what is left; the
//! file may let go of versions meanwhile, which only makes the answer coarser.

use std::collections::BTreeSet;

/// What is known so far, in generations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Search {
    /// The newest version that is known to be good.
    pub(crate) good: u64,
    /// The oldest that is known to be bad.
    pub(crate) bad: u64,
    /// Versions that can't be judged.
    pub(crate) skipped: BTreeSet<u64>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A version must be looked at.
    Test {
        /// Which.
        generation: u64,
        /// How many there are that could still be the first bad one, beside the known bad one.
        left: usize,
        /// How many must still be looked at, about.
        steps: u32,
    },
    /// The first bad version.
    Found(u64),
    /// The first bad version is one of these: all but the last were skipped.
    OneOf(Vec<u64>),
}

/// What was found of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not yet what is searched.
    Good,
    /// What is searched.
    Bad,
    /// It can't be judged.
    Skip,
}

impl Verdict {
    /// The word of the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Verdict::Good => "good",
            Verdict::Bad => "bad",
            Verdict::Skip => "skipped",
        }
    }
}

impl Search {
    /// A search between two versions.
    ///
    /// # Errors
    /// A sentence, where the good one isn't older.
    pub(crate) fn new(good: u64, bad: u64) -> Result<Search, String> {
        let search = Search { good, bad, skipped: BTreeSet::new() };
        search.checked()
    }

    /// With what was found of a version.
    ///
    /// # Errors
    /// A sentence, where that contradicts what is known.
    pub(crate) fn with(&self, generation: u64, verdict: Verdict) -> Result<Search, String> {
        let mut search = self.clone();
        search.skipped.remove(&generation);
        match verdict {
            // What is known already isn't forgotten for what says less.
            Verdict::Good => search.good = search.good.max(generation),
            Verdict::Bad => search.bad = search.bad.min(generation),
            Verdict::Skip => drop(search.skipped.insert(generation)),
        }
        search.checked()
    }

    fn checked(self) -> Result<Search, String> {
        let Search { good, bad, .. } = self;
        if good < bad {
            return Ok(self);
        }
        Err(format!(
            "generation {good} can't be good where {bad}, which isn't newer, is bad; \
             for the other way round, let what is searched be called bad all the same"
        ))
    }

    /// What comes next, given all versions that are kept, the oldest first.
    pub(crate) fn next(&self, kept: impl Iterator<Item = u64>) -> Next {
        let between: Vec<u64> = kept.filter(|at| self.good < *at && *at < self.bad).collect();
        let middle = between.len() / 2;
        let open = between.iter().enumerate().filter(|(_, at)| !self.skipped.contains(at));
        let nearest = open.min_by_key(|(index, _)| index.abs_diff(middle));
        if let Some((_, generation)) = nearest {
            let left = between.len();
            let steps = usize::BITS - left.leading_zeros();
            return Next::Test { generation: *generation, left, steps };
        }
        if between.is_empty() {
            return Next::Found(self.bad);
        }
        Next::OneOf(between.into_iter().chain([self.bad]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches among so many versions for the first bad one, where some can't be judged.
    fn run(versions: u64, first_bad: u64, skips: &[u64]) -> (Next, u32) {
        let mut search = Search::new(0, versions - 1).unwrap();
        let mut tests = 0;
        loop {
            let next = search.next(0..versions);
            let Next::Test { generation, .. } = next else { return (next, tests) };
            tests += 1;
            let verdict = match generation {
                g if skips.contains(&g) => Verdict::Skip,
                g if g < first_bad => Verdict::Good,
                _ => Verdict::Bad,
            };
            search = search.with(generation, verdict).unwrap();
        }
    }

    #[test]
    fn the_first_bad_version_is_found_in_few_steps() {
        for versions in 2..70 {
            for first_bad in 1..versions {
                let (found, tests) = run(versions, first_bad, &[]);
                assert_eq!(found, Next::Found(first_bad), "{versions}");
                assert!(tests <= u64::BITS - versions.leading_zeros(), "{versions} {tests}");
            }
        }
    }

    #[test]
    fn what_can_t_be_judged_is_passed_by() {
        assert_eq!(run(10, 3, &[5, 6, 8]).0, Next::Found(3));
        assert_eq!(run(10, 6, &[5]).0, Next::OneOf(vec![5, 6]));
        assert_eq!(run(10, 5, &[5, 6]).0, Next::OneOf(vec![5, 6, 7]));
        let all: Vec<u64> = (1..9).collect();
        assert_eq!(run(10, 5, &all).0, Next::OneOf((1..=9).collect()));
        assert_eq!(run(2, 1, &[]).0, Next::Found(1));
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(Search::new(5, 5).unwrap_err().contains("generation 5"));
        let search = Search::new(2, 8).unwrap();
        assert!(search.with(9, Verdict::Good).is_err());
        assert!(search.with(2, Verdict::Bad).is_err());
        assert_eq!(search.with(1, Verdict::Good), Ok(search.clone()), "that is known");
    }

    #[test]
    fn versions_that_were_let_go_are_no_trouble() {
        let search = Search::new(2, 8).unwrap();
        assert_eq!(search.next([0, 9].into_iter()), Next::Found(8));
        let next = search.next([0, 4, 9].into_iter());
        assert_eq!(next, Next::Test { generation: 4, left: 1, steps: 1 });
    }
}
