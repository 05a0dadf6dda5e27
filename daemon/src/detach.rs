//! Going into the background without `fork`.
//!
//! C's daemon forks twice. A process that will have threads is safer started afresh: the parent
//! runs its own program again with the same arguments, in a new session, and waits on a pipe. The
//! child writes one line there once its socket serves, and only then lets go of the parent's
//! standard streams; the parent ends with 0 then, or with the child's exit code.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    process::{Command, ExitCode, Stdio},
};

/// Set in the environment of the process that is to serve.
pub const DETACHED_VARIABLE: &str = "MYRIAD_DETACHED";

/// Whether this process was started by [`parent`].
#[must_use]
pub fn is_child() -> bool {
    std::env::var_os(DETACHED_VARIABLE).is_some()
}

/// Starts the process that serves, and waits until it does. `print_pid`: say its pid then.
///
/// # Errors
/// The program can't be started again.
pub fn parent(print_pid: bool) -> io::Result<ExitCode> {
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_else(|| "xenstored".into());
    let mut child = Command::new("/proc/self/exe")
        .arg0(name)
        .args(args)
        .env(DETACHED_VARIABLE, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut word = String::new();
    if let Some(pipe) = child.stdout.take() {
        BufReader::new(pipe.take(READY.len() as u64)).read_line(&mut word)?;
    }
    if word == READY {
        if print_pid {
            println!("{}", child.id());
        }
        return Ok(ExitCode::SUCCESS);
    }
    // It ended, or is about to: the pipe closes no earlier. It has said why on standard error.
    let code = child.wait()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.filter(|code| *code != 0).unwrap_or(1)))
}

/// In the child, first of all: leaves the parent's session and directory. Its name is what `ps` and
/// `pidof` look for, and not that of the link by which it was started.
///
/// # Errors
/// What the system refuses.
pub fn leave() -> io::Result<()> {
    rustix::process::setsid()?;
    // For people: without it, it serves as well.
    let _ = std::fs::write("/proc/self/comm", "xenstored");
    rustix::process::chdir("/")?;
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    Ok(())
}

/// In the child, once it serves: tells the parent, and lets go of its standard streams.
///
/// # Errors
/// What the system refuses; that the parent is gone is none.
pub fn ready() -> io::Result<()> {
    let mut out = io::stdout();
    // A parent that was killed doesn't stop the daemon.
    let _ = out.write_all(READY.as_bytes()).and_then(|()| out.flush());
    let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

const READY: &str = "ready\n";
