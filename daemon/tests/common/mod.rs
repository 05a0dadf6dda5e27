//! A daemon in a directory of its own, and clients that speak raw protocol v1.
#![allow(dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::VecDeque,
    fs::File,
    io::{Read, Write},
    os::unix::net::{UnixDatagram, UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use myriad_ring::v1::{HEADER_LEN, Header, Op};
use rustix::process::{Resource, Rlimit};
use tempfile::TempDir;

/// Ends a test whose daemon hangs; no test depends on how long anything takes.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub struct Daemon {
    pub child: Child,
    pub dir: TempDir,
    pub notify: UnixDatagram,
    /// What systemd was told before that it serves.
    pub told: Vec<String>,
}

/// A command that runs the daemon in `dir`: this package's, or the one that `MYRIAD_TEST_DAEMON`
/// names (`verify/defences.sh` puts a broken one there).
pub fn command(dir: &Path, args: &[&str]) -> Command {
    let own = || env!("CARGO_BIN_EXE_xenstored").into();
    let mut command = Command::new(std::env::var_os("MYRIAD_TEST_DAEMON").unwrap_or_else(own));
    command
        .args(args)
        .env("XENSTORED_RUNDIR", dir)
        .env_remove("XENSTORED_PATH")
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null());
    command
}

impl Daemon {
    pub fn start(args: &[&str]) -> Daemon {
        Daemon::start_in(tempfile::tempdir().unwrap(), args)
    }

    pub fn start_in(dir: TempDir, args: &[&str]) -> Daemon {
        let command = command(dir.path(), args);
        Daemon::spawn(dir, command)
    }

    pub fn spawn(dir: TempDir, mut command: Command) -> Daemon {
        let notify_path = dir.path().join("notify");
        let _ = std::fs::remove_file(&notify_path);
        let notify = UnixDatagram::bind(&notify_path).unwrap();
        notify.set_read_timeout(Some(PATIENCE)).unwrap();
        let log = File::create(dir.path().join("stderr")).unwrap();
        let child =
            command.arg("-N").env("NOTIFY_SOCKET", &notify_path).stderr(log).spawn().unwrap();
        let mut daemon = Daemon { child, dir, notify, told: Vec::new() };
        loop {
            let told = daemon.notified();
            if told.contains("READY=1") {
                return daemon;
            }
            daemon.told.push(told);
        }
    }

