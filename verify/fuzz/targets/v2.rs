//! libFuzzer on protocol v2: any stream gives the same messages however it is cut, and whatever
//! three clients of one store send, each request gets its one answer, in order.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| myriad_ring::v2::fuzz::v2(data));
