//! ResNet-18 (He and others, 2016), with the shapes and paddings of torchvision's, so that its weights fit.

use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::efficientnet::scaled;
use super::layer::{Layer, LayerShape};
use crate::model::convolution::Activation;

/// Added to every variance, as in the published model.
const EPSILON: f64 = 1e-5;
/// Blocks in each stage.
const BLOCKS: usize = 2;
/// Channels of each stage at width 1.
pub(super) const CHANNELS: [usize; 4] = [64, 128, 256, 512];

/// Times that the side of tiles is halved in the maps of each stage, by the stem, its pooling and the strides of the stages.
pub(super) const HALVINGS: [u32; 4] = [2, 3, 4, 5];

/// Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where the size changes.
#[derive(Module, Debug)]
struct Block {
    first: Layer,
    second: Layer,
    shortcut: Option<Layer>,
}

impl Block {
    fn new([from, to]: [usize; 2], stride: usize, path: &str, device: &Device) -> Self {
        let layer = |channels, kernel, stride, name: &str| {
            let padding = [kernel / 2; 2];
            let shape = LayerShape { channels, kernel, stride, groups: 1, padding, epsilon: EPSILON };
            Layer::new(shape, &format!("{path}.{name}"), device)
        };
        Self {
            first: layer([from, to], 3, stride, "first"),
            second: layer([to, to], 3, 1, "second"),
            shortcut: (stride != 1 || from != to).then(|| layer([from, to], 1, stride, "shortcut")),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let maps = self.second.forward(self.first.forward(input.clone(), Activation::Relu), Activation::None);
        let kept = match &self.shortcut {
            Some(shortcut) => shortcut.forward(input, Activation::None),
            None => input,
        };
        relu(maps + kept)
    }
}

/// The feature maps of ResNet-18 up to a stage.
#[derive(Module, Debug)]
pub struct ResNet {
    stem: Layer,
    pool: MaxPool2d,
    stages: Vec<Vec<Block>>,
}

impl ResNet {
    /// Fresh weights for the first `depth` stages (1 to 4), all channels multiplied by `width`.
    pub(super) fn new(depth: usize, width: f64, device: &Device) -> Self {
        let channels = CHANNELS.map(|channels| scaled(channels, width));
        let stem = LayerShape {
            channels: [3, channels[0]],
            kernel: 7,
            stride: 2,
            groups: 1,
            padding: [3, 3],
            epsilon: EPSILON,
        };
        let pool =
            MaxPool2dConfig::new([3, 3]).with_strides([2, 2]).with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1));
        let stage = |number: usize| {
            let block = |at: usize| {
                let first = at == 0 && number > 0;
                let from = if first { channels[number - 1] } else { channels[number] };
                let path = format!("stages.{number}.{at}");
                Block::new([from, channels[number]], if first { 2 } else { 1 }, &path, device)
            };
            (0..BLOCKS).map(block).collect()
        };
        Self {
            stem: Layer::new(stem, "stem", device),
            pool: pool.init(),
            stages: (0..depth.min(CHANNELS.len())).map(stage).collect(),
        }
    }

    /// Maps after each stage of normalised tiles `[batch, 3, side, side]`.
    pub(super) fn forward(&self, input: Tensor<4>) -> Vec<Tensor<4>> {
        let mut maps = self.pool.forward(self.stem.forward(input, Activation::Relu));
        let mut all = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            maps = stage.iter().fold(maps, |maps, block| block.forward(maps));
            all.push(maps.clone());
        }
        all
    }

    /// Every layer.
    pub(super) fn layers_mut(&mut self) -> Vec<&mut Layer> {
        let mut layers = vec![&mut self.stem];
        for block in self.stages.iter_mut().flatten() {
            layers.push(&mut block.first);
            layers.push(&mut block.second);
            layers.extend(block.shortcut.iter_mut());
        }
        layers
    }

    /// The path of each layer here, and its name in torchvision's files, which are `timm`'s as well.
    pub(super) fn names() -> Vec<[String; 3]> {
        let mut names = Vec::new();
        let mut layer = |ours: String, conv: String, norm: String| {
            names.push([format!("{ours}.conv"), conv.clone(), conv]);
            names.push([format!("{ours}.norm"), norm.clone(), norm]);
        };
        layer("stem".to_owned(), "conv1".to_owned(), "bn1".to_owned());
        for number in 0..CHANNELS.len() {
            for block in 0..BLOCKS {
                let (ours, theirs) = (format!("stages.{number}.{block}"), format!("layer{}.{block}", number + 1));
                layer(format!("{ours}.first"), format!("{theirs}.conv1"), format!("{theirs}.bn1"));
                layer(format!("{ours}.second"), format!("{theirs}.conv2"), format!("{theirs}.bn2"));
                if block == 0 && number > 0 {
                    let (conv, norm) = (format!("{theirs}.downsample.0"), format!("{theirs}.downsample.1"));
                    layer(format!("{ours}.shortcut"), conv, norm);
                }
            }
        }
        names
    }
}
