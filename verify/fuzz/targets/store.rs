//! libFuzzer on live operations: whatever is asked of a store, it answers as the reference model does,
//! and its accounts are right after each step.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| myriad_fuzz::store::run(data));
