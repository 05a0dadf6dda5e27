//! The store against the naive one of `myriad_verify::model`, driven by the same random steps.
//! After each of them both give the same answers and events, and the version's accounts equal a
//! recount (ARCHITECTURE.md, rules V1 to V4, T1, T2, T4, D1 to D3, F4).
//!
//! The values are long and the fan-out is wide now and then, so that blocks split and directories
//! fold back all the time. `PROPTEST_CASES` says how many cases each test tries.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod model_support;

use model_support::{Steps, anything, batches, inside, steps};
use myriad_core::{Config, DomId, Quota};
use myriad_verify::model::twin::{GUESTS, Step, Twin};
use proptest::prelude::*;

/// Two empty stores in which all guests are introduced.
fn twin(config: &Config) -> Twin {
    let mut twin = Twin::new(config).expect("a valid configuration");
    for domid in 1..=GUESTS {
        twin.step(&Step::Introduce(DomId(domid))).expect("the same");
    }
    twin
}

fn run(config: &Config, steps: &Steps) -> Result<(), TestCaseError> {
    let mut twin = twin(config);
    for (at, step) in steps.0.iter().enumerate() {
        twin.step(step).map_err(|e| TestCaseError::fail(format!("step {at}, {step:?}: {e}")))?;
    }
    twin.finish().map_err(TestCaseError::fail)
}

/// Quotas that random steps reach all the time.
fn small() -> Config {
    let mut config = Config::default();
    let quotas = [
        (Quota::Nodes, 14),
        (Quota::NodeSize, 120),
        (Quota::Memory, 900),
        (Quota::NodePermissions, 4),
        (Quota::Watches, 4),
    ];
    quotas.into_iter().for_each(|(quota, value)| config.quotas.set(quota, value));
    config
}

proptest! {
    #[test]
    fn single_operations(all in steps(anything(), 120)) {
        let mut config = Config::default();
        config.quotas.set(Quota::Nodes, 0);
        run(&config, &all)?;
    }

    /// Blocks are changed in place within one publication.
    #[test]
    fn one_publication(all in steps(batches(), 8)) {
        run(&Config::default(), &all)?;
    }

    #[test]
    fn small_quotas(all in steps(anything(), 120)) {
        run(&small(), &all)?;
    }

    /// Few paths, two transactions and everyone else at the same time.
    #[test]
    fn transactions(all in steps(inside(), 60)) {
        run(&Config::default(), &all)?;
    }

    #[test]
    fn orphans_are_kept(all in steps(anything(), 120)) {
        let config = Config { keep_orphans: true, control: DomId(2), ..Config::default() };
        run(&config, &all)?;
    }

    /// Declared indices, one with two stars, and features and generations that go on.
    #[test]
    fn another_configuration(all in steps(anything(), 120)) {
        let indices = [("two", "/*/*"), ("below", "/n1/*/n2")];
        let indices = indices.map(|(name, pattern)| (name.to_owned(), pattern.to_owned()));
        let indices = indices.to_vec();
        run(&Config { indices, features: 5, generation: 1000, ..Config::default() }, &all)?;
    }
}
