//! Plays random concurrent histories on our daemon, over sockets and rings, and looks whether each
//! can be explained by one order of its operations.
#![forbid(unsafe_code)]

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::Parser;
use indicatif::ProgressBar;
use myriad_verify::{
    linear::{
        check::{Verdict, check},
        json,
        limits::{GUESTS, HISTORIES, SOCKETS, WORKERS},
        report::{Failure, Summary},
        run::{Observer, Plan, run},
    },
    progress,
};

/// Checks that our daemon is linearizable, on random concurrent histories.
#[derive(Debug, Parser)]
struct Arguments {
    /// Histories to play
    #[arg(long, default_value_t = HISTORIES)]
    histories: u64,
    /// What their programs are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of the first history
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Clients on the socket
    #[arg(long, default_value_t = SOCKETS)]
    sockets: u16,
    /// Guests on rings
    #[arg(long, default_value_t = GUESTS)]
    guests: u16,
    /// The daemon's workers
    #[arg(long, default_value_t = WORKERS)]
    workers: u16,
    /// Check the recorded history of this file instead
    #[arg(long)]
    check: Option<PathBuf>,
    /// Where a history that fails is written, for --check
    #[arg(long, default_value = "target/linear-failure.json")]
    save: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.check {
        Some(file) => check_file(file),
        None => play(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("linear: {why}");
            ExitCode::from(2)
        }
    }
}

fn play(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let plan = Plan {
        seed: arguments.seed,
        from: arguments.from,
        histories: arguments.histories,
        sockets: arguments.sockets,
        guests: arguments.guests,
        workers: arguments.workers,
    };
    let begin = Instant::now();
    let mut bar = Bar(progress::bar(arguments.histories, "histories"));
    let summary: Result<Summary, _> = run(&plan, &mut bar);
    bar.0.finish_and_clear();
    let summary = summary?;
    if arguments.json {
        println!("{:#}", summary.json());
    } else {
        print!("{summary}");
        println!("seed {}, {:.1?}", arguments.seed, begin.elapsed());
    }
    let gaps = summary.gaps();
    for gap in &gaps {
        eprintln!("coverage: {gap}");
    }
    if let Some(failure) = &summary.failure {
        fs::write(&arguments.save, format!("{:#}\n", json::write(&failure.history)))?;
        eprintln!("again: linear --check {}", arguments.save.display());
    }
    Ok(summary.failure.is_none() && gaps.is_empty())
}

fn check_file(file: &Path) -> Result<bool, Box<dyn Error>> {
    let value = serde_json::from_str(&fs::read_to_string(file)?)?;
    let history =
        json::read(&value).ok_or("this is no history that `linear --save` has written")?;
    match check(&history) {
        Verdict::Right(visits) => {
            println!("an order of its operations explains it; {visits} places visited");
            Ok(true)
        }
        verdict => {
            print!("{}", Failure { history, verdict });
            Ok(false)
        }
    }
}

/// How far it has come, on a terminal.
struct Bar(ProgressBar);

impl Observer for Bar {
    fn progress(&mut self, histories: u64) {
        self.0.set_position(histories);
    }
}
