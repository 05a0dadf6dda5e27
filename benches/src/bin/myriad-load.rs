//! Load on xenstore daemons over their Unix sockets: ours and its rivals side by side.
//!
//! ```text
//! myriad-load --peer c=/tmp/peers/run/c/socket --peer myriad=/run/myriad/socket read --depth 16
//! ```

use std::{path::PathBuf, time::Duration};

use clap::Parser;
use myriad_benches::{
    fail::or_die,
    load::{Context, Peer, plot, report::Report, saved, scenario},
    machine,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

/// Load on xenstore daemons over their Unix sockets, several in turn.
#[derive(Parser, Debug)]
struct Options {
    /// A daemon: NAME=SOCKET, or NAME=SOCKET,PID where the socket's own word about its process
    /// isn't true. Ratios are to the first one; goals are for those whose names begin with
    /// `myriad`, held against all others but those that begin with `floor`. For `rings` a floor
    /// is no socket, but the program floor-ring.
    #[arg(long = "peer", value_parser = parse_peer)]
    peers: Vec<Address>,
    /// Times that each peer is measured, in turn.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
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
    /// Write JSON to this file, beside what is printed.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Go on without a peer that fails in a round.
    #[arg(long)]
    keep_going: bool,
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Clone, Debug)]
enum Command {
    #[command(flatten)]
    Load(scenario::Scenario),
    /// Print what runs have written with --out as one table.
    Table {
        /// The files; rounds of the same figure are put together.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Only what has a goal, with what was found and the verdict.
        #[arg(long)]
        goals: bool,
    },
    /// Draw pictures (SVG) of cost against N from what runs have written with --out.
    Plot {
        /// The files; rounds of the same figure are put together.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Where the pictures go.
        #[arg(long, default_value = ".")]
        dir: PathBuf,
    },
}

#[derive(Clone, Debug)]
struct Address {
    name: String,
    socket: PathBuf,
    pid: Option<u32>,
}

fn main() {
    let options = Options::parse();
    match &options.command {
        Command::Table { files, goals } => {
            let report = or_die("table", saved::read_all(files));
            if *goals {
                println!("{}", report.goals());
            } else {
                println!("{}", report.table());
            }
        }
        Command::Plot { files, dir } => {
            or_die(&dir.display().to_string(), std::fs::create_dir_all(dir));
            for picture in plot::pictures(&or_die("plot", saved::read_all(files))) {
                let path = dir.join(&picture.file);
                or_die(&path.display().to_string(), std::fs::write(&path, &picture.svg));
                println!("{}", path.display());
            }
        }
        Command::Load(scenario) => load(&options, scenario),
    }
}

/// Runs a scenario against all peers in turn, and prints what came of it.
fn load(options: &Options, scenario: &scenario::Scenario) {
    raise_open_files();
    let context = Context {
        seed: options.seed,
        time: seconds(options.seconds),
        warm_up: seconds(options.warm_up),
        domain_command: options.domain_command.clone(),
    };
    if options.peers.is_empty() {
        or_die("myriad-load", Err("no --peer NAME=SOCKET was given, and nothing is measured"))
    }
    let peer = |a: &Address| or_die(&a.name, Peer::new(&a.name, &a.socket, a.pid));
    let peers: Vec<Peer> = options.peers.iter().map(peer).collect();
    let mut report = Report::new(peers.iter().map(|p| p.name.clone()));
    let facts = machine::facts();
    for round in 0..options.rounds {
        for (at, peer) in peers.iter().enumerate() {
            let what = format!("{}, {}, round {round}", scenario.name(), peer.name);
            eprintln!("{what}");
            match scenario.run(peer, &context) {
                Ok(figures) => report.add(scenario.name(), round, at, figures),
                Err(error) if options.keep_going => eprintln!("{what}: {error}"),
                Err(error) => or_die(&what, Err(error)),
            }
        }
    }
    for peer in peers.iter().filter(|peer| !peer.is_floor()) {
        match scenario::clean(peer) {
            Err(error) if options.keep_going => eprintln!("{}: {error}", peer.name),
            cleaned => or_die(&peer.name, cleaned),
        }
    }
    let about = |p: &Peer| {
        let command = p.pid.map(machine::command);
        json!({ "name": p.name, "pid": p.pid, "command": command })
    };
    let document = json!({
        "machine": facts,
        "scenario": scenario.name(),
        "options": format!("{scenario:?}"),
        "seed": context.seed,
        "seconds": options.seconds,
        "warm_up": options.warm_up,
        "rounds": options.rounds,
        "peers": peers.iter().map(about).collect::<Vec<_>>(),
        "figures": report.to_json(),
    });
    if let Some(file) = &options.out {
        or_die(&file.display().to_string(), std::fs::write(file, format!("{document:#}\n")));
    }
    if options.json {
        println!("{document:#}");
    } else {
        println!("{}\n\n{scenario:?}\n\n{}", machine::line(&facts), report.table());
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
