//! The store beside its yardsticks: every pair in turn, several times, as one table of ratios
//! with the goals, the allocations of a commit and the resident bytes of a node.
//!
//! ```text
//! cargo run --release -p myriad-benches --bin store-ratios -- [--rounds N] [--only TEXT] [--json]
//! ```

use std::{process::Command, time::Duration};

use clap::Parser;
use myriad_benches::{
    alloc::{BACKING, Backing, Counting},
    clock::Clock,
    fail::or_die,
    fixture::VMS,
    machine,
    ratios::{Memory, Pair, Plan, Row, Setup, alone, compare, kilobytes, pairs, resident},
    stats::ratio,
    table::Table,
    vm::Layout,
};
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: Counting<Backing> = Counting(BACKING);

/// The store beside its yardsticks, interleaved: ratios, allocations and resident bytes.
#[derive(Parser, Debug)]
struct Options {
    /// Times that each side of a pair runs.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Milliseconds that each of these takes.
    #[arg(long, default_value_t = 100)]
    milliseconds: u64,
    /// Only the pairs whose names contain this.
    #[arg(long)]
    only: Option<String>,
    /// The clock of figures and ratios.
    #[arg(long, value_enum, default_value_t = Clock::Wall)]
    clock: Clock,
    /// VMs in the store, 41 nodes each.
    #[arg(long, default_value_t = VMS)]
    vms: u16,
    /// Where a VM's nodes lie.
    #[arg(long, value_enum, default_value_t = Layout::Compact)]
    layout: Layout,
    /// The seed of every order.
    #[arg(long, default_value_t = 2)]
    seed: u64,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Leave out the resident bytes.
    #[arg(long)]
    no_memory: bool,
    /// Run one side of the pairs alone, a second each times the rounds, and report nothing: for a
    /// profiler.
    #[arg(long, value_enum)]
    profile: Option<Which>,
    /// Build one kind of store, print the bytes that it keeps resident, and end.
    #[arg(long, value_enum, hide = true)]
    resident: Option<Memory>,
}

/// A side of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    Ours,
    Yardstick,
}

fn main() {
    let options = Options::parse();
    let setup = Setup { layout: options.layout, vms: options.vms, seed: options.seed };
    if let Some(what) = options.resident {
        println!("{}", resident(what, setup));
        return;
    }
    if let Some(which) = options.profile {
        profile(&options, setup, which);
        return;
    }
    let facts = machine::facts();
    let memory = if options.no_memory { Vec::new() } else { memory(&options) };
    let rows = rows(&options, setup);
    if options.json {
        let rows: Vec<Value> = rows.iter().map(Row::to_json).collect();
        let memory: Vec<Value> = memory
            .iter()
            .map(|(what, bytes)| json!({ "what": what.title(), "resident_bytes": bytes }))
            .collect();
        let nodes = setup.nodes();
        println!(
            "{:#}",
            json!({ "machine": facts, "nodes": nodes, "rows": rows, "memory": memory })
        );
        return;
    }
    println!("{}\n", machine::line(&facts));
    print_memory(&memory, setup);
    let mut table = Table::new(Row::HEADINGS);
    for row in &rows {
        table.row(row.cells());
    }
    println!("{table}");
    for row in rows.iter().filter(|row| row.conflicts > 0) {
        println!("{}: {} commits failed by another's", row.name, row.conflicts);
    }
}

fn profile(options: &Options, setup: Setup, which: Which) {
    let rounds = u64::try_from(options.rounds).unwrap_or(1);
    for pair in wanted(options, setup) {
        let side = if which == Which::Ours { pair.ours } else { pair.yardstick };
        alone(side, Duration::from_secs(rounds));
    }
}

/// The pairs that were asked for, each built when its turn comes.
fn wanted(options: &Options, setup: Setup) -> impl Iterator<Item = Pair> {
    let only = options.only.clone();
    let wanted = move |name: &str| only.as_ref().is_none_or(|text| name.contains(text));
    pairs(setup).into_iter().filter(move |(name, _)| wanted(name)).map(|(_, make)| make())
}

fn rows(options: &Options, setup: Setup) -> Vec<Row> {
    let plan = Plan {
        rounds: options.rounds,
        time: Duration::from_millis(options.milliseconds),
        clock: options.clock,
    };
    wanted(options, setup).map(|pair| compare(pair, plan)).collect()
}

/// Each kind in a child process, so that none reuses what another has freed.
fn memory(options: &Options) -> Vec<(Memory, u64)> {
    let program = or_die("this program's own path", std::env::current_exe());
    let one = |what: Memory| {
        let name = format!("{what:?}").to_lowercase();
        let output = Command::new(&program)
            .args(["--resident", &name, "--vms", &options.vms.to_string()])
            .args(["--layout", &format!("{:?}", options.layout).to_lowercase()])
            .output();
        let output = or_die("a process for memory", output);
        let text = String::from_utf8_lossy(&output.stdout);
        (what, or_die("resident bytes", text.trim().parse()))
    };
    Memory::ALL.into_iter().map(one).collect()
}

fn print_memory(memory: &[(Memory, u64)], setup: Setup) {
    if memory.is_empty() {
        return;
    }
    let mut table = Table::new(["resident", "bytes per node", "KB per VM"]);
    for &(what, bytes) in memory {
        table.row([
            what.title().to_owned(),
            format!("{:.1}", ratio(bytes, setup.nodes())),
            format!("{:.2}", kilobytes(bytes) / f64::from(setup.vms)),
        ]);
    }
    println!("{table}");
}
