//! What the figures are held against, and the verdict.
//!
//! A verdict is computed from ratios of the same round, and their median: to the fastest rival, to
//! another figure of the same daemon, or to a bound. What misses its goal, but comes within
//! [`AT_THE_BOUND`] of a floor that did the same in the same rounds, is *at the bound*: no daemon
//! can be much faster there on this machine.

use super::Role;
use crate::stats::Series;

/// What is wanted of a figure.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// The scenario.
    pub scenario: &'static str,
    /// How the figure's name ends.
    pub figure: &'static str,
    /// What is wanted.
    pub wanted: Wanted,
    /// The same for people.
    pub words: &'static str,
}

/// A condition on a figure of our daemon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted {
    /// At least so many times the fastest rival's: a rate.
    TimesBest(f64),
    /// At most such a share of the fastest rival's: a time.
    ShareOfBest(f64),
    /// At least so many times that of the rival whose name begins so: a rate.
    Times(f64, &'static str),
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}

/// How a figure stands to its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The goal is reached.
    Reached,
    /// It is missed, and the floor is near.
    AtTheBound,
    /// It is missed.
    Missed,
    /// There is nothing to hold it against in this run.
    Open,
}

impl Verdict {
    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Reached => "reached",
            Verdict::AtTheBound => "at the bound",
            Verdict::Missed => "missed",
            Verdict::Open => "–",
        }
    }
}

/// One peer's values, round by round.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    /// Its name.
    pub name: &'a str,
    /// NaN for a round without one.
    pub rounds: &'a [f64],
}

impl Column<'_> {
    /// Its values to another's of the same round.
    #[must_use]
    pub fn to(self, other: Column<'_>) -> Series {
        Series::new(self.rounds.iter().zip(other.rounds).map(|(a, b)| a / b))
    }

    fn median(self) -> f64 {
        Series::new(self.rounds.iter().copied()).median()
    }
}

/// What a figure of ours was found to be.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What the goal speaks of: the ratio, or the figure itself.
    pub found: Series,
    /// To whom the ratio is.
    pub to: Option<String>,
    /// The ratio to the floor, where there is one.
    pub to_floor: Option<Series>,
    /// The verdict.
    pub verdict: Verdict,
}

impl Goal {
    /// The goal of a figure, if it has one.
    #[must_use]
    pub fn of(scenario: &str, figure: &str) -> Option<&'static Goal> {
        GOALS.iter().find(|g| g.scenario == scenario && figure.ends_with(g.figure))
    }

    /// Holds `ours` against the others of the same rounds.
    #[must_use]
    pub fn judge(&self, ours: Column<'_>, all: &[Column<'_>]) -> Finding {
        let is_rate =
            matches!(self.wanted, Wanted::TimesBest(_) | Wanted::Times(..) | Wanted::AtLeast(_));
        let of = |role| all.iter().copied().filter(move |c| Role::of(c.name) == role);
        let rival = match self.wanted {
            Wanted::TimesBest(_) => fastest(of(Role::Rival), is_rate),
            Wanted::ShareOfBest(_) => fastest(of(Role::Rival), is_rate),
            Wanted::Times(_, name) => of(Role::Rival).find(|c| c.name.starts_with(name)),
            Wanted::AtMost(_) | Wanted::AtLeast(_) => None,
        };
        let found = match (self.wanted, rival) {
            (Wanted::AtMost(_) | Wanted::AtLeast(_), _) => Series::new(ours.rounds.iter().copied()),
            (_, Some(rival)) => ours.to(rival),
            (_, None) => Series::default(),
        };
        let floor = fastest(of(Role::Floor), is_rate);
        let to_floor = floor.map(|floor| ours.to(floor)).filter(|s| s.median().is_finite());
        let median = found.median();
        let reached = match self.wanted {
            Wanted::TimesBest(x) | Wanted::Times(x, _) | Wanted::AtLeast(x) => median >= x,
            Wanted::ShareOfBest(x) | Wanted::AtMost(x) => median <= x,
        };
        let near = to_floor.as_ref().is_some_and(|to| {
            let to = to.median();
            if is_rate { to * AT_THE_BOUND >= 1.0 } else { to <= AT_THE_BOUND }
        });
        let verdict = match (median.is_finite(), reached, near) {
            (false, _, _) => Verdict::Open,
            (true, true, _) => Verdict::Reached,
            (true, false, true) => Verdict::AtTheBound,
            (true, false, false) => Verdict::Missed,
        };
        Finding { found, to: rival.map(|r| r.name.to_owned()), to_floor, verdict }
    }

    /// Whether more of the figure is better.
    #[must_use]
    pub fn is_rate(&self) -> bool {
        matches!(self.wanted, Wanted::TimesBest(_) | Wanted::Times(..) | Wanted::AtLeast(_))
    }
}

