//! The server's end of one guest's ring, with nothing behind it: bytes are copied out, answers are
//! copied in. It looks at the ring all the time, and needs no doorbell; where nothing has come for
//! long, the guest may need its core.

use std::{io, os::fd::OwnedFd};

use myriad_ring::{
    page::{Memfd, Scratch, ServerEnd},
    v1::features,
};

use super::answer::Answers;

/// Serves the page that a memory file holds, for ever.
///
/// # Errors
/// What the system said of the mapping, or that the guest has lied about its indices.
pub fn serve(page: OwnedFd) -> io::Result<()> {
    let lied = |_| io::Error::from(io::ErrorKind::InvalidData);
    let mut server = ServerEnd::new(Memfd::from_peer(page)?.map()?, features::OFFERED);
    server.start();
    let (answers, mut scratch) = (Answers::new(), Scratch::default());
    let (mut input, mut out): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    let (mut sent, mut in_vain) = (0, 0_u32);
    loop {
        let take = |bytes: &[u8]| {
            input.extend_from_slice(bytes);
            bytes.len()
        };
        if server.receive(&mut scratch, take).map_err(lied)? > 0 {
            in_vain = 0;
        } else {
            in_vain += 1;
            if in_vain.is_multiple_of(PATIENCE) {
                std::thread::yield_now();
                in_vain = 0;
            }
        }
        if sent == out.len() && !input.is_empty() {
            out.clear();
            sent = 0;
            let done = answers.answer(&input, &mut out);
            input.drain(..done);
        }
        if let Some(rest) = out.get(sent..)
            && !rest.is_empty()
        {
            sent += server.send([rest]).map_err(lied)?;
        }
    }
}

/// Looks in vain, of some 20 ns each, before others may have the core.
const PATIENCE: u32 = 4096;
