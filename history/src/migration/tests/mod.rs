//! Streams, read and written; and what is none.

mod random;

use super::{reader::BEGINNING, *};

fn stream(records: &[Record<'_>], version: Version) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), version).unwrap();
    records.iter().for_each(|record| writer.put(record).unwrap());
    writer.finish().unwrap()
}

fn read(bytes: &[u8]) -> Result<Vec<Record<'_>>, StreamError> {
    let mut reader = Reader::new(bytes)?;
    let mut records = Vec::new();
    while let Some(record) = reader.next_record()? {
        records.push(record);
    }
    assert_eq!(reader.next_record(), Ok(None));
    Ok(records)
}

/// A record as it lies in a stream: its type and body, little-endian; without padding.
fn raw(kind: u32, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let len = u32::try_from(padded(body.len())).unwrap();
    let mut bytes = [kind.to_le_bytes(), len.to_le_bytes()].concat();
    bytes.extend_from_slice(&body);
    bytes.resize(8 + padded(body.len()), 0);
    bytes
}

fn beginning(version: u32, flags: u32) -> Vec<u8> {
    [&b"xenstore"[..], &version.to_be_bytes(), &flags.to_be_bytes()].concat()
}

fn with_end(version: u32, records: &[Vec<u8>]) -> Vec<u8> {
    [beginning(version, 0), records.concat(), raw(0, &[])].concat()
}

fn wrong(bytes: &[u8]) -> Wrong {
    read(bytes).unwrap_err().wrong
}

const OWNER: Permission = Permission { letter: b'n', is_stale: false, domid: 0 };
const GUEST: Permission = Permission { letter: b'b', is_stale: true, domid: 0x0107 };

/// One of each.
fn all() -> Vec<Record<'static>> {
    let link = Link::Ring { domid: 7, target: None, evtchn: 9 };
    let ring = Connection {
        id: 1,
        link,
        input: b"half",
        output: b"",
        partial: 0,
        unique_id: Some(1 << 40),
    };
    let link = Link::Socket { fd: 12 };
    let socket =
        Connection { id: 2, link, input: b"", output: b"reply", partial: 5, unique_id: None };
    let all = Watch { conn: 1, path: b"device", token: b"t", depth: Depth::All };
    let deep = Watch { path: b"@releaseDomain", depth: Depth::Levels(2), ..all };
    vec![
        Record::Global(Global { socket: Some(5), evtchn: None }),
        Record::GlobalQuota(GlobalQuota {
            per_domain: vec![(b"nodes", 1000), (b"watches", 128)],
            global: vec![(b"q", 0)],
        }),
        Record::Connection(ring),
        Record::Watch(all),
        Record::Watch(deep),
        Record::Transaction(Transaction { conn: 1, id: 3 }),
        Record::Connection(socket),
        Record::Node(Node::committed(b"/", b"", &[OWNER])),
        Record::Node(Node::committed(b"/a", b"1", &[OWNER, GUEST]).pending(1, 3, 2)),
        Record::Domain(Domain { domid: 7, features: Some(15), quotas: vec![(b"nodes", 5)] }),
    ]
}

#[test]
fn the_bytes_are_those_of_xens_specification() {
    let node = Record::Node(Node::committed(b"/ab", b"xy", &[OWNER, GUEST]));
    let expected = with_end(
        1,
        &[raw(5, &[&[0; 8], &[4, 0, 2, 0, 0, 0, 2, 0], b"n\0\0\0", b"b\x01\x07\x01", b"/ab\0xy"])],
    );
    assert_eq!(stream(&[node], Version::V1), expected);

    let deep = Watch { conn: 2, path: b"/a", token: b"tok", depth: Depth::Levels(1) };
    let expected =
        with_end(2, &[raw(8, &[&2_u32.to_le_bytes(), &[3, 0, 4, 0], &[1, 0, 0, 0], b"/a\0tok\0"])]);
    assert_eq!(stream(&[Record::Watch(deep)], Version::V2), expected);

    let link = Link::Ring { domid: 1, target: None, evtchn: 7 };
    let ring =
        Connection { id: 9, link, input: b"abc", output: b"de", partial: 1, unique_id: Some(5) };
    let lens = [3, 0, 1, 0, 2, 0, 0, 0];
    let expected = with_end(
        1,
        &[raw(
            2,
            &[
                &9_u32.to_le_bytes(),
                &[0, 0, 1, 0],
                &[1, 0, 0xf4, 0x7f, 7, 0, 0, 0],
                &lens,
                b"abcde\0\0\0",
                &5_u64.to_le_bytes(),
            ],
        )],
    );
    assert_eq!(stream(&[Record::Connection(ring)], Version::V1), expected);
}