/// The one whose median is best.
fn fastest<'a>(columns: impl Iterator<Item = Column<'a>>, is_rate: bool) -> Option<Column<'a>> {
    let measured = columns.filter(|column| column.median().is_finite());
    if is_rate {
        measured.max_by(|a, b| a.median().total_cmp(&b.median()))
    } else {
        measured.min_by(|a, b| a.median().total_cmp(&b.median()))
    }
}

/// A floor that is not more than so many times faster is near.
pub const AT_THE_BOUND: f64 = 1.2;
/// With history on, a rate is to be at least this share of that with it off.
pub const KEPT_WITH_HISTORY: f64 = 0.9;

const fn goal(
    scenario: &'static str,
    figure: &'static str,
    wanted: Wanted,
    words: &'static str,
) -> Goal {
    Goal { scenario, figure, wanted, words }
}

/// All of them. The figures of lixs (2017), which no distribution packages, are those that it
/// reached on another machine of two cores; Debian's daemons are measured in the same run.
pub const GOALS: &[Goal] = &[
    goal("v2", "v1 to v2: ms", Wanted::AtLeast(15.0), "a VM by v2 in 1/15 of the time by v1"),
    goal("v2", "v1 to v2 rings: ms", Wanted::AtLeast(30.0), "… over rings in 1/30"),
    goal("v2", ": GET: p50 µs", Wanted::AtMost(1.0), "≤ 1 µs"),
    goal("v2", "GET_MANY of 492: gets/s", Wanted::AtLeast(2e6), "≥ 2 M/s"),
    goal("read", " 1 under way: ops/s", Wanted::TimesBest(1.0), "≥ fastest rival"),
    goal("read", "16 under way: ops/s", Wanted::TimesBest(4.0), "≥ 4 × fastest rival"),
    goal("write", " 1 under way: ops/s", Wanted::TimesBest(1.0), "≥ fastest rival"),
    goal("write", "16 under way: ops/s", Wanted::TimesBest(4.0), "≥ 4 × fastest rival"),
    goal("list", "listing: p50 µs", Wanted::ShareOfBest(1.0 / 3.0), "≤ 1/3 of fastest rival"),
    goal("transactions", "64 clients: commits/s", Wanted::TimesBest(2.0), "≥ 2 × fastest rival"),
    goal("transactions", "64 clients: aborts", Wanted::AtMost(0.0), "0"),
    goal("counter", "64 clients: commits/s", Wanted::Times(10.0, "c"), "≥ 10 × C"),
    goal(
        "counter",
        "64 clients: slowest client's commits to the mean",
        Wanted::AtLeast(0.25),
        "≥ 0.25",
    ),
    goal("watches", "cpu to the fewest's", Wanted::AtMost(1.05), "≤ 1.05"),
    goal("events", "event p50 to a round trip's", Wanted::AtMost(1.5), "≤ 1.5"),
    goal("storm", "ms/VM to the fewest's", Wanted::AtMost(1.1), "≤ 1.1"),
    goal("storm", "10000 VMs: ms/VM", Wanted::AtMost(1.76), "≤ 1.76 (lixs)"),
    goal("storm", "name lookup by index, requests", Wanted::AtMost(1.0), "1"),
    goal("storm-connections", "10000 VMs: ms/VM", Wanted::AtMost(1.73), "≤ 1.73 (lixs)"),
    goal("connections", "READ p50 to the fewest's", Wanted::AtMost(1.2), "≤ 1.2"),
    goal("parallel", "32 toolstacks: VM/s", Wanted::Times(3.0, "ox"), "≥ 3 × oxenstored"),
    goal("parallel", "32 toolstacks: aborts", Wanted::AtMost(0.0), "0"),
    goal("memory", "10000 VMs: resident KB/VM", Wanted::AtMost(3.8), "≤ 3.8"),
    goal("memory", "resident bytes/watch", Wanted::AtMost(120.0), "≤ 120"),
    goal("rings", "read, 16 under way, hot: ops/s", Wanted::AtLeast(1.5e6), "≥ 1.5 M"),
    goal("rings", "write, 16 under way, hot: ops/s", Wanted::AtLeast(1.5e6), "≥ 1.5 M"),
    goal("rings", "open loop at half of that: p99 µs", Wanted::AtMost(20.0), "≤ 20"),
];

