//! A provider that an installed plugin brings: one word selects it, and it runs or is refused with the reason.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::path::PathBuf;
use std::process::Command;

use common::onnx;
use kiln_files::Fault;
use kiln_runtime::session::probe;
use kiln_runtime::{Array, Error, PluginWheel, ProviderKind, Session, SessionOptions, chain};
use ndarray::Array2;

fn with(providers: &str) -> SessionOptions {
    SessionOptions { providers: providers.parse().unwrap(), threads: Some(2), ..SessionOptions::default() }
}

#[test]
fn the_webgpu_plugin_runs_a_node_or_the_error_states_that_there_is_no_device() {
    let installed = match PluginWheel::WebGpu.install(&mut |step| eprintln!("{step}")) {
        Ok(library) => library,
        Err(error) => {
            eprintln!("skipped: {}", chain(&error));
            return;
        }
    };
    assert_eq!(PluginWheel::WebGpu.installed(), Some(installed.clone()));
    PluginWheel::WebGpu.check().unwrap();
    match probe(common::runtime(), ProviderKind::WebGpu) {
        Ok(()) => eprintln!("webgpu runs here"),
        Err(error) => {
            assert_eq!(error.fault(), Fault::Environment);
            let Error::Plugin { library, reason, .. } = &error else { panic!("{error}") };
            assert_eq!(library, &installed);
            assert!(
                reason.contains("no device on this machine") && reason.contains("CPUExecutionProvider"),
                "{reason}"
            );
        }
    }
    // What the failed attempt left behind does no harm.
    probe(common::runtime(), ProviderKind::Cpu).unwrap();
}

/// Two products of matrices, in which bf16 would err by half a per cent.
fn products() -> Vec<u8> {
    let side = || [onnx::Dim::Length(64), onnx::Dim::Length(64)];
    onnx::model(
        &[
            onnx::node("MatMul", &["a", "b"], "c", &[]),
            onnx::node("Relu", &["c"], "d", &[]),
            onnx::node("MatMul", &["d", "b"], "e", &[]),
            onnx::node("Relu", &["e"], "y", &[]),
        ],
        &[],
        &[onnx::value("a", onnx::F32, &side()), onnx::value("b", onnx::F32, &side())],
        &[onnx::value("y", onnx::F32, &side())],
    )
}

fn product(session: &mut Session) -> Vec<f32> {
    let matrix = |seed: usize| -> Array {
        let value = |(i, j): (usize, usize)| ((i * 31 + j * 17 + seed) % 101) as f32 / 50.0 - 0.9;
        Array2::from_shape_fn((64, 64), value).into()
    };
    let outputs = session.run_named([("a", &matrix(1)), ("b", &matrix(5))]).unwrap();
    outputs["y"].as_f32().unwrap().iter().copied().collect()
}

/// The plugin lists a CPU as a device only if it is Intel's.
#[test]
fn the_openvino_plugin_computes_in_full_precision() {
    let wheel = PluginWheel::OpenVino;
    if common::may_install("openvino-plugin") {
        wheel.install(&mut |step| eprintln!("{step}")).unwrap();
    }
    if wheel.installed().is_none() {
        eprintln!("skipped: the plugin is not installed (KILN_TEST_INSTALL=openvino-plugin fetches it, 53 MB)");
        return;
    }
    let runtime = common::runtime();
    if let Err(error) = probe(runtime, ProviderKind::OpenVinoPlugin) {
        assert!(chain(&error).contains("no device on this machine"), "{}", chain(&error));
        eprintln!("skipped: {}", chain(&error));
        return;
    }
    let mut session = Session::open_bytes(runtime, "m", &products(), &with("openvino-plugin")).unwrap();
    assert_eq!(session.nodes().keys().collect::<Vec<_>>(), ["openvino"]);
    // With a plugin in the process, the CPU is still ONNX Runtime's own.
    let mut reference = Session::open_bytes(runtime, "m", &products(), &with("cpu")).unwrap();
    assert_eq!(reference.nodes().keys().collect::<Vec<_>>(), ["cpu"]);
    // A list is allowed where the first must run every node.
    let all = SessionOptions { require_all: true, ..with("openvino-plugin,cpu") };
    let whole = Session::open_bytes(runtime, "m", &products(), &all).unwrap();
    assert_eq!((whole.provider(), whole.skipped().len()), ("openvino", 0));
    let (found, expected) = (product(&mut session), product(&mut reference));
    let largest = expected.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let far = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(far < 1e-5 * largest, "{far} of {largest}");
}

/// A Vulkan driver that computes on the processor: SwiftShader, as Debian's Chromium brings it.
fn software_vulkan() -> Option<PathBuf> {
    let named = std::env::var_os("KILN_TEST_VULKAN").map(PathBuf::from);
    let driver = named.unwrap_or_else(|| "/usr/lib/chromium/vk_swiftshader_icd.json".into());
    let libraries = Command::new("ldconfig").arg("-p").output().ok()?;
    let loader = String::from_utf8_lossy(&libraries.stdout).contains("libvulkan.so.1");
    (loader && driver.is_file()).then_some(driver)
}

/// ONNX Runtime lists the display controllers in /sys/bus/pci/devices. The child process has its own mount namespace, where that
/// folder contains one controller with SwiftShader's identifiers.
const WITH_GPU: &str = "mount -t tmpfs none /sys/bus/pci/devices || exit 77
gpu=/sys/bus/pci/devices/0000:00:1f.0
mkdir $gpu && echo 0x030000 >$gpu/class && echo 0x1ae0 >$gpu/vendor && echo 0xc0de >$gpu/device
exec \"$@\"";

#[test]
fn the_webgpu_plugin_runs_every_node_on_a_software_gpu() {
    let Some(driver) = software_vulkan() else {
        eprintln!(
            "skipped: no software Vulkan (Debian: chromium and libvulkan1; KILN_TEST_VULKAN names another's JSON)"
        );
        return;
    };
    if let Err(error) = PluginWheel::WebGpu.install(&mut |step| eprintln!("{step}")) {
        eprintln!("skipped: {}", chain(&error));
        return;
    }
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", WITH_GPU, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "on_a_gpu_that_is_listed", "--ignored", "--nocapture"])
        .env("VK_ICD_FILENAMES", driver)
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: there is no `unshare`");
        return;
    };
    let [said, errors] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    if output.status.code() == Some(77) || errors.starts_with("unshare:") {
        eprintln!("skipped: no mount namespace here: {errors}");
        return;
    }
    assert!(output.status.success() && said.contains("1 passed"), "{said}{errors}");
}

#[test]
#[ignore = "run by the_webgpu_plugin_runs_every_node_on_a_software_gpu"]
fn on_a_gpu_that_is_listed() {
    let runtime = common::runtime();
    probe(runtime, ProviderKind::WebGpu).unwrap();
    let model = onnx::class_model(None);
    let mut session = Session::open_bytes(runtime, "m", &model, &with("webgpu")).unwrap();
    let mut reference = Session::open_bytes(runtime, "m", &model, &with("cpu")).unwrap();
    assert_eq!(session.nodes().keys().collect::<Vec<_>>(), ["webgpu"]);
    assert_eq!(reference.nodes().keys().collect::<Vec<_>>(), ["cpu"]);
    common::assert_same_outputs(&mut session, &mut reference, &[1, 3]);
}
