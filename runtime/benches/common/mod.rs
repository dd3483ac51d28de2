//! Shared by the benchmarks: generated JPEG tiles, and the bundle that the user names.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbImage};
use kiln_runtime::{Bundle, Providers, Session, SessionOptions, library};
use kiln_tile::SIDE;

/// The bundle in `KILN_BENCH_BUNDLE`; without it, says so and gives none.
pub fn bundle() -> Option<Bundle> {
    let Some(path) = std::env::var_os("KILN_BENCH_BUNDLE") else {
        eprintln!("skipped: set KILN_BENCH_BUNDLE to a bundle, for example the one that `kiln demo` leaves");
        return None;
    };
    Some(Bundle::open(Path::new(&path)).expect("KILN_BENCH_BUNDLE is no bundle"))
}

/// The bundle's fp32 graph on the CPU, on `threads` threads; with the library of `ORT_DYLIB_PATH` if it is set.
pub fn session(bundle: &Bundle, threads: usize, spinning: bool) -> Session {
    let explicit = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from);
    let runtime = library::load(&library::find(explicit.as_deref()).unwrap()).unwrap();
    let options = SessionOptions {
        providers: Providers::default(),
        threads: Some(threads),
        spinning,
        ..SessionOptions::default()
    };
    Session::open(runtime, &bundle.model_path("fp32").unwrap(), &options).unwrap()
}

/// A tile with edges and noise, which costs a decoder what tissue costs.
pub fn picture(seed: u32) -> RgbImage {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 27) as u8;
        let cell = if (x / 13 + seed).is_multiple_of(3) && (y / 11).is_multiple_of(2) { 90 } else { 0 };
        image::Rgb([220 - cell / 2 - noise, 160 - cell - noise, 200 - cell / 3 - noise])
    })
}

/// A tile file in memory.
pub fn encoded(seed: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture(seed).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A folder of `n` JPEG tiles.
pub fn folder(n: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..n {
        std::fs::write(folder.path().join(format!("tile{seed}.jpg")), encoded(seed, ImageFormat::Jpeg)).unwrap();
    }
    folder
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
