//! ResNet-18 (He et al. 2015) in torchvision's layout: its names of layers, and the stride in a block's first
//! convolution.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

/// A convolution whose padding keeps the side except for the stride, and a normalisation, which replaces the bias.
fn conv(channels: [usize; 2], kernel: usize, stride: usize, device: &Device) -> (Conv2d, BatchNorm) {
    let half = kernel / 2;
    let conv = Conv2dConfig::new(channels, [kernel, kernel])
        .with_stride([stride, stride])
        // Not `Same`, which pads a strided convolution unevenly where PyTorch pads evenly.
        .with_padding(PaddingConfig2d::Explicit(half, half, half, half))
        .with_bias(false);
    (conv.init(device), BatchNormConfig::new(channels[1]).init(device))
}

/// The path of a block's input if the block changes the shape.
#[derive(Module, Debug)]
struct Downsample {
    conv: Conv2d,
    bn: BatchNorm,
}

impl Downsample {
    fn new(channels: [usize; 2], stride: usize, device: &Device) -> Self {
        let (conv, bn) = conv(channels, 1, stride, device);
        Self { conv, bn }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        self.bn.forward(self.conv.forward(input))
    }
}

/// Two 3x3 convolutions with a skip connection.
#[derive(Module, Debug)]
struct BasicBlock {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    downsample: Option<Downsample>,
}

impl BasicBlock {
    fn new(channels: [usize; 2], stride: usize, device: &Device) -> Self {
        let (conv1, bn1) = conv(channels, 3, stride, device);
        let (conv2, bn2) = conv([channels[1], channels[1]], 3, 1, device);
        let reshapes = stride != 1 || channels[0] != channels[1];
        let downsample = reshapes.then(|| Downsample::new(channels, stride, device));
        Self { conv1, bn1, conv2, bn2, downsample }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let identity = match &self.downsample {
            Some(downsample) => downsample.forward(input.clone()),
            None => input.clone(),
        };
        let maps = relu(self.bn1.forward(self.conv1.forward(input)));
        relu(self.bn2.forward(self.conv2.forward(maps)) + identity)
    }
}

/// Two blocks, of which the first changes the channels and divides the side by `stride`.
fn stage(channels: [usize; 2], stride: usize, device: &Device) -> Vec<BasicBlock> {
    vec![BasicBlock::new(channels, stride, device), BasicBlock::new([channels[1], channels[1]], 1, device)]
}

/// ResNet-18 for images of any side.
#[derive(Module, Debug)]
pub(crate) struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm,
    maxpool: MaxPool2d,
    layer1: Vec<BasicBlock>,
    layer2: Vec<BasicBlock>,
    layer3: Vec<BasicBlock>,
    layer4: Vec<BasicBlock>,
    avgpool: AdaptiveAvgPool2d,
    fc: Linear,
}

impl ResNet {
    /// Fresh weights. `width` is the number of channels of the first stage, 64 in the paper.
    pub(crate) fn new(classes: usize, width: usize, device: &Device) -> Self {
        let (conv1, bn1) = conv([3, width], 7, 2, device);
        let pool = MaxPool2dConfig::new([3, 3]).with_strides([2, 2]);
        Self {
            conv1,
            bn1,
            maxpool: pool.with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1)).init(),
            layer1: stage([width, width], 1, device),
            layer2: stage([width, 2 * width], 2, device),
            layer3: stage([2 * width, 4 * width], 2, device),
            layer4: stage([4 * width, 8 * width], 2, device),
            avgpool: AdaptiveAvgPool2dConfig::new([1, 1]).init(),
            fc: LinearConfig::new(8 * width, classes).init(device),
        }
    }

    /// Scores of the classes before softmax, `[batch, classes]`, of images `[batch, 3, height, width]`.
    pub(crate) fn forward(&self, image: Tensor<4>) -> Tensor<2> {
        let maps = self.maxpool.forward(relu(self.bn1.forward(self.conv1.forward(image))));
        let stages = [&self.layer1, &self.layer2, &self.layer3, &self.layer4];
        let maps = stages.into_iter().flatten().fold(maps, |maps, block| block.forward(maps));
        self.fc.forward(self.avgpool.forward(maps).flatten(1, 3))
    }
}
