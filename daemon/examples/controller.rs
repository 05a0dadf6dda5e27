//! A controller in the process of the store: it follows the feed and keeps the world as it wants
//! it. Here: where a guest's backend says that a device is closed, its nodes go.
//!
//! ```sh
//! cargo run -p myriad --example controller
//! ```

use std::{
    error::Error,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use myriad::embed::Server;
use myriad_core::{Caller, Feed, FeedItem, Path, Reads, What, Writes};
use myriad_ring::client::Store as _;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let server = Server::builder(folder.path()).workers(1).start()?;
    let feed = server.store().feed();
    let (stop, stopped) = channel();
    thread::scope(|scope| {
        let served = &server;
        let controller = scope.spawn(move || control(served, feed, &stopped));
        let seen = play(&server);
        drop(stop);
        let removed = controller.join().map_err(|_| "the controller failed")?;
        assert_eq!(removed, 1);
        seen
    })?;
    println!("the closed device is gone, the other is there");
    server.stop();
    Ok(())
}

/// A backend, which is any program: two devices, of which one closes. Waits until it is gone.
fn play(server: &Server) -> Result<(), Box<dyn Error>> {
    let mut backend = server.connect()?;
    for device in ["vif/0", "vif/1"] {
        backend.write(format!("/local/domain/7/device/{device}/state"), "4")?;
    }
    backend.watch("/local/domain/7/device/vif/1", "gone")?;
    backend.write("/local/domain/7/device/vif/1/state", CLOSED)?;
    while backend.exists("/local/domain/7/device/vif/1")? {
        backend.next_event()?;
    }
    assert_eq!(backend.read("/local/domain/7/device/vif/0/state")?, b"4");
    Ok(())
}

/// Follows the feed until it is told to stop; how many devices it has removed.
fn control(server: &Server, mut feed: Feed, stopped: &Receiver<()>) -> usize {
    let mut removed = 0;
    loop {
        match feed.next() {
            FeedItem::Record(record) => {
                for change in record.changes() {
                    if let What::Written(value) | What::Created(value, _) = change.what
                        && value == CLOSED.as_bytes()
                    {
                        removed += usize::from(close(server, change.path));
                    }
                }
            }
            // A follower looks when it likes: whoever commits calls nobody and waits for nobody.
            FeedItem::Empty => match stopped.recv_timeout(Duration::from_millis(1)) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => return removed,
            },
            // Too far behind: the tree as it is says what has been missed.
            FeedItem::Overrun => {
                for state in states(server).unwrap_or_default() {
                    removed += usize::from(close(server, &state));
                }
            }
        }
    }
}

/// All devices' states.
fn states(server: &Server) -> Result<Vec<String>, myriad_core::Error> {
    let mut now = server.store().pin();
    let devices = now.list(&Caller::Control, Path::new(DEVICES)?)?;
    let names = String::from_utf8_lossy(&devices.names).into_owned();
    Ok(names.split_terminator('\0').map(|name| format!("{DEVICES}/{name}/state")).collect())
}

/// Removes the device of a state, unless it has come to life again. One commit decides both.
fn close(server: &Server, state: &str) -> bool {
    let Some(device) = state.strip_suffix("/state") else { return false };
    let outcome = server.edit(|edit| {
        let (state, device) = (Path::new(state)?, Path::new(device)?);
        let closed = edit.read(&Caller::Control, state)? == CLOSED.as_bytes();
        if closed {
            edit.rm(&Caller::Control, device)?;
        }
        Ok(closed)
    });
    outcome.result.unwrap_or(false)
}

const DEVICES: &str = "/local/domain/7/device/vif";
/// `XenbusStateClosed`.
const CLOSED: &str = "6";
