//! The tool `myriad`, and under their names the clients `xenstore-*`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    myriad::tool::main()
}
