//! OpenVINO runs on any x86-64 CPU, so its strictness can be tested everywhere. Needs the `openvino` package (84 MB):
//! `kiln runtime install openvino`, or `KILN_TEST_INSTALL=openvino` to have these tests fetch it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod common;

use common::onnx;
use kiln_files::Fault;
use kiln_runtime::session::probe;
use kiln_runtime::{
    Array, Error, Origin, ProviderKind, Providers, Runtime, RuntimeWheel, Session, SessionOptions, chain, install,
    library,
};
use kiln_tile::TILE_BYTES;
use ndarray::Array3;

fn openvino() -> Option<&'static Runtime> {
    if common::may_install("openvino") {
        install::install(RuntimeWheel::Openvino, &mut |step| eprintln!("{step}")).unwrap();
    }
    let found = library::find_for(None, &Providers::only(ProviderKind::OpenVino)).ok();
    let found = found.filter(|library| library.origin == Origin::Cache(RuntimeWheel::Openvino));
    if found.is_none() {
        println!("skipped: the openvino package is not installed");
    }
    found.map(|library| library::load(&library).unwrap())
}

fn with(providers: &str) -> SessionOptions {
    SessionOptions { providers: providers.parse().unwrap(), threads: Some(2), ..SessionOptions::default() }
}

/// `Relu`, which OpenVINO has, then `Det`, which it has not.
fn half_supported() -> Vec<u8> {
    let x = [onnx::Dim::Length(2), onnx::Dim::Length(2), onnx::Dim::Length(2)];
    onnx::model(
        &[onnx::node("Relu", &["x"], "z", &[]), onnx::node("Det", &["z"], "y", &[])],
        &[],
        &[onnx::value("x", onnx::F32, &x)],
        &[onnx::value("y", onnx::F32, &[onnx::Dim::Length(2)])],
    )
}

#[test]
fn it_runs_every_node_and_agrees_with_the_cpu() {
    let Some(runtime) = openvino() else { return };
    assert_eq!(runtime.providers(), ["openvino", "cpu"]);
    probe(runtime, ProviderKind::OpenVino).unwrap();
    let model = onnx::tile_model(None);
    let mut session = Session::open_bytes(runtime, "m", &model, &with("openvino")).unwrap();
    let mut reference = Session::open_bytes(runtime, "m", &model, &with("cpu")).unwrap();
    assert_eq!(session.nodes().keys().collect::<Vec<_>>(), ["openvino"]);
    assert_eq!(reference.nodes().keys().collect::<Vec<_>>(), ["cpu"]);
    common::assert_same_outputs(&mut session, &mut reference, &[1, 3, 8]);
}

#[test]
fn a_node_that_it_cannot_run_is_an_error_unless_the_cpu_was_listed() {
    let Some(runtime) = openvino() else { return };
    let error = Session::open_bytes(runtime, "half", &half_supported(), &with("openvino")).unwrap_err();
    assert_eq!(error.fault(), Fault::Environment);
    let reason = chain(&error);
    assert!(matches!(error, Error::ProviderPassedOver { .. }), "{reason}");
    assert!(reason.contains("1 of 2 nodes went to cpu (the first is Det `Det of y`)"), "{reason}");
    assert!(matches!(&error, Error::ProviderPassedOver { provider, .. } if provider == "openvino"), "{reason}");

    let mut session = Session::open_bytes(runtime, "half", &half_supported(), &with("openvino,cpu")).unwrap();
    println!("{:?} {:?}", session.nodes(), session.skipped());
    assert_eq!(session.nodes().values().sum::<usize>(), 2);
    assert!(session.nodes().contains_key("cpu"));
    let x: Array = Array3::from_shape_fn((2, 2, 2), |(i, j, k)| (i + 2 * j + 3 * k) as f32).into();
    session.run_named([("x", &x)]).unwrap();
}

