//! Exports an image classifier with a symbolic batch.
//!
//! `cargo run --release --example classifier -- classifier.onnx`
#![allow(clippy::print_stdout)]

use std::error::Error;

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use burn_onnx_export::Exporter;

#[derive(Module, Debug)]
struct Classifier {
    conv: Conv2d,
    norm: BatchNorm,
    pool: AdaptiveAvgPool2d,
    dense: Linear,
}

impl Classifier {
    fn new(device: &Device) -> Self {
        Self {
            conv: Conv2dConfig::new([3, 16], [3, 3]).init(device),
            norm: BatchNormConfig::new(16).init(device),
            pool: AdaptiveAvgPool2dConfig::new([1, 1]).init(),
            dense: LinearConfig::new(16, 2).init(device),
        }
    }

    /// `[batch, height, width, 3]` pixels, in the layout of an image file, to `[batch, 2]` probabilities.
    fn forward(&self, pixels: Tensor<4, Int>) -> Tensor<2> {
        let x = pixels.float().permute([0, 3, 1, 2]) / 255.0;
        let x = self.pool.forward(relu(self.norm.forward(self.conv.forward(x))));
        softmax(self.dense.forward(x.flatten(1, 3)), 1)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "classifier.onnx".to_owned());
    let device = Device::flex();
    let sample = Tensor::<4, Int>::from_data(TensorData::zeros::<u8, _>([1, 64, 64, 3]), (&device, DType::U8));
    let model = Exporter::new()
        .input("pixels", sample, ["batch", "", "", ""])
        .outputs(["probabilities"])
        .metadata("classes", "benign,tumour")
        .export(&Classifier::new(&device), |module, pixels| module.forward(pixels))?;
    model.save(&path)?;
    println!("{path}: opset {}, {}", model.opset(), model.operators().join(" "));
    Ok(())
}
