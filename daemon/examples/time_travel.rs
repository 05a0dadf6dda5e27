//! A question to the past: what was a node when, who has changed it, and what else was different.
//! Of a store in this process; the file of any `xenstored` is read the same way, while it runs.
//!
//! ```sh
//! cargo run -p myriad --example time_travel
//! ```

use std::error::Error;

use myriad::embed::Server;
use myriad_core::{Caller, Path, Writes};
use myriad_history::file::History;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let server =
        Server::builder(folder.path()).workers(1).option("--history-size", "4M").start()?;
    let state = Path::new("/local/domain/7/state")?;
    let mut generations = Vec::new();
    for value in ["booting", "running", "crashed"] {
        let outcome = server.edit(|edit| edit.write(&Caller::Control, state, value.as_bytes()));
        outcome.result?;
        generations.push(server.store().pin().generation());
    }
    // Ended, it has written all of it.
    server.stop();

    let history = History::open(&folder.path().join("history"))?;
    for (generation, expected) in generations.iter().zip(["booting", "running", "crashed"]) {
        let then = history.tree(*generation)?;
        let node = then.get(state.as_str()).ok_or("it is not in history")?;
        println!("at generation {generation} it was {}", String::from_utf8_lossy(&node.value));
        assert_eq!(&*node.value, expected.as_bytes());
    }
    println!("the changes, the last first:");
    for change in history.changes_of(state.as_str(), false) {
        let (head, change) = change?;
        println!("  generation {}: by domain {}", head.generation, change.author.domid);
    }
    let [first, .., last] = generations.as_slice() else { return Err("too few".into()) };
    for difference in history.diff(*first, *last, "/")? {
        println!("between the first and the last: {}", difference.path);
    }
    Ok(())
}
