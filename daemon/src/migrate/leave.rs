//! A store becomes a stream.

use std::{collections::HashMap, io::Write};

use ahash::RandomState;
use myriad_core::{
    ConnId, DomainInfo, FoundPerm, Instance, NewWatch, Quota, Quotas, Snapshot, Special, Store,
};
use myriad_history::migration::{
    Connection, Depth, Domain, Global, GlobalQuota, Node, Permission, Record, Version, Watch,
    WriteError, Writer,
};

use super::Lost;

/// A client that goes along.
#[derive(Clone, Debug)]
pub struct Leaving<'a> {
    /// Under which id its watches are in the store.
    pub conn: ConnId,
    /// What the stream is to say of it.
    pub client: Connection<'a>,
    /// How many transactions it has open.
    pub transactions: usize,
}

/// What the daemon that is to read a stream understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The version of the format.
    pub version: Version,
    /// Records of quotas (Xen 4.20 and up): who doesn't know them refuses the stream.
    pub quotas: bool,
}

/// Why a store can't become a stream.
#[derive(Debug, thiserror::Error)]
#[error("the state can't be handed on: {0}")]
pub struct LeaveError(#[from] WriteError);

/// Writes a store and its clients. What was written, and what the stream doesn't say.
///
/// # Errors
/// [`LeaveError`]: what was written is no stream.
pub fn leave<W: Write>(
    store: &Store,
    global: Option<Global>,
    clients: &[Leaving<'_>],
    reader: Reader,
    out: W,
) -> Result<(W, Lost), LeaveError> {
    let (snapshot, mut lost) = (store.snapshot(), Lost::default());
    let (quotas, domains) = {
        let view = store.pin();
        (view.quotas(), view.domains())
    };
    let mut writer = Writer::new(out, reader.version)?;
    if let Some(global) = global {
        writer.put(&Record::Global(global))?;
    }
    if reader.quotas {
        let all = Quota::ALL.map(|quota| (quota.name().as_bytes(), quotas.get(quota)));
        writer.put(&Record::GlobalQuota(GlobalQuota { per_domain: all.into(), global: vec![] }))?;
    }
    let watches = snapshot.watches();
    let mut by_conn: HashMap<ConnId, Vec<&NewWatch<'_>>, RandomState> = HashMap::default();
    watches.iter().for_each(|watch| by_conn.entry(watch.conn).or_default().push(watch));
    for leaving in clients {
        writer.put(&Record::Connection(leaving.client))?;
        lost.transactions += leaving.transactions;
        for watch in by_conn.get(&leaving.conn).into_iter().flatten() {
            writer.put(&Record::Watch(as_record(watch, leaving.client.id, reader, &mut lost)))?;
        }
    }
    nodes(&snapshot, &mut writer)?;
    for domain in &domains {
        put_domain(domain, &quotas, reader, &mut writer, &mut lost)?;
    }
    Ok((writer.finish()?, lost))
}

fn as_record<'a>(watch: &NewWatch<'a>, conn: u32, reader: Reader, lost: &mut Lost) -> Watch<'a> {
    let path = watch.path.as_bytes();
    // Relative ones as they were registered.
    let hidden = usize::from(watch.prefix);
    let path = if hidden == 0 { path } else { path.get(hidden + 1..).unwrap_or_default() };
    let depth = match u16::try_from(watch.depth) {
        Ok(levels) if reader.version >= Version::V2 && levels < u16::MAX => Depth::Levels(levels),
        Ok(_) if watch.depth != u32::MAX => {
            lost.unsaid += 1;
            Depth::All
        }
        _ => Depth::All,
    };
    Watch { conn, path, token: watch.token, depth }
}

fn nodes<W: Write>(snapshot: &Snapshot, writer: &mut Writer<W>) -> Result<(), WriteError> {
    let mut list: Vec<Permission> = Vec::new();
    for special in [Special::ReleaseDomain, Special::IntroduceDomain] {
        fill(&mut list, &snapshot.special(special));
        writer.put(&Record::Node(Node::committed(special.name().as_bytes(), b"", &list)))?;
    }
    snapshot.nodes(|path, value, perms| {
        fill(&mut list, perms);
        writer.put(&Record::Node(Node::committed(path.as_bytes(), value, &list)))
    })
}

fn fill(list: &mut Vec<Permission>, perms: &[FoundPerm]) {
    list.clear();
    list.extend(perms.iter().map(|found| Permission {
        letter: u8::try_from(found.perm.access.letter()).unwrap_or(b'n'),
        is_stale: found.is_stale,
        domid: found.perm.domid.0,
    }));
}

/// What a domain has of its own: quotas that differ, and features where the stream has a place.
fn put_domain<W: Write>(
    domain: &DomainInfo,
    quotas: &Quotas,
    reader: Reader,
    writer: &mut Writer<W>,
    lost: &mut Lost,
) -> Result<(), WriteError> {
    let own: Vec<(&[u8], u32)> = Quota::ALL
        .into_iter()
        .map(|quota| (quota, domain.quotas.get(quota)))
        .filter(|(quota, value)| *value != quotas.get(*quota))
        .map(|(quota, value)| (quota.name().as_bytes(), value))
        .collect();
    let features = (reader.version >= Version::V2).then_some(domain.features);
    let says_something = !own.is_empty() || features.is_some();
    if domain.instance == Instance::CONTROL || !says_something {
        return Ok(());
    }
    if !reader.quotas {
        lost.quotas += own.len();
        return Ok(());
    }
    writer.put(&Record::Domain(Domain { domid: domain.domid.0, features, quotas: own }))
}
