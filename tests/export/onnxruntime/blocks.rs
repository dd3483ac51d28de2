//! Whole architectures built from burn's layers, at batches of 1, 3 and 8.

use burn::module::Module;
use burn::nn::attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig};
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput};
use burn::nn::{
    BatchNorm, BatchNormConfig, Embedding, EmbeddingConfig, GroupNorm, GroupNormConfig, Gru, GruConfig, InstanceNorm,
    InstanceNormConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig, Lstm, LstmConfig, PaddingConfig2d, RmsNorm,
    RmsNormConfig,
};
use burn::tensor::activation::{gelu, hard_sigmoid, relu, sigmoid, silu};
use burn::tensor::module::{interpolate, max_pool2d};
use burn::tensor::ops::{InterpolateMode, InterpolateOptions, MaxPoolOptions};
use burn::tensor::{Device, Int, Tensor};
use burn_onnx_export::{Exporter, OnnxModel, Outputs};

use crate::generate::{floats, ints};
use crate::support::{Ports, Tolerance, check_within, device};

const DEEP: Tolerance = Tolerance { absolute: 1e-5, relative: 1e-5 };

/// Images of 16 by 16 with three channels.
fn images<M: Module, O: Outputs + Ports>(module: &M, forward: impl Fn(&M, Tensor<4>) -> O) -> OnnxModel {
    let input = |batch| floats([batch, 3, 16, 16], batch, -1.0, 1.0);
    let exporter = Exporter::new().input("image", input(1), ["batch", "", "", ""]);
    check_within(DEEP, module, exporter, [1, 3, 8].map(input).to_vec(), forward)
}

/// Sequences of seven steps with six features.
fn sequences<M: Module, O: Outputs + Ports>(module: &M, forward: impl Fn(&M, Tensor<3>) -> O) -> OnnxModel {
    let input = |batch| floats([batch, 7, 6], batch, -1.0, 1.0);
    let exporter = Exporter::new().input("sequence", input(1), ["batch", "", ""]);
    check_within(DEEP, module, exporter, [1, 3, 8].map(input).to_vec(), forward)
}

fn conv(channels: [usize; 2], kernel: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new(channels, [kernel; 2]).with_padding(PaddingConfig2d::Same).init(device)
}

#[derive(Module, Debug)]
struct Residual {
    first: Conv2d,
    norm: BatchNorm,
    second: Conv2d,
    shortcut: Conv2d,
}

#[test]
fn residual_blocks() {
    let device = device();
    let module = Residual {
        first: conv([3, 8], 3, &device),
        norm: BatchNormConfig::new(8).init(&device),
        second: conv([8, 8], 3, &device),
        shortcut: conv([3, 8], 1, &device),
    };
    let model = images(&module, |m, x| {
        let short = m.shortcut.forward(x.clone());
        let x = relu(m.norm.forward(m.first.forward(x)));
        relu(m.second.forward(x) + short)
    });
    assert_eq!(model.operators(), ["Conv", "Conv", "Relu", "Conv", "Add", "Relu"]);
}

#[derive(Module, Debug)]
struct Unet {
    down: Conv2d,
    deep: Conv2d,
    up: ConvTranspose2d,
    join: Conv2d,
    last: Conv2d,
}

#[test]
fn u_net_with_skips() {
    let device = device();
    let module = Unet {
        down: conv([3, 4], 3, &device),
        deep: conv([4, 8], 3, &device),
        up: ConvTranspose2dConfig::new([8, 4], [2, 2]).with_stride([2, 2]).init(&device),
        join: conv([8, 4], 3, &device),
        last: conv([12, 1], 1, &device),
    };
    images(&module, |m, x| {
        let skip = relu(m.down.forward(x));
        let deep = relu(m.deep.forward(max_pool2d(skip.clone(), MaxPoolOptions::new([2, 2]))));
        let learnt = relu(m.join.forward(Tensor::cat(vec![m.up.forward(deep.clone()), skip.clone()], 1)));
        let [_, _, height, width] = skip.dims();
        let options = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([height, width]);
        let grown = interpolate(deep, options);
        sigmoid(m.last.forward(Tensor::cat(vec![learnt, grown], 1)))
    });
}

#[derive(Module, Debug)]
struct Inverted {
    expand: Conv2d,
    depthwise: Conv2d,
    squeeze: Linear,
    excite: Linear,
    project: Conv2d,
}

#[test]
fn inverted_residuals_with_squeeze_and_excite() {
    let device = device();
    let depthwise = Conv2dConfig::new([12, 12], [3, 3]).with_groups(12).with_padding(PaddingConfig2d::Same);
    let module = Inverted {
        expand: conv([3, 12], 1, &device),
        depthwise: depthwise.init(&device),
        squeeze: LinearConfig::new(12, 3).init(&device),
        excite: LinearConfig::new(3, 12).init(&device),
        project: conv([12, 3], 1, &device),
    };
    images(&module, |m, x| {
        let wide = m.expand.forward(x.clone()).clamp(0.0, 6.0);
        let wide = m.depthwise.forward(wide);
        let wide = wide.clone() * hard_sigmoid(wide, 1.0 / 6.0, 0.5);
        let pooled: Tensor<2> = wide.clone().mean_dims(&[2, 3]).squeeze_dims(&[2, 3]);
        let gate = hard_sigmoid(m.excite.forward(relu(m.squeeze.forward(pooled))), 1.0 / 6.0, 0.5);
        let gate: Tensor<4> = gate.unsqueeze_dims(&[2, 3]);
        x + m.project.forward(wide * gate)
    });
}

