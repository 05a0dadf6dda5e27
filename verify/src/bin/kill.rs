//! Kills our daemon under load, at named points of its code and at random, and looks whether
//! anyone has lost anything.
#![forbid(unsafe_code)]

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use indicatif::ProgressBar;
use myriad_verify::{
    kill::{
        KillError, Observer, Plan, Point, Summary,
        limits::{CLIENTS, DOMAINS_MAX, GUESTS, KILLS, MORTALS, PATIENCE, RANDOM_PER_POINT},
        run,
    },
    programs, progress,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kills the daemon under load, begins it again, and looks whether anyone has lost anything.
#[derive(Debug, Parser)]
struct Arguments {
    /// The daemon's program, built with `--features myriad-history/failpoints` where it is to be
    /// killed at named points; default: it is built like that
    #[arg(long)]
    daemon: Option<PathBuf>,
    /// Clients on the socket
    #[arg(long, default_value_t = CLIENTS)]
    clients: u16,
    /// Guests on rings
    #[arg(long, default_value_t = GUESTS, value_parser = clap::value_parser!(u16).range(1..=32000))]
    guests: u16,
    /// Further guests that die, or are replaced, while the daemon is down
    #[arg(long, default_value_t = MORTALS, value_parser = clap::value_parser!(u16).range(..=700))]
    mortals: u16,
    /// Kills at each named point; 0: only look whether all is well without
    #[arg(long, default_value_t = KILLS)]
    kills: u32,
    /// Kills at random; default: ten times as many as at each point
    #[arg(long)]
    random: Option<u32>,
    /// Kill at this point alone, or `random`; may be repeated; default: all
    #[arg(long = "point")]
    points: Vec<Point>,
    /// Seconds that anybody waits for the daemon, or for an answer of it
    #[arg(long, default_value_t = PATIENCE.as_secs())]
    patience: u64,
    /// Look at everything before each kill at random, so that none comes in the midst of a recovery
    #[arg(long)]
    settle: bool,
    /// What is drawn is drawn from this
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// More arguments for the daemon
    #[arg(last = true)]
    arguments: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    raise_file_limit();
    match kill(&arguments) {
        Ok(summary) => {
            if arguments.json {
                println!("{:#}", summary.json());
            } else {
                print!("{summary}");
            }
            if summary.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(why) => {
            eprintln!("kill: {why}");
            ExitCode::from(2)
        }
    }
}

fn kill(arguments: &Arguments) -> Result<Summary, Box<dyn std::error::Error>> {
    let daemon = match &arguments.daemon {
        Some(daemon) => daemon.clone(),
        None => programs::xenstored_with_failpoints()?,
    };
    let plan = Plan {
        daemon,
        arguments: arguments.arguments.clone(),
        clients: arguments.clients,
        guests: arguments.guests.min(DOMAINS_MAX),
        mortals: arguments.mortals,
        kills: arguments.kills(),
        seed: arguments.seed,
        patience: Duration::from_secs(arguments.patience),
        settles: arguments.settle,
        keeps: true,
    };
    let total = plan.kills.iter().map(|(_, count)| u64::from(*count)).sum();
    let mut bar = Bar(progress::bar(total, "kills"));
    let done: Result<_, KillError> = run(&plan, &mut bar);
    bar.0.finish_and_clear();
    Ok(done?)
}

impl Arguments {
    fn kills(&self) -> Vec<(Point, u32)> {
        let random = self.random.unwrap_or_else(|| self.kills.saturating_mul(RANDOM_PER_POINT));
        let all = Point::NAMED.into_iter().chain([Point::Random]);
        let wanted = all.filter(|point| self.points.is_empty() || self.points.contains(point));
        wanted
            .map(|point| (point, if point == Point::Random { random } else { self.kills }))
            .collect()
    }
}

/// How far it has come, on a terminal.
struct Bar(ProgressBar);

impl Observer for Bar {
    fn progress(&mut self, point: Point, kills: u32, faults: usize) {
        self.0.set_position(u64::from(kills));
        self.0.set_message(format!("{point}, {faults} faults"));
    }
}

/// Each guest's page is a descriptor here.
fn raise_file_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        eprintln!("kill: can't raise the limit of open files: {error}");
    }
}
