//! Makes a disagreement short enough to understand, by leaving out steps.
//!
//! First the last steps are tried by themselves; then whole blocks are left out of what is left,
//! then smaller ones, each time on fresh servers, as long as what remains still disagrees. The
//! steps carried out in all are bounded.

use super::{
    limits::{SHRINK_STEPS, SUFFIXES},
    report::Failure,
    run::{Runner, Stop},
    step::Step,
};

/// Carries out steps on fresh servers. The disagreement, if there is one.
///
/// # Errors
/// [`Stop`], but for a disagreement.
pub fn replay(
    steps: &[Step],
    fresh: &mut dyn FnMut() -> Result<Runner, Stop>,
) -> Result<Option<Failure>, Stop> {
    let mut runner = fresh()?;
    for step in steps {
        match runner.step(step) {
            Ok(()) => {}
            Err(Stop::Difference(failure)) => return Ok(Some(*failure)),
            Err(stop) => return Err(stop),
        }
    }
    Ok(None)
}

/// A short disagreement that remains of a long one, and how many runs it took to find.
///
/// # Errors
/// [`Stop`], but for a disagreement.
pub fn shrink(
    failure: Failure,
    fresh: &mut dyn FnMut() -> Result<Runner, Stop>,
) -> Result<(Failure, usize), Stop> {
    let mut search = Search { best: failure, runs: 0, budget: SHRINK_STEPS, fresh };
    for length in SUFFIXES {
        let from = search.best.steps.len().saturating_sub(length);
        if from > 0 && search.without(0, from)? {
            break;
        }
    }
    let mut block = search.best.steps.len().div_ceil(2);
    while block > 0 && search.budget > 0 {
        let (mut from, mut shorter) = (0, false);
        while from < search.best.steps.len() {
            if search.without(from, from + block)? {
                shorter = true;
            } else {
                from += block;
            }
        }
        if block > 1 || !shorter {
            block /= 2;
        }
    }
    Ok((search.best, search.runs))
}

struct Search<'a> {
    best: Failure,
    runs: usize,
    budget: usize,
    fresh: &'a mut dyn FnMut() -> Result<Runner, Stop>,
}

impl Search<'_> {
    /// Leaves out some steps, if the rest still disagrees.
    fn without(&mut self, from: usize, to: usize) -> Result<bool, Stop> {
        let mut rest = self.best.steps.clone();
        rest.drain(from..to.min(rest.len()));
        match self.budget.checked_sub(rest.len() + 1) {
            Some(left) => self.budget = left,
            None => {
                self.budget = 0;
                return Ok(false);
            }
        }
        self.runs += 1;
        match replay(&rest, self.fresh)? {
            Some(failure) => {
                self.best = failure;
                Ok(true)
            }
            None => Ok(false),
        }
    }
}
