//! Reading a stream, one record after the other.

use zerocopy::{BigEndian, ByteOrder, LittleEndian, U32, U64};

use super::{
    BIG_ENDIAN, Connection, Domain, Global, GlobalQuota, IDENT, Link, NO_TARGET, Node, Permissions,
    Record, StreamError, Transaction, Version, Wrong,
    fields::{
        ConnectionHead, DomainHead, GlobalHead, Head, NodeHead, QuotaHead, RING, RingSpec, SOCKET,
        SocketSpec, TransactionHead, UNIQUE_ID,
    },
    padded,
    parts::{Parts, take},
    record::{Entries, PERMISSION},
    watch,
};

/// Reads a stream.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    version: Version,
    big_endian: bool,
    ended: bool,
}

impl<'a> Reader<'a> {
    /// Looks at the beginning of a stream.
    ///
    /// # Errors
    /// No stream, one of a version that isn't known, or one that is cut off.
    pub fn new(bytes: &'a [u8]) -> Result<Reader<'a>, StreamError> {
        let fail = |wrong| StreamError { offset: 0, wrong };
        let Some((head, _)) = bytes.split_first_chunk::<BEGINNING>() else {
            let is_one = bytes.iter().zip(IDENT).all(|(byte, ident)| *byte == ident);
            let missing = BEGINNING.saturating_sub(bytes.len());
            let cut = Wrong::CutOff { what: "its beginning", missing };
            return Err(fail(if is_one { cut } else { Wrong::NoStream }));
        };
        let [ident @ .., v0, v1, v2, v3, f0, f1, f2, f3] = head;
        if *ident != IDENT {
            return Err(fail(Wrong::NoStream));
        }
        let version = match u32::from_be_bytes([*v0, *v1, *v2, *v3]) {
            1 => Version::V1,
            2 => Version::V2,
            other => return Err(fail(Wrong::Version(other))),
        };
        let flags = u32::from_be_bytes([*f0, *f1, *f2, *f3]);
        if flags & !BIG_ENDIAN != 0 {
            return Err(fail(Wrong::Flags(flags)));
        }
        let big_endian = flags == BIG_ENDIAN;
        Ok(Reader { bytes, at: BEGINNING, version, big_endian, ended: false })
    }

    /// The stream's version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether its numbers are big-endian.
    #[must_use]
    pub fn is_big_endian(&self) -> bool {
        self.big_endian
    }

    /// Where the next record begins; at the end, where the stream has ended.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.at
    }

    /// The next record; none at the END record. What follows that one is nobody's affair.
    ///
    /// # Errors
    /// What is wrong with it, and where it begins. The same again at the next call.
    pub fn next_record(&mut self) -> Result<Option<Record<'a>>, StreamError> {
        if self.ended {
            return Ok(None);
        }
        let read =
            if self.big_endian { Self::read::<BigEndian> } else { Self::read::<LittleEndian> };
        match read(self) {
            Ok((record, len)) => {
                self.at = self.at.saturating_add(len);
                self.ended = record.is_none();
                Ok(record)
            }
            Err(wrong) => Err(StreamError { offset: self.at, wrong }),
        }
    }

    /// The record here, and its bytes with its head.
    fn read<O: ByteOrder>(&mut self) -> Result<(Option<Record<'a>>, usize), Wrong> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return Err(Wrong::NoEnd);
        }
        let (head, rest) = take::<Head<O>>(rest, "a record's head")?;
        let len = usize::try_from(head.len.get()).unwrap_or(usize::MAX);
        if padded(len) != len {
            return Err(Wrong::Unaligned(len));
        }
        let kind = head.kind.get();
        if kind == EXTENDED_WATCH && self.version == Version::V1 {
            return Err(Wrong::NotInVersion(kind));
        }
        if kind == EXTENDED_WATCH {
            let (watch, len) = watch::extended::<O>(rest, len)?;
            return Ok((Some(Record::Watch(watch)), HEAD.saturating_add(len)));
        }
        let cut = || Wrong::CutOff { what: "a record", missing: len.saturating_sub(rest.len()) };
        let body = rest.get(..len).ok_or_else(cut)?;
        let record = match kind {
            0 if len == 0 => None,
            0 => return Err(Wrong::Parts { what: "END", len, parts: 0 }),
            1 => Some(Record::Global(global::<O>(body)?)),
            2 => Some(Record::Connection(connection::<O>(body)?)),
            3 => Some(Record::Watch(watch::plain::<O>(body)?)),
            4 => {
                let mut parts = Parts { what: "TRANSACTION_DATA", body, at: 0 };
                let TransactionHead { conn, id } = parts.fixed::<TransactionHead<O>>()?;
                parts.end()?;
                Some(Record::Transaction(Transaction { conn: conn.get(), id: id.get() }))
            }
            5 => Some(Record::Node(node::<O>(body)?)),
            6 => Some(Record::GlobalQuota(global_quota::<O>(body)?)),
            7 => Some(Record::Domain(domain::<O>(body, self.version)?)),
            other => return Err(Wrong::Type(other)),
        };
        Ok((record, HEAD.saturating_add(len)))
    }
}

fn global<O: ByteOrder>(body: &[u8]) -> Result<Global, Wrong> {
    let mut parts = Parts { what: "GLOBAL_DATA", body, at: 0 };
    let GlobalHead { socket, evtchn } = parts.fixed::<GlobalHead<O>>()?;
    parts.end()?;
    let fd = |number: i32, what| match number {
        -1 => Ok(None),
        0.. => Ok(Some(number)),
        _ => Err(Wrong::Number { what, number: wide(number), record: "GLOBAL_DATA" }),
    };
    Ok(Global { socket: fd(socket.get(), "socket")?, evtchn: fd(evtchn.get(), "event channel")? })
}

