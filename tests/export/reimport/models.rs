//! The modules that go to ONNX and back.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{relu, sigmoid, softmax};
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor};

/// A small classifier without dropout.
#[derive(Module, Debug)]
pub(crate) struct Classifier {
    conv: [Conv2d; 2],
    hidden: Linear,
    head: Linear,
}

impl Classifier {
    pub(crate) fn new(device: &Device) -> Self {
        let conv = |from, to| Conv2dConfig::new([from, to], [3, 3]).with_padding(PaddingConfig2d::Same).init(device);
        Self {
            conv: [conv(3, 4), conv(4, 8)],
            hidden: LinearConfig::new(8 * 4 * 4, 16).init(device),
            head: LinearConfig::new(16, 2).init(device),
        }
    }

    /// `[batch, 3, 16, 16]` to `[batch, 2]`.
    pub(crate) fn forward(&self, image: Tensor<4>) -> Tensor<2> {
        let pool = || MaxPoolOptions::new([2, 2]).with_stride([2, 2]);
        let x = self.conv.iter().fold(image, |x, conv| max_pool2d(relu(conv.forward(x)), pool()));
        softmax(self.head.forward(relu(self.hidden.forward(x.flatten(1, 3)))), 1)
    }
}

/// An autoencoder with transposed convolutions.
#[derive(Module, Debug)]
pub(crate) struct Autoencoder {
    down: Conv2d,
    up: ConvTranspose2d,
}

impl Autoencoder {
    pub(crate) fn new(device: &Device) -> Self {
        let padding = PaddingConfig2d::Explicit(1, 1, 1, 1);
        Self {
            down: Conv2dConfig::new([3, 4], [4, 4]).with_stride([2, 2]).with_padding(padding).init(device),
            up: ConvTranspose2dConfig::new([4, 3], [4, 4]).with_stride([2, 2]).with_padding([1, 1]).init(device),
        }
    }

    /// `[batch, 3, 16, 16]` to `[batch, 3, 16, 16]`.
    pub(crate) fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        sigmoid(self.up.forward(relu(self.down.forward(image))))
    }
}
