//! Load on xenstore daemons over their Unix sockets: ours and its rivals side by side.
//!
//! ```text
//! myriad-load --peer c=/tmp/peers/run/c/socket --peer myriad=/run/myriad/socket read --depth 16
//! ```

use std::{path::PathBuf, time::Duration};

use clap::Parser;
use myriad_benches::{
    fail::or_die,
    load::{Context, Peer, report::Report, scenario},
    machine,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

/// Load on xenstore daemons over their Unix sockets, several in turn.
#[derive(Parser, Debug)]
struct Options {
    /// A daemon: NAME=SOCKET, or NAME=SOCKET,PID where the socket's own word about its process
    /// isn't true. The first one is what the others are held against.
    #[arg(long = "peer", required = true, value_parser = parse_peer)]
    peers: Vec<Address>,
    /// Times that each peer is measured, in turn.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Seconds before each measurement that don't count.
    #[arg(long, default_value_t = 0.5)]
    warm_up: f64,
    /// The seed of every order.
    #[arg(long, default_value_t = 2)]
    seed: u64,
    /// CONTROL words that make a domain known, such as `simulate create {domid}`.
    #[arg(long)]
    domain_command: Option<String>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// What to run.
    #[command(subcommand)]
    scenario: scenario::Scenario,
}

#[derive(Clone, Debug)]
struct Address {
    name: String,
    socket: PathBuf,
    pid: Option<u32>,
}

fn main() {
    let options = Options::parse();
    raise_open_files();
    let context = Context {
        seed: options.seed,
        time: seconds(options.seconds),
        warm_up: seconds(options.warm_up),
        domain_command: options.domain_command,
    };
    let peer = |a: &Address| or_die(&a.name, Peer::new(&a.name, &a.socket, a.pid));
    let peers: Vec<Peer> = options.peers.iter().map(peer).collect();
    let mut report = Report::new(peers.iter().map(|p| p.name.clone()));
    let facts = machine::facts();
    for round in 0..options.rounds {
        for (at, peer) in peers.iter().enumerate() {
            let what = format!("{}, {}, round {round}", options.scenario.name(), peer.name);
            eprintln!("{what}");
            report.add(at, or_die(&what, options.scenario.run(peer, &context)));
        }
    }
    for peer in &peers {
        or_die(&peer.name, scenario::clean(peer));
    }
    if options.json {
        let about = |p: &Peer| {
            let command = p.pid.map(machine::command);
            json!({ "name": p.name, "pid": p.pid, "command": command })
        };
        let document = json!({
            "machine": facts,
            "scenario": options.scenario.name(),
            "options": format!("{:?}", options.scenario),
            "seed": context.seed,
            "rounds": options.rounds,
            "peers": peers.iter().map(about).collect::<Vec<_>>(),
            "figures": report.to_json(),
        });
        println!("{document:#}");
    } else {
        println!("{}\n\n{:?}\n\n{}", machine::line(&facts), options.scenario, report.table());
    }
}

fn parse_peer(text: &str) -> Result<Address, String> {
    let form = "a peer is NAME=SOCKET or NAME=SOCKET,PID";
    let (name, rest) = text.split_once('=').ok_or(form)?;
    let (socket, pid) = match rest.rsplit_once(',') {
        Some((socket, pid)) => (socket, Some(pid.parse().map_err(|_| form)?)),
        None => (rest, None),
    };
    Ok(Address { name: name.to_owned(), socket: socket.into(), pid })
}

fn seconds(number: f64) -> Duration {
    or_die("seconds", Duration::try_from_secs_f64(number))
}

/// Ten thousand connections need as many descriptors.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        eprintln!("the limit of open files stays at {:?}: {error}", limit.current);
    }
}
