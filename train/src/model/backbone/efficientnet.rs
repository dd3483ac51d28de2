//! EfficientNet-Lite0: the published form of EfficientNet-B0 without squeeze-and-excitation and with ReLU6 (Tan and Le,
//! 2019; the Lite variants are TensorFlow's, 2020). Convolutions pad as TensorFlow's `SAME` does, so that the published
//! weights fit: for an even side and stride 2 the odd zero goes to the right and below.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::layer::{Layer, LayerShape};
use crate::model::convolution::Activation;

/// Added to every variance, as in the published model.
const EPSILON: f64 = 1e-3;
/// Channels after the first convolution, and after the last.
const STEM: usize = 32;
const HEAD: usize = 1280;

/// A stage: consecutive blocks, the first of which changes the size.
struct StageRow {
    blocks: usize,
    kernel: usize,
    stride: usize,
    /// Factor on the channels inside a block.
    expansion: usize,
    channels: usize,
}

const fn row(blocks: usize, kernel: usize, stride: usize, expansion: usize, channels: usize) -> StageRow {
    StageRow { blocks, kernel, stride, expansion, channels }
}

/// Table 1 of the EfficientNet paper, rows 2 to 8.
const STAGES: [StageRow; 7] = [
    row(1, 3, 1, 1, 16),
    row(2, 3, 2, 6, 24),
    row(2, 5, 2, 6, 40),
    row(3, 3, 2, 6, 80),
    row(3, 5, 1, 6, 112),
    row(4, 5, 2, 6, 192),
    row(1, 3, 1, 6, 320),
];

/// Channels of each stage at width 1; the last is the convolution before the classifier.
pub(super) const CHANNELS: [usize; 8] = [16, 24, 40, 80, 112, 192, 320, HEAD];

/// Times that the side of tiles is halved in the maps of each stage, by the stem and the strides of the stages.
pub(super) const HALVINGS: [u32; 8] = [1, 2, 3, 4, 4, 5, 5, 5];

/// An inverted residual block: widen, convolve each channel by itself, narrow (Sandler and others, 2018).
#[derive(Module, Debug)]
struct Block {
    expand: Option<Layer>,
    depthwise: Layer,
    project: Layer,
    shortcut: bool,
}

impl Block {
    fn new(channels: [usize; 2], kernel: usize, stride: usize, expansion: usize, path: &str, device: &Device) -> Self {
        let [from, to] = channels;
        let inner = from * expansion;
        let plain =
            |channels| LayerShape { channels, kernel: 1, stride: 1, groups: 1, padding: [0, 0], epsilon: EPSILON };
        let depthwise =
            LayerShape { kernel, stride, groups: inner, padding: same(kernel, stride), ..plain([inner, inner]) };
        let layer = |shape, name: &str| Layer::new(shape, &format!("{path}.{name}"), device);
        Self {
            expand: (expansion != 1).then(|| layer(plain([from, inner]), "expand")),
            depthwise: layer(depthwise, "depthwise"),
            project: layer(plain([inner, to]), "project"),
            shortcut: stride == 1 && from == to,
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let wide = match &self.expand {
            Some(expand) => expand.forward(input.clone(), Activation::Relu6),
            None => input.clone(),
        };
        let narrow = self.project.forward(self.depthwise.forward(wide, Activation::Relu6), Activation::None);
        if self.shortcut { narrow + input } else { narrow }
    }
}

/// The feature maps of EfficientNet-Lite0 up to a stage.
#[derive(Module, Debug)]
pub struct EfficientNet {
    stem: Layer,
    stages: Vec<Vec<Block>>,
    head: Option<Layer>,
}

impl EfficientNet {
    /// Fresh weights for the first `depth` stages (1 to 8), all channels multiplied by `width`.
    pub(super) fn new(depth: usize, width: f64, device: &Device) -> Self {
        let stem = LayerShape {
            channels: [3, scaled(STEM, width)],
            kernel: 3,
            stride: 2,
            groups: 1,
            padding: same(3, 2),
            epsilon: EPSILON,
        };
        let last = scaled(CHANNELS[6], width);
        let head = LayerShape {
            channels: [last, scaled(HEAD, width)],
            kernel: 1,
            stride: 1,
            groups: 1,
            padding: [0, 0],
            epsilon: EPSILON,
        };
        let inputs = std::iter::once(STEM).chain(CHANNELS);
        let stages = STAGES.iter().zip(inputs).take(depth).enumerate();
        Self {
            stem: Layer::new(stem, "stem", device),
            stages: stages
                .map(|(number, (row, from))| {
                    stage(row, [scaled(from, width), scaled(row.channels, width)], number, device)
                })
                .collect(),
            head: (depth > STAGES.len()).then(|| Layer::new(head, "head", device)),
        }
    }

