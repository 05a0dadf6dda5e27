//! Reads: at the version of the moment, and at one that is kept.

use myriad_core::{Caller, Config, Error, Path, Reads, Store, Writes};

fn main() -> Result<(), Error> {
    let store = Store::new(&Config::default())?;
    let name = Path::new("/local/domain/7/name")?;
    store.edit(|edit| edit.write(&Caller::Control, name, b"web-01")).result?;

    // A snapshot stays what it was, however long it is kept and whatever happens meanwhile.
    let mut then = store.snapshot();
    store.edit(|edit| edit.write(&Caller::Control, name, b"web-02")).result?;
    assert_eq!(then.read(&Caller::Control, name)?, b"web-01");

    // A view is cheaper, and for a short while: all its reads see the same version.
    let mut now = store.pin();
    assert_eq!(now.read(&Caller::Control, name)?, b"web-02");
    let home = now.list(&Caller::Control, Path::new("/local/domain/7")?)?;
    assert_eq!(&*home.names, b"name\0");

    // A guest sees what permissions let it see.
    let instance = store.edit(|edit| Ok(edit.know_domain(myriad_core::DomId(7)))).result?;
    let guest = Caller::Guest { domid: myriad_core::DomId(7), instance };
    assert_eq!(store.pin().read(&guest, name), Err(Error::AccessDenied));
    Ok(())
}
