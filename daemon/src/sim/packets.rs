//! What a machine and the daemon say to each other: a message a packet, some with descriptors.
//!
//! | from | text | descriptors |
//! |---|---|---|
//! | daemon, first | [`HELLO`] and the number of workers | boards; what wakes guests, workers |
//! | machine | [`ATTACH`] and `5` or `1-1000` | |
//! | daemon, for each | [`RING`] and the domain's id and unique id | the page |
//! | machine | [`REATTACH`] and a domain's id and unique id | its page |
//! | daemon | [`BACK`] and the domain's id | |
//! | daemon, instead of these two | [`REFUSED`], the domain's id and a reason | |

use std::{io, mem::MaybeUninit};

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::IoSliceMut,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
    },
};

use crate::limits::{MACHINE_DESCRIPTORS, MACHINE_MESSAGE};

/// What the daemon says first, before the number of its workers.
pub(crate) const HELLO: &str = "myriad-sim 2 workers ";
/// A request for rings.
pub(crate) const ATTACH: &str = "attach ";
/// Its answer for each domain, with the page …
pub(crate) const RING: &str = "ring ";
/// … or with the reason why there is none.
pub(crate) const REFUSED: &str = "refused ";
/// A page that another daemon has given, which is given back.
pub(crate) const REATTACH: &str = "reattach ";
/// It is served again.
pub(crate) const BACK: &str = "back ";

pub(crate) fn seqpacket() -> io::Result<OwnedFd> {
    let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
    Ok(rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None)?)
}

/// Sends a message with descriptors.
pub(crate) fn send(
    socket: impl AsFd,
    text: &str,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut space =
        vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MACHINE_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::ArgumentListTooLong.into());
    }
    let pieces = [io::IoSlice::new(text.as_bytes())];
    rustix::net::sendmsg(socket, &pieces, &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives a message with its descriptors; an empty one is the end.
pub(crate) fn receive(socket: impl AsFd) -> io::Result<(String, Vec<OwnedFd>)> {
    let mut space =
        vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MACHINE_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; MACHINE_MESSAGE];
    let mut pieces = [IoSliceMut::new(&mut bytes)];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = rustix::net::recvmsg(socket, &mut pieces, &mut control, flags)?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    let text = bytes.get(..received.bytes).unwrap_or_default();
    Ok((String::from_utf8_lossy(text).into_owned(), descriptors))
}
