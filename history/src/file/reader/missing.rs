//! What is missing: gaps, and what was left out of guests' changes.

use crate::file::model::{Gap, LeftOut};

use super::scan::Index;

/// The gaps that any tier tells of, each once, with where they end.
pub(super) fn gaps(index: &Index) -> Vec<Gap> {
    let mut all: Vec<Gap> = Vec::new();
    for segment in index.tiers.iter().flatten() {
        for gap in &segment.gaps {
            let same = |g: &Gap| (g.from_seq, g.generation) == (gap.from_seq, gap.generation);
            if !all.iter().any(same) {
                all.push(gap.clone());
            }
        }
    }
    all.sort_by_key(|gap| (gap.generation, gap.from_seq));
    all
}

/// What was left out, with where everything is known again.
pub(super) fn left_out(index: &Index) -> Vec<LeftOut> {
    let mut all = Vec::new();
    for segments in &index.tiers {
        for (at, segment) in segments.iter().enumerate() {
            let later = segments.get(at + 1..).unwrap_or_default();
            let base = later.iter().find_map(|segment| segment.base.as_ref());
            let to = base.map_or(0, |base| base.moment.generation);
            all.extend(segment.left_out.iter().map(|one| LeftOut { to, ..one.clone() }));
        }
    }
    all.sort_by_key(|one| (one.from, one.tier));
    all
}
