//! From a folder of JPEG tiles to rows: decoding, batching and inference together. Needs `KILN_BENCH_BUNDLE`.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::slice::from_mut;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kiln_runtime::DecisionRule;
use kiln_runtime::score::{self, ListedTiles, PipelineOptions};
use kiln_tile::{Decoder, SizePolicy};

const TILES: u32 = 128;

fn pipeline(criterion: &mut Criterion) {
    let Some(bundle) = common::bundle() else { return };
    let folder = common::folder(TILES);
    let tiles = score::list(&[folder.path().to_owned()], &mut std::io::empty()).unwrap();
    let rule = DecisionRule::from_manifest(&bundle.manifest);
    let mut session = common::session(&bundle, common::cores(), false);
    let options = PipelineOptions { batch: PipelineOptions::DEFAULT_BATCH, workers: common::cores() };
    let source = ListedTiles::new(&tiles, Decoder::new(SizePolicy::Error));
    let mut group = criterion.benchmark_group("pipeline");
    group.sample_size(10).throughput(Throughput::Elements(TILES.into()));
    group.bench_function("jpeg folder", |bencher| {
        bencher.iter(|| score::run(from_mut(&mut session), &rule, &source, &options, &mut |_| Ok(())).unwrap());
    });
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
