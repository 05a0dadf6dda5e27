//! The command line of `myriad`.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use super::{history::cli as past, sim::PATIENCE, stream::Stream};

/// What `myriad` was asked for.
#[derive(Debug, Parser)]
#[command(
    name = "myriad",
    version,
    about = "Reads, changes and watches the tree of a xenstored",
    long_about = "Reads, changes and watches the tree of a xenstored: Myriad's, or any other that \
        speaks the protocol. Called by the name of a client (xenstore-ls, xenstore-read …, or \
        xenstore) it is that client, with its options and its output.",
    after_help = EXIT_CODES,
    after_long_help = LONG_HELP,
    max_term_width = 100,
)]
pub(crate) struct Cli {
    /// The daemon's socket, or a device that leads to it
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Print JSON: one object a line; errors too, on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The history file: what the past is read from
    #[arg(long, global = true, value_name = "FILE", env = "MYRIAD_HISTORY")]
    pub(crate) history: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a tree: names and values
    Ls(Ls),
    /// Print values, all as they were at one moment
    Read {
        /// Print each path before its value
        #[arg(short, long)]
        prefix: bool,
        /// Print values as they are: no escapes, no line ends
        #[arg(short = 'R', long, conflicts_with = "json")]
        raw: bool,
        /// What to read
        #[arg(required = true)]
        paths: Vec<OsString>,
    },
    /// Set values, all at one moment, creating nodes and their parents
    Write {
        /// Take values as they are: no escapes
        #[arg(short = 'R', long)]
        raw: bool,
        /// A path and its value, as often as wanted
        #[arg(required = true, num_args = 2.., value_names = ["PATH", "VALUE"],
            allow_negative_numbers = true)]
        pairs: Vec<OsString>,
    },
    /// Create nodes with empty values; those that exist stay as they are
    Mkdir {
        /// What to create
        #[arg(required = true)]
        paths: Vec<OsString>,
    },
    /// Remove nodes and all below them
    Rm {
        /// Then remove parents that have neither value nor children
        #[arg(short, long)]
        tidy: bool,
        /// What to remove
        #[arg(required = true)]
        paths: Vec<OsString>,
    },
    /// Print the names of children, in order of creation
    List {
        /// Print whole paths
        #[arg(short, long)]
        prefix: bool,
        /// Whose children
        #[arg(required = true)]
        paths: Vec<OsString>,
    },
    /// Succeed if all nodes are there, and exit with 1 otherwise
    Exists {
        /// What to look for
        #[arg(required = true)]
        paths: Vec<OsString>,
    },
    /// Set permissions
    Chmod {
        /// And of all nodes below
        #[arg(short, long)]
        recurse: bool,
        /// And of all nodes above, but the root
        #[arg(short, long)]
        upto: bool,
        /// The node
        path: OsString,
        /// The owner first, with what everyone else may do, then who may do more or less: a
        /// letter (n nothing, r read, w write, b both) and a domain id
        #[arg(required = true)]
        perms: Vec<OsString>,
    },
    /// Print paths as they change
    Watch {
        /// End after so many events
        #[arg(short = 'n', long, value_name = "N")]
        count: Option<u64>,
        /// See so many levels below the path; all without
        #[arg(short, long, value_name = "N")]
        depth: Option<u32>,
        /// What to watch
        #[arg(required = true)]
        paths: Vec<OsString>,
    },
    /// Give the daemon a command and print its answer (`help` lists them)
    Control {
        /// The command
        command: OsString,
        /// What it takes
        #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
        args: Vec<OsString>,
    },
    /// Find domains by name, in one request however many there are
    #[command(after_help = INDICES, override_usage = "myriad lookup [OPTIONS] [INDEX] <KEY>")]
    Lookup {
        /// Only what the control domain wrote: a guest may call itself like another VM
        #[arg(short, long)]
        trusted: bool,
        /// Where to look
        #[arg(long, value_name = "INDEX", default_value = "domain-name")]
        index: String,
        /// What to look for; an index may stand before it
        #[arg(required = true, num_args = 1..=2, value_name = "KEY")]
        key: Vec<OsString>,
    },
    /// Boot simulated guests, and check every answer that they get
    #[command(long_about = SIM)]
    Sim(Sim),
    /// Print who changed what, and when, newest first
    Log(past::Log),
    /// Print a node as it was, or what changed in a version
    Show(past::Show),
    /// Print what two versions have differently
    Diff(past::Diff),
    /// Print the last change of a node and of each below it
    Blame(past::Blame),
    /// Find the first version in which something is wrong
    Bisect(past::Bisect),
    /// Serve a version read-only on a socket, for any xenstore client
    Serve(past::Serve),
    /// Make a node and all below it what they were; only says what it would do, without --yes
    Restore(past::Restore),
    /// Write the history into a git repository, a commit for each version
    Export(past::Export),
    /// Say what the history file holds
    #[command(subcommand)]
    History(past::Of),
    /// Say what is in a migration stream
    #[command(subcommand)]
    Stream(Stream),
    /// Say what a xenstored would find here, and what it would do
    #[command(long_about = DOCTOR)]
    Doctor(Doctor),
}

