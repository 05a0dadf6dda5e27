//! Servers of xenstore for tests, without Xen: Debian's C xenstored over a shim, and ours.
//!
//! Each server has a folder of its own for its socket and files, a host on which domains can be
//! made to appear, shut down and die, and ends with the value that started it. Whoever holds the
//! server can be any guest that was introduced, through its ring ([`ring`]).

mod host;
pub mod ring;

use std::{
    fs::File,
    io::{self, Read},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use myriad_core::{Quota, Quotas};

pub use host::DomainChange;
use host::Host;
use ring::Ring;

use crate::{
    oracle::limits::PATIENCE,
    programs::{libraries, myriad_program, peers},
};

/// Why a server could not be started or told something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// the folder of peers could not be set up
    #[error("verify/peers/setup.sh failed; its output says why, and what to install")]
    Setup,
    /// our daemon, or a library of ours, could not be built
    #[error("a program of ours did not build: cargo's output says why")]
    Build,
    /// the server ended, or did not get ready
    #[error("{program} did not get ready; it said: {output}")]
    NotReady {
        /// Which program.
        program: String,
        /// What it wrote.
        output: String,
    },
    /// the host of the server did not take a command
    #[error("the server's host did not take the command `{0}`")]
    Refused(String),
    /// there is no ring for a domain
    #[error("there is no ring for domain {0}: it must exist, and be introduced")]
    NoRing(u32),
    /// something below failed
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// The system's word.
        source: io::Error,
    },
}

/// A server. Dropping one that was started here ends it.
#[derive(Debug)]
pub struct Server {
    socket: PathBuf,
    host: Host,
    process: Option<Process>,
}

/// A process with a folder of its own.
#[derive(Debug)]
struct Process {
    child: Child,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts Debian's C xenstored on a host with dom0 and domains 1 to `domains`.
    ///
    /// # Errors
    /// [`PeerError`]; the first call downloads Debian's packages if they aren't there.
    pub fn start_c(domains: u32) -> Result<Server, PeerError> {
        Server::start_c_with(domains, &Quotas::default())
    }

    /// The same with other quotas than the defaults. Events are kept for guests for ever, and no
    /// guest is made to wait for having written much.
    ///
    /// # Errors
    /// [`PeerError`]; the first call downloads Debian's packages if they aren't there.
    pub fn start_c_with(domains: u32, quotas: &Quotas) -> Result<Server, PeerError> {
        let peers = peers()?;
        let folder = folder()?;
        let (host, theirs) = Host::shim()?;
        let mut command = Command::new(peers.join("root/usr/lib/xen-4.17/bin/xenstored"));
        command
            .args(["-N", "-w", "watch-event=0"])
            .args(quota_options(quotas))
            .env("LD_PRELOAD", peers.join("xenshim.so"))
            .env("LD_LIBRARY_PATH", libraries(&peers)?)
            .env("XENSHIM_DOMAINS", format!("1-{domains}"))
            .env("XENSHIM_PACE", PACE.to_string())
            .env("XENSHIM_CONTROL", "0")
            .stdin(theirs);
        let mut server = spawn(&mut command, folder, host)?;
        // Its end of the channel must be its own alone, or its death would go unseen.
        drop(command);
        // It answers from its main loop, so from then on it also serves its socket.
        server.domain(DomainChange::Scan).map_err(|_| server.not_ready("C xenstored"))?;
        Ok(server)
    }

    /// Starts our daemon on a simulated host with dom0 and domains 1 to `domains`.
    /// `MYRIAD_XENSTORED` names the program; unset, it is built.
    ///
    /// # Errors
    /// [`PeerError`].
    pub fn start_myriad(domains: u32) -> Result<Server, PeerError> {
        Server::start_myriad_with(domains, &Quotas::default())
    }

    /// The same with other quotas than the defaults; fails likewise.
    pub fn start_myriad_with(domains: u32, quotas: &Quotas) -> Result<Server, PeerError> {
        Server::start_myriad_and(domains, quotas, &[])
    }

