//! Exports a model that takes two inputs and returns two outputs of different rank.
//!
//! `cargo run --release --example inputs -- inputs.onnx`
#![allow(clippy::print_stdout)]

use std::error::Error;

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor};
use burn_onnx_export::Exporter;

#[derive(Module, Debug)]
struct Fusion {
    conv: Conv2d,
    covariates: Linear,
    head: Linear,
}

impl Fusion {
    fn new(device: &Device) -> Self {
        Self {
            conv: Conv2dConfig::new([3, 8], [3, 3]).init(device),
            covariates: LinearConfig::new(4, 8).init(device),
            head: LinearConfig::new(16, 1).init(device),
        }
    }

    /// `[batch, 3, height, width]` image and `[batch, 4]` covariates to a `[batch]` risk and the `[batch, 8, h, w]` features.
    fn forward(&self, image: Tensor<4>, covariates: Tensor<2>) -> (Tensor<1>, Tensor<4>) {
        let features = relu(self.conv.forward(image));
        let pooled: Tensor<2> = features.clone().mean_dim(3).mean_dim(2).squeeze_dims(&[2, 3]);
        let joined = Tensor::cat(vec![pooled, relu(self.covariates.forward(covariates))], 1);
        (sigmoid(self.head.forward(joined)).squeeze_dim(1), features)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "inputs.onnx".to_owned());
    let device = Device::flex();
    let model = Exporter::new()
        .input("image", Tensor::<4>::zeros([1, 3, 32, 32], &device), ["batch", "", "", ""])
        .input("covariates", Tensor::<2>::zeros([1, 4], &device), ["batch", ""])
        .outputs(["risk", "features"])
        .export(&Fusion::new(&device), |module, (image, covariates)| module.forward(image, covariates))?;
    model.save(&path)?;
    println!("{path}: {:?} to {:?}", model.inputs(), model.outputs());
    Ok(())
}
