//! The inputs in `seeds/`: as the generator makes them, and every one passes its target.
#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not see as such")]

use std::{collections::HashSet, fs};

use myriad_fuzz::{TARGETS, Target};
use myriad_ring::v1::{Assembler, Op};

const WRITE_AGAIN: &str = "run `cargo run -p myriad-fuzz --bin fuzz-seeds` and commit";

fn files(target: &Target) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(target.folder()).unwrap().map(Result::unwrap);
    let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
    entries.map(|entry| (name(&entry), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn the_files_are_what_the_generator_makes() {
    for target in TARGETS {
        let files = files(&target);
        for (name, bytes) in (target.seeds)() {
            let file = files.iter().find(|(file, _)| file == name);
            assert_eq!(file.map(|(_, b)| b), Some(&bytes), "{name} of {target:?}: {WRITE_AGAIN}");
        }
    }
}

#[test]
fn every_file_passes_its_target() {
    for target in TARGETS {
        for (name, bytes) in files(&target) {
            println!("{} {name}", target.name);
            (target.run)(&bytes);
        }
    }
}

#[test]
fn the_seeds_of_the_codec_hold_every_operation() {
    let mut seen = HashSet::new();
    let codec = TARGETS.iter().find(|target| target.name == "codec").unwrap();
    for (_, bytes) in (codec.seeds)() {
        let mut stream = &bytes[1..];
        let mut input = Assembler::default();
        while !stream.is_empty() {
            let taken = input.push(stream);
            stream = &stream[taken..];
            while let Ok(Some(message)) = input.message() {
                seen.insert(message.header.op);
                input.take();
            }
            if taken == 0 {
                break; // An over-long message: nothing is taken after it.
            }
        }
    }
    let missing = Op::ALL.iter().filter(|op| op.is_request() && !seen.contains(&(**op as u32)));
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&Op>::new());
}