/// What `doctor` was asked for.
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// The pid file that the daemon would be started with
    #[arg(long, value_name = "FILE", default_value = "/var/run/xen/xenstored.pid")]
    pub(crate) pid_file: PathBuf,
    /// How many guests the limits are to be enough for
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) guests: u32,
    /// Succeed only where Xen's own domains would be served, not simulated ones
    #[arg(long)]
    pub(crate) xen: bool,
}

/// What `sim` was asked for.
#[derive(Args, Debug)]
pub(crate) struct Sim {
    /// How many guests
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1)]
    pub(crate) guests: u16,
    /// The first one's domain id
    #[arg(long, value_name = "DOMID", default_value_t = 1)]
    pub(crate) first: u16,
    /// How many boot at a time
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub(crate) parallel: u16,
    /// What their uuids, memory and order follow from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Let the toolstack speak protocol v1, as libxl does, where the daemon has v2, too
    #[arg(long)]
    pub(crate) v1: bool,
    /// When they have booted, stay until SIGINT or SIGTERM
    #[arg(long)]
    pub(crate) hold: bool,
    /// At the end, shut them down and remove them
    #[arg(long)]
    pub(crate) destroy: bool,
    /// Where the daemon's simulated host takes guests in, if not in sim/ beside its socket
    #[arg(long, value_name = "PATH")]
    pub(crate) machines: Option<PathBuf>,
    /// Count the daemon as stuck when nothing came for so long
    #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE.as_secs())]
    pub(crate) patience: u64,
}

/// What `ls` was asked for.
#[derive(Args, Debug)]
pub(crate) struct Ls {
    /// Print whole paths
    #[arg(short, long)]
    pub(crate) full_path: bool,
    /// Print permissions
    #[arg(short, long)]
    pub(crate) permissions: bool,
    /// Print in the form of xenstore-ls, cut to the terminal
    #[arg(short = 's', long, conflicts_with_all = ["json", "depth"])]
    pub(crate) xenstore: bool,
    /// Print so many levels; all without
    #[arg(short, long, value_name = "N")]
    pub(crate) depth: Option<usize>,
    /// Where to begin; GEN:PATH in the past, as HEAD~1:/local/domain
    #[arg(default_value = "/", value_name = "[GEN:]PATH")]
    pub(crate) path: OsString,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or true
  1  not found, or false
  2  the command line is not valid
  3  no connection to the daemon
  4  the daemon refused
  5  the connection broke
  6  a transaction met conflicting commits too often
  7  the output could not be written
  8  the history, or a migration stream, could not be read
  9  git, or the command of a bisection, failed";

const LONG_HELP: &str = "\
Exit codes:
  0  done, or true
  1  not found, or false
  2  the command line is not valid
  3  no connection to the daemon
  4  the daemon refused
  5  the connection broke
  6  a transaction met conflicting commits too often
  7  the output could not be written
  8  the history, or a migration stream, could not be read
  9  git, or the command of a bisection, failed

Environment:
  XENSTORED_PATH    the socket, where --socket does not say
  XENSTORED_RUNDIR  the directory of the socket, else /var/run/xenstored
  MYRIAD_HISTORY    the history file, where --history does not say; else history in
                    XENSTORED_ROOTDIR, else /var/lib/xenstored/history
  TZ                the time zone of times

Values:
  are printed with \\t \\n \\r \\\\, \\ooo for bytes below 8 and \\xhh for others that are not
  printable, and read in the same form. In JSON a value that is UTF-8 is a string, and any other
  an object with its bytes in hex: {\"hex\": \"80ff\"}.";

const SIM: &str = "\
Boot simulated guests on a running xenstored that serves a simulated host (Myriad's, on a machine
without Xen), and check every answer that they get.

Each guest boots as a Linux PV guest does: the toolstack creates its domain with a disk, a network
interface and two consoles, over the socket; the guest's kernel finds and connects its devices,
over its ring; the drivers of the control domain do their part. The first answer that is wrong ends
the run with exit code 1, and is printed with its guest and its request.

Without --destroy the domains and their nodes stay when the run ends.";

const DOCTOR: &str = "\
Say what a xenstored would find here, and what it would do if it were started now, by this user:
Xen's devices and files, the hypervisor and its interface, who is at work at the socket and by the
pid file, the run directory, and the limits. Nothing is changed.

Exit codes: 0 it would start, 1 it would not (or, with --xen, would serve no real domains), 2 the
command line is not valid.";

const INDICES: &str = "\
Indices:
  domain-name  a domain's name      to its id       (/local/domain/*/name)
  vm-name      a VM's name          to its uuid     (/vm/*/name)
  domain-vm    a VM's path          to its domain   (/local/domain/*/vm)
Short forms: name for domain-name, vm for vm-name.";
