//! Capabilities, and the way to get any: given up by the calling thread.

use rustix::{
    io::Errno,
    thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
    },
};

/// Gives all of them up; says what that came to.
pub(super) fn give_up() -> Result<String, String> {
    let refused = |what: &'static str| move |errno: Errno| format!("{what}: {errno}");
    set_no_new_privs(true).map_err(refused("PR_SET_NO_NEW_PRIVS"))?;
    let had = capabilities(None).map_err(refused("capget"))?;
    let bounding = had.effective.contains(CapabilitySet::SETPCAP);
    if bounding {
        empty_the_bounding_set().map_err(refused("PR_CAPBSET_DROP"))?;
    }
    // Without any, there is nothing to clear; kernels before 4.3 have no such set.
    let _ = clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, sets).map_err(refused("capset"))?;
    Ok(match bounding {
        true => "none, and none can be gained".to_owned(),
        false => "none, and none can be gained (the bounding set stays: it was not privileged to \
                  empty it)"
            .to_owned(),
    })
}

/// What no program of this process can have, whatever the program.
fn empty_the_bounding_set() -> Result<(), Errno> {
    for number in 0..u64::BITS {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            Ok(()) => {}
            // The kernel knows none of this number, and no later one.
            Err(Errno::INVAL) if number > 0 => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
