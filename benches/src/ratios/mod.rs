//! Pairs of subjects run in turn, so that what disturbs one disturbs the other.

mod memory;
mod pairs;

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    clock::Clock,
    stats::{Series, float, ratio},
    subject::{Cost, Subject, Threads, calibrate, measure},
};

pub use memory::{Memory, resident};
pub use pairs::{Named, Setup, pairs};

/// One side of a pair.
pub enum Side {
    /// On the calling thread.
    One(Box<dyn Subject>),
    /// On threads of its own.
    Many(Threads<Box<dyn Subject>>),
}

impl Side {
    fn measure(&mut self, ops: u64) -> Cost {
        match self {
            Side::One(subject) => measure(subject, ops),
            Side::Many(threads) => threads.measure(ops),
        }
    }

    fn calibrate(&mut self, time: u64) -> u64 {
        match self {
            Side::One(subject) => calibrate(subject, time),
            Side::Many(threads) => threads.0.first_mut().map_or(1, |s| calibrate(s, time)),
        }
    }

    fn conflicts(&self) -> u64 {
        match self {
            Side::One(subject) => subject.conflicts(),
            Side::Many(threads) => threads.0.iter().map(Subject::conflicts).sum(),
        }
    }
}

/// What a comparison must show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// At least so many times the yardstick's rate.
    Rate(f64),
    /// At most so many times the yardstick's time.
    Time(f64),
    /// At most so many nanoseconds, no yardstick asked.
    Nanoseconds(f64),
    /// Shown for what it is; the ratio is that of rates.
    Shown,
    /// The same, but the ratio is that of times.
    ShownTime,
}

/// Two things to compare.
pub struct Pair {
    /// What is compared.
    pub name: String,
    /// Ours.
    pub ours: Side,
    /// What it is held against.
    pub yardstick: Side,
    /// The yardstick's name.
    pub against: &'static str,
    /// What must come out.
    pub goal: Goal,
}

/// How often and how long.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Times that each side runs.
    pub rounds: usize,
    /// How long each of these is.
    pub time: Duration,
    /// The clock of figures and ratios.
    pub clock: Clock,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was compared.
    pub name: String,
    /// The yardstick's name.
    pub against: &'static str,
    /// Nanoseconds per element, ours.
    pub ours: Series,
    /// The same in processor time of all threads.
    pub ours_process: Series,
    /// Nanoseconds per element, the yardstick's.
    pub theirs: Series,
    /// Ours to theirs, of rates or times as the goal wants it; one for each round.
    pub ratios: Series,
    /// What must come out.
    pub goal: Goal,
    /// Allocations per element, ours.
    pub allocations: f64,
    /// Bytes allocated per element, ours.
    pub bytes: f64,
    /// Commits of ours that another one made fail.
    pub conflicts: u64,
}

/// Runs both sides of a pair in turn; which comes first changes with each round.
pub fn compare(mut pair: Pair, plan: Plan) -> Row {
    let time = u64::try_from(plan.time.as_nanos()).unwrap_or(u64::MAX);
    let our_ops = pair.ours.calibrate(time);
    let their_ops = pair.yardstick.calibrate(time);
    let mut rounds = Vec::with_capacity(plan.rounds);
    for round in 0..plan.rounds {
        if round % 2 == 0 {
            let ours = pair.ours.measure(our_ops);
            rounds.push((ours, pair.yardstick.measure(their_ops)));
        } else {
            let theirs = pair.yardstick.measure(their_ops);
            rounds.push((pair.ours.measure(our_ops), theirs));
        }
    }
    let per = |cost: Cost, clock| ratio(cost.times.by(clock), cost.elements);
    let of_rates = matches!(pair.goal, Goal::Rate(_) | Goal::Shown);
    let ratio_of = |&(ours, theirs): &(Cost, Cost)| {
        let times = per(ours, plan.clock) / per(theirs, plan.clock);
        if of_rates { times.recip() } else { times }
    };
    let last = rounds.last().map(|&(ours, _)| ours).unwrap_or_default();
    Row {
        ours: Series::new(rounds.iter().map(|&(ours, _)| per(ours, plan.clock))),
        ours_process: Series::new(rounds.iter().map(|&(ours, _)| per(ours, Clock::Process))),
        theirs: Series::new(rounds.iter().map(|&(_, theirs)| per(theirs, plan.clock))),
        ratios: Series::new(rounds.iter().map(ratio_of)),
        allocations: ratio(last.counts.allocations, last.elements),
        bytes: ratio(last.counts.bytes, last.elements),
        conflicts: pair.ours.conflicts(),
        name: pair.name,
        against: pair.against,
        goal: pair.goal,
    }
}

/// Runs one side alone for that long: for a profiler to look at.
pub fn alone(mut side: Side, time: Duration) {
    let ops = side.calibrate(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    side.measure(ops);
}

impl Row {
    /// The headings of [`Row::cells`].
    pub const HEADINGS: [&'static str; 9] = [
        "what",
        "ns",
        "ns, all threads' CPU",
        "yardstick",
        "its ns",
        "ratio",
        "goal",
        "allocations",
        "bytes",
    ];

    /// Whether the median reaches the goal; none where there is no goal.
    #[must_use]
    pub fn reached(&self) -> Option<bool> {
        match self.goal {
            Goal::Rate(least) => Some(self.ratios.median() >= least),
            Goal::Time(most) => Some(self.ratios.median() <= most),
            Goal::Nanoseconds(most) => Some(self.ours.median() <= most),
            Goal::Shown | Goal::ShownTime => None,
        }
    }

    /// One row of a table.
    #[must_use]
    pub fn cells(&self) -> [String; 9] {
        let verdict = match self.reached() {
            Some(true) => " reached",
            Some(false) => " MISSED",
            None => "",
        };
        [
            self.name.clone(),
            self.ours.show(0),
            self.ours_process.show(0),
            self.against.to_owned(),
            self.theirs.show(0),
            format!("{} {}", if self.is_rate() { "rate" } else { "time" }, self.ratios.show(3)),
            format!("{}{verdict}", self.goal_text()),
            format!("{:.1}", self.allocations),
            format!("{:.0}", self.bytes),
        ]
    }

    /// For programs to read.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "yardstick": self.against,
            "ns": self.ours.to_json(),
            "ns_process": self.ours_process.to_json(),
            "yardstick_ns": self.theirs.to_json(),
            "ratio_of": if self.is_rate() { "rates" } else { "times" },
            "ratio": self.ratios.to_json(),
            "goal": self.goal_text(),
            "reached": self.reached(),
            "allocations": self.allocations,
            "bytes": self.bytes,
            "conflicts": self.conflicts,
        })
    }

    fn is_rate(&self) -> bool {
        matches!(self.goal, Goal::Rate(_) | Goal::Shown)
    }

    fn goal_text(&self) -> String {
        match self.goal {
            Goal::Rate(least) => format!("≥ {least}"),
            Goal::Time(most) => format!("≤ {most}"),
            Goal::Nanoseconds(most) => format!("≤ {most} ns"),
            Goal::Shown | Goal::ShownTime => String::new(),
        }
    }
}

/// Bytes as kilobytes of 1,024.
#[must_use]
pub fn kilobytes(bytes: u64) -> f64 {
    float(bytes) / 1024.0
}
