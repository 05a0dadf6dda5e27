//! Live operations on a store, against the reference model: after each step both give the same
//! answers and events, and the accounts equal a recount.

use myriad_core::{Config, DomId, Quota};

use crate::model::twin::Twin;
use crate::steps::{Input, steps};

/// Runs an input: a byte that says how the store is configured, and the steps.
///
/// # Panics
/// Where store and model differ.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let Some(how) = input.byte() else { return };
    let steps = steps(input.0, STEPS);
    let all = Twin::new(&config(how)).and_then(|mut twin| {
        let each = |step| twin.step(step).map_err(|differs| format!("{step:?}: {differs}"));
        steps.iter().try_for_each(each)?;
        twin.finish()
    });
    assert_eq!(all, Ok(()), "after {steps:#?}");
}

/// Small quotas or the default ones, orphans that stay or go, another control domain.
pub(crate) fn config(how: u8) -> Config {
    let mut config = Config { keep_orphans: how & 2 != 0, ..Config::default() };
    if how & 4 != 0 {
        config.control = DomId(2);
    }
    if how & 1 != 0 {
        let small = [
            (Quota::Nodes, 14),
            (Quota::NodeSize, 120),
            (Quota::Memory, 900),
            (Quota::NodePermissions, 4),
            (Quota::Watches, 4),
        ];
        small.into_iter().for_each(|(quota, value)| config.quotas.set(quota, value));
    }
    config
}

/// Steps of an input at most.
const STEPS: usize = 120;
