//! What only a privileged connection may do: domains, quotas, and commands to the daemon.

use std::io::{Read, Write};

use myriad_core::DomId;

use super::{Client, Error, Request, wire};
use crate::v1::Op;

impl<S: Read + Write> Client<S> {
    /// Gives the daemon a command, and gives its answer as text.
    ///
    /// ```no_run
    /// # use myriad_ring::client::Client;
    /// # let mut client = Client::connect()?;
    /// println!("{}", client.control("quota", ["set", "nodes", "2000"])?);
    /// # Ok::<(), myriad_ring::client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`] with EINVAL for an unknown command; and as [`Client::send`].
    pub fn control<A: AsRef<[u8]>>(
        &mut self,
        command: impl AsRef<[u8]>,
        args: impl IntoIterator<Item = A>,
    ) -> Result<String, Error> {
        let request = Request::new(Op::Control).text(command);
        let request = args.into_iter().fold(request, Request::text);
        let reply = self.send(&request)?;
        let text = wire::strings(&reply).next().unwrap_or_default();
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// A domain's home, whether the domain exists or not.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn domain_path(&mut self, domid: DomId) -> Result<String, Error> {
        let reply = self.send(&about(Op::GetDomainPath, domid))?;
        first_text(&reply)
    }

    /// Tells the daemon of a domain: `port` is the event channel, `gfn` the frame of its ring
    /// where it isn't mapped by grant.
    ///
    /// # Errors
    /// EINVAL for a port of 0 or a domain without a ring; and as [`Client::send`].
    pub fn introduce(&mut self, domid: DomId, gfn: u64, port: u32) -> Result<(), Error> {
        self.send(&about(Op::Introduce, domid).number(gfn).number(port)).map(drop)
    }

    /// Ends the daemon's connection to a domain.
    ///
    /// # Errors
    /// ENOENT for a domain that was not introduced; and as [`Client::send`].
    pub fn release(&mut self, domid: DomId) -> Result<(), Error> {
        self.send(&about(Op::Release, domid)).map(drop)
    }

    /// Whether the daemon was told of a domain.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn is_introduced(&mut self, domid: DomId) -> Result<bool, Error> {
        match self.send(&about(Op::IsDomainIntroduced, domid))?.as_slice() {
            b"T\0" => Ok(true),
            b"F\0" => Ok(false),
            _ => Err(Error::Protocol("an answer that is neither T nor F")),
        }
    }

    /// Says that a domain runs again after a suspend that was cancelled: its next shutdown is
    /// news again.
    ///
    /// # Errors
    /// ENOENT for a domain that was not introduced; and as [`Client::send`].
    pub fn resume(&mut self, domid: DomId) -> Result<(), Error> {
        self.send(&about(Op::Resume, domid)).map(drop)
    }

    /// Gives a stub domain its target's access.
    ///
    /// # Errors
    /// ENOENT where either was not introduced; and as [`Client::send`].
    pub fn set_target(&mut self, domid: DomId, target: DomId) -> Result<(), Error> {
        self.send(&about(Op::SetTarget, domid).number(target.0)).map(drop)
    }

    /// The features of the server, as bits (1 reconnection, 2 error, 4 watch depth, 8 permissions
    /// for any domain).
    ///
    /// # Errors
    /// ENOSYS from a daemon that does not know the operation; and as [`Client::send`].
    pub fn features(&mut self) -> Result<u32, Error> {
        self.number(&Request::new(Op::GetFeature))
    }

    /// The features that a domain is offered.
    ///
    /// # Errors
    /// ENOENT for an unknown domain; and as [`Client::features`].
    pub fn domain_features(&mut self, domid: DomId) -> Result<u32, Error> {
        self.number(&about(Op::GetFeature, domid))
    }

    /// Sets what a domain is offered, before it is introduced.
    ///
    /// # Errors
    /// EBUSY after INTRODUCE, EINVAL for an unknown bit, ENOENT for an unknown domain; and as
    /// [`Client::features`].
    pub fn set_domain_features(&mut self, domid: DomId, features: u32) -> Result<(), Error> {
        self.send(&about(Op::SetFeature, domid).number(features)).map(drop)
    }

    /// The names of the quotas.
    ///
    /// # Errors
    /// As [`Client::features`].
    pub fn quota_names(&mut self) -> Result<Vec<String>, Error> {
        let reply = self.send(&Request::new(Op::GetQuota))?;
        Ok(first_text(&reply)?.split_ascii_whitespace().map(String::from).collect())
    }

    /// A quota's value for domains that have none of their own; 0 means no limit.
    ///
    /// # Errors
    /// EINVAL for an unknown quota; and as [`Client::features`].
    pub fn quota(&mut self, name: impl AsRef<[u8]>) -> Result<u32, Error> {
        self.number(&Request::new(Op::GetQuota).text(name))
    }

    /// A quota's value for a domain; 0 means no limit.
    ///
    /// # Errors
    /// As [`Client::quota`], and ENOENT for an unknown domain.
    pub fn domain_quota(&mut self, domid: DomId, name: impl AsRef<[u8]>) -> Result<u32, Error> {
        self.number(&about(Op::GetQuota, domid).text(name))
    }

    /// Sets a quota for domains that have none of their own; 0 means no limit.
    ///
    /// # Errors
    /// As [`Client::quota`].
    pub fn set_quota(&mut self, name: impl AsRef<[u8]>, value: u32) -> Result<(), Error> {
        self.send(&Request::new(Op::SetQuota).text(name).number(value)).map(drop)
    }

    /// Sets a domain's quota; 0 means no limit.
    ///
    /// # Errors
    /// As [`Client::domain_quota`].
    pub fn set_domain_quota(
        &mut self,
        domid: DomId,
        name: impl AsRef<[u8]>,
        value: u32,
    ) -> Result<(), Error> {
        self.send(&about(Op::SetQuota, domid).text(name).number(value)).map(drop)
    }

    fn number(&mut self, request: &Request) -> Result<u32, Error> {
        let reply = self.send(request)?;
        let bad = Error::Protocol("an answer that is not a number");
        first_text(&reply)?.parse().map_err(|_| bad)
    }
}

fn about(op: Op, domid: DomId) -> Request {
    Request::new(op).number(domid.0)
}

fn first_text(reply: &[u8]) -> Result<String, Error> {
    let text = wire::strings(reply).next().unwrap_or_default();
    String::from_utf8(text.into()).map_err(|_| Error::Protocol("an answer that is not text"))
}
