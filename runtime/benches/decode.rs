//! From the bytes of a file to a tile, one thread.
#![allow(missing_docs)]

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use image::ImageFormat;
use kiln_tile::{Decoder, SizePolicy};

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

criterion_group!(benches, decode);
criterion_main!(benches);
