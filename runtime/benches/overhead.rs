//! The cost that Kiln adds to a run: its session against a bare `ort` loop on the same graph, tiles, threads and settings,
//! run in turn within one process, so that whatever slows one slows the other. Prints the median time of both and the median
//! of the ratios of neighbours. Needs `KILN_BENCH_BUNDLE`; `KILN_BENCH_ROUNDS` is how many runs of each (300).
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::time::Instant;

use kiln_tile::TILE_BYTES;
use ort::session::Session as Bare;
use ort::value::TensorRef;

fn bare(kiln: &kiln_runtime::Session, bundle: &kiln_runtime::Bundle, threads: usize) -> Bare {
    let model = bundle.model_path("fp32").unwrap();
    let builder = Bare::builder(kiln.runtime().environment()).unwrap().with_intra_threads(threads).unwrap();
    let mut builder = builder.with_optimization_level(ort::session::builder::GraphOptimizationLevel::All).unwrap();
    builder.commit_from_file(model).unwrap()
}

/// The score, as a caller would read it.
fn run_bare(session: &mut Bare, pixels: &[u8], batch: usize) -> Vec<f32> {
    let tiles = TensorRef::from_array_view(([batch, 256, 256, 3], pixels)).unwrap();
    let outputs = session.run(ort::inputs![tiles]).unwrap();
    outputs["score"].try_extract_tensor::<f32>().unwrap().1.to_vec()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let Some(bundle) = common::bundle() else { return };
    let rounds: usize = std::env::var("KILN_BENCH_ROUNDS").map_or(300, |rounds| rounds.parse().unwrap());
    // With more, the threads of the session that waits would spin on the cores of the one that runs.
    let threads = 1;
    let mut kiln = common::session(&bundle, threads, true);
    let mut bare = bare(&kiln, &bundle, threads);
    for batch in [1, 8] {
        let pixels: Vec<u8> = (0..batch * TILE_BYTES).map(|i| (i * 7 % 251) as u8).collect();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..rounds + 20 {
            let mut ours_of = || {
                let started = Instant::now();
                let outputs = kiln.run(&pixels, batch).unwrap();
                (started.elapsed(), outputs.arrays["score"].iter().copied().collect::<Vec<_>>())
            };
            let mut theirs_of = || {
                let started = Instant::now();
                let scores = run_bare(&mut bare, &pixels, batch);
                (started.elapsed(), scores)
            };
            // Whoever comes second finds other caches: they take turns.
            let (our, their) = if round % 2 == 0 {
                let our = ours_of();
                (our, theirs_of())
            } else {
                let their = theirs_of();
                (ours_of(), their)
            };
            let ((our_time, our_scores), (their_time, scores)) = (our, their);
            assert_eq!(our_scores, scores);
            // The first are warm-up.
            if round >= 20 {
                theirs.push(their_time.as_secs_f64() * 1_000.0);
                ours.push(our_time.as_secs_f64() * 1_000.0);
            }
        }
        let ratio = median(ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect());
        let (ours, theirs) = (median(ours), median(theirs));
        println!("batch {batch}: bare ort {theirs:.3} ms, Kiln {ours:.3} ms, ratio {ratio:.4} (median of {rounds})");
    }
}
