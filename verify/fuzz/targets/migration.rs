//! libFuzzer on migration streams: any bytes are an error, or records that come back as they were.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| myriad_fuzz::migration::run(data));
