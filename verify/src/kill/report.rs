//! What a run has found.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde_json::{Value, json};

use super::{
    fault::{Fault, Kind},
    limits::FAULTS_TOLD,
    point::Point,
};

/// The kills at one point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtPoint {
    /// How often the daemon was killed there.
    pub kills: u32,
    /// How often it was ready again after that.
    pub recovered: u32,
    /// Lives in which the point wasn't reached: they were ended otherwise.
    pub missed: u32,
}

/// What was done and found.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// What the draws began with.
    pub seed: u64,
    /// By point.
    pub points: BTreeMap<Point, AtPoint>,
    /// Lives of the daemon in which everybody had looked at everything before it was killed again.
    pub verified: u64,
    /// From the start of a process that had something to recover until it was ready.
    pub starts: Vec<Duration>,
    /// From a daemon's end until all guests had their rings again.
    pub pauses: Vec<Duration>,
    /// Messages that were received.
    pub answered: u64,
    /// Domains that died while the daemon was down, and ids that got another tenant then.
    pub deaths: u32,
    /// Of these, the latter.
    pub reused: u32,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

impl Summary {
    /// How many faults there are of a kind.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.faults.iter().filter(|fault| fault.kind == kind).count()
    }

    /// Some faults of each kind, in words.
    fn told(&self) -> Vec<String> {
        let of_kind = |kind| self.faults.iter().filter(move |fault| fault.kind == kind);
        let first = Kind::ALL.into_iter().flat_map(|kind| of_kind(kind).take(FAULTS_TOLD));
        first.map(Fault::to_string).collect()
    }

    /// All kills.
    #[must_use]
    pub fn kills(&self) -> u32 {
        self.points.values().map(|at| at.kills).sum()
    }

    /// The same for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let point = |(point, at): (&Point, &AtPoint)| {
            let AtPoint { kills, recovered, missed } = at;
            (point.name(), json!({ "kills": kills, "recovered": recovered, "missed": missed }))
        };
        let points: BTreeMap<_, _> = self.points.iter().map(point).collect();
        let faults: BTreeMap<_, _> =
            Kind::ALL.iter().map(|kind| (kind.name(), self.count(*kind))).collect();
        let times = |all: &[Duration]| {
            let (median, most) = spread(all);
            json!({ "median_ms": millis(median), "max_ms": millis(most) })
        };
        json!({
            "seed": self.seed,
            "kills": self.kills(),
            "points": points,
            "verified_in_full": self.verified,
            "recovery": times(&self.starts),
            "pause_of_guests": times(&self.pauses),
            "answered": self.answered,
            "deaths_while_down": self.deaths,
            "ids_reused_while_down": self.reused,
            "faults": faults,
            "first_faults": self.told(),
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<14} {:>6} {:>10} {:>7}", "point", "kills", "recovered", "missed")?;
        for (point, AtPoint { kills, recovered, missed }) in &self.points {
            writeln!(f, "{point:<14} {kills:>6} {recovered:>10} {missed:>7}")?;
        }
        let (median, most) = spread(&self.starts);
        writeln!(f, "recovery: median {median:.1?}, at most {most:.1?}")?;
        let (median, most) = spread(&self.pauses);
        writeln!(f, "guests without a daemon: median {median:.1?}, at most {most:.1?}")?;
        let Summary { answered, verified, deaths, reused, seed, .. } = self;
        writeln!(f, "{answered} answers; {verified} lives looked at in full; seed {seed}")?;
        writeln!(f, "{deaths} domains died while it was down, {reused} of them were replaced")?;
        for kind in Kind::ALL {
            let count = self.count(kind);
            if count > 0 || matches!(kind, Kind::Lost | Kind::Twice | Kind::Restart) {
                writeln!(f, "{kind}: {count}")?;
            }
        }
        for fault in self.told() {
            writeln!(f, "  {fault}")?;
        }
        Ok(())
    }
}

/// The median and the greatest.
fn spread(all: &[Duration]) -> (Duration, Duration) {
    let mut all = all.to_vec();
    all.sort_unstable();
    let median = all.get(all.len() / 2).copied();
    (median.unwrap_or_default(), all.last().copied().unwrap_or_default())
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_faults_by_kind() {
        let fault = |kind| Fault { kind, who: "guest 1".into(), life: 2, what: "x".into() };
        let summary = Summary {
            faults: vec![fault(Kind::Lost), fault(Kind::Lost), fault(Kind::Watch)],
            points: BTreeMap::from([(Point::Mark, AtPoint { kills: 3, recovered: 2, missed: 1 })]),
            starts: vec![Duration::from_millis(3), Duration::from_micros(1500)],
            ..Summary::default()
        };
        let json = summary.json();
        assert_eq!(json["faults"]["acknowledged and lost"], 2);
        assert_eq!(json["faults"]["lost watch"], 1);
        assert_eq!(json["points"]["mark"]["recovered"], 2);
        assert_eq!((&json["recovery"]["median_ms"], &json["kills"]), (&json!(3.0), &json!(3)));
        let text = summary.to_string();
        assert!(text.contains("lost watch: 1") && text.contains("executed or answered twice: 0"));
    }
}
