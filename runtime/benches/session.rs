//! One run of a session on tiles that are already decoded. Needs `KILN_BENCH_BUNDLE`.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn session(criterion: &mut Criterion) {
    let Some(bundle) = common::bundle() else { return };
    let mut group = criterion.benchmark_group("session");
    let mut session = common::session(&bundle, common::cores(), true);
    let batches = session.fixed_batch().map_or(vec![1, 8], |batch| vec![batch]);
    for batch in batches {
        let pixels: Vec<u8> = (0..batch).flat_map(|seed| common::picture(seed as u32).into_raw()).collect();
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(BenchmarkId::new("batch", batch), |bencher| {
            bencher.iter(|| session.run(&pixels, batch).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, session);
criterion_main!(benches);