fn connection<O: ByteOrder>(body: &[u8]) -> Result<Connection<'_>, Wrong> {
    let record = "CONNECTION_DATA";
    let mut parts = Parts { what: record, body, at: 0 };
    let head = parts.fixed::<ConnectionHead<O>>()?;
    let bad = |what, number: u64| Err(Wrong::Number { what, number, record });
    let link = match head.kind.get() {
        RING => {
            let (spec, _) = take::<RingSpec<O>>(&head.spec, record)?;
            let target = Some(spec.target.get()).filter(|domid| *domid != NO_TARGET);
            Link::Ring { domid: spec.domid.get(), target, evtchn: spec.evtchn.get() }
        }
        SOCKET => {
            let (spec, _) = take::<SocketSpec<O>>(&head.spec, record)?;
            Link::Socket { fd: spec.fd.get() }
        }
        other => return bad("type", other.into()),
    };
    let fields = head.fields.get();
    if fields & !UNIQUE_ID != 0 {
        return bad("fields", fields.into());
    }
    let (id, partial) = (head.id.get(), head.partial_len.get());
    if id == 0 {
        return bad("number", 0);
    }
    let input = parts.bytes(head.in_len.get().into())?;
    let output = parts.bytes(usize::try_from(head.out_len.get()).unwrap_or(usize::MAX))?;
    if usize::from(partial) > output.len() {
        return bad("length of a partial reply", partial.into());
    }
    let mut unique_id = None;
    if fields & UNIQUE_ID != 0 {
        parts.pad();
        unique_id = Some(parts.fixed::<U64<O>>()?.get());
    }
    parts.end()?;
    Ok(Connection { id, link, input, output, partial, unique_id })
}

fn node<O: ByteOrder>(body: &[u8]) -> Result<Node<'_>, Wrong> {
    let mut parts = Parts { what: "NODE_DATA", body, at: 0 };
    let head = parts.fixed::<NodeHead<O>>()?;
    let bytes = parts.bytes(usize::from(head.perms.get()).saturating_mul(PERMISSION))?;
    for entry in bytes.chunks_exact(PERMISSION) {
        let letter = entry.first().copied().unwrap_or_default();
        if !b"nrwb".contains(&letter) {
            let number = letter.into();
            return Err(Wrong::Number { what: "permission", number, record: "NODE_DATA" });
        }
    }
    let path = parts.text(head.path_len.get().into(), "path")?;
    let value = parts.bytes(head.value_len.get().into())?;
    parts.end()?;
    let perms = Permissions(Entries::Raw { bytes, big_endian: is_big::<O>() });
    let (conn, tx, access) = (head.conn.get(), head.tx.get(), head.access.get());
    Ok(Node { conn, tx, path, value, access, perms })
}

fn global_quota<O: ByteOrder>(body: &[u8]) -> Result<GlobalQuota<'_>, Wrong> {
    let mut parts = Parts { what: "GLOBAL_QUOTA_DATA", body, at: 0 };
    let head = parts.fixed::<QuotaHead<O>>()?;
    let per_domain = usize::from(head.per_domain.get());
    let all = per_domain.saturating_add(head.global.get().into());
    let mut per_domain_and_global = quotas::<O>(&mut parts, all)?;
    let global = per_domain_and_global.split_off(per_domain);
    Ok(GlobalQuota { per_domain: per_domain_and_global, global })
}

fn domain<O: ByteOrder>(body: &[u8], version: Version) -> Result<Domain<'_>, Wrong> {
    let mut parts = Parts { what: "DOMAIN_DATA", body, at: 0 };
    let head = parts.fixed::<DomainHead<O>>()?;
    let quotas = quotas::<O>(&mut parts, head.quotas.get().into())?;
    let features = (version >= Version::V2).then_some(head.features.get());
    Ok(Domain { domid: head.domid.get(), features, quotas })
}

/// Values, then names; and the end of the record.
fn quotas<'a, O: ByteOrder>(
    parts: &mut Parts<'a>,
    count: usize,
) -> Result<Vec<(&'a [u8], u32)>, Wrong> {
    let values = parts.bytes(count.saturating_mul(size_of::<u32>()))?;
    let mut quotas = Vec::with_capacity(count);
    for value in values.chunks_exact(size_of::<u32>()) {
        let value = take::<U32<O>>(value, parts.what)?.0.get();
        let rest = parts.body.get(parts.at..).unwrap_or_default();
        let len = rest.iter().position(|byte| *byte == 0).map_or(rest.len(), |nul| nul + 1);
        quotas.push((parts.text(len, "name of a quota")?, value));
    }
    parts.end()?;
    Ok(quotas)
}

fn is_big<O: ByteOrder>() -> bool {
    U32::<O>::new(1).as_ref().first() == Some(&0)
}

/// A number for an error: negative ones as the 32 bits that they are.
fn wide(number: i32) -> u64 {
    u32::from_ne_bytes(number.to_ne_bytes()).into()
}

/// Bytes before the first record.
pub(super) const BEGINNING: usize = 16;
/// Bytes of a record's head.
const HEAD: usize = 8;
/// The record whose length C xenstored gets wrong.
const EXTENDED_WATCH: u32 = 8;