    /// Maps after each stage of normalised tiles `[batch, 3, side, side]`.
    pub(super) fn forward(&self, input: Tensor<4>) -> Vec<Tensor<4>> {
        let mut maps = self.stem.forward(input, Activation::Relu6);
        let mut all = Vec::with_capacity(self.stages.len() + 1);
        for stage in &self.stages {
            maps = stage.iter().fold(maps, |maps, block| block.forward(maps));
            all.push(maps.clone());
        }
        all.extend(self.head.iter().map(|head| head.forward(maps.clone(), Activation::Relu6)));
        all
    }

    /// Every layer.
    pub(super) fn layers_mut(&mut self) -> Vec<&mut Layer> {
        let mut layers = vec![&mut self.stem];
        for block in self.stages.iter_mut().flatten() {
            layers.extend(block.expand.iter_mut());
            layers.push(&mut block.depthwise);
            layers.push(&mut block.project);
        }
        layers.extend(self.head.iter_mut());
        layers
    }

    /// The path of each layer here, and its name in the published files: those of `efficientnet_lite_pytorch`
    /// (blocks numbered through) and those of `timm` (by stage, layers counted).
    pub(super) fn names() -> Vec<[String; 3]> {
        let mut names = Vec::new();
        let mut layer = |ours: &str, conv: [&str; 2], norm: [&str; 2]| {
            names.push([format!("{ours}.conv"), conv[0].to_owned(), conv[1].to_owned()]);
            names.push([format!("{ours}.norm"), norm[0].to_owned(), norm[1].to_owned()]);
        };
        layer("stem", ["_conv_stem", "conv_stem"], ["_bn0", "bn1"]);
        let mut through = 0;
        for (number, row) in STAGES.iter().enumerate() {
            for block in 0..row.blocks {
                let (ours, flat) = (format!("stages.{number}.{block}"), format!("_blocks.{through}"));
                let nested = format!("blocks.{number}.{block}");
                // `timm` counts layers from the first that a block has; a block without expansion has one fewer.
                let parts: &[[&str; 5]] = if row.expansion == 1 {
                    &[
                        ["depthwise", "_depthwise_conv", "conv_dw", "_bn1", "bn1"],
                        ["project", "_project_conv", "conv_pw", "_bn2", "bn2"],
                    ]
                } else {
                    &[
                        ["expand", "_expand_conv", "conv_pw", "_bn0", "bn1"],
                        ["depthwise", "_depthwise_conv", "conv_dw", "_bn1", "bn2"],
                        ["project", "_project_conv", "conv_pwl", "_bn2", "bn3"],
                    ]
                };
                for [part, flat_conv, nested_conv, flat_norm, nested_norm] in parts {
                    let conv = [format!("{flat}.{flat_conv}"), format!("{nested}.{nested_conv}")];
                    let norm = [format!("{flat}.{flat_norm}"), format!("{nested}.{nested_norm}")];
                    layer(&format!("{ours}.{part}"), [&conv[0], &conv[1]], [&norm[0], &norm[1]]);
                }
                through += 1;
            }
        }
        layer("head", ["_conv_head", "conv_head"], ["_bn1", "bn2"]);
        names
    }
}

fn stage(row: &StageRow, [from, to]: [usize; 2], number: usize, device: &Device) -> Vec<Block> {
    let block = |at: usize| {
        let (from, stride) = if at == 0 { (from, row.stride) } else { (to, 1) };
        Block::new([from, to], row.kernel, stride, row.expansion, &format!("stages.{number}.{at}"), device)
    };
    (0..row.blocks).map(block).collect()
}

/// Zeros before and after an even side under TensorFlow's `SAME`.
const fn same(kernel: usize, stride: usize) -> [usize; 2] {
    let all = kernel - stride;
    [all / 2, all - all / 2]
}

/// Channels at a width: a multiple of 8, at least 8.
pub(super) fn scaled(channels: usize, width: f64) -> usize {
    let eighths = (channels as f64 * width / 8.0).round().max(1.0);
    eighths as usize * 8
}
