#![no_main]

use kiln_fuzz::libfuzzer;

libfuzzer_sys::fuzz_target!(init: libfuzzer::begin("status", env!("CARGO_MANIFEST_DIR")), |bytes: &[u8]| libfuzzer::run(bytes));
