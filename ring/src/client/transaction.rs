//! Transactions: all or nothing, on one state of the tree.

use std::io::{Read, Write};

use myriad_core::Errno;

use super::{Client, Error, Request, Store, limits::MAX_TRANSACTION_ATTEMPTS, wire};
use crate::v1::Op;

/// An open transaction. It borrows its client, so nothing gets outside of it by mistake; dropped
/// without [`Transaction::commit`] it is aborted.
#[derive(Debug)]
pub struct Transaction<'c, S: Read + Write> {
    client: &'c mut Client<S>,
    id: u32,
    open: bool,
}

impl<S: Read + Write> Client<S> {
    /// Opens a transaction.
    ///
    /// ```no_run
    /// # use myriad_ring::client::{Client, Store};
    /// # let mut client = Client::connect()?;
    /// let mut tx = client.begin()?;
    /// tx.write("/tool/a", "1")?;
    /// tx.write("/tool/b", "2")?;
    /// tx.commit()?;
    /// # Ok::<(), myriad_ring::client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`] with ENOSPC past the quota; and as [`Client::send`].
    pub fn begin(&mut self) -> Result<Transaction<'_, S>, Error> {
        let reply = self.send(&Request::new(Op::TransactionStart).text(""))?;
        let id = wire::strings(&reply)
            .next()
            .and_then(|id| std::str::from_utf8(id).ok())
            .and_then(|id| id.parse().ok())
            .filter(|&id| id != 0)
            .ok_or(Error::Protocol("a transaction id that is not a number"))?;
        Ok(Transaction { client: self, id, open: true })
    }

    /// Runs `body` in a transaction and commits it; where another commit came between, again, at
    /// most [`MAX_TRANSACTION_ATTEMPTS`] times. An error of `body` aborts and is given back.
    ///
    /// ```no_run
    /// # use myriad_ring::client::{Client, Store};
    /// # let mut client = Client::connect()?;
    /// // A counter that loses no count, however many clients raise it.
    /// client.transact(|tx| {
    ///     let text = tx.read("/tool/counter")?;
    ///     let count: u64 = String::from_utf8_lossy(&text).parse().unwrap_or(0);
    ///     tx.write("/tool/counter", (count + 1).to_string())
    /// })?;
    /// # Ok::<(), myriad_ring::client::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `body`, [`Client::begin`] and [`Transaction::commit`]; [`Error::Contended`].
    pub fn transact<T, E: From<Error>>(
        &mut self,
        mut body: impl FnMut(&mut Transaction<'_, S>) -> Result<T, E>,
    ) -> Result<T, E> {
        for _ in 0..MAX_TRANSACTION_ATTEMPTS {
            let mut tx = self.begin()?;
            let result = body(&mut tx)?;
            match tx.commit() {
                Ok(()) => return Ok(result),
                Err(error) if error.errno() == Some(Errno::EAGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended { attempts: MAX_TRANSACTION_ATTEMPTS }.into())
    }
}

impl<S: Read + Write> Transaction<'_, S> {
    /// The id that the daemon gave it.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Makes all that was done visible, at once.
    ///
    /// # Errors
    /// [`Error::Refused`]: EAGAIN where another commit changed what this one has read (run it
    /// again, or let [`Client::transact`] do it), ENOSPC past a quota, ENOMEM where it went over
    /// one earlier. Nothing was applied then.
    pub fn commit(self) -> Result<(), Error> {
        self.end("T")
    }

    /// Forgets all that was done.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn abort(self) -> Result<(), Error> {
        self.end("F")
    }

    fn end(mut self, how: &str) -> Result<(), Error> {
        self.open = false;
        self.client.send_in(&Request::new(Op::TransactionEnd).text(how), self.id).map(drop)
    }
}

impl<S: Read + Write> Drop for Transaction<'_, S> {
    fn drop(&mut self) {
        if self.open {
            // Where it fails the connection is gone, and the transaction with it.
            let abort = Request::new(Op::TransactionEnd).text("F");
            let _ = self.client.send_in(&abort, self.id);
        }
    }
}

impl<S: Read + Write> Store for Transaction<'_, S> {
    fn request(&mut self, request: &Request) -> Result<Vec<u8>, Error> {
        self.client.send_in(request, self.id)
    }
}

impl<S: Read + Write> Store for Client<S> {
    fn request(&mut self, request: &Request) -> Result<Vec<u8>, Error> {
        self.send(request)
    }
}
