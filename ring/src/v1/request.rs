//! What a client asks, from the operation and its payload.
//!
//! The payload rules are C xenstored's, byte by byte: Debian's 4.17 (`xenstored_core.c`,
//! `xenstored_domain.c`) for the operations it has, today's `domain.c` and `watch.c` for
//! GET_FEATURE to SET_QUOTA and the depth of a watch. Nothing here looks at the store: paths
//! stay raw bytes until [`crate::v1::PathRules::resolve`] has seen them, and permissions until
//! [`PermArgs::parse`], since C checks other things before these.

use myriad_core::Errno;

use crate::v1::{
    args::{ControlArgs, DomArg, PermArgs, QuotaQuery},
    numbers::atoi,
    op::Op,
    strings::{at_least, exactly, only_string, split_string, strings},
};

/// A request whose payload has the form of its operation.
///
/// Paths and tokens are bytes without a NUL; paths aren't checked yet.
///
/// ```
/// # use myriad_ring::v1::{Op, Request};
/// let request = Request::parse(Op::Write, b"name\0web\0server")?;
/// assert_eq!(request, Request::Write { path: b"name", value: b"web\0server" });
/// assert!(Request::parse(Op::Read, b"name").is_err());
/// # Ok::<(), myriad_ring::v1::RequestError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Request<'a> {
    Control(ControlArgs<'a>),
    Directory {
        path: &'a [u8],
    },
    Read {
        path: &'a [u8],
    },
    GetPerms {
        path: &'a [u8],
    },
    /// `depth`: how many levels below the path count; none for all.
    Watch {
        path: &'a [u8],
        token: &'a [u8],
        depth: Option<u32>,
    },
    Unwatch {
        path: &'a [u8],
        token: &'a [u8],
    },
    TransactionStart,
    TransactionEnd {
        commit: bool,
    },
    /// The frame number of the page is not used: its grant has a fixed number.
    Introduce {
        domid: DomArg,
        port: u32,
    },
    Release {
        domid: DomArg,
    },
    GetDomainPath {
        domid: DomArg,
    },
    Write {
        path: &'a [u8],
        value: &'a [u8],
    },
    Mkdir {
        path: &'a [u8],
    },
    Rm {
        path: &'a [u8],
    },
    SetPerms {
        path: &'a [u8],
        perms: PermArgs<'a>,
    },
    IsDomainIntroduced {
        domid: DomArg,
    },
    Resume {
        domid: DomArg,
    },
    SetTarget {
        domid: DomArg,
        target: DomArg,
    },
    ResetWatches,
    /// `offset`: bytes to leave out of the listing.
    DirectoryPart {
        path: &'a [u8],
        offset: u32,
    },
    /// Of the caller itself, or of a domain: that needs privilege, and C looks at it before the
    /// rest of the payload, so that a payload of any strings comes here with the error inside.
    GetFeature {
        of: Option<Result<DomArg, RequestError>>,
    },
    SetFeature {
        domid: DomArg,
        features: u32,
    },
    GetQuota(QuotaQuery<'a>),
    /// `of`: none for the quota of every domain that has none of its own. A value of
    /// `u32::MAX` (-1) is EINVAL, which C finds only after it has looked for the domain.
    SetQuota {
        of: Option<DomArg>,
        name: &'a [u8],
        value: u32,
    },
}

impl<'a> Request<'a> {
    /// Reads a request's payload.
    ///
    /// # Errors
    /// [`RequestError`], which the client sees as EINVAL, but as ENOSYS for an operation that
    /// only a server sends.
    pub fn parse(op: Op, payload: &'a [u8]) -> Result<Request<'a>, RequestError> {
        let one = || only_string(payload).ok_or(RequestError::NotOneString);
        let one_domid = || one().map(DomArg::lenient);
        Ok(match op {
            Op::Control => Request::Control(ControlArgs::parse(payload)?),
            Op::Directory => Request::Directory { path: one()? },
            Op::Read => Request::Read { path: one()? },
            Op::GetPerms => Request::GetPerms { path: one()? },
            Op::Watch => watch(payload)?,
            Op::Unwatch => {
                let [path, token] = exactly(payload).ok_or(RequestError::StringCount)?;
                Request::Unwatch { path, token }
            }
            Op::TransactionStart => Request::TransactionStart,
            Op::TransactionEnd => match one()? {
                b"T" => Request::TransactionEnd { commit: true },
                b"F" => Request::TransactionEnd { commit: false },
                _ => return Err(RequestError::NeitherTrueNorFalse),
            },
            Op::Introduce => introduce(payload)?,
            Op::Release => Request::Release { domid: one_domid()? },
            Op::GetDomainPath => Request::GetDomainPath { domid: one_domid()? },
            Op::Write => {
                let (path, value) = split_string(payload).ok_or(RequestError::StringCount)?;
                Request::Write { path, value }
            }
            Op::Mkdir => Request::Mkdir { path: one()? },
            Op::Rm => Request::Rm { path: one()? },
            Op::SetPerms => set_perms(payload)?,
            Op::WatchEvent | Op::Error => return Err(RequestError::NoRequest),
            Op::IsDomainIntroduced => Request::IsDomainIntroduced { domid: one_domid()? },
            Op::Resume => Request::Resume { domid: one_domid()? },
            Op::SetTarget => {
                let [domid, target] = at_least(payload).ok_or(RequestError::StringCount)?;
                Request::SetTarget {
                    domid: DomArg::lenient(domid),
                    target: DomArg::lenient(target),
                }
            }
            Op::ResetWatches => Request::ResetWatches,
            Op::DirectoryPart => {
                let [path, offset] = exactly(payload).ok_or(RequestError::StringCount)?;
                Request::DirectoryPart { path, offset: atoi(offset).cast_unsigned() }
            }
            Op::GetFeature => get_feature(payload),
            Op::SetFeature => {
                let [domid, features] = exactly(payload).ok_or(RequestError::StringCount)?;
                let features = atoi(features).cast_unsigned();
                Request::SetFeature { domid: DomArg::strict(domid)?, features }
            }
            Op::GetQuota => Request::GetQuota(QuotaQuery::parse(payload)?),
            Op::SetQuota => set_quota(payload)?,
        })
    }
}

fn watch(payload: &[u8]) -> Result<Request<'_>, RequestError> {
    if let Some([path, token]) = exactly(payload) {
        return Ok(Request::Watch { path, token, depth: None });
    }
    let [path, token, depth] = exactly(payload).ok_or(RequestError::StringCount)?;
    let depth = u32::try_from(atoi(depth)).map_err(|_| RequestError::NegativeDepth)?;
    Ok(Request::Watch { path, token, depth: Some(depth) })
}

fn introduce(payload: &[u8]) -> Result<Request<'_>, RequestError> {
    let [domid, _gfn, port] = at_least(payload).ok_or(RequestError::StringCount)?;
    let port = u32::try_from(atoi(port)).ok().filter(|&port| port > 0);
    let port = port.ok_or(RequestError::NoPort)?;
    Ok(Request::Introduce { domid: DomArg::lenient(domid), port })
}

