//! The daemon's process: begun, killed, and begun again in the same directory.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::{net::UnixDatagram, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{
    limits::{LOOK, NODE_SIZE, PATIENCE},
    point::Point,
};

/// How to begin a daemon.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) run_dir: PathBuf,
}

/// A daemon that runs. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Daemon {
    child: Child,
    log: PathBuf,
    /// From its start until it was ready.
    pub(super) start: Duration,
}

/// How a start ended.
#[derive(Debug)]
pub(super) enum Started {
    /// It serves.
    Ready(Daemon),
    /// It was killed before it did.
    Killed,
    /// It ended, or did nothing.
    Failed(String),
}

impl Program {
    /// Notes where a life is to end, for whoever reads the logs: `lives` in the directory.
    pub(super) fn note(&self, life: u64, at: Option<(Point, usize)>) -> io::Result<()> {
        let mut lives =
            File::options().append(true).create(true).open(self.run_dir.join("lives"))?;
        match at {
            Some((point, times)) => writeln!(lives, "{life} {point}:{times}"),
            None => writeln!(lives, "{life} {}", Point::Random),
        }
    }

    /// Begins a daemon, which ends itself at a point, and waits until it is ready.
    pub(super) fn start(&self, life: u64, at: Option<(Point, usize)>) -> io::Result<Started> {
        let notify = self.run_dir.join("notify");
        // That of the life before, if there was one.
        let _ = std::fs::remove_file(&notify);
        let ready = UnixDatagram::bind(&notify)?;
        ready.set_read_timeout(Some(Duration::from_millis(5)))?;
        let log = self.run_dir.join(format!("log.{life}"));
        let file = File::create(&log)?;
        let mut command = Command::new(&self.program);
        command
            .arg("-N")
            .args(["-S", &NODE_SIZE.to_string(), "-w", "watch-event=0"])
            .args(&self.arguments)
            .env("XENSTORED_RUNDIR", &self.run_dir)
            .env_remove("XENSTORED_PATH")
            .env_remove("MYRIAD_FAILPOINT")
            .env("NOTIFY_SOCKET", &notify)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        if let Some((point, times)) = at {
            command.env("MYRIAD_FAILPOINT", format!("{point}:{times}"));
        }
        let begin = Instant::now();
        let child = command.spawn()?;
        let mut daemon = Daemon { child, log, start: Duration::ZERO };
        let mut word = [0; 256];
        loop {
            match ready.recv(&mut word) {
                Ok(n) if word.get(..n).is_some_and(|w| w.starts_with(b"READY=1")) => {
                    daemon.start = begin.elapsed();
                    return Ok(Started::Ready(daemon));
                }
                Ok(_) => {}
                Err(_) => match daemon.child.try_wait()? {
                    Some(status) if was_killed(status) => return Ok(Started::Killed),
                    Some(status) => {
                        return Ok(Started::Failed(format!("{status}; {}", daemon.said())));
                    }
                    None if begin.elapsed() > PATIENCE => {
                        return Ok(Started::Failed(format!("not ready; {}", daemon.said())));
                    }
                    None => {}
                },
            }
        }
    }
}

impl Daemon {
    /// Kills it.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn stop(&mut self) -> io::Result<ExitStatus> {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), Signal::TERM)?;
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(LOOK);
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the daemon doesn't end by SIGTERM"))
    }

    /// Waits a moment; how it has ended, if it has.
    pub(super) fn look(&mut self) -> io::Result<Option<ExitStatus>> {
        std::thread::sleep(LOOK);
        self.child.try_wait()
    }

    /// What its log says that it shouldn't.
    pub(super) fn complaints(&self) -> Vec<String> {
        let text = read(&self.log);
        let bad = |line: &&str| BAD.iter().any(|bad| line.contains(bad));
        text.lines().filter(bad).map(str::to_owned).collect()
    }

    fn said(&self) -> String {
        let text = read(&self.log);
        let last: Vec<_> = text.lines().rev().take(5).collect();
        format!("it said: {}", last.into_iter().rev().collect::<Vec<_>>().join(" / "))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone and reaped after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process was ended by SIGKILL.
pub(super) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::KILL.as_raw())
}

fn read(path: &Path) -> String {
    std::fs::read(path).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
}

/// Words in a log that tell of a fault.
const BAD: [&str; 3] = ["check_store:", "panicked at", "this is a fault of xenstored"];
