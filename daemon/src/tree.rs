//! What the store holds before its first client: C's `setup_structure`.

use myriad_core::{Caller, DomId, Error, Path, Store, Writes};

/// Creates the first nodes, and introduces the control domain if `introduce` says so.
///
/// C 4.17 and today's show the same: `/tool` and `/tool/xenstored`, empty and for the control
/// domain alone. The node `/tool/xenstored/domid` must not exist: libxl takes it as the sign of a
/// stub domain.
///
/// # Errors
/// None in a fresh store.
pub fn build(store: &Store, control: DomId, introduce: bool) -> Result<(), Error> {
    let path = Path::new("/tool/xenstored")?;
    store.edit(|edit| edit.mkdir(&Caller::Control, path)).result?;
    if introduce {
        store.edit(|edit| Ok(edit.introduce(control))).result?;
    }
    Ok(())
}
