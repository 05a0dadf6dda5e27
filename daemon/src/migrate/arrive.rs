//! A stream becomes a store.

use std::collections::HashMap;

use ahash::RandomState;
use myriad_core::{
    Access, Caller, Config, ConnId, DomId, Edit, Error, FoundPerm, Instance, Path, Perm, Quota,
    Seat, Special, Store, WatchPath,
};
use myriad_history::migration::{
    Connection, Depth, Global, Link, Links, Node, Permission, Reader, Record, StreamError, Watch,
};

use super::Lost;

/// A store, and who goes on.
#[derive(Debug)]
pub struct Arrived<'a> {
    /// The store.
    pub store: Store,
    /// The descriptors of the daemon before.
    pub global: Option<Global>,
    /// Its clients.
    pub clients: Vec<Arriving<'a>>,
    /// What didn't come along.
    pub lost: Lost,
}

/// A client that goes on.
#[derive(Debug)]
pub struct Arriving<'a> {
    /// Under which id its watches are in the store.
    pub conn: ConnId,
    /// What the stream says of it.
    pub client: Connection<'a>,
    /// The transactions that it has open, by its own numbers.
    pub transactions: Vec<u32>,
}

/// Why a stream can't become a store.
#[derive(Debug, thiserror::Error)]
pub enum ArriveError {
    /// the stream
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// something that no store can hold
    #[error("the {record} record at byte {offset}: {what}: {source}")]
    Refused {
        /// Which record.
        record: &'static str,
        /// Where it begins.
        offset: usize,
        /// What it says.
        what: String,
        /// What is wrong with it.
        source: Error,
    },
    /// the store
    #[error("can't make the store: {0}")]
    Store(Error),
}

/// Makes a store of a stream. `conn`: under which id the watches of a client are to be;
/// `unique_id`: the number of a domain that the host has.
///
/// # Errors
/// [`ArriveError`]: nothing has happened then.
pub fn arrive<'a>(
    stream: &'a [u8],
    config: &Config,
    conn: impl Fn(&Connection<'a>) -> ConnId,
    unique_id: impl Fn(DomId) -> Option<u64>,
) -> Result<Arrived<'a>, ArriveError> {
    let mut arrival = Arrival::default();
    arrival.look(stream, conn)?;
    let store = Store::new(config).map_err(ArriveError::Store)?;
    let (mut failed, mut lost) = (None, Lost::default());
    let outcome = store.edit(|edit| {
        lost = arrival.lost;
        arrival.put((stream, config), &unique_id, edit, &mut lost).map_err(|error| {
            failed = Some(error);
            // Nothing of it is published.
            Error::Conflict
        })
    });
    match failed {
        Some(error) => return Err(error),
        None => outcome.result.map_err(ArriveError::Store)?,
    }
    let Arrival { global, clients, .. } = arrival;
    Ok(Arrived { store, global, clients, lost })
}

/// What a first look at a stream has found: domains and clients, of which nodes and watches speak.
#[derive(Debug, Default)]
struct Arrival<'a> {
    global: Option<Global>,
    clients: Vec<Arriving<'a>>,
    by_id: HashMap<u32, usize, RandomState>,
    lost: Lost,
}

