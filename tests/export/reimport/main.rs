//! Cross-checks with burn-onnx: its importer converts the exported models to burn code, and its exporter gives a second
//! opinion.
//!
//! The importer writes Rust, which must be compiled before it can run, so its output is kept in `generated/`. A test fails
//! if the importer would write other code; `KILN_UPDATE_DOCS=1` writes it again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../../../export/onnx/benches/architectures/mod.rs"]
mod architectures;
mod models;
mod second;

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor, Tolerance};
use burn_onnx::{LoadStrategy, ModelGen};
use burn_onnx_export::{Exporter, OnnxModel, Outputs};

use architectures::{ResNet, UNet, Vit, VitConfig};
use models::{Autoencoder, Classifier};

#[allow(clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::expect_used, unused, missing_docs, unreachable_pub)]
#[rustfmt::skip]
mod generated {
    pub(crate) mod classifier { include!("generated/classifier.rs"); }
    pub(crate) mod autoencoder { include!("generated/autoencoder.rs"); }
    pub(crate) mod resnet { include!("generated/resnet.rs"); }
    pub(crate) mod unet { include!("generated/unet.rs"); }
    pub(crate) mod vit { include!("generated/vit.rs"); }
}

fn device() -> Device {
    Device::flex()
}

fn images(batch: usize, side: usize) -> Tensor<4> {
    Tensor::random([batch, 3, side, side], Distribution::Uniform(-1.0, 1.0), &device())
}

fn export<M: Module, O: Outputs>(module: &M, side: usize, forward: impl Fn(&M, Tensor<4>) -> O) -> OnnxModel {
    let exporter = Exporter::new().input("image", images(1, side), ["batch", "", "", ""]).outputs(["answer"]);
    exporter.export(module, forward).unwrap()
}

/// The importer's weights of a model.
struct Imported {
    _folder: tempfile::TempDir,
    weights: PathBuf,
}

impl Imported {
    /// Imports a model, and checks that the importer writes the code that was compiled.
    fn new(name: &str, model: &OnnxModel) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(format!("{name}.onnx"));
        model.save(&file).unwrap();
        ModelGen::new()
            .input(file.to_str().unwrap())
            .out_dir(folder.path().to_str().unwrap())
            .load_strategy(LoadStrategy::Bytes)
            .run_from_cli();
        let code = fs::read_to_string(folder.path().join(format!("{name}.rs"))).unwrap();
        // The first line contains the temporary folder.
        let code = format!("// Made by burn-onnx from {name}.onnx\n{}", code.split_once('\n').unwrap().1);
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("reimport/generated/{name}.rs"));
        if std::env::var_os("KILN_UPDATE_DOCS").is_some() {
            fs::write(&kept, &code).unwrap();
        }
        let written = fs::read_to_string(&kept).unwrap_or_default();
        assert!(written == code, "the importer writes other code for {name}; update it with KILN_UPDATE_DOCS=1");
        Self { weights: folder.path().join(format!("{name}.bpk")), _folder: folder }
    }

    fn weights(&self) -> burn::tensor::Bytes {
        burn::tensor::Bytes::from_bytes_vec(fs::read(&self.weights).unwrap())
    }
}

fn same<const D: usize>(given: Tensor<D>, expected: Tensor<D>) {
    given.into_data().assert_approx_eq::<f32>(&expected.into_data(), Tolerance::rel_abs(1e-5, 1e-5));
}

macro_rules! comes_back {
    ($test:ident, $name:ident, $module:expr, $side:expr) => {
        #[test]
        fn $test() {
            let module = $module;
            let model = export(&module, $side, |module, image| module.forward(image));
            let imported = Imported::new(stringify!($name), &model);
            let again = generated::$name::Model::from_bytes(imported.weights(), &device());
            for batch in [1, 3] {
                let x = images(batch, $side);
                same(again.forward(x.clone()), module.forward(x));
            }
        }
    };
}

comes_back!(a_classifier_comes_back, classifier, Classifier::new(&device()), 16);
comes_back!(an_autoencoder_comes_back, autoencoder, Autoencoder::new(&device()), 16);
comes_back!(a_residual_network_comes_back, resnet, ResNet::new(3, 8, &device()), 64);
comes_back!(a_u_net_comes_back, unet, UNet::new([4, 8, 8, 8], &device()), 16);
comes_back!(
    a_vision_transformer_comes_back,
    vit,
    Vit::new(&VitConfig { image: 16, patch: 4, width: 8, depth: 2, heads: 2, hidden: 16, classes: 3 }, &device()),
    16
);
