//! Simulates the daemon's workers, seed by seed: what a seed finds, it finds again.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use myriad_verify::{
    progress,
    simulate::{
        Plan,
        limits::{ROUND, SEEDS, STEPS},
        run,
    },
};
use serde_json::json;

/// Simulates the daemon's workers, and looks whether everyone gets the right answers and nobody
/// waits for ever.
#[derive(Debug, Parser)]
struct Arguments {
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds, from that on
    #[arg(long, default_value_t = SEEDS)]
    seeds: u64,
    /// Steps of each
    #[arg(long, default_value_t = STEPS)]
    steps: u64,
    /// Steps between two times of quiet
    #[arg(long, default_value_t = ROUND, value_parser = clap::value_parser!(u64).range(1..))]
    round: u64,
    /// Loses one of so many doorbells: most seeds should fail
    #[arg(long)]
    lose_one_of: Option<usize>,
    /// Runs each seed twice, and compares
    #[arg(long)]
    twice: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let bar = progress::bar(arguments.seeds, "seeds");
    let (mut steps, mut requests, mut deaths, mut blows, mut kills) = (0, 0, 0, 0, 0);
    for seed in (arguments.seed..).take(usize::try_from(arguments.seeds).unwrap_or(usize::MAX)) {
        let Arguments { steps: each, round, lose_one_of: loses, .. } = arguments;
        let plan = Plan { seed, steps: each, round, loses };
        let done = run(&plan);
        if arguments.twice && run(&plan) != done {
            eprintln!("simulate: seed {seed} gives another outcome the second time");
            return ExitCode::from(2);
        }
        match done {
            Ok(outcome) => {
                steps += outcome.steps;
                requests += outcome.requests;
                deaths += outcome.deaths;
                blows += outcome.blows;
                kills += outcome.kills;
            }
            Err(failure) => {
                bar.finish_and_clear();
                eprintln!("{failure}");
                let lost = loses.map(|lost| format!(" --lose-one-of {lost}")).unwrap_or_default();
                eprintln!(
                    "simulate: again: simulate --seed {seed} --seeds 1 --steps {each} --round \
                     {round}{lost}"
                );
                return ExitCode::FAILURE;
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let seeds = arguments.seeds;
    if arguments.json {
        let told = json!({
            "seeds": seeds, "steps": steps, "requests": requests, "deaths": deaths,
            "blows": blows, "kills": kills, "failures": 0,
        });
        println!("{told}");
    } else {
        println!(
            "{seeds} seeds, {steps} steps, {requests} requests answered as they must be, {deaths} \
             domains destroyed, {blows} stalls, reconnections, killed processes and lies, {kills} \
             times killed and back: 0 failures"
        );
    }
    ExitCode::SUCCESS
}
