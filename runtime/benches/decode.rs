//! From the bytes of a file to a tile, the digest of the bytes, and stain normalisation, one thread.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use image::ImageFormat;
use kiln_files::FileDigest;
use kiln_files::digest::sha256_hex;
use kiln_tile::stain::{StainMethod, StainNormaliser};
use kiln_tile::{Decoder, SizePolicy, Tile};

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    let decoder = Decoder::new(SizePolicy::Error);
    for (name, format) in [("jpeg", ImageFormat::Jpeg), ("png", ImageFormat::Png)] {
        let bytes = common::encoded(1, format);
        group.bench_function(name, |bencher| bencher.iter(|| decoder.decode_bytes(&bytes)));
    }
    group.finish();
}

/// The cost of remembering which bytes were scored, beside decoding them.
fn digest(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("digest");
    group.throughput(Throughput::Elements(1));
    for (name, format) in [("jpeg", ImageFormat::Jpeg), ("png", ImageFormat::Png)] {
        let bytes = common::encoded(1, format);
        group.bench_function(name, |bencher| bencher.iter(|| FileDigest::new(&bytes)));
        group.bench_function(format!("{name}, SHA-256"), |bencher| bencher.iter(|| sha256_hex(&bytes)));
    }
    group.finish();
}

fn stain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stain");
    group.throughput(Throughput::Elements(1));
    let [here, elsewhere] = [1, 2].map(|seed| Tile::from_pixels(common::picture(seed).into_raw()).unwrap());
    for method in [StainMethod::Reinhard, StainMethod::Macenko, StainMethod::Vahadane] {
        let normaliser = StainNormaliser::fit(method, std::slice::from_ref(&here)).unwrap();
        group.bench_function(method.to_string(), |bencher| bencher.iter(|| normaliser.apply(elsewhere.clone())));
    }
    group.finish();
}

criterion_group!(benches, decode, digest, stain);
criterion_main!(benches);
