//! The daemon: see `xenstored(8)`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use myriad::{detach, malloc, options::Options, server};

/// The allocator, where another than the system's was built in (BENCHMARKS.md compares them).
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
#[cfg(all(feature = "jemalloc", not(feature = "mimalloc")))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    malloc::settle();
    let options = Options::parse();
    if !options.no_fork && !detach::is_child() {
        return match detach::parent(options.output_pid) {
            Ok(code) => code,
            Err(error) => fail(&format!("can't go into the background: {error}; use --no-fork")),
        };
    }
    match server::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(why: &str) -> ExitCode {
    eprintln!("xenstored: {why}");
    ExitCode::FAILURE
}
