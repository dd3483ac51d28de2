#![no_main]

use kiln_fuzz::libfuzzer;

libfuzzer_sys::fuzz_target!(init: libfuzzer::begin("journal", env!("CARGO_MANIFEST_DIR")), |bytes: &[u8]| libfuzzer::run(bytes));
