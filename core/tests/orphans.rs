//! What a dead domain owned goes to the control domain where orphans are kept (D2).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use myriad_core::{Access, Caller, Config, DomId, Path, Perm, Reads, Store, Writes};

/// Each round of a burial finds the tree as the one before has left it, with no block open (O2).
#[test]
fn a_chain_within_a_block_goes_to_the_control_domain_whole() {
    let store = Store::new(&Config { keep_orphans: true, ..Config::default() }).unwrap();
    let instance = store.edit(|e| Ok(e.know_domain(DomId(5)))).result.unwrap();
    let guest = Caller::Guest { domid: DomId(5), instance };
    let open = [Perm { access: Access::Both, domid: DomId(0) }];
    store.edit(|e| e.set_perms(&Caller::Control, Path::ROOT, &open)).result.unwrap();
    // Two blocks, so that the root is a directory.
    for (caller, at, bytes) in [(&Caller::Control, "/far", 4000), (&guest, "/a/b/c/d/e", 200)] {
        let value = vec![b'v'; bytes];
        store.edit(|e| e.write(caller, Path::new(at).unwrap(), &value)).result.unwrap();
    }
    store.edit(|e| e.release(DomId(5))).result.unwrap();
    let mut view = store.pin();
    assert_eq!(view.check(), Ok(()));
    for at in ["/a", "/a/b", "/a/b/c", "/a/b/c/d", "/a/b/c/d/e"] {
        let list = view.get_perms(&Caller::Control, Path::new(at).unwrap()).unwrap();
        assert_eq!(list[0].domid, DomId::ZERO, "{at}");
    }
}
