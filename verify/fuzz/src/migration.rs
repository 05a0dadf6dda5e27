//! Any bytes as a migration stream: an error that names a byte of it, or records that are written
//! and read back equal.

use myriad_history::migration::{
    Connection, Depth, Domain, Global, GlobalQuota, Link, Links, Node, Permission, Reader, Record,
    Transaction, Version, Watch, WriteError, Writer,
};

/// Runs an input.
///
/// # Panics
/// Where what was read can't be written, or doesn't come back.
pub fn run(data: &[u8]) {
    let Some((records, end)) = read(data) else { return };
    assert!(end <= data.len(), "an error at byte {end} of {}", data.len());
    let mut links = Links::default();
    let _ = records.iter().try_for_each(|record| links.note(record));
    let written = write(Version::V2, &records);
    assert!(written.is_ok(), "{written:?}");
    let written = written.unwrap_or_default();
    let again = read(&written).map(|(records, _)| records);
    assert_eq!(again.as_ref(), Some(&records));
}

/// The records up to the end or the first that is wrong, as they are once written, and where that
/// is.
fn read(data: &[u8]) -> Option<(Vec<Record<'_>>, usize)> {
    let (mut reader, mut records) = (Reader::new(data).ok()?, Vec::new());
    loop {
        records.push(match reader.next_record() {
            Ok(Some(Record::Watch(watch))) if watch.depth == Depth::Lost => {
                let depth = Depth::All;
                Record::Watch(Watch { depth, ..watch })
            }
            Ok(Some(Record::Domain(domain))) => {
                let features = domain.features.or(Some(0));
                Record::Domain(Domain { features, ..domain })
            }
            Ok(Some(record)) => record,
            Ok(None) => return Some((records, reader.offset())),
            Err(error) => return Some((records, error.offset)),
        });
    }
}

fn write(version: Version, records: &[Record<'_>]) -> Result<Vec<u8>, WriteError> {
    let mut writer = Writer::new(Vec::new(), version)?;
    records.iter().try_for_each(|record| writer.put(record))?;
    writer.finish()
}

/// The seeds, by name.
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let v2 = write(Version::V2, &records()).unwrap_or_default();
    let is_v1 =
        |record: &Record<'_>| !matches!(record.name(), "WATCH_DATA_EXTENDED" | "DOMAIN_DATA");
    let v1: Vec<_> = records().into_iter().filter(is_v1).collect();
    let mut cut = v2.clone();
    cut.truncate(cut.len().saturating_sub(11));
    vec![
        ("version-1", write(Version::V1, &v1).unwrap_or_default()),
        ("version-2", v2),
        ("cut-off", cut),
        ("big-endian", BIG.to_vec()),
        ("watch-as-c-writes-it", AS_C.to_vec()),
    ]
}

/// One of each.
fn records() -> Vec<Record<'static>> {
    const PERMS: [Permission; 2] = [
        Permission { letter: b'n', is_stale: false, domid: 0 },
        Permission { letter: b'b', is_stale: true, domid: 7 },
    ];
    let link = Link::Ring { domid: 7, target: Some(8), evtchn: 9 };
    let (input, output) = (&b"half a request"[..], &b"a reply"[..]);
    let ring = Connection { id: 1, link, input, output, partial: 3, unique_id: Some(77) };
    let socket = Connection { id: 2, link: Link::Socket { fd: 12 }, unique_id: None, ..ring };
    let watch = Watch { conn: 1, path: b"device", token: b"token", depth: Depth::All };
    let deep = Watch { path: b"@releaseDomain", depth: Depth::Levels(1), ..watch };
    let quotas: Vec<(&[u8], u32)> = vec![(b"nodes", 1000), (b"watches", 128)];
    vec![
        Record::Global(Global { socket: Some(5), evtchn: None }),
        Record::GlobalQuota(GlobalQuota { per_domain: quotas.clone(), global: quotas.clone() }),
        Record::Connection(ring),
        Record::Watch(watch),
        Record::Watch(deep),
        Record::Transaction(Transaction { conn: 1, id: 3 }),
        Record::Connection(socket),
        Record::Node(Node::committed(b"/", b"", &PERMS)),
        Record::Node(Node::committed(b"/a", b"value", &PERMS).pending(1, 3, 2)),
        Record::Domain(Domain { domid: 7, features: Some(15), quotas }),
    ]
}

/// A watch in a stream whose numbers are big-endian.
const BIG: &[u8] = b"xenstore\0\0\0\x01\0\0\0\x01\
    \0\0\0\x03\0\0\0\x10\0\0\0\x03\0\x03\0\x02/a\0t\0\0\0\0\
    \0\0\0\0\0\0\0\0";
/// A record of type 8 without the depth, whose length is 8 too large.
const AS_C: &[u8] = b"xenstore\0\0\0\x02\0\0\0\0\
    \x08\0\0\0\x18\0\0\0\x01\0\0\0\x03\0\x04\0/a\0tok\0\0\
    \0\0\0\0\0\0\0\0";