    /// The same with more options.
    ///
    /// # Errors
    /// [`PeerError`].
    pub fn start_myriad_and(
        domains: u32,
        quotas: &Quotas,
        options: &[&str],
    ) -> Result<Server, PeerError> {
        let program = myriad_program("xenstored", "MYRIAD_XENSTORED")?;
        let folder = folder()?;
        let notify = folder.path().join("notify");
        let ready = UnixDatagram::bind(&notify).map_err(at("listening for readiness"))?;
        ready
            .set_read_timeout(Some(Duration::from_millis(50)))
            .map_err(at("listening for readiness"))?;
        let mut command = Command::new(program);
        command
            .arg("-N")
            .arg("--pid-file")
            .arg(folder.path().join("pid"))
            .arg("--sim-domains")
            .arg(format!("1-{domains}"))
            .args(quota_options(quotas))
            .args(options)
            .env("NOTIFY_SOCKET", &notify)
            .stdin(Stdio::null());
        let host = Host::simulated(folder.path());
        let mut server = spawn(&mut command, folder, host)?;
        let begin = Instant::now();
        let mut word = [0; 256];
        loop {
            match ready.recv(&mut word) {
                Ok(n) if word.get(..n).is_some_and(|w| w.starts_with(b"READY=1")) => break,
                Ok(_) => {}
                Err(_) => {
                    if server.has_ended() || begin.elapsed() > PATIENCE {
                        return Err(server.not_ready("xenstored"));
                    }
                }
            }
        }
        Ok(server)
    }

    /// Takes a server that is running elsewhere and serves `socket`. Its domains can't be changed.
    #[must_use]
    pub fn attach(socket: &Path) -> Server {
        Server { socket: socket.to_owned(), host: Host::OutOfReach, process: None }
    }

    /// The socket it serves.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its process id, if it was started here.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.child.id())
    }

    /// Whether its domains can be changed.
    #[must_use]
    pub fn has_host(&self) -> bool {
        !matches!(self.host, Host::OutOfReach)
    }

    /// Changes a domain on its host, and returns when the server has dealt with it: its events are
    /// queued by then.
    ///
    /// # Errors
    /// [`PeerError::Refused`], [`PeerError::Io`].
    pub fn domain(&mut self, change: DomainChange) -> Result<(), PeerError> {
        self.host.change(&self.socket, change)
    }

    /// The ring of a domain that was introduced, from the guest's side.
    ///
    /// # Errors
    /// [`PeerError::NoRing`], [`PeerError::Io`].
    pub fn ring(&mut self, domid: u32) -> Result<Ring, PeerError> {
        self.host.ring(domid)
    }

    /// What the server has written to its standard output and error so far.
    #[must_use]
    pub fn output(&self) -> String {
        let mut text = Vec::new();
        let log = self.process.as_ref().map(|process| process.folder.path().join("log"));
        if let Some(Ok(mut log)) = log.map(File::open) {
            // A log that can't be read is as good as an empty one here.
            let _ = log.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).trim().to_owned()
    }

    /// Whether it still runs, and the last that it has written.
    #[must_use]
    pub fn state(&mut self) -> String {
        let output = self.output();
        let last = output.lines().last().unwrap_or_default();
        format!("{}, it said: {last}", if self.has_ended() { "has ended" } else { "runs" })
    }

    fn has_ended(&mut self) -> bool {
        let process = self.process.as_mut();
        process.is_some_and(|p| matches!(p.child.try_wait(), Ok(Some(_)) | Err(_)))
    }

    fn not_ready(&self, program: &str) -> PeerError {
        PeerError::NotReady { program: program.to_owned(), output: self.output() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone and reaped after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(
    command: &mut Command,
    folder: tempfile::TempDir,
    host: Host,
) -> Result<Server, PeerError> {
    let socket = folder.path().join("socket");
    let log = File::create(folder.path().join("log")).map_err(at("making a log"))?;
    command
        .env("XENSTORED_RUNDIR", folder.path())
        .env("XENSTORED_PATH", &socket)
        .stdout(log.try_clone().map_err(at("making a log"))?)
        .stderr(log);
    let child = command.spawn().map_err(at("starting a server"))?;
    Ok(Server { socket, host, process: Some(Process { child, folder }) })
}

/// What both daemons take on their command lines, but for the quotas that are at their defaults.
fn quota_options(quotas: &Quotas) -> Vec<String> {
    let set = Quota::ALL.into_iter().filter(|quota| quotas.get(*quota) != quota.default_value());
    let option = |quota| match quota {
        Quota::Nodes => "-E",
        Quota::Watches => "-W",
        Quota::Transactions => "-t",
        Quota::NodePermissions => "-A",
        Quota::NodeSize => "-S",
        Quota::PathMax => "-M",
        _ => "-Q",
    };
    let words = |quota: Quota| {
        let value = quotas.get(quota);
        let named = option(quota) == "-Q";
        [option(quota).into(), if named { format!("{quota}={value}") } else { value.to_string() }]
    };
    set.flat_map(words).collect()
}

fn folder() -> Result<tempfile::TempDir, PeerError> {
    tempfile::Builder::new().prefix("xenstored-").tempdir().map_err(at("making a folder"))
}

pub(crate) fn at(what: &'static str) -> impl Fn(io::Error) -> PeerError {
    move |source| PeerError::Io { what, source }
}

/// By how many milliseconds C's clock is ahead more at each look.
const PACE: u32 = 5_000;
