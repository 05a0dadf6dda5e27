//! The arguments of requests, between bytes and meaning.

use myriad_core::{Access, DomId, Perm};

use crate::v1::{
    numbers::{atoi, perm_domid, strict_domid},
    request::RequestError,
    strings::{Strings, exactly, split_string, strings},
};

/// A domain id as a client wrote it: any number, which may be no domain's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomArg(pub u32);

impl DomArg {
    /// The id, where it is in the range of ids.
    #[must_use]
    pub fn domid(self) -> Option<DomId> {
        u16::try_from(self.0).ok().map(DomId)
    }

    /// As C's `atoi` reads it.
    pub(crate) fn lenient(text: &[u8]) -> DomArg {
        DomArg(atoi(text).cast_unsigned())
    }

    /// As today's C reads it in newer operations.
    pub(crate) fn strict(text: &[u8]) -> Result<DomArg, RequestError> {
        strict_domid(text).map(|id| DomArg(u32::from(id))).ok_or(RequestError::NoDomid)
    }
}

/// A CONTROL request: a command and its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlArgs<'a> {
    /// The command's name.
    pub command: &'a [u8],
    /// What follows; see [`strings`].
    pub args: Strings<'a>,
}

impl<'a> ControlArgs<'a> {
    pub(crate) fn parse(payload: &'a [u8]) -> Result<ControlArgs<'a>, RequestError> {
        let (command, rest) = split_string(payload).ok_or(RequestError::StringCount)?;
        Ok(ControlArgs { command, args: strings(rest) })
    }
}

/// What GET_QUOTA asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaQuery<'a> {
    /// The names of all quotas.
    Names,
    /// The value that holds for domains that have none of their own.
    Global {
        /// The quota's name.
        name: &'a [u8],
    },
    /// The value that holds for one domain.
    Domain {
        /// The domain.
        domid: DomArg,
        /// The quota's name.
        name: &'a [u8],
    },
}

impl<'a> QuotaQuery<'a> {
    pub(crate) fn parse(payload: &'a [u8]) -> Result<QuotaQuery<'a>, RequestError> {
        if let Some([]) = exactly(payload) {
            Ok(QuotaQuery::Names)
        } else if let Some([name]) = exactly(payload) {
            Ok(QuotaQuery::Global { name })
        } else {
            let [domid, name] = exactly(payload).ok_or(RequestError::StringCount)?;
            Ok(QuotaQuery::Domain { domid: DomArg::strict(domid)?, name })
        }
    }
}

/// The permissions of a SET_PERMS request, not read yet: C checks their number against the quota
/// before it looks at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermArgs<'a>(Strings<'a>);

impl<'a> PermArgs<'a> {
    pub(crate) fn new(entries: Strings<'a>) -> PermArgs<'a> {
        PermArgs(entries)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.count()
    }

    /// Whether there are none, which [`crate::v1::Request::parse`] refuses.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads them: a letter of `rwbn`, then a number as `strtol` reads it with base 0.
    ///
    /// ```
    /// # use myriad_ring::v1::{Op, Request};
    /// let Request::SetPerms { perms, .. } = Request::parse(Op::SetPerms, b"/a\0n5\0r0x7\0")?
    /// else { unreachable!() };
    /// assert_eq!(perms.parse()?.len(), 2);
    /// # Ok::<(), myriad_ring::v1::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// [`RequestError::Permission`] for an entry of another form, or one after the first that
    /// names no possible domain (C keeps such an entry, which never counts);
    /// [`RequestError::Owner`] where the first one names no possible domain.
    pub fn parse(&self) -> Result<Vec<Perm>, RequestError> {
        let mut perms = Vec::new();
        let mut impossible = None;
        for (at, entry) in self.0.enumerate() {
            let (access, number) = entry
                .split_first()
                .and_then(|(&letter, id)| Some((Access::from_letter(letter)?, perm_domid(id)?)))
                .ok_or(RequestError::Permission)?;
            match DomArg(number).domid() {
                Some(domid) => perms.push(Perm { access, domid }),
                None if at == 0 => impossible = Some(RequestError::Owner),
                None => impossible = impossible.or(Some(RequestError::Permission)),
            }
        }
        impossible.map_or(Ok(perms), Err)
    }
}
