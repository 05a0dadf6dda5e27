//! Indices: from a name to a domain in one step, inside a transaction too.

use myriad_core::{Caller, Config, Error, Path, Reads, Store, Writes};

fn main() -> Result<(), Error> {
    // An index of one's own beside the built-in ones.
    let indices = vec![("address".to_owned(), "/local/domain/*/attr/*/ip".to_owned())];
    let store = Store::new(&Config { indices, ..Config::default() })?;
    let me = Caller::Control;
    for domid in 1..=1000 {
        let name = format!("/local/domain/{domid}/name");
        let address = format!("/local/domain/{domid}/attr/eth0/ip");
        store
            .edit(|edit| {
                edit.write(&me, Path::new(&name)?, format!("vm-{domid}").as_bytes())?;
                edit.write(&me, Path::new(&address)?, format!("10.0.0.{domid}").as_bytes())
            })
            .result?;
    }
    let domid = |found: &[myriad_core::Match]| found.first().map(|m| m.captures.to_string());
    let found = store.pin().lookup("domain-name", b"vm-700")?;
    assert_eq!(domid(&found).as_deref(), Some("700"));
    let found = store.pin().lookup("address", b"10.0.0.42")?;
    assert_eq!(domid(&found).as_deref(), Some("42/eth0"));

    // A transaction sees its own writes in the index, and only it does.
    let mut tx = store.begin(0);
    tx.write(&me, Path::new("/local/domain/700/name")?, b"renamed")?;
    assert!(tx.lookup("domain-name", b"vm-700")?.is_empty());
    assert_eq!(domid(&tx.lookup("domain-name", b"renamed")?).as_deref(), Some("700"));
    assert!(store.pin().lookup("domain-name", b"renamed")?.is_empty());
    tx.commit().result?;
    assert_eq!(store.pin().lookup("domain-name", b"renamed")?.len(), 1);
    Ok(())
}
