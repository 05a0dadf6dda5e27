//! The command line of what is about the past.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Subcommand};

/// What `log` was asked for.
#[derive(Args, Debug)]
#[command(after_help = TIMES)]
pub(crate) struct Log {
    /// Only what is not older
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only what is not newer
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Only what this domain changed; 0 for the control domain
    #[arg(long, value_name = "DOMID")]
    pub(crate) domain: Option<u16>,
    /// At most so many commits
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) count: Option<usize>,
    /// Oldest first, and go on with what comes until interrupted
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only changes of this node and of what is below it
    pub(crate) path: Option<String>,
}

/// What `show` was asked for.
#[derive(Args, Debug)]
#[command(after_help = VERSIONS)]
pub(crate) struct Show {
    /// Print permissions too
    #[arg(short, long)]
    pub(crate) permissions: bool,
    /// Print the value as it is: no escapes, no line end
    #[arg(short = 'R', long, conflicts_with_all = ["json", "permissions"])]
    pub(crate) raw: bool,
    /// A node of a version; a version alone shows what changed in it
    #[arg(value_name = "GEN[:PATH]")]
    pub(crate) what: String,
}

/// What `diff` was asked for.
#[derive(Args, Debug)]
#[command(after_help = VERSIONS)]
pub(crate) struct Diff {
    /// Exit with 1 where they differ
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// The earlier version
    #[arg(value_name = "A")]
    pub(crate) from: String,
    /// The later version (HEAD, where it isn't given), and the node to compare (/)
    #[arg(value_names = ["B", "PATH"], num_args = 0..=2)]
    pub(crate) rest: Vec<String>,
}

/// What `blame` was asked for.
#[derive(Args, Debug)]
#[command(after_help = VERSIONS)]
pub(crate) struct Blame {
    /// The node, now or in a version
    #[arg(value_name = "[GEN:]PATH", default_value = "/")]
    pub(crate) path: String,
}

/// What `serve` was asked for.
#[derive(Args, Debug)]
#[command(after_help = VERSIONS)]
pub(crate) struct Serve {
    /// The version
    #[arg(value_name = "GEN")]
    pub(crate) version: String,
}

/// What `restore` was asked for.
#[derive(Args, Debug)]
#[command(after_help = VERSIONS)]
pub(crate) struct Restore {
    /// Do it, not only say what would be done
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// The node, with all below it, as it was in a version
    #[arg(value_name = "GEN:PATH")]
    pub(crate) what: String,
}

/// What `export` was asked for.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// A new repository, or one that this has made: it is brought up to date
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) git: PathBuf,
}

/// What `bisect` was asked for.
#[derive(Args, Debug)]
#[command(after_help = BISECT)]
pub(crate) struct Bisect {
    /// Where the search is noted; else in $XDG_STATE_HOME/myriad
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) step: BisectStep,
}

/// The steps of a search.
#[derive(Debug, Subcommand)]
pub(crate) enum BisectStep {
    /// Begin a search
    Start {
        /// A version that is good; else the oldest that is kept
        #[arg(long, value_name = "GEN")]
        good: Option<String>,
        /// A later version that is bad; else the newest
        #[arg(long, value_name = "GEN")]
        bad: Option<String>,
    },
    /// A version is good: by default the one to be looked at
    Good {
        /// The version
        #[arg(value_name = "GEN")]
        version: Option<String>,
    },
    /// A version is bad: by default the one to be looked at
    Bad {
        /// The version
        #[arg(value_name = "GEN")]
        version: Option<String>,
    },
    /// A version can't be judged: by default the one to be looked at
    Skip {
        /// The version
        #[arg(value_name = "GEN")]
        version: Option<String>,
    },
    /// Say where the search is
    Status,
    /// Forget the search
    Reset,
    /// Let a command or an expression judge, until the first bad version is found
    Run {
        /// True in good versions: exists PATH, absent PATH, PATH = VALUE, PATH != VALUE,
        /// PATH matches GLOB
        #[arg(long, value_name = "EXPR", conflicts_with = "command")]
        expr: Option<String>,
        /// Lay out this node and what is below it as files, not the whole tree
        #[arg(long, value_name = "PATH", default_value = "/", conflicts_with = "expr")]
        below: String,
        /// Lay out no files: quicker with a large tree; the socket is there all the same
        #[arg(long, conflicts_with_all = ["expr", "below"])]
        no_files: bool,
        /// A command: exit code 0 good, 125 can't be judged, others up to 127 bad
        #[arg(
            value_name = "CMD",
            trailing_var_arg = true,
            allow_hyphen_values = true,
            required_unless_present = "expr"
        )]
        command: Vec<OsString>,
    },
}

/// What `history` was asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Of {
    /// What each tier holds, and how far back it reaches
    Stats,
    /// Where commits are missing, and why
    Gaps,
}

/// How versions are named.
pub(crate) const VERSIONS: &str = "\
Versions:
  1234         a generation; where it isn't kept, the newest that is older
  @77          a publication
  HEAD         the newest; HEAD~3 is the third kept one before it
  a time       2 min ago, yesterday 14:00, 14:05, 2026-11-23 14:00, 2026-11-23T14:00:00Z
  GEN:PATH     a node in a version: HEAD~1:/local/domain, \"10 min ago:/tool\"";

const TIMES: &str = "\
Times: 2 min ago, 1h30m ago, yesterday, yesterday 14:00, monday 9:00, 14:05, 2026-11-23 14:00,
2026-11-23T14:00:00Z. A day without a time of day is its beginning.";

const BISECT: &str = "\
The tree of the version to be judged is given to the command of `run` twice:
  XENSTORED_PATH   a socket that serves it read-only: xenstore-ls, xenstore-read, myriad ls …
  MYRIAD_TREE      a directory. A node without children is a file with its value; one with
                   children a directory, its value (where it has one) in the file .value; .perms
                   has the permissions of the directory and of the files in it, a line each.
                   It lies in memory (/dev/shm), or where TMPDIR says
  MYRIAD_GENERATION, MYRIAD_TIME say which version it is.

Example: since when has domain 5 no network device?
  myriad bisect start --good '2 hours ago'
  myriad bisect run xenstore-exists /local/domain/5/device/vif/0/state
  myriad bisect run --expr 'exists /local/domain/5/device/vif/0/state'";
