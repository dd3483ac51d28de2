//! A vision transformer (Dosovitskiy et al. 2020) in timm's layout: a class token, learnt positions, blocks that
//! normalise first, and a head on the normalised class token.

use burn::module::{Module, Param};
use burn::nn::attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Gelu, Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

/// timm's, in place of burn's 1e-5.
const EPSILON: f64 = 1e-6;

/// Sizes of a vision transformer.
#[derive(Clone, Debug)]
pub(crate) struct VitConfig {
    /// Side of an image in pixels.
    pub(crate) image: usize,
    /// Side of a patch in pixels.
    pub(crate) patch: usize,
    /// Size of a token.
    pub(crate) width: usize,
    /// Number of blocks.
    pub(crate) depth: usize,
    /// Heads of an attention; they share the width.
    pub(crate) heads: usize,
    /// Size of the layer between the two dense layers of a block.
    pub(crate) hidden: usize,
    /// Number of classes.
    pub(crate) classes: usize,
}

impl VitConfig {
    /// ViT-tiny with patches of 16 by 16 on images of 224 by 224.
    pub(crate) fn tiny() -> Self {
        Self { image: 224, patch: 16, width: 192, depth: 12, heads: 3, hidden: 768, classes: 1000 }
    }

    /// Patches of an image and the class token.
    fn tokens(&self) -> usize {
        (self.image / self.patch).pow(2) + 1
    }

    fn norm(&self, device: &Device) -> LayerNorm {
        LayerNormConfig::new(self.width).with_epsilon(EPSILON).init(device)
    }
}

/// The dense layers of a block.
#[derive(Module, Debug)]
struct Mlp {
    fc1: Linear,
    gelu: Gelu,
    fc2: Linear,
}

impl Mlp {
    fn new(config: &VitConfig, device: &Device) -> Self {
        Self {
            fc1: LinearConfig::new(config.width, config.hidden).init(device),
            gelu: Gelu::new(),
            fc2: LinearConfig::new(config.hidden, config.width).init(device),
        }
    }

    fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        self.fc2.forward(self.gelu.forward(self.fc1.forward(tokens)))
    }
}

/// Attention, then dense layers, both on normalised tokens and with skip connections.
#[derive(Module, Debug)]
struct Encoder {
    norm1: LayerNorm,
    attention: MultiHeadAttention,
    norm2: LayerNorm,
    mlp: Mlp,
}

impl Encoder {
    fn new(config: &VitConfig, device: &Device) -> Self {
        Self {
            norm1: config.norm(device),
            attention: MultiHeadAttentionConfig::new(config.width, config.heads).with_dropout(0.0).init(device),
            norm2: config.norm(device),
            mlp: Mlp::new(config, device),
        }
    }

    fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        let attended = self.attention.forward(MhaInput::self_attn(self.norm1.forward(tokens.clone()))).context;
        let tokens = tokens + attended;
        tokens.clone() + self.mlp.forward(self.norm2.forward(tokens))
    }
}

/// A vision transformer for images of one size.
#[derive(Module, Debug)]
pub(crate) struct Vit {
    patches: Conv2d,
    token: Param<Tensor<3>>,
    positions: Param<Tensor<3>>,
    blocks: Vec<Encoder>,
    norm: LayerNorm,
    head: Linear,
}

impl Vit {
    /// Fresh weights.
    pub(crate) fn new(config: &VitConfig, device: &Device) -> Self {
        let VitConfig { patch, width, depth, classes, .. } = *config;
        let small = Initializer::Normal { mean: 0.0, std: 0.02 };
        Self {
            patches: Conv2dConfig::new([3, width], [patch, patch]).with_stride([patch, patch]).init(device),
            token: small.init([1, 1, width], device),
            positions: small.init([1, config.tokens(), width], device),
            blocks: (0..depth).map(|_| Encoder::new(config, device)).collect(),
            norm: config.norm(device),
            head: LinearConfig::new(width, classes).init(device),
        }
    }

    /// Scores of the classes before softmax, `[batch, classes]`, of images `[batch, 3, image, image]`.
    pub(crate) fn forward(&self, image: Tensor<4>) -> Tensor<2> {
        let patches: Tensor<3> = self.patches.forward(image).flatten(2, 3).swap_dims(1, 2);
        let [batch, _, width] = patches.dims();
        let token = self.token.val().expand([batch, 1, width]);
        let tokens = Tensor::cat(vec![token, patches], 1) + self.positions.val();
        let tokens = self.blocks.iter().fold(tokens, |tokens, block| block.forward(tokens));
        self.head.forward(self.norm.forward(tokens).select_dim(1, 0))
    }
}
