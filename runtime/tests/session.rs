//! A session runs its graph on the named provider, and otherwise fails with the reason.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;

use common::{onnx, runtime};
use kiln_files::Fault;
use kiln_runtime::session::probe;
use kiln_runtime::{
    Array, Error, Optimisation, ProviderKind, Providers, RuntimeWheel, Session, SessionOptions, chain, library,
};
use kiln_tile::TILE_BYTES;
use ndarray::{Array2, arr1, arr2};

fn open(model: &[u8]) -> Session {
    Session::open_bytes(runtime(), "test graph", model, &SessionOptions::default()).unwrap()
}

fn with(providers: &str) -> SessionOptions {
    SessionOptions { providers: providers.parse().unwrap(), ..SessionOptions::default() }
}

#[test]
fn tiles_of_any_batch_give_every_output_by_name() {
    let mut session = open(&onnx::tile_model(None));
    assert_eq!(session.fixed_batch(), None);
    for batch in [1, 3, 8] {
        let mut pixels = vec![255_u8; batch * TILE_BYTES];
        pixels[..TILE_BYTES].fill(0);
        let outputs = session.run(&pixels, batch).unwrap();
        assert_eq!(outputs.batch, batch);
        assert_eq!(outputs.arrays["score"].shape(), [batch]);
        assert_eq!(outputs.arrays["scaled"].shape(), [batch, 256, 256, 3]);
        assert!(outputs.arrays["score"][[0]].abs() < 1e-6);
        assert!((outputs.arrays["score"][[batch - 1]] - if batch == 1 { 0.0 } else { 1.0 }).abs() < 1e-5);
    }
}

#[test]
fn every_node_is_counted_on_its_provider() {
    let session = open(&onnx::tile_model(None));
    assert_eq!(session.provider(), "cpu");
    assert_eq!(session.nodes(), &BTreeMap::from([("cpu".to_owned(), 4)]));
    assert!(session.placement().iter().any(|node| node.operator == "ReduceMean"));
    assert!(session.skipped().is_empty());
    assert!(session.load_ms() > 0.0);
}

#[test]
fn ports_and_metadata_are_what_the_graph_says() {
    let session = open(&onnx::tile_model(None));
    assert_eq!(session.inputs()[0].to_string(), "tile: uint8 [batch, 256, 256, 3]");
    assert_eq!(session.outputs()[0].to_string(), "score: float32 [batch]");
    assert_eq!(session.metadata().unwrap()["kiln.classes"], "benign,anomalous");
}

#[test]
fn selected_outputs_alone_come_back() {
    let mut session = open(&onnx::tile_model(None));
    session.select_outputs(&["score"]).unwrap();
    let outputs = session.run(&vec![255; TILE_BYTES], 1).unwrap();
    assert_eq!(outputs.arrays.keys().collect::<Vec<_>>(), ["score"]);
    let error = session.select_outputs(&["speed"]).unwrap_err();
    assert!(error.to_string().contains("`speed`") && error.to_string().contains("score, scaled"), "{error}");
}

