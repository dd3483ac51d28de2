//! burn's values from executing the recording are the module's own, and the comparison with ONNX Runtime is complete, for
//! every kind of model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::result_large_err)]

mod support;

use kiln_debug::{Side, layers};

use support::{Export, as_written, burn_side, floats, given, inputs, runtime, tensor, zoo};

const KINDS: [&str; 9] = [
    "{kind: cnn, filters: [8, 16], head: pooled, dense: [16]}",
    "{kind: vae, filters: [8, 8], latent: 8}",
    "{kind: hybrid, cnn: {filters: [8, 16], dense: [16]}, filters: [8, 8], latent: 8}",
    "{kind: transfer, backbone: {name: efficientnet-lite0, weights: random, stages: [4], width: 0.25}, dense: [8]}",
    "{kind: memory_bank, backbone: {name: resnet18, weights: random, stages: [1, 2], width: 0.25}}",
    // These work on fewer pixels than a tile has.
    "{kind: cnn, filters: [8, 16], head: flatten, dense: [16], side: 96}",
    "{kind: transfer, backbone: {name: resnet18, weights: random, stages: [2], width: 0.25, side: 96}, \
     pooling: mean_and_centre, dense: [8]}",
    // These average over forms of a tile, one of them at another side than it learns from.
    "{kind: transfer, backbone: {name: resnet18, weights: random, stages: [2], width: 0.25, side: 64}, \
     dense: [8], test_time_augmentation: flips_and_turns, test_time_side: 80}",
    "{kind: hybrid, cnn: {filters: [8, 16], dense: [16], side: 96, test_time_augmentation: flips}, \
     reconstruct: features, filters: [8, 8], latent: 8}",
];

#[test]
fn executing_the_recording_gives_the_modules_own_outputs() {
    for kind in KINDS {
        for batch in [2, 3] {
            let zoo = zoo(kind);
            let (model, recorded) = zoo.accept(Export { batch });
            let values = burn_side(&model, recorded).values(&given(batch, 256)).unwrap();
            let mut compared = 0;
            for (name, data) in zoo.score(tensor(batch, 256), 1).into_data() {
                let own: Vec<f32> = data.iter::<f32>().collect();
                let executed = floats(&values[name]);
                assert_eq!(own.len(), executed.len(), "{kind}: {name}");
                for (own, executed) in own.iter().zip(&executed) {
                    assert!((own - executed).abs() <= 1e-6 * own.abs().max(1.0), "{kind}: {name}: {own} {executed}");
                }
                compared += 1;
            }
            assert!(compared >= 2, "{kind}: {compared} outputs");
        }
    }
}

#[test]
fn every_node_of_a_fresh_export_rounds_as_it_may() {
    for kind in KINDS {
        let (model, recorded) = zoo(kind).accept(Export { batch: 2 });
        let mut a = burn_side(&model, recorded);
        let optimised = kiln_runtime::SessionOptions::default();
        for (name, options) in [("not optimised", as_written()), ("optimised", optimised)] {
            let mut b = Side::from_model(name, model.to_message().unwrap(), runtime(), options).unwrap();
            let report = layers(&mut a, &mut b, &inputs(3, 256), |_| ()).unwrap();
            assert!(
                report.passed,
                "{kind}, {name}: {}\n{}",
                report.conclusion(),
                kiln_debug::report::markdown(&report)
            );
            // The table is complete: a row for every result of a node.
            let results: usize = model.graph().node.iter().map(|node| node.output.len()).sum();
            let (rows, without) = (report.rows.len(), report.without_counterpart.len());
            assert!(
                without == 0 && rows <= results && rows > 10,
                "{kind}: {rows} rows of {results} results, {without} without"
            );
            assert!(report.rows.iter().all(|row| row.carried.is_some() && row.own.is_some()), "{kind}");
            // Most values are burn's own; those between are inside a lowering.
            let own = report.rows.iter().filter(|row| !row.between).count();
            assert!(own * 2 > rows, "{kind}: {own} of {rows} values are burn's own");
        }
    }
}