#[test]
fn one_of_each_comes_back_and_belongs_together() {
    let bytes = stream(&all(), Version::V2);
    assert_eq!(read(&bytes).unwrap(), all());
    let mut links = Links::default();
    all().iter().for_each(|record| links.note(record).unwrap());
    let counts = links.counts();
    assert_eq!((counts.connections, counts.watches, counts.nodes, counts.pending), (2, 2, 1, 1));
}

/// Debian's C xenstored 4.17 has written this at a live update: two guests, and three clients of
/// the socket, one with half a request, the last the one that asked for the update.
#[test]
fn what_c_has_written_is_read() {
    let bytes = include_bytes!("xen-4.17.stream");
    let records = read(bytes).unwrap();
    let mut links = Links::default();
    records.iter().for_each(|record| links.note(record).unwrap());
    let expected =
        Counts { globals: 1, connections: 6, watches: 3, nodes: 14, ..Counts::default() };
    assert_eq!(links.counts(), expected);
    let link = Link::Socket { fd: 9 };
    let half = &bytes[0xa0..0xb7];
    let expected =
        Connection { id: 3, link, input: half, output: b"", partial: 0, unique_id: None };
    assert!(records.contains(&Record::Connection(expected)));
    let asked = records.iter().find_map(|record| match record {
        Record::Connection(connection) if connection.id == 6 => Some(connection.output),
        _ => None,
    });
    assert!(asked.unwrap().ends_with(b"OK\0"));
    let Some(Record::Node(last)) = records.last() else { panic!("a node") };
    assert_eq!((last.path, last.value), (&b"/a/b/c"[..], &b"value\0with nul"[..]));
    assert_eq!(stream(&records, Version::V1), bytes);
}

#[test]
fn numbers_may_be_big_endian() {
    let body = [&[0, 0, 0, 3, 0, 3, 0, 2][..], b"/a\0t\0", &[0; 3]].concat();
    let head = [0, 0, 0, 3, 0, 0, 0, 16];
    let bytes = [&beginning(1, 1)[..], &head, &body, &[0; 8]].concat();
    let watch = Watch { conn: 3, path: b"/a", token: b"t", depth: Depth::All };
    assert_eq!(read(&bytes).unwrap(), [Record::Watch(watch)]);

    let body = [&[0; 8][..], &[0, 2, 0, 0, 0, 0, 0, 1], b"r\0\x01\x02", b"/\0", &[0; 2]].concat();
    let head = [0, 0, 0, 5, 0, 0, 0, 24];
    let bytes = [&beginning(2, 1)[..], &head, &body, &[0; 8]].concat();
    let perms = [Permission { letter: b'r', is_stale: false, domid: 0x0102 }];
    assert_eq!(read(&bytes).unwrap(), [Record::Node(Node::committed(b"/", b"", &perms))]);
}

/// C's own writer: eight fixed bytes, and a length that counts twelve.
#[test]
fn the_extended_watch_is_known_as_c_writes_it() {
    let next = raw(4, &[&1_u32.to_le_bytes(), &2_u32.to_le_bytes()]);
    let pairs: [(&[u8], &[u8]); 6] = [
        (b"/", b""),
        (b"/", b"t"),
        (b"/a", b"tok"),
        (b"@releaseDomain", b"xyz"),
        (b"device/vif", b"1"),
        (b"/local/domain/7", b"a token"),
    ];
    for (path, token) in pairs {
        let lens = [path.len() + 1, token.len() + 1].map(|len| u16::try_from(len).unwrap());
        let texts = [path, b"\0", token, b"\0"].concat();
        let [path_len, token_len] = lens.map(u16::to_le_bytes);
        let mut watch = raw(8, &[&1_u32.to_le_bytes(), &path_len, &token_len, &texts]);
        let len = u32::try_from(padded(12 + texts.len())).unwrap();
        watch[4..8].copy_from_slice(&len.to_le_bytes());
        let bytes = with_end(2, &[watch, next.clone()]);
        let expected = Watch { conn: 1, path, token, depth: Depth::Lost };
        let tx = Transaction { conn: 1, id: 2 };
        let records = read(&bytes).unwrap();
        assert_eq!(records, [Record::Watch(expected), Record::Transaction(tx)], "{path:?}");
    }
}

