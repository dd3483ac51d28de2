//! Features of the frozen backbone of `configs/transfer.yaml`: by burn, and by ONNX Runtime as a training uses it. The weights
//! are random, which changes no time. The two are timed in turn, so that other load on the machine affects both:
//! `cargo bench -p kiln-export --bench features`. `KILN_BENCH_PAIRS` is the number of pairs, 5 by default.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::time::Instant;

use burn::module::Module;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use kiln_export::OnnxFeatures;
use kiln_runtime::{Providers, install};
use kiln_tile::{SIDE, TILE_BYTES};
use kiln_train::Config;
use kiln_train::features::{FeatureBackend, FrozenBackbone};
use kiln_train::model::Zoo;

/// Tiles that burn takes at once in a training.
const BURN_BATCH: usize = 16;
/// Tiles of one measurement.
const TILES: usize = 32;

fn pixels() -> Vec<u8> {
    (0..TILES * TILE_BYTES).map(|at| (at * 31 % 251) as u8).collect()
}

fn burn(backbone: &FrozenBackbone, pixels: &[u8]) {
    let side = SIDE as usize;
    for part in pixels.chunks(BURN_BATCH * TILE_BYTES) {
        let data = TensorData::new(part.to_vec(), [part.len() / TILE_BYTES, side, side, 3]);
        let tile = Tensor::<4, Int>::from_data(data, (&Device::flex(), DType::U8));
        std::hint::black_box(backbone.forward(tile).0.into_data());
    }
}

/// Tiles a second.
fn rate(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    TILES as f64 / started.elapsed().as_secs_f64()
}

fn main() {
    let sets = ["model.backbone.weights=random".to_owned()];
    let config = Config::parse(include_str!("../../configs/transfer.yaml"), "transfer.yaml", &sets).unwrap();
    let backbone = Zoo::new(&config.model, 2, 1, &Device::flex()).valid().frozen_backbone().unwrap();
    let library = install::find_or_install(None, &Providers::default(), &mut |step| println!("{step}")).unwrap();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let started = Instant::now();
    let mut runtime = OnnxFeatures::new(Some(library.path)).open(&backbone, threads).unwrap();
    let pixels = pixels();
    println!("{}, {threads} threads, exported in {:.2} s", runtime.identity(), started.elapsed().as_secs_f64());
    // Opens the sessions.
    runtime.vectors(&pixels, TILES).unwrap();
    let pairs = std::env::var("KILN_BENCH_PAIRS").ok().and_then(|pairs| pairs.parse().ok()).unwrap_or(5);
    let mut ratios = Vec::new();
    for pair in 1..=pairs {
        let slow = rate(|| burn(&backbone, &pixels));
        let fast = rate(|| drop(runtime.vectors(&pixels, TILES).unwrap()));
        println!("pair {pair}: burn {slow:.1} tiles/s, ONNX Runtime {fast:.1} tiles/s, ratio {:.2}", fast / slow);
        ratios.push(fast / slow);
    }
    ratios.sort_by(f64::total_cmp);
    println!("ONNX Runtime over burn, {pairs} pairs: median {:.2}", ratios[ratios.len() / 2]);
}