#[test]
fn wrong_batches_are_refused_before_onnx_runtime_sees_them() {
    let mut session = open(&onnx::tile_model(Some(2)));
    assert_eq!(session.fixed_batch(), Some(2));
    for (bytes, batch, what) in [
        (TILE_BYTES, 1, "batches of 2"),
        (TILE_BYTES, 2, "a tile has 196608"),
        (0, 0, "batch of 0"),
        (TILE_BYTES, usize::MAX, "a tile has"),
    ] {
        let error = session.run(&vec![0; bytes], batch).unwrap_err();
        assert_eq!(error.fault(), Fault::Input);
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn a_graph_that_takes_no_tiles_says_what_it_takes() {
    let error = open(&onnx::identity(onnx::F32)).run(&[0; TILE_BYTES], 1).unwrap_err().to_string();
    assert!(error.contains("`x: float32 [n, 2]`"), "{error}");
}

#[test]
fn arrays_of_every_common_type_go_through_unchanged() {
    let cases: [(u64, Array); 5] = [
        (onnx::F32, arr2(&[[1.5_f32, -2.0], [f32::MAX, 0.0]]).into()),
        (onnx::U8, arr2(&[[0_u8, 255]]).into()),
        (onnx::I32, arr2(&[[i32::MIN, i32::MAX]]).into()),
        (onnx::I64, arr2(&[[i64::MIN, i64::MAX]]).into()),
        (onnx::BOOL, arr2(&[[true, false]]).into()),
    ];
    for (kind, array) in cases {
        assert_eq!(open(&onnx::identity(kind)).run_named([("x", &array)]).unwrap()["y"], array);
    }
}

#[test]
fn a_transposed_array_is_read_in_its_own_order() {
    let array: Array = Array2::from_shape_fn((2, 5), |(i, j)| (i * 10 + j) as f32).reversed_axes().into();
    assert_eq!(open(&onnx::identity(onnx::F32)).run_named([("x", &array)]).unwrap()["y"], array);
}

#[test]
fn missing_unknown_and_misshapen_inputs_are_named() {
    let mut session = open(&onnx::identity(onnx::F32));
    let good: Array = arr2(&[[1.0_f32, 2.0]]).into();
    let ints: Array = arr2(&[[1_i64, 2]]).into();
    let flat: Array = arr1(&[1.0_f32, 2.0]).into();
    let none: [(&str, &Array); 0] = [];
    let cases = [
        (session.run_named(none), "`x: float32 [n, 2]` was not given"),
        (session.run_named([("x", &good), ("z", &good)]), "no input `z`; there are: x"),
        (session.run_named([("x", &ints)]), "was given int64 [1, 2]"),
        (session.run_named([("x", &flat)]), "was given float32 [2]"),
    ];
    for (result, what) in cases {
        let error = result.unwrap_err();
        assert_eq!(error.fault(), Fault::Input);
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn bytes_that_are_no_graph_are_an_input_error_with_its_reason() {
    let model = onnx::tile_model(None);
    let bad_operator = onnx::model(
        &[onnx::node("NoSuchOperator", &["x"], "y", &[])],
        &[],
        &[onnx::value("x", onnx::F32, &[])],
        &[onnx::value("y", onnx::F32, &[])],
    );
    for bytes in [&b"not a graph"[..], &model[..model.len() / 2], &bad_operator] {
        for providers in ["cpu", "openvino,cpu"] {
            let error = Session::open_bytes(runtime(), "bad.onnx", bytes, &with(providers)).unwrap_err();
            let reason = chain(&error);
            assert_eq!(error.fault(), if providers == "cpu" { Fault::Input } else { error.fault() });
            assert!(reason.contains("bad.onnx"), "{reason}");
        }
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Session::open(runtime(), "no/such.onnx".as_ref(), &SessionOptions::default()).unwrap_err();
    assert!(chain(&error).contains("no/such.onnx"));
    assert_eq!(error.fault(), Fault::Input);
}

#[test]
fn a_provider_that_the_library_lacks_is_an_environment_error_with_the_wheel_that_has_it() {
    let model = onnx::tile_model(None);
    let wheels = [("cuda", RuntimeWheel::Cuda), ("tensorrt", RuntimeWheel::Cuda), ("openvino", RuntimeWheel::Openvino)];
    for (provider, expected) in wheels {
        let error = Session::open_bytes(runtime(), "m", &model, &with(provider)).unwrap_err();
        assert!(matches!(error, Error::ProviderNotBuilt { wheel: Some(wheel), .. } if wheel == expected), "{error}");
        assert_eq!(error.fault(), Fault::Environment);
        let text = error.to_string();
        for part in [&format!("`{provider}` was asked for"), "built with: "] {
            assert!(text.contains(part), "{text}");
        }
        assert!(text.contains("cpu"), "{text}");
    }
}

#[test]
fn a_fallback_works_because_it_was_listed_and_says_what_was_skipped() {
    let model = onnx::tile_model(None);
    let mut session = Session::open_bytes(runtime(), "m", &model, &with("tensorrt,cuda,cpu")).unwrap();
    assert_eq!(session.provider(), "cpu");
    let skipped: Vec<_> = session.skipped().iter().map(|(provider, _)| provider.as_str()).collect();
    assert_eq!(skipped, ["tensorrt", "cuda"]);
    assert!(session.skipped().iter().all(|(_, reason)| reason.contains("was built with")));
    session.run(&vec![0; TILE_BYTES], 1).unwrap();
}

#[test]
fn a_list_of_which_nothing_works_gives_every_reason() {
    let error = Session::open_bytes(runtime(), "m", &onnx::tile_model(None), &with("tensorrt,cuda")).unwrap_err();
    assert_eq!(error.fault(), Fault::Environment);
    let text = error.to_string();
    assert!(text.contains("tensorrt: ") && text.contains("cuda: "), "{text}");
}

#[test]
fn options_change_speed_and_not_results() {
    let model = onnx::tile_model(None);
    let pixels: Vec<u8> = (0..TILE_BYTES).map(|i| (i % 251) as u8).collect();
    let mut scores = Vec::new();
    for optimisation in [Optimisation::Off, Optimisation::Basic, Optimisation::Extended, Optimisation::All] {
        for (threads, spinning) in [(None, true), (Some(1), false), (Some(2), true)] {
            let options = SessionOptions { optimisation, threads, spinning, ..SessionOptions::default() };
            let mut session = Session::open_bytes(runtime(), "m", &model, &options).unwrap();
            scores.push(session.run(&pixels, 1).unwrap().arrays["score"][[0]]);
        }
    }
    assert!(scores.iter().all(|score| (score - scores[0]).abs() < 1e-6), "{scores:?}");
}

#[test]
fn a_profiling_file_is_written_where_it_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let options = SessionOptions { profiling: Some(folder.path().join("profile")), ..SessionOptions::default() };
    let mut session = Session::open_bytes(runtime(), "m", &onnx::tile_model(None), &options).unwrap();
    session.run(&vec![0; TILE_BYTES], 1).unwrap();
    let file = session.end_profiling().unwrap();
    assert!(std::fs::read_to_string(file).unwrap().contains("CPUExecutionProvider"));
}

fn with_options(providers: &str, options: &[&str]) -> SessionOptions {
    let options: Vec<_> = options.iter().map(|option| (*option).to_owned()).collect();
    let providers = Providers::from_arguments(providers, &options).unwrap();
    SessionOptions { providers, ..SessionOptions::default() }
}

#[test]
fn bound_memory_answers_as_memory_that_is_read_in_place_and_sees_every_batch_anew() {
    let model = onnx::tile_model(None);
    let mut plain = open(&model);
    let bound = with_options("cpu", &["cpu.io_binding=true"]);
    let mut bound = Session::open_bytes(runtime(), "m", &model, &bound).unwrap();
    assert_eq!(plain.stages(), None);
    for (round, batch) in [1, 1, 3, 3, 1].into_iter().enumerate() {
        let pixels: Vec<u8> = (0..batch * TILE_BYTES).map(|i| ((i + 31 * round) % 251) as u8).collect();
        assert_eq!(bound.run(&pixels, batch).unwrap(), plain.run(&pixels, batch).unwrap(), "round {round}");
        assert!(bound.stages().unwrap().compute > std::time::Duration::ZERO);
    }
    bound.select_outputs(&["score"]).unwrap();
    plain.select_outputs(&["score"]).unwrap();
    let pixels = vec![9; TILE_BYTES];
    assert_eq!(bound.run(&pixels, 1).unwrap(), plain.run(&pixels, 1).unwrap());
}

#[test]
fn a_cpu_without_arena_and_with_flushed_denormals_answers_the_same() {
    let model = onnx::tile_model(None);
    let options = with_options("cpu", &["cpu.arena=false", "cpu.flush_to_zero=true"]);
    let mut session = Session::open_bytes(runtime(), "m", &model, &options).unwrap();
    let pixels: Vec<u8> = (0..TILE_BYTES).map(|i| (i % 253) as u8).collect();
    assert_eq!(session.run(&pixels, 1).unwrap(), open(&model).run(&pixels, 1).unwrap());
    assert_eq!(session.nodes().keys().collect::<Vec<_>>(), ["cpu"]);
}

#[test]
fn every_provider_of_the_table_is_refused_in_words_where_the_library_lacks_it() {
    let model = onnx::tile_model(None);
    let lacking = ProviderKind::ALL.iter().filter(|kind| !["cpu", "plugin", "azure"].contains(&kind.name()));
    for kind in lacking {
        let error = Session::open_bytes(runtime(), "m", &model, &with(kind.name())).unwrap_err();
        let expected = match kind.plugin() {
            Some(_) => matches!(error, Error::PluginWheel(_) | Error::Plugin { .. }),
            None => matches!(error, Error::ProviderNotBuilt { .. }),
        };
        assert!(expected, "{kind}: {error}");
        assert_eq!(error.fault(), Fault::Environment);
    }
    let error = Session::open_bytes(runtime(), "m", &model, &with("azure")).unwrap_err();
    assert_eq!(error.fault(), Fault::Environment, "{error}");
}

#[test]
fn a_plugin_library_that_is_none_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libnothing.so");
    std::fs::write(&library, b"no library").unwrap();
    for (file, expected) in [(library.as_path(), "libnothing.so"), ("/no/such.so".as_ref(), "No such file")] {
        let given = ["plugin.name=X".to_owned(), format!("plugin.library={}", file.display())];
        let providers = Providers::from_arguments("plugin", &given).unwrap();
        let options = SessionOptions { providers, ..SessionOptions::default() };
        let error = Session::open_bytes(runtime(), "m", &onnx::tile_model(None), &options).unwrap_err();
        assert!(matches!(error, Error::Plugin { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.fault(), Fault::Environment);
    }
}

#[test]
fn the_probe_says_that_the_cpu_runs_and_cuda_does_not() {
    probe(runtime(), ProviderKind::Cpu).unwrap();
    assert_eq!(probe(runtime(), ProviderKind::Cuda).unwrap_err().fault(), Fault::Environment);
}

#[test]
fn one_process_keeps_one_library() {
    let runtime = runtime();
    assert!(std::ptr::eq(library::load(runtime.library()).unwrap(), runtime));
    let other = kiln_runtime::Library { path: "/other/libonnxruntime.so".into(), ..runtime.library().clone() };
    let error = library::load(&other).unwrap_err();
    assert!(matches!(error, Error::AnotherLibrary { .. }), "{error}");
    assert!(runtime.providers().contains(&"cpu".to_owned()));
    assert_eq!(Providers::default().to_string(), "cpu");
}

#[test]
fn the_cpu_is_a_listed_device_and_a_provider_that_is_not_built_in_has_none() {
    let devices = runtime().devices(ProviderKind::Cpu);
    assert!(devices.iter().any(|device| device.kind == "cpu"), "{devices:?}");
    assert!(runtime().devices(ProviderKind::Rknpu).is_empty());
}
