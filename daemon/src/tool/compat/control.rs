//! The client xenstore-control: a command for the daemon, and the steps of a live update.
//!
//! Exit codes: 0 done, 1 no connection, 2 usage, 3 refused.

use std::{
    io::{Read, Write},
    thread,
    time::{Duration, Instant},
};

use myriad_core::Errno;
use myriad_ring::client::{Client, Error, Store};

use super::{
    Fault,
    errors::{os_number, os_text},
    options::atoi,
};
use crate::tool::{console::Console, limits::LIVE_UPDATE_SECONDS};

/// Runs the client; gives its exit code.
pub(super) fn run(argv: &[Vec<u8>], console: &mut Console<'_>) -> Result<u8, Fault> {
    let [_, command, args @ ..] = argv else {
        let program = argv.first().map(Vec::as_slice).unwrap_or_default();
        let usage = [b"Usage:\n", program, b" <command> [<arg>...]\n"].concat();
        console.err.write_all(&usage)?;
        return Ok(2);
    };
    let Ok(mut client) = Client::connect() else {
        console.err.write_all(b"Failed to contact Xenstored.\n")?;
        return Ok(1);
    };
    if command == b"live-update" {
        return live_update(&mut client, args, console);
    }
    match client.control(command, args) {
        Ok(answer) if answer.is_empty() => Ok(0),
        Ok(answer) => {
            console.out.write_all(format!("{answer}\n").as_bytes())?;
            Ok(0)
        }
        Err(error) => {
            let says = explain(&mut client, &error);
            console.err.write_all(says.as_bytes())?;
            Ok(3)
        }
    }
}

fn explain<S: Read + Write>(client: &mut Client<S>, error: &Error) -> String {
    if error.errno() != Some(Errno::EINVAL) {
        return format!("Error {} when trying to execute command.\n", os_number(error));
    }
    match client.control("help", [""; 0]) {
        Ok(help) => format!("Command not supported. Valid commands are:\n{help}\n"),
        Err(_) => "Error when executing command.\n".into(),
    }
}

/// What `live-update` was told.
struct Update<'a> {
    binary: &'a [u8],
    cmdline: Option<&'a [u8]>,
    seconds: i32,
    version: i32,
    force: bool,
}

fn parse(args: &[Vec<u8>]) -> Result<Update<'_>, &'static str> {
    let mut update = Update {
        binary: b"",
        cmdline: None,
        seconds: LIVE_UPDATE_SECONDS,
        version: 0,
        force: false,
    };
    let mut binary = None;
    let mut args = args.iter().map(Vec::as_slice);
    while let Some(arg) = args.next() {
        match arg {
            b"-c" => update.cmdline = Some(args.next().ok_or("Missing command line value")?),
            b"-t" => update.seconds = atoi(args.next().ok_or("Missing timeout value")?),
            b"-v" => update.version = atoi(args.next().ok_or("Missing version value")?),
            b"-F" => update.force = true,
            path => binary = Some(path),
        }
    }
    update.binary = binary.ok_or("Missing binary specification")?;
    Ok(update)
}

fn live_update<S: Read + Write>(
    client: &mut Client<S>,
    args: &[Vec<u8>],
    console: &mut Console<'_>,
) -> Result<u8, Fault> {
    let update = match parse(args) {
        Ok(update) => update,
        Err(says) => {
            console.err.write_all(format!("{says}\n").as_bytes())?;
            return Ok(2);
        }
    };
    if client.read("/tool/xenstored/domid").is_ok() {
        let says = "Xenstore runs in a stub domain: use Xen's own xenstore-control to update it.\n";
        console.err.write_all(says.as_bytes())?;
        return Ok(1);
    }
    let binary = "Setting update binary failed:";
    let result = step(client, &[b"-f", update.binary], binary);
    if let Err(says) = result {
        console.err.write_all(says.as_bytes())?;
        return Ok(3);
    }
    let cmdline = update.cmdline.map_or(Ok(()), |c| step(client, &[b"-c", c], binary));
    let result = cmdline.and_then(|()| start(client, &update));
    if let Err(says) = result {
        console.err.write_all(says.as_bytes())?;
        // Whatever it answers, the first failure is what counts.
        let _ = client.control("live-update", ["-a"]);
        return Ok(3);
    }
    Ok(0)
}

/// Starts the update, again each second while the daemon has a transaction open.
fn start<S: Read + Write>(client: &mut Client<S>, update: &Update<'_>) -> Result<(), String> {
    let seconds = update.seconds.to_string();
    let version = update.version.to_string();
    let mut args: Vec<&[u8]> = vec![b"-s", b"-t", seconds.as_bytes()];
    if update.version != 0 {
        args.extend([&b"-v"[..], version.as_bytes()]);
    }
    if update.force {
        args.push(b"-F");
    }
    let patience = Duration::from_secs(u64::try_from(update.seconds).unwrap_or(u64::MAX));
    let begun = Instant::now();
    let mut answer = Ok(String::from("BUSY"));
    while begun.elapsed() < patience {
        answer = client.control("live-update", &args);
        if !answer.as_ref().is_ok_and(|answer| answer == "BUSY") {
            break;
        }
        thread::sleep(Duration::from_secs(1));
    }
    expect_ok(answer, "Starting live update failed:")
}

fn step<S: Read + Write>(
    client: &mut Client<S>,
    args: &[&[u8]],
    failed: &str,
) -> Result<(), String> {
    expect_ok(client.control("live-update", args), failed)
}

fn expect_ok(answer: Result<String, Error>, failed: &str) -> Result<(), String> {
    match answer {
        Ok(answer) if answer == "OK" => Ok(()),
        Ok(answer) => Err(format!("{failed}\n{answer}\n")),
        Err(error) => Err(format!("{failed}\n{}\n", os_text(&error))),
    }
}
