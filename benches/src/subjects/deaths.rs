//! The death of a domain that owns many nodes, beside the removal of as many in one subtree.

use myriad_core::{Access, Caller, DomId, Edit, Error, Path, Perm, Store, Writes};

use crate::{fail::or_die, subject::Subject};

/// Nodes of the one that dies.
pub const NODES: u32 = 10_000;
/// Its id; far from those of the VMs.
const DOMID: DomId = DomId(30_000);
/// Nodes below one directory.
const FAN_OUT: u32 = 100;
/// Where they lie.
const HOME: &str = "/owned";

/// One op is a death, or a removal.
pub struct Deaths {
    store: Store,
    by_owner: bool,
}

impl Deaths {
    /// With `by_owner`, the domain is released; else its subtree is removed.
    #[must_use]
    pub fn new(store: &Store, by_owner: bool) -> Deaths {
        Deaths { store: store.clone(), by_owner }
    }
}

impl Subject for Deaths {
    fn batch(&self) -> u64 {
        1
    }

    fn prepare(&mut self, _ops: u64) {
        or_die("nodes of a domain", self.store.edit(populate).result);
    }

    fn run(&mut self, _ops: u64) {
        let by_owner = self.by_owner;
        let ended = self.store.edit(|edit| match by_owner {
            true => edit.release(DOMID),
            false => edit.rm(&Caller::Control, Path::new(HOME)?),
        });
        or_die("the end of a domain", ended.result);
    }

    fn reset(&mut self, _ops: u64) {
        if !self.by_owner {
            or_die("release", self.store.edit(|edit| edit.release(DOMID)).result);
        }
    }
}

/// What is written below a node of the domain is the domain's, too.
fn populate(edit: &mut Edit<'_>) -> Result<(), Error> {
    edit.introduce(DOMID);
    let home = Path::new(HOME)?;
    edit.mkdir(&Caller::Control, home)?;
    let owner = Perm { access: Access::None, domid: DOMID };
    edit.set_perms(&Caller::Control, home, &[owner])?;
    for number in 0..NODES {
        let path = format!("{HOME}/{}/{}", number / FAN_OUT, number % FAN_OUT);
        edit.write(&Caller::Control, Path::new(&path)?, b"value")?;
    }
    Ok(())
}