fn set_perms(payload: &[u8]) -> Result<Request<'_>, RequestError> {
    let (path, rest) = split_string(payload).ok_or(RequestError::StringCount)?;
    let perms = PermArgs::new(strings(rest));
    if perms.is_empty() {
        return Err(RequestError::StringCount);
    }
    Ok(Request::SetPerms { path, perms })
}

fn get_feature(payload: &[u8]) -> Request<'_> {
    let of = match (strings(payload).next(), exactly(payload)) {
        (None, _) => None,
        (Some(_), Some([domid])) => Some(DomArg::strict(domid)),
        (Some(_), None) => Some(Err(RequestError::StringCount)),
    };
    Request::GetFeature { of }
}

fn set_quota(payload: &[u8]) -> Result<Request<'_>, RequestError> {
    let (of, name, value) = if let Some([name, value]) = exactly(payload) {
        (None, name, value)
    } else {
        let [domid, name, value] = exactly(payload).ok_or(RequestError::StringCount)?;
        (Some(DomArg::strict(domid)?), name, value)
    };
    Ok(Request::SetQuota { of, name, value: atoi(value).cast_unsigned() })
}

/// Why a payload isn't a request. The client is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// the operation takes one string that ends with the payload
    #[error("the payload must be one string, closed by the payload's only NUL")]
    NotOneString,
    /// there are too few or too many strings
    #[error("the payload has too few or too many strings for the operation")]
    StringCount,
    /// a transaction ends with `T` or `F`
    #[error("a transaction ends with T (commit) or F (abort)")]
    NeitherTrueNorFalse,
    /// the depth of a watch can't be negative
    #[error("the depth of a watch must be 0 or more")]
    NegativeDepth,
    /// the port must be above 0
    #[error("the event channel's port must be above 0")]
    NoPort,
    /// the domain id is no number up to 65535
    #[error("the domain id must be a decimal number up to 65535")]
    NoDomid,
    /// a permission is a letter of `rwbn` and a domain id
    #[error("a permission is one of r, w, b, n and a domain id")]
    Permission,
    /// the owner named is no possible domain
    #[error("the owner named is no possible domain")]
    Owner,
    /// only a server sends events and errors
    #[error("only a server sends events and errors")]
    NoRequest,
}

impl From<RequestError> for Errno {
    fn from(error: RequestError) -> Errno {
        match error {
            RequestError::Owner => Errno::ENOENT,
            RequestError::NoRequest => Errno::ENOSYS,
            _ => Errno::EINVAL,
        }
    }
}
