//! The codec of v2, fed with any stream.

use crate::v2::{
    Frame, Input, Next, Request, answers,
    frame::{FRAME_HEAD, first},
    limits::{FRAGMENT_MAX, GUEST_ITEMS_MAX, GUEST_MESSAGE_MAX, INPUT_MAX},
};

/// Takes `data` for a client's stream: in pieces whose size the first byte says, and whole. Both
/// must give the same messages and the same end; each message is parsed as far as it goes, and what
/// is a request is the same after it was encoded. Then the bodies are taken for a server's answers.
///
/// # Panics
/// Where the codec is wrong.
pub fn codec_v2(data: &[u8]) {
    let Some((&step, stream)) = data.split_first() else { return };
    let whole = messages(stream, INPUT_MAX);
    let pieces = messages(stream, usize::from(step).saturating_add(1));
    assert_eq!(whole, pieces, "the messages depend on how the bytes arrive");
    for (frame, body) in &whole.0 {
        if let Some(body) = body {
            message(frame, body);
        }
    }
}

type Messages = (Vec<(Frame, Option<Vec<u8>>)>, Option<Frame>);

/// The messages, and the header at which the stream has ended for good.
fn messages(mut stream: &[u8], step: usize) -> Messages {
    // Less than a message may have, so that some are dropped.
    let room = GUEST_MESSAGE_MAX / 2;
    let (mut input, mut found) = (Input::new(GUEST_MESSAGE_MAX), Vec::new());
    loop {
        let piece = stream.get(..step).unwrap_or(stream);
        let taken = input.push(piece);
        stream = stream.get(taken..).unwrap_or_default();
        assert!(input.pending() <= INPUT_MAX && input.gathered() <= room);
        loop {
            let gathered = input.gather(room);
            match gathered.and_then(|()| input.message()) {
                Ok(Next::Nothing) => break,
                Ok(Next::Message(frame, body)) => found.push((frame, Some(body.to_vec()))),
                Ok(Next::Dropped(frame)) => found.push((frame, None)),
                Err((frame, _)) => return (found, Some(frame)),
            }
            input.take();
        }
        if taken == 0 {
            return (found, None);
        }
    }
}

fn message(frame: &Frame, body: &[u8]) {
    assert!(body.len() <= GUEST_MESSAGE_MAX);
    if let Some(op) = frame.operation()
        && let Ok(request) = Request::parse(op, body, GUEST_ITEMS_MAX)
    {
        assert_eq!(request.op(), op);
        let encoded = request.encode(frame.id.get());
        let again = first(&encoded).map(|frame| (frame.op, frame.id));
        assert_eq!(again, Some((frame.op, frame.id)));
        if encoded.len() <= FRAME_HEAD.saturating_add(FRAGMENT_MAX) {
            assert_eq!(encoded.get(FRAME_HEAD..), Some(body), "there is one way to say it");
        }
    }
    let _ = (answers::node(body), answers::nodes(body), answers::page(body));
    let _ = (answers::matches(body), answers::failure(body), answers::event(body));
}
