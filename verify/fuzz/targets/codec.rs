//! libFuzzer on the codec: any stream of bytes gives the same messages however it is cut, and
//! each is parsed, resolved and answered without a panic.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|data: &[u8]| myriad_ring::v1::fuzz::codec(data));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    myriad_fuzz::mutate::stream(data, size, max_size, seed, fuzzer_mutate)
});