    /// What systemd would be told next.
    pub fn notified(&self) -> String {
        let mut text = [0; 1024];
        let len = self.notify.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..len]).into_owned()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("stderr")).unwrap()
    }

    pub fn connect(&self) -> Client {
        Client::connect(&self.path("socket"))
    }

    pub fn guest(&self, domid: u16) -> Client {
        Client::connect(&self.path(&format!("sim/{domid}.socket")))
    }

    /// Creates and introduces domains.
    pub fn introduce(&self, domid: u16) {
        let mut client = self.connect();
        client.control(&["sim", "create", &domid.to_string()]).unwrap();
        client.ok(Op::Introduce, format!("{domid}\x001\x001\0").as_bytes());
    }

    /// Descriptors that the daemon has open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Lets the daemon have that many more descriptors than it has now.
    pub fn leave_descriptors(&self, more: usize) {
        let limit = Some((self.descriptors() + more) as u64);
        let pid = rustix::process::Pid::from_child(&self.child);
        let limit = Rlimit { current: limit, maximum: limit };
        rustix::process::prlimit(Some(pid), Resource::Nofile, limit).unwrap();
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(mut self) -> (ExitStatus, TempDir) {
        self.signal(rustix::process::Signal::TERM);
        let status = self.child.wait().unwrap();
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        (status, dir)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub struct Client {
    pub stream: UnixStream,
    events: VecDeque<(String, String)>,
    next_id: u32,
}

pub type Answer = Result<Vec<u8>, String>;

impl Client {
    pub fn connect(path: &Path) -> Client {
        let stream = UnixStream::connect(path)
            .unwrap_or_else(|error| panic!("can't connect to {}: {error}", path.display()));
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Client { stream, events: VecDeque::new(), next_id: 1 }
    }

    /// Sends a request and waits for its reply; events that come before it are kept.
    pub fn ask(&mut self, op: Op, tx_id: u32, payload: &[u8]) -> Answer {
        let req_id = self.send(op, tx_id, payload);
        loop {
            let (header, body) = self.receive().expect("the daemon closed the connection");
            if header.op == Op::WatchEvent as u32 {
                self.keep_event(&body);
                continue;
            }
            assert_eq!((header.req_id, header.tx_id), (req_id, tx_id));
            if header.op == Op::Error as u32 {
                return Err(String::from_utf8(body).unwrap().trim_end_matches('\0').into());
            }
            assert_eq!(header.op, op as u32);
            return Ok(body);
        }
    }

    pub fn ok(&mut self, op: Op, payload: &[u8]) -> Vec<u8> {
        self.ask(op, 0, payload).unwrap_or_else(|error| panic!("{}: {error}", op.name()))
    }

    pub fn send(&mut self, op: Op, tx_id: u32, payload: &[u8]) -> u32 {
        let req_id = self.next_id;
        self.next_id += 1;
        self.stream.write_all(&message(op as u32, req_id, tx_id, payload)).unwrap();
        req_id
    }

    /// The next message; none when the daemon has closed the connection.
    pub fn receive(&mut self) -> Option<(Header, Vec<u8>)> {
        let mut header = [0; HEADER_LEN];
        match self.stream.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return None,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("nothing came: {error}"),
        }
        let header = Header::from_bytes(header);
        let mut body = vec![0; usize::try_from(header.len).unwrap()];
        self.stream.read_exact(&mut body).unwrap();
        Some((header, body))
    }

    /// The next event: path and token.
    pub fn event(&mut self) -> (String, String) {
        while self.events.is_empty() {
            let (header, body) = self.receive().expect("the daemon closed the connection");
            assert_eq!(header.op, Op::WatchEvent as u32, "a reply that nobody waits for");
            self.keep_event(&body);
        }
        self.events.pop_front().unwrap()
    }

    /// Events that came before replies so far.
    pub fn kept_events(&mut self) -> Vec<(String, String)> {
        self.events.drain(..).collect()
    }

    pub fn read(&mut self, path: &str) -> Result<String, String> {
        let value = self.ask(Op::Read, 0, &[path.as_bytes(), b"\0"].concat())?;
        Ok(String::from_utf8(value).unwrap())
    }

    pub fn write(&mut self, path: &str, value: &str) -> Answer {
        self.ask(Op::Write, 0, &[path.as_bytes(), b"\0", value.as_bytes()].concat())
    }

    /// Begins a transaction.
    pub fn start(&mut self) -> u32 {
        let id = String::from_utf8(self.ok(Op::TransactionStart, b"\0")).unwrap();
        id.trim_end_matches('\0').parse().unwrap()
    }

    /// Ends a transaction with its changes, which nothing may hinder.
    pub fn commit(&mut self, tx: u32) {
        self.ask(Op::TransactionEnd, tx, b"T\0").unwrap();
    }

    pub fn set_perms(&mut self, path: &str, perms: &[&str]) {
        let perms: String = perms.iter().map(|p| format!("{p}\0")).collect();
        self.ok(Op::SetPerms, format!("{path}\0{perms}").as_bytes());
    }

    pub fn watch(&mut self, path: &str, token: &str) {
        self.ok(Op::Watch, format!("{path}\0{token}\0").as_bytes());
        assert_eq!(self.event(), (path.into(), token.into()));
    }

    pub fn control(&mut self, words: &[&str]) -> Result<String, String> {
        let payload: Vec<u8> = words.iter().flat_map(|w| [w.as_bytes(), b"\0"].concat()).collect();
        let text = self.ask(Op::Control, 0, &payload)?;
        Ok(String::from_utf8(text).unwrap().trim_end_matches('\0').into())
    }

    fn keep_event(&mut self, body: &[u8]) {
        let text = String::from_utf8(body.to_vec()).unwrap();
        let mut parts = text.split('\0');
        let (path, token) = (parts.next().unwrap().into(), parts.next().unwrap().into());
        self.events.push_back((path, token));
    }
}

pub fn message(op: u32, req_id: u32, tx_id: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap();
    [&Header { op, req_id, tx_id, len }.to_bytes()[..], payload].concat()
}
