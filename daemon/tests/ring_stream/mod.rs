//! A guest's ring as a stream, for the client library.
#![allow(dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use myriad::sim::machine::Machine;
use myriad_core::DomId;
use myriad_ring::{
    client::Client,
    page::{
        Page,
        guest::{GuestEnd, Habits},
        layout::ERROR_NONE,
    },
};

/// A ring as a stream. It looks, and doesn't sleep: many share a machine and a thread.
pub struct Ring {
    pub machine: Arc<Machine>,
    pub domid: DomId,
    pub end: GuestEnd,
}

impl Ring {
    fn ring(&mut self) -> io::Result<()> {
        if self.end.take_doorbell() {
            self.machine.ring(self.domid).map_err(io::Error::other)?;
        }
        // The daemon sleeps, or has work for others.
        std::thread::yield_now();
        if self.end.error() == ERROR_NONE { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }
}

impl Read for Ring {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut taken = 0;
            let take = |bytes: &[u8]| {
                taken = bytes.len().min(buf.len());
                buf[..taken].copy_from_slice(&bytes[..taken]);
                taken
            };
            self.end.receive(take).map_err(io::Error::other)?;
            self.ring()?;
            if taken > 0 {
                return Ok(taken);
            }
        }
    }
}

impl Write for Ring {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        loop {
            let put = self.end.send(buf).map_err(io::Error::other)?;
            self.ring()?;
            if put > 0 {
                return Ok(put);
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The rings of some domains that were introduced.
pub fn attach(mut machine: Machine, first: u16, last: u16) -> Vec<(Page, Client<Ring>)> {
    let mut pages = Vec::new();
    machine.attach(DomId(first), DomId(last), |domid, page| pages.push((domid, page))).unwrap();
    let machine = Arc::new(machine);
    let client = |(domid, page): (DomId, Page)| {
        let end = GuestEnd::new(page.clone(), Habits::LINUX);
        (page, Client::new(Ring { machine: Arc::clone(&machine), domid, end }))
    };
    pages.into_iter().map(client).collect()
}
