//! Commits: several changes in one publication, and a transaction that others may break.

use myriad_core::{Caller, Config, Error, Path, Reads, Store, Writes};

fn main() -> Result<(), Error> {
    let store = Store::new(&Config::default())?;
    let me = Caller::Control;

    // Both nodes appear at once, or neither does.
    let (state, online) = (Path::new("/vm/7/state")?, Path::new("/vm/7/online")?);
    let create = store.edit(|edit| {
        edit.write(&me, state, b"1")?;
        edit.write(&me, online, b"1")
    });
    create.result?;

    // A transaction reads a snapshot and commits if what it has read still holds.
    let counter = Path::new("/counter")?;
    store.edit(|edit| edit.write(&me, counter, b"0")).result?;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let mut tx = store.begin(0);
        let count: u32 = std::str::from_utf8(tx.read(&me, counter)?)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or(Error::InvalidValue("the counter is a decimal number"))?;
        if attempts == 1 {
            // Somebody else gets in between.
            store.edit(|edit| edit.write(&me, counter, b"41")).result?;
        }
        tx.write(&me, counter, (count + 1).to_string().as_bytes())?;
        match tx.commit().result {
            Err(Error::Conflict) => continue,
            result => break result?,
        }
    }
    assert_eq!(store.pin().read(&me, counter)?, b"42");
    assert_eq!(attempts, 2);
    Ok(())
}
