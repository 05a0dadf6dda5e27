//! Writes the seeds of all targets below `seeds/`; other files there are left alone.
#![forbid(unsafe_code)]

use std::{fs, io};

use myriad_fuzz::TARGETS;

fn main() -> io::Result<()> {
    for target in TARGETS {
        fs::create_dir_all(target.folder())?;
        for (name, bytes) in (target.seeds)() {
            fs::write(target.folder().join(name), bytes)?;
        }
    }
    Ok(())
}
