//! libFuzzer on the codec: any stream of bytes gives the same messages however it is cut, and
//! each is parsed, resolved and answered without a panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| myriad_ring::v1::fuzz::codec(data));
