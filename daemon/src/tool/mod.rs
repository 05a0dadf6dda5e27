//! The tool `myriad`, and the clients `xenstore-*` that it is when called by their names.
//!
//! Invariants:
//! - Values are printed escaped, but where raw output was asked for: a guest can't steer the
//!   terminal of whoever looks at its nodes. (Names hold nothing that would need it.)
//! - Each failure has an exit code of its own kind, which never changes (`failure::Failure`).

mod change;
mod cli;
mod compat;
mod console;
mod escape;
mod failure;
mod history;
mod host;
mod limits;
mod ls;
mod output;
mod run;
pub mod sim;
mod stream;
mod together;
mod tree;

use std::{
    env,
    ffi::OsString,
    io::{self, BufWriter, Write},
    os::unix::ffi::OsStringExt,
    process::ExitCode,
};

use clap::Parser;
use rustix::termios;
use serde_json::json;
use signal_hook::{consts::SIGPIPE, low_level};

use self::{cli::Cli, console::Console, failure::Failure};

/// Runs the program that the command line names, and gives its exit code.
///
/// Where the reader of its output is gone it ends by SIGPIPE, as a program in a pipe should.
#[must_use]
pub fn main() -> ExitCode {
    let args: Vec<OsString> = env::args_os().collect();
    let mut out = BufWriter::new(io::stdout());
    let columns = termios::tcgetwinsize(io::stdout()).ok().map(|size| size.ws_col);
    let argv: Vec<Vec<u8>> = args.iter().cloned().map(OsStringExt::into_vec).collect();
    let program = argv.first().map(Vec::as_slice).unwrap_or_default();
    let mut console = Console { program, out: &mut out, err: &mut io::stderr(), columns };

    let code = if compat::is_ours(program) {
        compat::run(&argv, &mut console)
    } else {
        tool(args, &mut console)
    };
    match code.and_then(|code| out.flush().map(|()| code)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => ExitCode::from(output_failed(error)),
    }
}

fn tool(args: Vec<OsString>, console: &mut Console<'_>) -> io::Result<u8> {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(says) => {
            says.print()?;
            return Ok(u8::try_from(says.exit_code()).unwrap_or(2));
        }
    };
    match run::run(&cli, console) {
        Ok(()) => Ok(0),
        Err(Failure::Output(error)) => Err(error),
        Err(Failure::False) => Ok(1),
        Err(failure) => {
            let (code, says) = (failure.code(), failure.to_string());
            if cli.json {
                let mut error = json!({"error": says, "errno": failure.errno(), "exit": code});
                if let (Some(wrong), Some(error)) = (failure.wrong(), error.as_object_mut()) {
                    error.insert("wrong".into(), wrong.json());
                }
                output::json_line(console.err, &error)?;
            } else {
                writeln!(console.err, "myriad: {says}")?;
            }
            Ok(code)
        }
    }
}

fn output_failed(error: io::Error) -> u8 {
    if error.kind() == io::ErrorKind::BrokenPipe {
        // Ends the process; where it can't, the exit code says the same.
        let _ = low_level::emulate_default_handler(SIGPIPE);
    }
    let failure = Failure::Output(error);
    let _ = writeln!(io::stderr(), "myriad: {failure}");
    failure.code()
}
