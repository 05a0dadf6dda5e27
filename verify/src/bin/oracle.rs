//! Sends the same random requests to two servers of xenstore and compares every byte that comes
//! back: C xenstored 4.17, which it starts without Xen, and ours.
#![forbid(unsafe_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::Parser;
use myriad_verify::oracle::{
    in_v2,
    limits::{CLIENTS, FULL_RUN},
    mutate::{Falsehood, Mutation},
    pair::Pair,
    report::Failure,
    run::Stop,
    session::{Kind, Session},
    step::{Step, parse_all},
    table,
};

/// Compares two servers of xenstore, byte by byte, over random requests.
#[derive(Debug, Parser)]
struct Arguments {
    /// Requests to send
    #[arg(long, default_value_t = FULL_RUN)]
    requests: usize,
    /// What the requests are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Clients that take turns
    #[arg(long, default_value_t = CLIENTS)]
    clients: usize,
    /// The oracle: c, myriad, or the socket of a fresh server
    #[arg(long, default_value = "c")]
    left: Kind,
    /// The examined server: myriad, c, or the socket of a fresh one
    #[arg(long, default_value = "myriad")]
    right: Kind,
    /// Two of ours, also sent what C 4.17 does not know
    #[arg(long)]
    extensions: bool,
    /// Ours in protocol v2, C's in v1, by the client library
    #[arg(long)]
    v2: bool,
    /// Falsify an answer of the right server, to see that it is noticed
    #[arg(long)]
    falsify: Option<Falsehood>,
    /// From which request on
    #[arg(long, default_value_t = 1000)]
    falsify_from: usize,
    /// Send the steps of this file instead of random ones
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Of these, only those from this line on
    #[arg(long, default_value_t = 1)]
    first: usize,
    /// Of these, only those up to this line
    #[arg(long, default_value_t = usize::MAX)]
    last: usize,
    /// Leave a disagreement as long as it is
    #[arg(long)]
    no_shrink: bool,
    /// Where the steps of a disagreement are written, for --replay
    #[arg(long, default_value = "target/oracle-failure.txt")]
    save: PathBuf,
    /// Only print the table of deliberate differences
    #[arg(long)]
    differences: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.differences {
        for difference in table::all() {
            println!("{}\n    {}", difference.name, difference.reason);
        }
        return ExitCode::SUCCESS;
    }
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("oracle: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, Box<dyn std::error::Error>> {
    if arguments.v2 {
        let (seed, steps) = (arguments.seed, arguments.requests);
        println!("{}", in_v2::run(&in_v2::Plan { seed, steps, falsify_from: None })?);
        return Ok(true);
    }
    let kinds = if arguments.extensions {
        Pair::same(Kind::Myriad)
    } else {
        Pair { left: arguments.left.clone(), right: arguments.right.clone() }
    };
    let session = Session {
        kinds,
        requests: arguments.requests,
        seed: arguments.seed,
        clients: arguments.clients.max(1),
        newer: arguments.extensions,
        mutation: arguments.falsify.map(|what| Mutation::new(what, arguments.falsify_from)),
    };
    let begin = Instant::now();
    if let Some(file) = &arguments.replay {
        let steps = steps(file, arguments.first, arguments.last)?;
        return match session.replay(&steps)? {
            None => {
                println!("{} steps, no difference", steps.len());
                Ok(true)
            }
            Some(failure) => failed(arguments, &session, failure),
        };
    }
    match session.run() {
        Ok(summary) => {
            println!("{summary}\nseed {}, {:.1?}", arguments.seed, begin.elapsed());
            let gaps = summary.gaps();
            for gap in &gaps {
                println!("coverage: {gap}");
            }
            Ok(gaps.is_empty())
        }
        Err(Stop::Difference(failure)) => failed(arguments, &session, *failure),
        Err(stop) => Err(stop.into()),
    }
}

fn failed(
    arguments: &Arguments,
    session: &Session,
    mut failure: Failure,
) -> Result<bool, Box<dyn std::error::Error>> {
    println!("seed {}, {failure}", arguments.seed);
    let started_here = |kind: &Kind| !matches!(kind, Kind::Socket(_));
    if !arguments.no_shrink
        && started_here(&session.kinds.left)
        && started_here(&session.kinds.right)
    {
        let (shorter, runs) = session.shrink(failure)?;
        println!("\nshortened in {runs} runs: {shorter}");
        failure = shorter;
    }
    let lines: String = failure.steps.iter().map(|step| format!("{step}\n")).collect();
    fs::write(&arguments.save, lines)?;
    println!("again: oracle --replay {}", arguments.save.display());
    Ok(false)
}

fn steps(file: &Path, first: usize, last: usize) -> Result<Vec<Step>, Box<dyn std::error::Error>> {
    let text = fs::read_to_string(file)?;
    let lines = text.lines().take(last).skip(first.saturating_sub(1));
    Ok(parse_all(&lines.collect::<Vec<_>>().join("\n"))?)
}
