//! Servers of xenstore for tests, without Xen: Debian's C xenstored over a shim, and ours.
//!
//! Each server has a folder of its own for its socket and files, a host on which domains can be
//! made to appear, shut down and die, and ends with the value that started it.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    os::{
        fd::OwnedFd,
        unix::net::{UnixDatagram, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    oracle::{
        limits::PATIENCE,
        wire::{Incoming, Link, encode},
    },
    programs::{libraries, myriad_program, peers},
};

/// Why a server could not be started or told something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// the folder of peers could not be set up
    #[error("verify/peers/setup.sh failed; its output says why, and what to install")]
    Setup,
    /// our daemon could not be built
    #[error("`cargo build -p myriad --bin xenstored` failed")]
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
    /// something below failed
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// The system's word.
        source: io::Error,
    },
}

/// Something that happens to a domain on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainChange {
    /// It appears, running.
    Create(u32),
    /// It shuts down, and still exists.
    ShutDown(u32),
    /// It is gone.
    Destroy(u32),
    /// Nothing: the server is only asked to look.
    Scan,
}

impl DomainChange {
    fn words(self) -> (&'static str, Option<u32>) {
        match self {
            DomainChange::Create(domid) => ("create", Some(domid)),
            DomainChange::ShutDown(domid) => ("shutdown", Some(domid)),
            DomainChange::Destroy(domid) => ("destroy", Some(domid)),
            DomainChange::Scan => ("scan", None),
        }
    }
}

impl std::fmt::Display for DomainChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.words() {
            (word, Some(domid)) => write!(f, "{word} {domid}"),
            (word, None) => f.write_str(word),
        }
    }
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

/// How the server learns about domains.
#[derive(Debug)]
enum Host {
    /// The shim's control channel.
    Shim(BufReader<UnixStream>),
    /// Our daemon's simulated host, through CONTROL.
    Simulated,
    /// Nobody can tell it anything.
    OutOfReach,
}

impl Server {
    /// Starts Debian's C xenstored on a host with dom0 and domains 1 to `domains`.
    ///
    /// # Errors
    /// [`PeerError`]; the first call downloads Debian's packages if they aren't there.
    pub fn start_c(domains: u32) -> Result<Server, PeerError> {
        let peers = peers()?;
        let folder = folder()?;
        let (ours, theirs) = UnixStream::pair().map_err(at("making the control channel"))?;
        ours.set_read_timeout(Some(PATIENCE)).map_err(at("making the control channel"))?;
        let mut command = Command::new(peers.join("root/usr/lib/xen-4.17/bin/xenstored"));
        command
            .arg("-N")
            .env("LD_PRELOAD", peers.join("xenshim.so"))
            .env("LD_LIBRARY_PATH", libraries(&peers)?)
            .env("XENSHIM_DOMAINS", format!("1-{domains}"))
            .env("XENSHIM_CONTROL", "0")
            .stdin(OwnedFd::from(theirs));
        let mut server = spawn(&mut command, folder, Host::Shim(BufReader::new(ours)))?;
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
            .env("NOTIFY_SOCKET", &notify)
            .stdin(Stdio::null());
        let mut server = spawn(&mut command, folder, Host::Simulated)?;
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
        match &mut self.host {
            Host::Shim(channel) => {
                let failed = at("talking to the shim");
                writeln!(channel.get_mut(), "{change}").map_err(failed)?;
                let mut answer = String::new();
                channel.read_line(&mut answer).map_err(at("talking to the shim"))?;
                if answer == "ok\n" { Ok(()) } else { Err(PeerError::Refused(change.to_string())) }
            }
            Host::Simulated => {
                // It is told of each change, so it never has to look.
                let (word, Some(domid)) = change.words() else { return Ok(()) };
                let payload = format!("sim\0{word}\0{domid}\0");
                let refused = || PeerError::Refused(change.to_string());
                let mut link =
                    Link::connect(&self.socket, "right", usize::MAX).map_err(|_| refused())?;
                link.send(&encode(0, 1, 0, payload.as_bytes()), 1).map_err(|_| refused())?;
                match link.receive() {
                    Ok(Incoming::Message(m)) if m.op == 0 => Ok(()),
                    _ => Err(refused()),
                }
            }
            Host::OutOfReach => Err(PeerError::Refused(change.to_string())),
        }
    }

    /// Lets a domain that had shut down run again, without an event. Our simulated host only tells
    /// of news, so that there is nothing to take back.
    ///
    /// # Errors
    /// [`PeerError::Refused`], [`PeerError::Io`].
    pub fn wake(&mut self, domid: u32) -> Result<(), PeerError> {
        match self.host {
            Host::Shim(_) => self.domain(DomainChange::Create(domid)),
            Host::Simulated | Host::OutOfReach => Ok(()),
        }
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

fn folder() -> Result<tempfile::TempDir, PeerError> {
    tempfile::Builder::new().prefix("xenstored-").tempdir().map_err(at("making a folder"))
}

pub(crate) fn at(what: &'static str) -> impl Fn(io::Error) -> PeerError {
    move |source| PeerError::Io { what, source }
}
