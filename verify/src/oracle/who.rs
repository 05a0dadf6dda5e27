//! Who sends a request: a client of the socket, or a guest on its ring.
//!
//! Both go by one number. The clients of the socket have the small ones; a guest has that of its
//! domain on top of [`GUESTS`], and is written `d5`.

use super::limits::GUESTS;

/// The client that is a guest.
#[must_use]
pub fn guest(domid: u32) -> usize {
    usize::try_from(domid).map_or(usize::MAX, |domid| GUESTS.saturating_add(domid))
}

/// The domain of a client that is a guest.
#[must_use]
pub fn domid(client: usize) -> Option<u32> {
    u32::try_from(client.checked_sub(GUESTS)?).ok()
}

/// Below which domain's home a client's relative paths are.
#[must_use]
pub fn home(client: usize) -> u32 {
    domid(client).unwrap_or(0)
}

/// A client as steps and reports call it.
#[must_use]
pub fn name(client: usize) -> String {
    domid(client).map_or_else(|| client.to_string(), |domid| format!("d{domid}"))
}

/// The client of a name.
#[must_use]
pub fn parse(name: &str) -> Option<usize> {
    match name.strip_prefix('d') {
        Some(domid) => domid.parse().ok().map(guest),
        None => name.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (client, text) in [(0, "0"), (7, "7"), (guest(0), "d0"), (guest(5), "d5")] {
            assert_eq!((name(client).as_str(), parse(text)), (text, Some(client)));
        }
        assert_eq!((domid(7), domid(guest(7)), home(7)), (None, Some(7), 0));
    }
}