impl<'a> Arrival<'a> {
    /// Reads all of it, and finds the clients.
    fn look(
        &mut self,
        stream: &'a [u8],
        conn: impl Fn(&Connection<'a>) -> ConnId,
    ) -> Result<(), StreamError> {
        let (mut reader, mut links) = (Reader::new(stream)?, Links::default());
        loop {
            let offset = reader.offset();
            let Some(record) = reader.next_record()? else { return Ok(()) };
            links.note(&record).map_err(|wrong| StreamError { offset, wrong })?;
            match record {
                Record::Global(global) => self.global = Some(global),
                Record::Connection(client) => {
                    self.by_id.insert(client.id, self.clients.len());
                    let (conn, transactions) = (conn(&client), Vec::new());
                    self.clients.push(Arriving { conn, client, transactions });
                }
                Record::Transaction(open) => {
                    self.lost.transactions += 1;
                    let at = self.by_id.get(&open.conn);
                    if let Some(client) = at.and_then(|at| self.clients.get_mut(*at)) {
                        client.transactions.push(open.id);
                    }
                }
                _ => {}
            }
        }
    }

    /// Puts all of it into the store. Quotas hold from the end on: what is there is there.
    fn put(
        &self,
        (stream, config): (&'a [u8], &Config),
        unique_id: &impl Fn(DomId) -> Option<u64>,
        edit: &mut Edit<'_>,
        lost: &mut Lost,
    ) -> Result<(), ArriveError> {
        let mut quotas = config.quotas;
        let mut own: Vec<(DomId, Quota, u32)> = Vec::new();
        set_quotas(edit, |_| 0)?;
        self.domains(config.control, unique_id, edit)?;
        let mut reader = Reader::new(stream)?;
        loop {
            let offset = reader.offset();
            let Some(record) = reader.next_record()? else { break };
            let name = record.name();
            let bad = |what, source| ArriveError::Refused { record: name, offset, what, source };
            match record {
                Record::Node(node) if node.conn == 0 => {
                    node.perms().filter(|perm| !perm.is_stale).for_each(|perm| {
                        know(DomId(perm.domid), unique_id, edit);
                    });
                    let owned = put_node(&node, edit);
                    let owned = owned.map_err(|error| bad(text(node.path), error))?;
                    lost.owners += usize::from(!owned);
                }
                Record::Watch(watch) => {
                    lost.depths += usize::from(watch.depth == Depth::Lost);
                    let put = self.watch(&watch, edit);
                    put.map_err(|error| bad(text(watch.path), error))?;
                }
                Record::GlobalQuota(all) => {
                    for (quota, value) in known(all.per_domain.iter().chain(&all.global), lost) {
                        quotas.set(quota, value);
                    }
                }
                Record::Domain(domain) => {
                    let domid = DomId(domain.domid);
                    know(domid, unique_id, edit);
                    let of = known(domain.quotas.iter(), lost);
                    own.extend(of.into_iter().map(|(quota, value)| (domid, quota, value)));
                    if let Some(features) = domain.features.filter(|_| edit.life(domid).is_some()) {
                        let set = edit.set_features(domid, features);
                        set.map_err(|error| bad(format!("domain {domid}"), error))?;
                    }
                }
                Record::Global(_)
                | Record::Connection(_)
                | Record::Transaction(_)
                | Record::Node(_) => {}
            }
        }
        set_quotas(edit, |quota| quotas.get(quota))?;
        for (domid, quota, value) in own {
            if edit.life(domid).is_some() {
                edit.set_quota(Some(domid), quota, value).map_err(ArriveError::Store)?;
            }
        }
        Ok(())
    }

    /// The domains that have rings, and whom they serve.
    fn domains(
        &self,
        control: DomId,
        unique_id: &impl Fn(DomId) -> Option<u64>,
        edit: &mut Edit<'_>,
    ) -> Result<(), ArriveError> {
        let rings = self.clients.iter().filter_map(|arriving| match arriving.client.link {
            Link::Ring { domid, target, evtchn } => {
                Some((DomId(domid), target.map(DomId), evtchn, arriving.client.unique_id))
            }
            Link::Socket { .. } => None,
        });
        for (domid, _, port, known) in rings.clone() {
            edit.introduce(domid);
            if domid != control {
                let unique_id = known.or_else(|| unique_id(domid)).unwrap_or(0);
                edit.seat(domid, Seat { unique_id, port });
            }
        }
        for (domid, target, ..) in rings {
            // One that is gone gives nobody anything.
            if let Some(target) = target.filter(|target| edit.life(*target).is_some()) {
                edit.set_target(domid, target).map_err(ArriveError::Store)?;
            }
        }
        Ok(())
    }

    fn watch(&self, watch: &Watch<'_>, edit: &mut Edit<'_>) -> Result<(), Error> {
        let bad = || Error::InvalidValue("it is no path to watch");
        let at = self.by_id.get(&watch.conn).and_then(|at| self.clients.get(*at));
        let Some(arriving) = at else { return Err(bad()) };
        let domid = match arriving.client.link {
            Link::Ring { domid, .. } => Some(DomId(domid)),
            Link::Socket { .. } => None,
        };
        let caller = match domid.map(|domid| (domid, edit.life(domid))) {
            Some((domid, Some(instance))) if instance != Instance::CONTROL => {
                Caller::Guest { domid, instance }
            }
            _ => Caller::Control,
        };
        let given = std::str::from_utf8(watch.path).map_err(|_| bad())?;
        let home = format!("/local/domain/{}", domid.unwrap_or(DomId::ZERO));
        let whole = format!("{home}/{given}");
        let (path, prefix) = match given.as_bytes() {
            [b'@', ..] => (WatchPath::Special(given), 0),
            [b'/', ..] => (WatchPath::Node(Path::new(given)?), 0),
            _ => (WatchPath::Node(Path::new(&whole)?), home.len()),
        };
        let depth = match watch.depth {
            Depth::Levels(levels) => Some(levels.into()),
            Depth::All | Depth::Lost => None,
        };
        edit.watch(arriving.conn, &caller, path, watch.token, depth, prefix)
    }
}

/// A domain that a list names is known, where the host has it.
fn know(domid: DomId, unique_id: &impl Fn(DomId) -> Option<u64>, edit: &mut Edit<'_>) {
    let is_new = domid.is_real() && domid != DomId::ZERO && edit.life(domid).is_none();
    if is_new && unique_id(domid).is_some() {
        edit.know_domain(domid);
    }
}

fn put_node(node: &Node<'_>, edit: &mut Edit<'_>) -> Result<bool, Error> {
    let found = |perm: Permission| {
        let access = Access::from_letter(perm.letter).unwrap_or_default();
        let perm_of = Perm { access, domid: DomId(perm.domid) };
        FoundPerm { perm: perm_of, is_stale: perm.is_stale }
    };
    let perms: Vec<FoundPerm> = node.perms().map(found).collect();
    let path = std::str::from_utf8(node.path);
    let path = path.map_err(|_| Error::InvalidValue("it is no path"))?;
    match Special::from_name(path) {
        Some(special) => edit.take_over_special(special, &perms),
        None => edit.take_over(Path::new(path)?, node.value, &perms),
    }
}

/// Those that this store has, too.
fn known<'q>(
    quotas: impl Iterator<Item = &'q (&'q [u8], u32)>,
    lost: &mut Lost,
) -> Vec<(Quota, u32)> {
    let mut all = Vec::new();
    for (name, value) in quotas {
        match std::str::from_utf8(name).ok().and_then(Quota::from_name) {
            Some(quota) => all.push((quota, *value)),
            None => lost.quotas += 1,
        }
    }
    all
}

fn set_quotas(edit: &mut Edit<'_>, value: impl Fn(Quota) -> u32) -> Result<(), ArriveError> {
    let set = |quota: Quota| edit.set_quota(None, quota, value(quota));
    Quota::ALL.into_iter().try_for_each(set).map_err(ArriveError::Store)
}

fn text(path: &[u8]) -> String {
    path.escape_ascii().to_string()
}
