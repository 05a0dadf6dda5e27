//! The floor of every daemon on a ring: it answers on the page that is its standard input.
//!
//! `myriad-load --peer floor-ring=PROGRAM rings` starts it.

use std::os::fd::AsFd;

use clap::Parser;
use myriad_benches::{fail::or_die, floor::ring};
use rustix::process::{Signal, set_parent_process_death_signal};

/// Answers xenstore requests on the ring of the page on standard input without doing what they
/// ask for; `myriad-load rings` starts it, and it ends with that.
#[derive(Parser, Debug)]
struct Options {}

fn main() {
    let Options {} = Options::parse();
    or_die("floor-ring", set_parent_process_death_signal(Some(Signal::KILL)));
    let page = or_die("floor-ring", std::io::stdin().as_fd().try_clone_to_owned());
    or_die("floor-ring: standard input is no page", ring::serve(page));
}
