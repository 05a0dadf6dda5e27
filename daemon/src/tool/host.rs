//! The commands of `myriad` that are about the daemon and its host, and not about the tree.

use std::{io::Write, time::Duration};

use myriad_ring::client;

use super::{
    cli::{Cli, Doctor, Sim},
    console::Console,
    failure::Failure,
    output::json_line,
    sim,
};
use crate::{
    options::Places,
    xen::{Verdict, probe},
};

/// Boots simulated guests.
pub(crate) fn simulate(options: &Sim, cli: &Cli, console: &mut Console<'_>) -> Result<(), Failure> {
    let [socket, _] = client::places();
    let plan = sim::Plan {
        socket: cli.socket.clone().unwrap_or(socket),
        machines: options.machines.clone().unwrap_or_else(|| sim::machines(cli.socket.as_deref())),
        guests: options.guests,
        first: options.first,
        parallel: options.parallel,
        seed: options.seed,
        v1: options.v1,
        hold: options.hold,
        destroy: options.destroy,
        patience: Duration::from_secs(options.patience),
    };
    let summary = sim::run(&plan, &mut sim::Bar::new())?;
    Ok(sim::print(&summary, cli.json, console.out)?)
}

/// Says what a daemon would find, and fails where it would not start.
pub(crate) fn doctor(options: &Doctor, cli: &Cli, out: &mut dyn Write) -> Result<(), Failure> {
    let mut places = Places::from_env();
    if let Some(socket) = &cli.socket {
        places.socket = std::path::absolute(socket)?;
    }
    let found = probe(&places, &options.pid_file, options.guests.into());
    if cli.json {
        json_line(out, &found.json())?;
    } else {
        write!(out, "{found}")?;
    }
    let verdict = found.verdict();
    let is_enough = if options.xen { verdict == Verdict::Serves } else { verdict.would_start() };
    if is_enough { Ok(()) } else { Err(Failure::False) }
}
