//! libFuzzer on what a killed daemon leaves: whatever becomes of it, what comes back is an error or a
//! store that was.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| myriad_fuzz::recovery::run(data));
