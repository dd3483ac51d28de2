//! A training step of the pooled classifier, compared with the bare forward pass, backward pass and Adam's step on tiles in
//! memory. The difference is the cost of decoding, augmentation and copies.
//!
//! The two are timed alternately, so that other load on the machine affects both: `cargo bench -p kiln-train --bench step`.
//!
//! `STEP_DEVICE` names the device, such as `tch` in a build with that feature (`flex`). `STEP_PYTHON` names a Python with
//! PyTorch: then both are compared with PyTorch's step of the same model instead (`pytorch_step.py` beside this file).
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{DType, Int, Tensor, TensorData};
use criterion::{Criterion, criterion_group, criterion_main};
use kiln_train::Config;
use kiln_train::data::synth::{self, SynthOptions};
use kiln_train::model::{LossOptions, Zoo};
use kiln_train::training::{Event, TrainRequest, train_unless_stopped};

const FLEX: &str = "flex";
const BATCH: usize = 16;
const CROP: usize = 128;
/// Number of timed training steps; the first is for warming up.
const STEPS: usize = 20;
/// Number of tiles; about 340 are for training: some 21 batches.
const TILES: usize = 360;

fn config(device: &str) -> Config {
    let text = include_str!("../../configs/cnn.yaml");
    let sets = [
        "training.epochs=1".to_owned(),
        format!("training.batch={BATCH}"),
        format!("training.crop={CROP}"),
        format!("training.device={device}"),
        "data.split={train: 0.94, val: 0.03, test: 0.03}".to_owned(),
    ];
    Config::parse(text, "cnn.yaml", &sets).unwrap()
}

/// Time of each training step, except the first.
fn training(data: &Path, device: &str) -> Vec<Duration> {
    let out = tempfile::tempdir().unwrap();
    let request = TrainRequest {
        config: config(device),
        data: Some(data.to_owned()),
        out: out.path().join("run"),
        openslide: None,
        resume: false,
        split: None,
        features: None,
    };
    let (mut last, mut steps) = (None, Vec::new());
    let mut observer = |event: &Event<'_>| {
        if let Event::Step { .. } = event {
            let now = Instant::now();
            if let Some(last) = last.replace(now) {
                steps.push(now - last);
            }
        }
    };
    train_unless_stopped(&request, &mut observer).unwrap();
    steps.truncate(STEPS - 1);
    steps
}

/// Time of `count` bare steps.
fn bare(count: usize, device: &str) -> Vec<Duration> {
    let config = config(device);
    let device = config.training.device.open().unwrap().autodiff();
    let mut zoo = Zoo::new(&config.model, 2, 1, &device);
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let pixels: Vec<u8> = (0..BATCH * CROP * CROP * 3).map(|at| (at * 31 % 251) as u8).collect();
    let labels: Vec<i32> = (0..BATCH as i32).map(|at| at % 2).collect();
    let tiles: Tensor<4, Int> =
        Tensor::from_data(TensorData::new(pixels, [BATCH, CROP, CROP, 3]), (&device, DType::U8));
    let labels: Tensor<1, Int> = Tensor::from_data(TensorData::new(labels, [BATCH]), (&device, DType::I32));
    let normal: Tensor<1> = Tensor::ones([BATCH], &device);
    let options = LossOptions { label_smoothing: 0.05, ..LossOptions::default() };
    let mut steps = Vec::with_capacity(count);
    for _ in 0..=count {
        let started = Instant::now();
        let loss = zoo.loss(tiles.clone(), labels.clone(), normal.clone(), &options);
        let gradients = GradientsParams::from_grads(loss.total.backward(), &zoo);
        zoo = optimizer.step(1e-3, zoo, gradients);
        steps.push(started.elapsed());
    }
    black_box(zoo.num_params());
    steps.split_off(1)
}

/// Seconds of a step of the same model in PyTorch, on tiles in memory.
fn pytorch(python: &str) -> f64 {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/pytorch_step.py");
    let arguments = [BATCH, CROP, STEPS - 1].map(|number| number.to_string());
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

fn mean(steps: &[Duration]) -> Duration {
    steps.iter().sum::<Duration>() / steps.len() as u32
}

fn step(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let tiles = folder.path().join("tiles");
    synth::write(&tiles, &SynthOptions { tiles: TILES, seed: 7 }, &|| {}).unwrap();
    let device = std::env::var("STEP_DEVICE").unwrap_or_else(|_| FLEX.to_owned());
    if let Ok(python) = std::env::var("STEP_PYTHON") {
        return against_pytorch(&python, &tiles, &device);
    }
    let mut group = criterion.benchmark_group("pooled cnn, a step of 16 windows of 128 pixels");
    group.sample_size(10).warm_up_time(Duration::from_millis(1));
    group.bench_function("bare forward, backward, Adam", |bencher| {
        bencher.iter_custom(|count| mean(&bare(STEPS - 1, &device)) * count as u32);
    });
    group.bench_function("training", |bencher| {
        bencher.iter_custom(|count| mean(&training(&tiles, &device)) * count as u32);
    });
    group.finish();
    // Measured in pairs, for a reliable ratio.
    let pair = || seconds(&training(&tiles, &device)) / seconds(&bare(STEPS - 1, &device));
    print_ratios("training over bare", (0..5).map(|_| pair()).collect());
}

/// Training, bare steps and PyTorch in turn, five times.
fn against_pytorch(python: &str, tiles: &Path, device: &str) {
    let (mut trainings, mut bares) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let ours = seconds(&training(tiles, device));
        let (bare, theirs) = (seconds(&bare(STEPS - 1, device)), pytorch(python));
        println!("training with {device} {ours:.3} s, bare {bare:.3} s, PyTorch {theirs:.3} s");
        trainings.push(ours / theirs);
        bares.push(bare / theirs);
    }
    print_ratios("training over PyTorch", trainings);
    print_ratios("bare over PyTorch", bares);
}

fn seconds(steps: &[Duration]) -> f64 {
    mean(steps).as_secs_f64()
}

/// Prints ratios of five pairs.
fn print_ratios(what: &str, mut ratios: Vec<f64>) {
    ratios.sort_by(f64::total_cmp);
    println!("{what}, five pairs: {ratios:.3?}, median {:.3}", ratios[2]);
}

criterion_group!(benches, step);
criterion_main!(benches);