#[cfg(test)]
mod tests {
    use super::{Column, Goal, Verdict, Wanted, goal};

    fn judge(wanted: Wanted, ours: &[f64], others: &[(&str, &[f64])]) -> (Verdict, f64) {
        let goal = goal("read", "ops/s", wanted, "");
        let ours = Column { name: "myriad", rounds: ours };
        let mut all = vec![ours];
        all.extend(others.iter().map(|&(name, rounds)| Column { name, rounds }));
        let finding = goal.judge(ours, &all);
        (finding.verdict, finding.found.median())
    }

    #[test]
    fn the_median_of_the_rounds_ratios_to_the_fastest_rival_decides() {
        let rivals: &[(&str, &[f64])] = &[("c", &[1.0, 2.0, 4.0]), ("ox", &[0.5, 0.5, 0.5])];
        let wanted = Wanted::TimesBest(2.0);
        assert_eq!(judge(wanted, &[2.0, 4.0, 4.0], rivals), (Verdict::Reached, 2.0));
        assert_eq!(judge(wanted, &[1.9, 3.0, 8.0], rivals), (Verdict::Missed, 1.9));
        assert_eq!(judge(wanted, &[1.0], &[]).0, Verdict::Open);
        let rivals: &[(&str, &[f64])] = &[("c", &[10.0]), ("ox", &[30.0])];
        assert_eq!(judge(Wanted::ShareOfBest(0.5), &[5.0], rivals), (Verdict::Reached, 0.5));
        assert_eq!(judge(Wanted::Times(0.1, "ox"), &[3.0], rivals), (Verdict::Reached, 0.1));
    }

    #[test]
    fn what_misses_near_a_floor_is_at_the_bound() {
        let with = |floor| [("c", [10.0]), ("floor-echo", [floor])];
        let judged = |wanted, floor: f64| {
            let others = with(floor);
            let others: Vec<(&str, &[f64])> =
                others.iter().map(|(name, rounds)| (*name, &rounds[..])).collect();
            judge(wanted, &[11.0], &others).0
        };
        assert_eq!(judged(Wanted::TimesBest(4.0), 13.0), Verdict::AtTheBound);
        assert_eq!(judged(Wanted::TimesBest(4.0), 14.0), Verdict::Missed);
        assert_eq!(judged(Wanted::ShareOfBest(0.1), 10.0), Verdict::AtTheBound);
        assert_eq!(judged(Wanted::ShareOfBest(0.1), 9.0), Verdict::Missed);
        assert_eq!(judged(Wanted::TimesBest(1.0), 14.0), Verdict::Reached);
    }

    #[test]
    fn a_goal_is_found_by_the_end_of_the_figures_name() {
        assert!(Goal::of("read", "pipelined, 1 under way: ops/s").is_some());
        assert_eq!(Goal::of("read", "16 under way: ops/s").unwrap().words, "≥ 4 × fastest rival");
        assert!(Goal::of("read", "11 under way: ops/s").is_none());
        assert!(Goal::of("write", "ops/s").is_none());
    }
}