#[test]
fn cuda_is_an_environment_error_that_says_what_the_library_has() {
    let Some(runtime) = openvino() else { return };
    let error = Session::open_bytes(runtime, "m", &onnx::tile_model(None), &with("cuda")).unwrap_err();
    assert!(matches!(error, Error::ProviderNotBuilt { .. }), "{error}");
    assert!(error.to_string().contains("built with: openvino, cpu"), "{error}");
}

#[test]
fn all_nodes_or_the_next_in_the_list_where_all_are_required() {
    let Some(runtime) = openvino() else { return };
    let options = SessionOptions { require_all: true, ..with("openvino,cpu") };
    let session = Session::open_bytes(runtime, "half", &half_supported(), &options).unwrap();
    assert_eq!((session.provider(), session.nodes().len()), ("cpu", 1));
    assert!(session.skipped()[0].1.contains("1 of 2 nodes went to cpu"), "{:?}", session.skipped());
    let whole = Session::open_bytes(runtime, "m", &onnx::tile_model(None), &options).unwrap();
    assert_eq!((whole.provider(), whole.skipped().len()), ("openvino", 0));
}

fn options(name: &str, given: &[String]) -> SessionOptions {
    let providers = Providers::from_arguments(name, given).unwrap();
    SessionOptions { providers, threads: Some(2), ..SessionOptions::default() }
}

#[test]
fn its_options_reach_it() {
    let Some(runtime) = openvino() else { return };
    let model = onnx::tile_model(None);
    let fine = ["openvino.precision=fp32".to_owned(), "openvino.streams=2".to_owned()];
    Session::open_bytes(runtime, "m", &model, &options("openvino", &fine)).unwrap();
    // There is no such device here, and it is OpenVINO that says so.
    let gpu = options("openvino", &["openvino.device=GPU.7".to_owned()]);
    let error = Session::open_bytes(runtime, "m", &model, &gpu).unwrap_err();
    assert!(matches!(error, Error::ProviderUnavailable { .. }), "{}", chain(&error));
    assert_eq!(error.fault(), Fault::Environment);
}

/// The provider's library again, through the interface for plugins.
fn plugin(runtime: &Runtime, name: &str) -> SessionOptions {
    let library = runtime.library().path.with_file_name("libonnxruntime_providers_openvino.so");
    options("plugin", &[format!("plugin.name={name}"), format!("plugin.library={}", library.display())])
}

#[test]
fn a_plugin_without_devices_is_refused_and_never_the_cpu_in_silence() {
    let Some(runtime) = openvino() else { return };
    let error =
        Session::open_bytes(runtime, "m", &onnx::tile_model(None), &plugin(runtime, "NoSuchProvider")).unwrap_err();
    let reason = chain(&error);
    assert!(matches!(error, Error::Plugin { .. }), "{reason}");
    assert_eq!(error.fault(), Fault::Environment);
    println!("{reason}");
}

#[test]
fn a_compiled_graph_is_kept_under_a_key_of_its_own() {
    let Some(runtime) = openvino() else { return };
    let folder = tempfile::tempdir().unwrap();
    // SAFETY: no other test of this file keeps engines.
    unsafe { std::env::set_var("KILN_CACHE_ENGINES", folder.path()) };
    let cached = options("openvino", &["openvino.compiled_cache=true".to_owned()]);
    let model = onnx::tile_model(Some(1));
    let pixels = vec![200; TILE_BYTES];
    let mut first = Session::open_bytes(runtime, "m", &model, &cached).unwrap();
    assert!(first.engines_built() > 0, "nothing was kept in {}", folder.path().display());
    let files = |folder: &std::path::Path| {
        glob::glob(&format!("{}/engines/openvino/*/*.blob", folder.display())).unwrap().count()
    };
    assert_eq!(files(folder.path()), 1);
    // OpenVINO numbers the graphs of a process, so it finds its own again only in the next process.
    first.run(&pixels, 1).unwrap();
    assert_eq!(first.engines_built_since(), 0, "a run compiled something");
    let other = onnx::tile_model(Some(2));
    assert!(
        Session::open_bytes(runtime, "m", &other, &cached).unwrap().engines_built() > 0,
        "another graph, another key"
    );
}
