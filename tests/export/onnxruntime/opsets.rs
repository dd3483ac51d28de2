//! Every opset that can be written: the same model gives the same results.

use burn::module::Module;
use burn::nn::attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig};
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, log_softmax, sigmoid};
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions, PadMode};
use burn::tensor::{Device, Int, Tensor};
use burn_onnx_export::{Exporter, OPSETS, OnnxModel};

use crate::support::{Tolerance, check_within, device, tiles};

/// Layers whose operators changed between opsets.
#[derive(Module, Debug)]
struct Mixture {
    conv: Conv2d,
    norm: BatchNorm,
    up: ConvTranspose2d,
    layer_norm: LayerNorm,
    attention: MultiHeadAttention,
    head: Linear,
}

impl Mixture {
    fn new(device: &Device) -> Self {
        Self {
            conv: Conv2dConfig::new([3, 4], [3, 3]).init(device),
            norm: BatchNormConfig::new(4).init(device),
            up: ConvTranspose2dConfig::new([4, 4], [2, 2]).with_stride([2, 2]).init(device),
            layer_norm: LayerNormConfig::new(4).init(device),
            attention: MultiHeadAttentionConfig::new(4, 2).init(device),
            head: LinearConfig::new(4, 3).init(device),
        }
    }

    fn forward(&self, tile: Tensor<4, Int>) -> (Tensor<2>, Tensor<4>, Tensor<1>, Tensor<2, Int>) {
        let x = (tile.float() / 255.0).permute([0, 3, 1, 2]);
        let x = self.norm.forward(self.conv.forward(x.pad([(1, 1), (1, 1)], PadMode::Reflect)));
        let options = InterpolateOptions::new(InterpolateMode::Bilinear).with_align_corners(false);
        let map = sigmoid(interpolate(self.up.forward(x.clone()), options.with_output_size([8, 8])));
        let tokens: Tensor<3> = gelu(map.clone()).flatten(2, 3).swap_dims(1, 2);
        let tokens = self.attention.forward(MhaInput::self_attn(self.layer_norm.forward(tokens))).context;
        let pooled: Tensor<2> = tokens.clone().max_dim(1).squeeze_dim(1) + tokens.clone().mean_dim(1).squeeze_dim(1);
        let logits = log_softmax(self.head.forward(pooled), 1);
        let score: Tensor<1> = tokens.prod_dim(2).sum_dim(1).squeeze_dims(&[1, 2]);
        (logits.clone(), map, score, logits.argmax(1))
    }
}

fn models() -> Vec<OnnxModel> {
    let module = Mixture::new(&device());
    let tolerance = Tolerance { absolute: 1e-5, relative: 1e-4 };
    let each = |opset| {
        let exporter = Exporter::new().input("tile", tiles(1, 8), ["batch", "", "", ""]).opset(opset);
        let exporter = exporter.outputs(["logits", "map", "score", "class"]).metadata("opset", opset.to_string());
        check_within(tolerance, &module, exporter, vec![tiles(1, 8), tiles(3, 8)], |m, tile| m.forward(tile))
    };
    OPSETS.map(each).collect()
}

#[test]
fn every_opset_gives_the_same_answers() {
    let models = models();
    let written: Vec<i64> = models.iter().map(OnnxModel::opset).collect();
    assert_eq!(written, OPSETS.collect::<Vec<_>>());
}
