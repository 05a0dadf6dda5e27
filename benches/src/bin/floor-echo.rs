//! The floor of every daemon on a socket: it answers `myriad-load`, and does nothing else.
//!
//! ```text
//! floor-echo SOCKET
//! ```

use std::path::PathBuf;

use clap::Parser;
use myriad_benches::{fail::or_die, floor::echo};

/// Answers xenstore requests on a Unix socket without doing what they ask for.
#[derive(Parser, Debug)]
struct Options {
    /// The socket, which must not exist.
    socket: PathBuf,
}

fn main() {
    let options = Options::parse();
    or_die(&options.socket.display().to_string(), echo::serve(&options.socket));
}
