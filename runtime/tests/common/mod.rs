//! Shared by the tests: the ONNX Runtime of this process, and small graphs as protobuf bytes.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

pub mod bundle;
pub mod onnx;

use kiln_runtime::{Providers, Runtime, Session, install, library};
use kiln_tile::TILE_BYTES;

/// True if the comma-separated list `KILN_TEST_INSTALL` contains `word`.
pub fn may_install(word: &str) -> bool {
    std::env::var("KILN_TEST_INSTALL").is_ok_and(|words| words.split(',').any(|one| one.trim() == word))
}

/// The CPU library, installed into the user's cache if it is missing.
pub fn runtime() -> &'static Runtime {
    let found = install::find_or_install(None, &Providers::default(), &mut |step| eprintln!("{step}"));
    library::load(&found.expect("no ONNX Runtime, and none could be installed")).expect("ONNX Runtime does not load")
}

/// Checks that two sessions of a tile graph give the same outputs for batches of these sizes.
pub fn assert_same_outputs(session: &mut Session, reference: &mut Session, batches: &[usize]) {
    for &batch in batches {
        let pixels: Vec<u8> = (0..batch * TILE_BYTES).map(|i| (i % 253) as u8).collect();
        let (found, expected) = (session.run(&pixels, batch).unwrap(), reference.run(&pixels, batch).unwrap());
        for (name, array) in &expected.arrays {
            let far = found.arrays[name].iter().zip(array).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // 196,608 values are added up in another order.
            assert!(far < 1e-5, "{name} at batch {batch}: {far}");
        }
    }
}
