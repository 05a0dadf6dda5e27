//! Answers that several operations share, and those to what is no request.

use myriad_core::{Errno, Store};

use super::{Failed, Speaker};
use crate::{
    v1::{Header, connection::session::Session, reply},
    v2::{
        BadFrame, Frame, Op,
        body::{Body, count, pad, put},
        frame::{EVENT, FRAME_HEAD, REPLY, begin, finish, first},
        limits::{DETAIL_MAX, FRAGMENT_MAX, SMALL_ANSWER},
        records::{self, Failure, Hello, NO_ITEM, Welcome},
        status,
    },
};

/// An answer that says what has failed.
pub(super) fn failure(op: u16, id: u64, failed: &Failed) -> Vec<u8> {
    let mut end = failed.detail.len().min(DETAIL_MAX);
    while !failed.detail.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let detail = failed.detail.get(..end).unwrap_or_default();
    let mut out = begin();
    let item = failed.item.unwrap_or(NO_ITEM);
    put(&mut out, &Failure { item: item.into(), detail_length: count(detail.len()).into() });
    out.extend_from_slice(detail.as_bytes());
    pad(&mut out);
    finish(&mut out, op, REPLY, id, status::number(failed.errno));
    out
}

/// The last message to a client that has sent what no client may.
pub(crate) fn bad_frame(frame: &Frame, bad: BadFrame) -> Vec<u8> {
    let errno = match bad {
        BadFrame::TooLong | BadFrame::MessageTooLong => Errno::E2BIG,
        BadFrame::NotClean | BadFrame::Broken => Errno::EINVAL,
    };
    failure(frame.op.get(), frame.id.get(), &Failed::new(errno, bad.to_string()))
}

/// An error instead of an answer that is made already, if nothing has happened that the client must
/// know, and the answer isn't small.
pub(crate) fn with_error(answer: &[u8], errno: Errno) -> Option<Vec<u8>> {
    let frame = first(answer)?;
    let op = frame.operation().filter(|op| op.only_asks())?;
    let may_be_long = frame.status.get() != 0 || answer.len() <= FRAME_HEAD + SMALL_ANSWER;
    let failed = Failed::new(errno, "there is no room for the answer");
    (!may_be_long).then(|| failure(op as u16, frame.id.get(), &failed))
}

/// An answer of v1 in one of v2.
pub(crate) fn classic(id: u64, answer: &[u8]) -> Vec<u8> {
    let mut out = begin();
    out.extend_from_slice(answer);
    finish(&mut out, Op::Classic as u16, REPLY, id, 0);
    out
}

/// The answer to a question about the past: a message without its header, or why there is none.
pub(crate) fn told(id: u64, answer: Result<Vec<u8>, (Errno, String)>) -> Vec<u8> {
    match answer {
        Ok(mut out) => {
            finish(&mut out, Op::History as u16, REPLY, id, 0);
            out
        }
        Err((errno, why)) => failure(Op::History as u16, id, &Failed::new(errno, why)),
    }
}

/// An event; none where its watch has no token of v2.
pub(crate) fn event(path: &[u8], token: &[u8]) -> Option<Vec<u8>> {
    let token = u64::from_le_bytes(*token.first_chunk()?);
    let mut out = begin();
    let path_length = u16::try_from(path.len()).ok()?.into();
    put(&mut out, &records::Event { token: token.into(), path_length, ..Default::default() });
    out.extend_from_slice(path);
    pad(&mut out);
    finish(&mut out, Op::WatchEvent as u16, EVENT, 0, 0);
    Some(out)
}

/// Which version and features a client asks for, if it is a version that is spoken here.
pub(crate) fn accepts(payload: &[u8]) -> Option<u32> {
    let mut body = Body::new(payload);
    let hello: Hello = body.record().ok()?;
    body.end().ok()?;
    (hello.version.get() >= records::VERSION).then(|| hello.features.get())
}

/// The answer that agrees.
pub(crate) fn welcome(
    speaker: &Speaker,
    session: &Session,
    store: &Store,
    header: &Header,
    out: &mut Vec<u8>,
) -> u64 {
    let view = store.pin();
    let mut payload = Vec::new();
    put(
        &mut payload,
        &Welcome {
            version: records::VERSION.into(),
            reserved0: 0.into(),
            features: speaker.features.into(),
            fragment_max: count(FRAGMENT_MAX).into(),
            message_max: count(speaker.message_max).into(),
            items_max: count(speaker.items_max).into(),
            snapshots_max: count(speaker.snapshots_max(session)).into(),
            generation: view.generation().into(),
        },
    );
    reply::put(out, header, &payload);
    view.seq()
}
