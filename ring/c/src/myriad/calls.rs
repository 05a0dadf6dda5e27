//! What the functions have in common: arguments that have to be there, and where results go.

use std::{ffi::c_int, mem::MaybeUninit};

use myriad_ring::client::Snapshot;

use super::handle::{Called, Handle};
use crate::raw::{Out, Text};

pub(super) const NO_PLACE: &str = "NULL where the result should go";

/// Calls with a client, if there is one.
pub(super) fn with(
    client: Option<&mut Handle>,
    call: impl FnOnce(&mut Handle) -> Called<c_int>,
) -> c_int {
    client.map_or(-libc::EINVAL, |client| call(client).unwrap_or_else(|number| number))
}

/// Calls, and gives the result, or NULL.
pub(super) fn give<T>(
    client: Option<&mut Handle>,
    place: Out<'_, Option<Box<T>>>,
    call: impl FnOnce(&mut Handle) -> Called<Box<T>>,
) -> c_int {
    give_if(client, place, |client| call(client).map(Some))
}

pub(super) fn give_if<T>(
    client: Option<&mut Handle>,
    place: Out<'_, Option<Box<T>>>,
    call: impl FnOnce(&mut Handle) -> Called<Option<Box<T>>>,
) -> c_int {
    let mut result = None;
    let has_place = place.is_some();
    let number = with(client, |client| {
        if !has_place {
            return Err(client.fail(libc::EINVAL, NO_PLACE));
        }
        result = call(client)?;
        Ok(0)
    });
    put(place, result);
    number
}

pub(super) fn put<T>(place: Out<'_, T>, value: T) {
    place.map(|place: &mut MaybeUninit<T>| place.write(value));
}

/// A string that has to be there.
pub(super) fn text<'a>(client: &mut Handle, text: Text<'a>) -> Called<&'a [u8]> {
    text.bytes().ok_or_else(|| client.fail(libc::EINVAL, "NULL in place of a string"))
}

/// A snapshot by its number.
pub(super) fn at(number: u32) -> Option<Snapshot> {
    (number != 0).then_some(Snapshot { number, generation: 0 })
}
