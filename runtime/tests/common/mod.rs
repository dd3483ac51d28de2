//! Shared by the tests: the ONNX Runtime of this process, and small graphs as protobuf bytes.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

pub mod bundle;
pub mod onnx;

use kiln_runtime::{Providers, Runtime, install, library};

/// True if the comma-separated list `KILN_TEST_INSTALL` contains `word`.
pub fn may_install(word: &str) -> bool {
    std::env::var("KILN_TEST_INSTALL").is_ok_and(|words| words.split(',').any(|one| one.trim() == word))
}

/// The CPU library, installed into the user's cache if it is missing.
pub fn runtime() -> &'static Runtime {
    let found = install::find_or_install(None, &Providers::default(), &mut |step| eprintln!("{step}"));
    library::load(&found.expect("no ONNX Runtime, and none could be installed")).expect("ONNX Runtime does not load")
}
