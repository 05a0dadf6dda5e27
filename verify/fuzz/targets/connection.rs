//! libFuzzer on the connection machine: whatever three clients of one store send, each request
//! gets its one reply, in order, and nothing panics.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| myriad_ring::v1::fuzz::connection(data));