#[derive(Module, Debug)]
struct ConvNext {
    depthwise: Conv2d,
    norm: LayerNorm,
    widen: Linear,
    narrow: Linear,
}

#[test]
fn convnext_block() {
    let device = device();
    let depthwise = Conv2dConfig::new([3, 3], [7, 7]).with_groups(3).with_padding(PaddingConfig2d::Same);
    let module = ConvNext {
        depthwise: depthwise.init(&device),
        norm: LayerNormConfig::new(3).init(&device),
        widen: LinearConfig::new(3, 12).init(&device),
        narrow: LinearConfig::new(12, 3).init(&device),
    };
    let model = images(&module, |m, x| {
        let y = m.depthwise.forward(x.clone()).permute([0, 2, 3, 1]);
        let y = m.narrow.forward(gelu(m.widen.forward(m.norm.forward(y))));
        x + y.permute([0, 3, 1, 2])
    });
    assert!(model.operators().contains(&"LayerNormalization"));
}

#[derive(Module, Debug)]
struct Vision {
    patches: Conv2d,
    attention: MultiHeadAttention,
    norm: LayerNorm,
    positions: Embedding,
    head: Linear,
}

#[test]
fn vision_transformer() {
    let device = device();
    let module = Vision {
        patches: Conv2dConfig::new([3, 8], [4, 4]).with_stride([4, 4]).init(&device),
        attention: MultiHeadAttentionConfig::new(8, 2).init(&device),
        norm: LayerNormConfig::new(8).init(&device),
        positions: EmbeddingConfig::new(16, 8).init(&device),
        head: LinearConfig::new(8, 2).init(&device),
    };
    images(&module, |m, x| {
        let device = x.device();
        let places = Tensor::<1, Int>::arange(0..16, &device).unsqueeze::<2>();
        let x: Tensor<3> = m.patches.forward(x).flatten(2, 3).swap_dims(1, 2);
        let x = x + m.positions.forward(places);
        let x = x.clone() + m.attention.forward(MhaInput::self_attn(m.norm.forward(x))).context;
        let pooled: Tensor<2> = x.mean_dim(1).squeeze_dim(1);
        m.head.forward(pooled)
    });
}

#[derive(Module, Debug)]
struct Norms {
    group: GroupNorm,
    instance: InstanceNorm,
    rms: RmsNorm,
}

#[test]
fn group_instance_and_rms_norm() {
    let device = device();
    let module = Norms {
        group: GroupNormConfig::new(3, 3).init(&device),
        instance: InstanceNormConfig::new(3).init(&device),
        rms: RmsNormConfig::new(16).init(&device),
    };
    images(&module, |m, x| (m.group.forward(x.clone()), m.instance.forward(x.clone()), m.rms.forward(x)));
}

#[derive(Module, Debug)]
struct Recurrent {
    lstm: Lstm,
    gru: Gru,
}

#[test]
fn recurrent_layers_over_a_fixed_length() {
    let device = device();
    let module =
        Recurrent { lstm: LstmConfig::new(6, 5, true).init(&device), gru: GruConfig::new(6, 5, true).init(&device) };
    sequences(&module, |m, x| (m.lstm.forward(x.clone(), None).0, m.gru.forward(x, None)));
}

#[derive(Module, Debug)]
struct Encoder {
    encoder: TransformerEncoder,
}

#[test]
fn transformer_encoder() {
    let device = device();
    let module = Encoder { encoder: TransformerEncoderConfig::new(6, 12, 2, 2).init(&device) };
    sequences(&module, |m, x| silu(m.encoder.forward(TransformerEncoderInput::new(x))));
}

#[derive(Module, Debug)]
struct Sampler {
    mean: Linear,
    spread: Linear,
    words: Embedding,
}

#[test]
fn several_inputs_of_several_types() {
    let device = device();
    let module = Sampler {
        mean: LinearConfig::new(4, 3).init(&device),
        spread: LinearConfig::new(4, 3).init(&device),
        words: EmbeddingConfig::new(9, 4).init(&device),
    };
    let inputs = |batch| {
        (
            ints([batch, 5], batch, 0, 9),
            floats([batch, 3], batch, -1.0, 1.0),
            floats([batch, 5], 7, -1.0, 1.0).greater_elem(0.0),
        )
    };
    let (words, noise, mask) = inputs(1);
    let exporter = Exporter::new()
        .input("words", words, ["batch", ""])
        .input("noise", noise, ["batch", ""])
        .input("mask", mask, ["batch", ""])
        .outputs(["sample", "count"]);
    check_within(DEEP, &module, exporter, [1, 3, 8].map(inputs).to_vec(), |m, (words, noise, mask)| {
        let kept: Tensor<3> = mask.clone().float().unsqueeze_dim(2);
        let words: Tensor<2> = (m.words.forward(words) * kept).sum_dim(1).squeeze_dim(1);
        let sample = m.mean.forward(words.clone()) + m.spread.forward(words).exp() * noise;
        (sample, mask.int().sum_dim(1))
    });
}
