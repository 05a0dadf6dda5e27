//! Writing a stream.

use std::io::{self, Write};

use thiserror::Error;
use zerocopy::{Immutable, IntoBytes, LittleEndian};

use super::{
    Connection, Depth, Domain, Global, GlobalQuota, IDENT, Link, NO_TARGET, Node, Record, Version,
    Watch,
    fields::{
        ConnectionHead, DepthPart, DomainHead, GlobalHead, Head, NodeHead, PermissionPart,
        QuotaHead, RING, RingSpec, SOCKET, STALE, SocketSpec, TransactionHead, UNIQUE_ID,
        WatchHead,
    },
    padded,
    watch::ALL_LEVELS,
};

/// Writes a stream, little-endian.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    version: Version,
    /// The record at hand.
    body: Vec<u8>,
}

/// A record that can't be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// the system refuses
    #[error("the stream can't be written: {0}")]
    System(#[from] io::Error),
    /// something is larger than its field in the stream can say
    #[error("{what} of {len} is more than a {record} record can hold")]
    TooLong {
        /// What.
        what: &'static str,
        /// How large.
        len: usize,
        /// Of which record.
        record: &'static str,
    },
    /// a text that has a NUL
    #[error("{what} of a {record} record has a NUL within")]
    Nul {
        /// Which text.
        what: &'static str,
        /// Of which record.
        record: &'static str,
    },
    /// something of version 2
    #[error("{0} can't be written in version 1")]
    NotInVersion(&'static str),
}

/// A record whose parts are being put together.
struct Making<'b> {
    record: &'static str,
    body: &'b mut Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins a stream.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn new(mut out: W, version: Version) -> Result<Writer<W>, WriteError> {
        out.write_all(&IDENT)?;
        out.write_all(&(version as u32).to_be_bytes())?;
        out.write_all(&0_u32.to_be_bytes())?;
        Ok(Writer { out, version, body: Vec::new() })
    }

    /// Writes a record.
    ///
    /// # Errors
    /// What the system refuses; what doesn't fit into the record. Nothing of it is written then.
    pub fn put(&mut self, record: &Record<'_>) -> Result<(), WriteError> {
        let version = self.version;
        self.body.clear();
        let mut making = Making { record: record.name(), body: &mut self.body };
        let kind = match record {
            Record::Global(global) => making.global(global),
            Record::Connection(connection) => making.connection(connection)?,
            Record::Watch(watch) => making.watch(watch, version)?,
            Record::Transaction(open) => {
                let (conn, id) = (open.conn.into(), open.id.into());
                making.fixed(&TransactionHead::<LittleEndian> { conn, id });
                4
            }
            Record::Node(node) => making.node(node)?,
            Record::GlobalQuota(quota) => making.global_quota(quota)?,
            Record::Domain(domain) => making.domain(domain, version)?,
        };
        making.pad();
        let len: u32 = making.size("the length", making.body.len())?;
        let head = Head::<LittleEndian> { kind: kind.into(), len: len.into() };
        self.out.write_all(head.as_bytes())?;
        self.out.write_all(&self.body)?;
        Ok(())
    }

    /// Writes the END record.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn finish(mut self) -> Result<W, WriteError> {
        let end = Head::<LittleEndian> { kind: 0.into(), len: 0.into() };
        self.out.write_all(end.as_bytes())?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl Making<'_> {
    fn global(&mut self, global: &Global) -> u32 {
        let fd = |fd: Option<i32>| fd.unwrap_or(-1).into();
        let (socket, evtchn) = (fd(global.socket), fd(global.evtchn));
        self.fixed(&GlobalHead::<LittleEndian> { socket, evtchn });
        1
    }

    fn connection(&mut self, connection: &Connection<'_>) -> Result<u32, WriteError> {
        let (kind, spec) = match connection.link {
            Link::Ring { domid, target, evtchn } => {
                let target = target.unwrap_or(NO_TARGET);
                let (domid, target, evtchn) = (domid.into(), target.into(), evtchn.into());
                let spec = RingSpec::<LittleEndian> { domid, target, evtchn };
                (RING, zerocopy::transmute!(spec))
            }
            Link::Socket { fd } => {
                let spec = SocketSpec::<LittleEndian> { fd: fd.into(), pad: 0.into() };
                (SOCKET, zerocopy::transmute!(spec))
            }
        };
        let fields = if connection.unique_id.is_some() { UNIQUE_ID } else { 0 };
        let in_len: u16 = self.size("unprocessed input", connection.input.len())?;
        let out_len: u32 = self.size("output", connection.output.len())?;
        self.fixed(&ConnectionHead::<LittleEndian> {
            id: connection.id.into(),
            kind: kind.into(),
            fields: fields.into(),
            spec,
            in_len: in_len.into(),
            partial_len: connection.partial.into(),
            out_len: out_len.into(),
        });
        self.body.extend_from_slice(connection.input);
        self.body.extend_from_slice(connection.output);
        if let Some(id) = connection.unique_id {
            self.pad();
            self.fixed(&zerocopy::U64::<LittleEndian>::new(id));
        }
        Ok(2)
    }

    fn watch(&mut self, watch: &Watch<'_>, version: Version) -> Result<u32, WriteError> {
        let path_len: u16 = self.text_size("the path", watch.path)?;
        let token_len: u16 = self.text_size("the token", watch.token)?;
        let (path_len, token_len) = (path_len.into(), token_len.into());
        self.fixed(&WatchHead::<LittleEndian> { conn: watch.conn.into(), path_len, token_len });
        let kind = match watch.depth {
            Depth::All => 3,
            _ if version < Version::V2 => {
                return Err(WriteError::NotInVersion("the depth of a watch"));
            }
            // One that was lost: all the way down, so that it misses nothing.
            Depth::Lost => self.depth(ALL_LEVELS),
            Depth::Levels(depth) => self.depth(depth),
        };
        self.text(watch.path);
        self.text(watch.token);
        Ok(kind)
    }

    fn depth(&mut self, depth: u16) -> u32 {
        self.fixed(&DepthPart::<LittleEndian> { depth: depth.into(), pad: 0.into() });
        8
    }

    fn node(&mut self, node: &Node<'_>) -> Result<u32, WriteError> {
        let path_len: u16 = self.text_size("the path", node.path)?;
        let value_len: u16 = self.size("the value", node.value.len())?;
        let perms: u16 = self.size("the permission list", node.perms().len())?;
        self.fixed(&NodeHead::<LittleEndian> {
            conn: node.conn.into(),
            tx: node.tx.into(),
            path_len: path_len.into(),
            value_len: value_len.into(),
            access: node.access.into(),
            perms: perms.into(),
        });
        for perm in node.perms() {
            let flags = if perm.is_stale { STALE } else { 0 };
            let (letter, domid) = (perm.letter, perm.domid.into());
            self.fixed(&PermissionPart::<LittleEndian> { letter, flags, domid });
        }
        self.text(node.path);
        self.body.extend_from_slice(node.value);
        Ok(5)
    }

    fn global_quota(&mut self, quota: &GlobalQuota<'_>) -> Result<u32, WriteError> {
        let per_domain: u16 = self.size("the number of quotas", quota.per_domain.len())?;
        let global: u16 = self.size("the number of quotas", quota.global.len())?;
        let (per_domain, global) = (per_domain.into(), global.into());
        self.fixed(&QuotaHead::<LittleEndian> { per_domain, global });
        self.quotas(quota.per_domain.iter().chain(&quota.global))?;
        Ok(6)
    }

    fn domain(&mut self, domain: &Domain<'_>, version: Version) -> Result<u32, WriteError> {
        if domain.features.is_some() && version < Version::V2 {
            return Err(WriteError::NotInVersion("a domain's features"));
        }
        let quotas: u16 = self.size("the number of quotas", domain.quotas.len())?;
        let (domid, features) = (domain.domid.into(), domain.features.unwrap_or(0).into());
        self.fixed(&DomainHead::<LittleEndian> { domid, quotas: quotas.into(), features });
        self.quotas(domain.quotas.iter())?;
        Ok(7)
    }

    /// Values, then names.
    fn quotas<'q>(
        &mut self,
        quotas: impl Iterator<Item = &'q (&'q [u8], u32)> + Clone,
    ) -> Result<(), WriteError> {
        for (_, value) in quotas.clone() {
            self.fixed(&zerocopy::U32::<LittleEndian>::new(*value));
        }
        for (name, _) in quotas {
            let _: u16 = self.text_size("the name of a quota", name)?;
            self.text(name);
        }
        Ok(())
    }

    fn fixed(&mut self, part: &(impl IntoBytes + Immutable)) {
        self.body.extend_from_slice(part.as_bytes());
    }

    fn text(&mut self, text: &[u8]) {
        self.body.extend_from_slice(text);
        self.body.push(0);
    }

    fn pad(&mut self) {
        self.body.resize(padded(self.body.len()), 0);
    }

    fn text_size<T: TryFrom<usize>>(
        &self,
        what: &'static str,
        text: &[u8],
    ) -> Result<T, WriteError> {
        if text.contains(&0) {
            return Err(WriteError::Nul { what, record: self.record });
        }
        self.size(what, text.len().saturating_add(1))
    }

    fn size<T: TryFrom<usize>>(&self, what: &'static str, len: usize) -> Result<T, WriteError> {
        T::try_from(len).map_err(|_| WriteError::TooLong { what, len, record: self.record })
    }
}
