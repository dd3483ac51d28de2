//! A U-Net (Ronneberger et al. 2015) with padded convolutions and batch normalisation. Its levels upsample
//! alternately by a transposed convolution and by repeating pixels, so that one network covers both common methods.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::interpolate::{Interpolate2d, Interpolate2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

/// Twice a 3x3 convolution, batch normalisation and ReLU; keeps the side.
#[derive(Module, Debug)]
struct DoubleConv {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
}

impl DoubleConv {
    fn new(channels: [usize; 2], device: &Device) -> Self {
        // The normalisation's shift replaces the bias.
        let conv = |inputs| {
            Conv2dConfig::new([inputs, channels[1]], [3, 3]).with_padding(PaddingConfig2d::Same).with_bias(false)
        };
        let bn = BatchNormConfig::new(channels[1]);
        Self {
            conv1: conv(channels[0]).init(device),
            bn1: bn.init(device),
            conv2: conv(channels[1]).init(device),
            bn2: bn.init(device),
        }
    }

    fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        let maps = relu(self.bn1.forward(self.conv1.forward(maps)));
        relu(self.bn2.forward(self.conv2.forward(maps)))
    }
}

/// Repeats every pixel four times, then applies a 1x1 convolution.
#[derive(Module, Debug)]
struct Repeat {
    resize: Interpolate2d,
    conv: Conv2d,
}

/// The method by which a level doubles the side.
#[derive(Module, Debug)]
enum Up {
    Learnt(ConvTranspose2d),
    Repeated(Repeat),
}

impl Up {
    /// The transposed convolution on even levels, counted from the full side.
    fn new(channels: [usize; 2], level: usize, device: &Device) -> Self {
        if level.is_multiple_of(2) {
            Self::Learnt(ConvTranspose2dConfig::new(channels, [2, 2]).with_stride([2, 2]).init(device))
        } else {
            Self::Repeated(Repeat {
                resize: Interpolate2dConfig::new().with_scale_factor(Some([2.0, 2.0])).init(),
                conv: Conv2dConfig::new(channels, [1, 1]).init(device),
            })
        }
    }

    fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Learnt(conv) => conv.forward(maps),
            Self::Repeated(repeat) => repeat.conv.forward(repeat.resize.forward(maps)),
        }
    }
}

/// One step up: twice the side, concatenated with the skip connection, then a double convolution.
#[derive(Module, Debug)]
struct Level {
    up: Up,
    convs: DoubleConv,
}

impl Level {
    fn new(channels: [usize; 2], level: usize, device: &Device) -> Self {
        Self { up: Up::new(channels, level, device), convs: DoubleConv::new([2 * channels[1], channels[1]], device) }
    }

    fn forward(&self, maps: Tensor<4>, skip: Tensor<4>) -> Tensor<4> {
        self.convs.forward(Tensor::cat(vec![self.up.forward(maps), skip], 1))
    }
}

/// A U-Net of four levels, for images whose sides are multiples of 8.
#[derive(Module, Debug)]
pub(crate) struct UNet {
    first: DoubleConv,
    down: Vec<DoubleConv>,
    pool: MaxPool2d,
    up: Vec<Level>,
    head: Conv2d,
}

impl UNet {
    /// Fresh weights. `widths` are the channels of the levels, from the full side down.
    pub(crate) fn new(widths: [usize; 4], device: &Device) -> Self {
        let steps: Vec<[usize; 2]> = widths.windows(2).map(|pair| [pair[0], pair[1]]).collect();
        let up = |(level, [shallow, deep]): (usize, &[usize; 2])| Level::new([*deep, *shallow], level, device);
        Self {
            first: DoubleConv::new([3, widths[0]], device),
            down: steps.iter().map(|step| DoubleConv::new(*step, device)).collect(),
            pool: MaxPool2dConfig::new([2, 2]).init(),
            // The deepest comes first.
            up: steps.iter().enumerate().rev().map(up).collect(),
            head: Conv2dConfig::new([widths[0], 1], [1, 1]).init(device),
        }
    }

    /// One map before sigmoid, `[batch, 1, height, width]`, of images `[batch, 3, height, width]`.
    pub(crate) fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let mut maps = self.first.forward(image);
        let mut skips = Vec::new();
        for down in &self.down {
            skips.push(maps.clone());
            maps = down.forward(self.pool.forward(maps));
        }
        let maps = self.up.iter().zip(skips.into_iter().rev()).fold(maps, |maps, (up, skip)| up.forward(maps, skip));
        self.head.forward(maps)
    }
}
