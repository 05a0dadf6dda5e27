//! `myriad serve`: a version behind a socket, until it is interrupted.

use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use serde_json::json;

use super::{
    cli::Serve,
    error::PastError,
    past::{Past, Server},
    show::report_unknown,
    shown::becomes,
    source::{Source, paths},
    words,
};
use crate::tool::{
    console::Console,
    failure::Failure,
    output::{json_line, line},
    sim::signals::Signals,
};

/// Serves a version until SIGINT or SIGTERM.
///
/// # Errors
/// [`Failure::Past`].
pub(crate) fn serve(
    options: &Serve,
    socket: Option<&Path>,
    file: &Path,
    json: bool,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let source = Source::open(file)?;
    let version = source.version(&options.version, console.err)?;
    let tree = source.tree(&version)?;
    report_unknown(&tree, console)?;
    let signals = Signals::catch().map_err(PastError::place("can't catch signals"))?;
    let temporary = tempfile::Builder::new().prefix("myriad-serve-").tempdir();
    let temporary = temporary.map_err(PastError::place("can't make a temporary directory"))?;
    let default = temporary.path().join("socket");
    let past = Past::new().map_err(PastError::Node)?;
    past.advance(&becomes(&tree, paths(&tree))).map_err(PastError::Node)?;
    drop(tree);
    let server = Server::start(socket.unwrap_or(&default), &past).map_err(PastError::from)?;
    let (generation, at) = (version.generation, version.at);
    if json {
        let socket = server.path().to_string_lossy();
        let time = words::json_time(at);
        json_line(console.out, &json!({"generation": generation, "time": time, "socket": socket}))?;
    } else {
        line(console.out, format!("XENSTORED_PATH={}", server.path().display()).as_bytes())?;
        let at = words::time(at);
        writeln!(console.err, "generation {generation}, of {at}; until SIGINT or SIGTERM")?;
    }
    console.out.flush()?;
    while !signals.came() {
        let mut fds = [PollFd::new(&signals, PollFlags::IN)];
        // An interrupted wait is what is waited for, too.
        let _ = poll(&mut fds, None);
    }
    Ok(())
}
