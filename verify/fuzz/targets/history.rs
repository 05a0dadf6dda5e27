//! libFuzzer on history files: whatever was done and whatever becomes of the file, what is read is an
//! error or a version that was.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| myriad_fuzz::history::run(data));
