//! burn-onnx's exporter on the same modules. If it can write a model, ONNX Runtime must compute the same results from its
//! file as from ours. Models that it refuses are listed with the reason, so that progress is noticed.

use burn::module::Module;
use burn::tensor::Tensor;
use burn_onnx::export::OnnxExporter;
use burn_onnx_export::Outputs;
use kiln_runtime::{Array, Providers, Runtime, Session, SessionOptions, install, library};
use ndarray::{ArrayD, IxDyn};

use crate::architectures::{ResNet, UNet, Vit, VitConfig};
use crate::models::{Autoencoder, Classifier};
use crate::{device, export, images};

fn runtime() -> &'static Runtime {
    static RUNTIME: std::sync::OnceLock<&'static Runtime> = std::sync::OnceLock::new();
    RUNTIME.get_or_init(|| {
        let found = install::find_or_install(None, &Providers::default(), &mut |_| {}).expect("an ONNX Runtime");
        library::load(&found).expect("an ONNX Runtime that loads")
    })
}

/// The only output of a model with one input.
fn answer(model: &[u8], x: &Tensor<4>) -> Vec<f32> {
    let mut session = Session::open_bytes(runtime(), "model", model, &SessionOptions::default()).unwrap();
    let shape = IxDyn(&x.dims());
    let array: Array = ArrayD::from_shape_vec(shape, x.to_data().iter::<f32>().collect()).unwrap().into();
    let name = session.inputs()[0].name.clone();
    let outputs = session.run_named([(name.as_str(), &array)]).unwrap();
    let Some(Array::F32(answer)) = outputs.into_values().next() else { panic!("no floats") };
    answer.into_iter().collect()
}

/// Both exporters' files on one image, in ONNX Runtime.
fn both<M: Module, const D: usize>(
    module: &M,
    side: usize,
    forward: impl Fn(&M, Tensor<4>) -> Tensor<D>,
) -> Result<(Vec<f32>, Vec<f32>), String>
where
    Tensor<D>: Outputs,
{
    let x = images(1, side);
    let ours = export(module, side, &forward).bytes().unwrap();
    // Called last, since it moves the running statistics of the caller's module to a recording device that is then closed.
    let theirs = OnnxExporter::new().export(module, x.clone(), &forward).map_err(|error| error.to_string())?;
    Ok((answer(&ours, &x), answer(theirs.as_bytes(), &x)))
}

fn agree((ours, theirs): (Vec<f32>, Vec<f32>)) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!((ours - theirs).abs() <= 1e-5 + 1e-5 * theirs.abs(), "{ours} and {theirs}");
    }
}

#[test]
fn a_residual_network_is_the_same_by_the_other_exporter() {
    agree(both(&ResNet::new(3, 8, &device()), 64, |m, x| m.forward(x)).unwrap());
}

#[test]
fn a_module_whose_tensors_are_gone_is_an_error() {
    let module = ResNet::new(3, 8, &device());
    OnnxExporter::new().export(&module, images(1, 64), |m, x| m.forward(x)).unwrap();
    let exporter = burn_onnx_export::Exporter::new().input("image", images(1, 64), ["batch", "", "", ""]);
    let error = exporter.export(&module, |m, x| m.forward(x)).unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
}

#[test]
fn what_the_other_exporter_refuses() {
    let refused = [
        ("Softmax", both(&Classifier::new(&device()), 16, |m, x| m.forward(x)).unwrap_err()),
        ("ConvTranspose2d", both(&Autoencoder::new(&device()), 16, |m, x| m.forward(x)).unwrap_err()),
        ("ConvTranspose2d", both(&UNet::new([4, 8, 8, 8], &device()), 16, |m, x| m.forward(x)).unwrap_err()),
        ("SwapDims", {
            let config = VitConfig { image: 16, patch: 4, width: 8, depth: 1, heads: 2, hidden: 16, classes: 3 };
            both(&Vit::new(&config, &device()), 16, |m, x| m.forward(x)).unwrap_err()
        }),
    ];
    for (operation, reason) in refused {
        assert!(reason.contains(operation), "the reason no longer names {operation}: {reason}");
    }
}
