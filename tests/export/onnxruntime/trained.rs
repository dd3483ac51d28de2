//! Whole networks with random and with trained weights, which have other statistics of batch normalisation.

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor};
use burn_onnx_export::Exporter;

use crate::architectures::{ResNet, UNet, Vit, VitConfig};
use crate::generate::floats;
use crate::support::{Tolerance, check_within, device};

/// For sums over many channels, whose last digits depend on the order of addition.
const DEEP: Tolerance = Tolerance { absolute: 1e-5, relative: 1e-5 };

/// Steps of training, enough to change every weight and every running statistic.
const STEPS: usize = 3;

fn images(batch: usize, side: usize) -> Tensor<4> {
    floats([batch, 3, side, side], batch, -1.0, 1.0)
}

/// Trains a module to return a fixed result.
fn trained<M: Module, const D: usize>(
    mut module: M,
    side: usize,
    device: &Device,
    forward: impl Fn(&M, Tensor<4>) -> Tensor<D>,
) -> M {
    let mut optimizer = AdamConfig::new().init();
    for step in 0..STEPS {
        let x = Tensor::from_data(images(4 + step, side).into_data(), device);
        let loss = (forward(&module, x) - 0.5).square().mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &module);
        module = optimizer.step(1e-3, module, gradients);
    }
    module
}

/// Compares at batches of 1, 3 and 8, from an export with a symbolic batch.
fn agrees<M: Module, const D: usize>(module: &M, side: usize, forward: impl Fn(&M, Tensor<4>) -> Tensor<D>) {
    let exporter = Exporter::new().input("image", images(1, side), ["batch", "", "", ""]).outputs(["answer"]);
    let batches = [1, 3, 8].map(|batch| images(batch, side)).to_vec();
    check_within(DEEP, module, exporter, batches, forward);
}

macro_rules! network {
    ($random:ident, $trained:ident, $module:expr, $side:expr) => {
        #[test]
        fn $random() {
            let make = $module;
            agrees(&make(&device()), $side, |module, image| module.forward(image));
        }

        #[test]
        fn $trained() {
            let (make, learning) = ($module, device().autodiff());
            let module = trained(make(&learning), $side, &learning, |module, image| module.forward(image));
            agrees(&module.valid(), $side, |module, image| module.forward(image));
        }
    };
}

network!(a_random_residual_network, a_trained_residual_network, |device| ResNet::new(3, 8, device), 64);
network!(a_random_u_net, a_trained_u_net, |device| UNet::new([4, 8, 8, 8], device), 16);
network!(
    a_random_vision_transformer,
    a_trained_vision_transformer,
    |device| {
        let config = VitConfig { image: 16, patch: 4, width: 8, depth: 2, heads: 2, hidden: 16, classes: 3 };
        Vit::new(&config, device)
    },
    16
);