#[test]
fn what_is_no_stream_says_so() {
    assert_eq!(wrong(b""), Wrong::CutOff { what: "its beginning", missing: BEGINNING });
    assert_eq!(wrong(b"xenst"), Wrong::CutOff { what: "its beginning", missing: BEGINNING - 5 });
    assert_eq!(wrong(b"xenstole"), Wrong::NoStream);
    assert_eq!(wrong(&[0; 64]), Wrong::NoStream);
    assert_eq!(wrong(&beginning(3, 0)), Wrong::Version(3));
    assert_eq!(wrong(&beginning(1, 2)), Wrong::Flags(2));
    assert_eq!(wrong(&beginning(1, 0)), Wrong::NoEnd);
    assert_eq!(wrong(&with_end(1, &[raw(9, &[])])), Wrong::Type(9));
    assert_eq!(wrong(&with_end(1, &[raw(8, &[&[0; 16]])])), Wrong::NotInVersion(8));
    let mut odd = raw(1, &[&[0xff; 8]]);
    odd[4] = 7;
    assert_eq!(wrong(&with_end(1, &[odd])), Wrong::Unaligned(7));
    let error = read(&with_end(1, &[raw(4, &[&[1; 8]]), raw(1, &[&[0xfe; 8]])])).unwrap_err();
    assert_eq!(error.offset, BEGINNING + 16);
    assert!(error.to_string().starts_with("the stream is wrong at byte 32: the socket 4278124286"));
}

#[test]
fn texts_and_lengths_must_fit() {
    let watch = |lens: [u8; 4], texts: &[u8]| {
        wrong(&with_end(1, &[raw(3, &[&1_u32.to_le_bytes(), &lens, texts])]))
    };
    assert!(matches!(watch([3, 0, 2, 0], b"/abt\0"), Wrong::Text { what: "path", .. }));
    assert!(matches!(watch([3, 0, 2, 0], b"/\0\0t\0"), Wrong::Text { what: "path", .. }));
    assert!(matches!(watch([3, 0, 0, 0], b"/a\0"), Wrong::Text { what: "token", .. }));
    assert!(matches!(watch([255, 255, 2, 0], b"/a\0t\0"), Wrong::Parts { .. }));
    assert!(matches!(watch([3, 0, 2, 0], b"/a\0t\0....more."), Wrong::Parts { .. }));
    let node = |head: &[u8], rest: &[u8]| wrong(&with_end(1, &[raw(5, &[&[0; 8], head, rest])]));
    assert!(matches!(node(&[2, 0, 0, 0, 0, 0, 1, 0], b"q\0\0\0/\0"), Wrong::Number { .. }));
    assert!(matches!(node(&[2, 0, 0, 0, 0, 0, 255, 255], b"n\0\0\0/\0"), Wrong::Parts { .. }));
}

#[test]
fn what_has_no_room_is_not_written() {
    let mut writer = Writer::new(Vec::new(), Version::V1).unwrap();
    let long = vec![b'x'; 1 << 16];
    let node = Node::committed(b"/a", &long, &[OWNER]);
    assert!(matches!(writer.put(&Record::Node(node)), Err(WriteError::TooLong { len: 65536, .. })));
    let node = Node::committed(b"/a\0b", b"", &[OWNER]);
    assert!(matches!(writer.put(&Record::Node(node)), Err(WriteError::Nul { .. })));
    for record in all() {
        let is_v2 = matches!(record.name(), "WATCH_DATA_EXTENDED" | "DOMAIN_DATA");
        assert_eq!(writer.put(&record).is_err(), is_v2, "{record:?}");
    }
    let bytes = writer.finish().unwrap();
    assert_eq!(read(&bytes).unwrap().len(), all().len() - 2);
}

#[test]
fn what_refers_to_nothing_or_comes_twice_is_found() {
    let error = |records: &[Record<'_>]| {
        let mut links = Links::default();
        let errors = records.iter().filter_map(|record| links.note(record).err());
        errors.last().map(|wrong| wrong.to_string())
    };
    let node = |path| Record::Node(Node::committed(path, b"", &[]));
    assert_eq!(error(&[node(b"/"), node(b"/a"), node(b"/a/b")]), None);
    let orphan = error(&[node(b"/"), node(b"/a/b")]).unwrap();
    assert_eq!(orphan, "a NODE_DATA record names the parent /a, which no record before it has");
    assert_eq!(error(&[node(b"/"), node(b"/")]).unwrap(), "a second NODE_DATA record of /");
    assert_eq!(error(&[node(b"@releaseDomain")]), None);
    let [global, .., domain] = &all()[..] else { panic!("some") };
    assert_eq!(error(&[global.clone(), global.clone()]).unwrap(), "a second GLOBAL_DATA record");
    assert!(error(&[domain.clone(), domain.clone()]).unwrap().ends_with("of domain 7"));
    for record in all() {
        let alone =
            matches!(record.name(), "WATCH_DATA" | "WATCH_DATA_EXTENDED" | "TRANSACTION_DATA");
        let pending = matches!(&record, Record::Node(node) if node.conn != 0);
        assert_eq!(error(std::slice::from_ref(&record)).is_some(), alone || pending, "{record:?}");
        let twice = error(&[all(), vec![record.clone()]].concat());
        assert_eq!(twice.is_some(), !matches!(record, Record::Watch(_)) && !pending, "{record:?}");
    }
}
