//! The codec, fed with any stream.

use myriad_core::DomId;

use crate::v1::{
    Assembler, HEADER_LEN, Header, Name, Op, PAYLOAD_MAX, PathRules, QuotaQuery, Request, Specials,
    limits::INPUT_MAX, reply, strings,
};

/// Takes `data` for a client's stream: in pieces whose size the first byte says, and whole.
/// Both must give the same messages; each message is parsed as far as it goes, and answered.
///
/// # Panics
/// Where the codec is wrong.
pub fn codec(data: &[u8]) {
    let Some((&step, stream)) = data.split_first() else { return };
    let whole = messages(stream, INPUT_MAX);
    let pieces = messages(stream, usize::from(step).saturating_add(1));
    assert_eq!(whole, pieces, "the messages depend on how the bytes arrive");
    for (header, payload) in &whole {
        message(header, payload);
    }
}

fn messages(mut stream: &[u8], step: usize) -> Vec<(Header, Vec<u8>)> {
    let (mut input, mut found) = (Assembler::default(), Vec::new());
    loop {
        let piece = stream.get(..step).unwrap_or(stream);
        let taken = input.push(piece);
        stream = stream.get(taken..).unwrap_or_default();
        assert!(input.pending() <= INPUT_MAX);
        while let Ok(Some(message)) = input.message() {
            found.push((message.header, message.payload.to_vec()));
            input.take();
        }
        if taken == 0 {
            return found;
        }
    }
}

fn message(header: &Header, payload: &[u8]) {
    assert_eq!(Header::from_bytes(header.to_bytes()), *header);
    let mut out = Vec::new();
    if let Some(op) = Op::from_number(header.op)
        && let Ok(request) = Request::parse(op, payload)
    {
        understand(&request);
        reply::put_directory_part(&mut out, header, u64::MAX, payload, header.req_id);
    }
    reply::put(&mut out, header, payload);
    if let Some((path, token)) = payload.split_at_checked(payload.len() / 2) {
        let _ = reply::put_event(&mut out, path, token);
    }
    let mut rest = out.as_slice();
    while let Some((head, tail)) = rest.split_first_chunk::<HEADER_LEN>() {
        let len = usize::try_from(Header::from_bytes(*head).len).unwrap_or(usize::MAX);
        assert!(len <= PAYLOAD_MAX);
        rest = tail.get(len..).unwrap_or_default();
    }
    assert!(rest.is_empty());
}

fn understand(request: &Request<'_>) {
    match request {
        Request::Directory { path }
        | Request::Read { path }
        | Request::GetPerms { path }
        | Request::Watch { path, .. }
        | Request::Unwatch { path, .. }
        | Request::Write { path, .. }
        | Request::Mkdir { path }
        | Request::Rm { path }
        | Request::DirectoryPart { path, .. } => resolve(path),
        Request::SetPerms { path, perms } => {
            resolve(path);
            if let Ok(read) = perms.parse() {
                assert_eq!(read.len(), perms.len());
            }
        }
        Request::Control(args) => assert!(args.args.count() <= PAYLOAD_MAX),
        Request::GetQuota(QuotaQuery::Domain { domid, .. }) => assert!(domid.domid().is_some()),
        _ => {}
    }
}

fn resolve(path: &[u8]) {
    assert_eq!(strings(path).count(), 0, "a path has no NUL");
    let (rules, mut buffer) = (PathRules::new(DomId(7)), String::new());
    match rules.resolve(path, 2048, Specials::Allowed, &mut buffer) {
        Ok(Name::Node(path)) => assert!(path.as_str().starts_with('/')),
        Ok(Name::Special(name)) => assert!(name.starts_with('@') && name.len() < 2048),
        Err(_) => {}
    }
}
