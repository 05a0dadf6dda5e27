//! Watches: registered in the store, delivered by whoever reads the feed.

use myriad_core::{Caller, Config, ConnId, Error, FeedItem, Path, Store, WatchPath, Writes};

fn main() -> Result<(), Error> {
    let store = Store::new(&Config::default())?;
    let me = ConnId::new(0, 1);
    let device = Path::new("/local/domain/7/device")?;
    let watch = WatchPath::Node(device);
    store.edit(|edit| edit.watch(me, &Caller::Control, watch, b"my token", None, 0)).result?;

    // The feed goes on from here; it never slows whoever commits.
    let mut feed = store.feed();
    let state = Path::new("/local/domain/7/device/vif/0/state")?;
    store.edit(|edit| edit.write(&Caller::Control, state, b"4")).result?;

    let mut seen = Vec::new();
    loop {
        match feed.next() {
            FeedItem::Record(record) => {
                for fire in record.fires.iter().filter(|fire| fire.conn() == me) {
                    seen.push((fire.path().to_owned(), fire.token().to_vec()));
                }
            }
            FeedItem::Empty => break,
            // Too far behind: each watch fires once, and its owner looks for itself.
            FeedItem::Overrun => {
                for fire in store.pin().all_fires(me) {
                    seen.push((fire.path().to_owned(), fire.token().to_vec()));
                }
            }
        }
    }
    assert_eq!(seen, [(state.as_str().to_owned(), b"my token".to_vec())]);
    Ok(())
}
