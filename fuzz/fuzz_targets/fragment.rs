#![no_main]

#[path = "../untrusted.rs"]
#[allow(dead_code)]
mod untrusted;

libfuzzer_sys::fuzz_target!(|data: &[u8]| untrusted::fragment(data));
