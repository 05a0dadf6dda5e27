//! libFuzzer on the shared page: whatever a guest writes into its page, the server gives its ring
//! up or serves it, and another guest notices nothing.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| myriad_ring::page::fuzz(data));
