//! Networks that split an image into tokens: mixers, non-local blocks, transformers, windows.

use burn::module::{Initializer, Module, Param, ParamId};
use burn::nn::attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Int, Tensor, s};
use burn_onnx_export::Exporter;

use crate::generate::floats;
use crate::nn_layers::{SUMS, images, layer, shaken};
use crate::strangers::{ConvNorm, conv, pooled};
use crate::support::{check_within, device};

#[derive(Module, Debug)]
struct ConvMixer {
    patches: Conv2d,
    spatial: Vec<Conv2d>,
    channels: Vec<Conv2d>,
    head: Linear,
}

#[test]
fn conv_mixers_stay_open() {
    let device = device();
    let depthwise = Conv2dConfig::new([8, 8], [5, 5]).with_groups(8).with_padding(PaddingConfig2d::Same);
    let module = ConvMixer {
        patches: Conv2dConfig::new([3, 8], [2, 2]).with_stride([2, 2]).init(&device),
        spatial: (0..2).map(|_| depthwise.init(&device)).collect(),
        channels: (0..2).map(|_| conv([8, 8], 1, &device)).collect(),
        head: LinearConfig::new(8, 3).init(&device),
    };
    images(&module, 3, [(8, 12), (9, 7), (6, 10)], |m, x| {
        let mut x = gelu(m.patches.forward(x));
        for (spatial, channels) in m.spatial.iter().zip(&m.channels) {
            x = gelu(spatial.forward(x.clone())) + x;
            x = gelu(channels.forward(x));
        }
        m.head.forward(pooled(x))
    });
}

#[derive(Module, Debug)]
struct MlpMixer {
    patches: Linear,
    norms: [LayerNorm; 2],
    tokens: (Linear, Linear),
    channels: (Linear, Linear),
}

#[test]
fn mlp_mixers_cut_patches_by_reshaping() {
    let device = device();
    let dense = |from, to| LinearConfig::new(from, to).init(&device);
    let module = MlpMixer {
        patches: dense(48, 8),
        norms: [LayerNormConfig::new(8).init(&device), LayerNormConfig::new(8).init(&device)],
        tokens: (dense(6, 10), dense(10, 6)),
        channels: (dense(8, 12), dense(12, 8)),
    };
    layer(&shaken(module), [1, 3, 8, 12], |m, x| {
        let [batch, channels, height, width] = x.dims();
        let (rows, columns) = (height / 4, width / 4);
        let x = x.reshape([batch, channels, rows, 4, columns, 4]).permute([0, 2, 4, 3, 5, 1]);
        let x = m.patches.forward(x.reshape([batch, rows * columns, 4 * 4 * channels]));
        let mixed = m.norms[0].forward(x.clone()).swap_dims(1, 2);
        let x = x + m.tokens.1.forward(gelu(m.tokens.0.forward(mixed))).swap_dims(1, 2);
        x.clone() + m.channels.1.forward(gelu(m.channels.0.forward(m.norms[1].forward(x))))
    });
}

#[derive(Module, Debug)]
struct NonLocal {
    query: Conv2d,
    key: Conv2d,
    value: Conv2d,
    out: ConvNorm,
}

#[test]
fn every_place_sees_every_other() {
    let device = device();
    let module = NonLocal {
        query: conv([4, 3], 1, &device),
        key: conv([4, 3], 1, &device),
        value: conv([4, 3], 1, &device),
        out: ConvNorm::new([3, 4], 1, &device),
    };
    images(&shaken(module), 4, [(4, 6), (5, 3), (2, 7)], |m, x| {
        let [batch, _, height, width] = x.dims();
        let flat = |x: Tensor<4>| x.reshape([batch, 3, height * width]);
        let query = flat(m.query.forward(x.clone())).swap_dims(1, 2);
        let key = flat(m.key.forward(x.clone()));
        let value = flat(m.value.forward(x.clone())).swap_dims(1, 2);
        let read = softmax(query.matmul(key), 2).matmul(value).swap_dims(1, 2);
        m.out.forward(read.reshape([batch, 3, height, width])) + x
    });
}

#[derive(Module, Debug)]
struct Vit {
    patches: Conv2d,
    class: Param<Tensor<3>>,
    registers: Param<Tensor<3>>,
    positions: Param<Tensor<3>>,
    norms: [LayerNorm; 3],
    attention: MultiHeadAttention,
    mlp: (Linear, Linear),
    gains: [Param<Tensor<1>>; 2],
}

#[test]
fn vision_transformers_with_registers_and_layer_scale() {
    let device = device();
    let normal = Initializer::Normal { mean: 0.0, std: 0.5 };
    let module = Vit {
        patches: Conv2dConfig::new([3, 8], [4, 4]).with_stride([4, 4]).init(&device),
        class: normal.init([1, 1, 8], &device),
        registers: normal.init([1, 4, 8], &device),
        positions: normal.init([1, 7, 8], &device),
        norms: [(); 3].map(|()| LayerNormConfig::new(8).init(&device)),
        attention: MultiHeadAttentionConfig::new(8, 2).init(&device),
        mlp: (LinearConfig::new(8, 16).init(&device), LinearConfig::new(16, 8).init(&device)),
        gains: [normal.init([8], &device), normal.init([8], &device)],
    };
    layer(&shaken(module), [1, 3, 8, 12], |m, x| {
        let [batch, ..] = x.dims();
        let x = m.patches.forward(x).flatten::<3>(2, 3).swap_dims(1, 2);
        let class = m.class.val().expand([batch, 1, 8]);
        let x = Tensor::cat(vec![class, x], 1) + m.positions.val();
        let registers = m.registers.val().repeat_dim(0, batch);
        let x = Tensor::cat(vec![x.clone().narrow(1, 0, 1), registers, x.slice_dim(1, 1..)], 1);
        let y = m.attention.forward(MhaInput::self_attn(m.norms[0].forward(x.clone()))).context;
        let x = x + y * m.gains[0].val().unsqueeze::<3>();
        let y = m.mlp.1.forward(gelu(m.mlp.0.forward(m.norms[1].forward(x.clone()))));
        let x = m.norms[2].forward(x + y * m.gains[1].val().unsqueeze::<3>());
        let patches = x.clone().slice_dim(1, 5..);
        let mean = patches.clone().mean_dim(1).squeeze_dim::<2>(1);
        (Tensor::cat(vec![x.select_dim::<2>(1, 0), mean], 1), patches)
    });
}

#[derive(Module, Debug)]
struct Window {
    qkv: Linear,
    out: Linear,
    biases: Param<Tensor<2>>,
    places: Param<Tensor<1, Int>>,
    merge: Linear,
}

impl Window {
    const SIDE: usize = 2;
    const HEADS: usize = 2;

    fn new(device: &Device) -> Self {
        let area = Self::SIDE * Self::SIDE;
        let place = |at: usize| (at / Self::SIDE, at % Self::SIDE);
        let span = 2 * Self::SIDE - 1;
        let pairs = (0..area).flat_map(|to| (0..area).map(move |from| (place(to), place(from))));
        let offset = |a: usize, b: usize| a + Self::SIDE - 1 - b;
        let places: Vec<i32> =
            pairs.map(|(to, from)| (offset(to.0, from.0) * span + offset(to.1, from.1)) as i32).collect();
        Self {
            qkv: LinearConfig::new(8, 24).init(device),
            out: LinearConfig::new(8, 8).init(device),
            biases: Initializer::Normal { mean: 0.0, std: 1.0 }.init([span * span, Self::HEADS], device),
            places: Param::initialized(ParamId::new(), Tensor::<1, Int>::from_ints(places.as_slice(), device)),
            merge: LinearConfig::new(32, 12).with_bias(false).init(device),
        }
    }

    /// Attention inside windows that are shifted by half a window.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, height, width, channels] = x.dims();
        let (rows, columns, area) = (height / Self::SIDE, width / Self::SIDE, Self::SIDE * Self::SIDE);
        let windows = x.clone().roll(&[-1, -1], &[1, 2]);
        let windows =
            windows.reshape([batch, rows, Self::SIDE, columns, Self::SIDE, channels]).permute([0, 1, 3, 2, 4, 5]);
        let windows = windows.reshape([batch * rows * columns, area, channels]);
        let qkv =
            self.qkv.forward(windows).reshape([batch * rows * columns, area, 3, Self::HEADS, channels / Self::HEADS]);
        let mut qkv = qkv.permute([2, 0, 3, 1, 4]).chunk(3, 0).into_iter().map(|part| part.squeeze_dim::<4>(0));
        let (query, key, value) = (qkv.next().unwrap(), qkv.next().unwrap(), qkv.next().unwrap());
        let biases =
            self.biases.val().select(0, self.places.val()).reshape([area, area, Self::HEADS]).permute([2, 0, 1]);
        let scores = query.matmul(key.transpose()) / 2.0 + biases.unsqueeze::<4>();
        let read = softmax(scores, 3).matmul(value).swap_dims(1, 2).reshape([batch, rows, columns, area * channels]);
        let read = self.out.forward(read.reshape([batch, rows, columns, Self::SIDE, Self::SIDE, channels]));
        let read = read.permute([0, 1, 3, 2, 4, 5]).reshape([batch, height, width, channels]);
        x + read.roll(&[1, 1], &[1, 2])
    }

    /// Merges every four neighbours.
    fn merged(&self, x: Tensor<4>) -> Tensor<4> {
        let parts = [(0, 0), (1, 0), (0, 1), (1, 1)];
        let part = |(row, column): (i32, i32)| x.clone().slice(s![.., row..;2, column..;2, ..]);
        self.merge.forward(Tensor::cat(parts.map(part).to_vec(), 3))
    }
}

#[test]
fn shifted_windows_with_relative_biases() {
    let module = shaken(Window::new(&device()));
    layer(&module, [1, 4, 6, 8], |m, x| m.merged(m.forward(x)));
}

#[test]
fn shifted_windows_over_open_sizes() {
    let module = shaken(Window::new(&device()));
    let input = |(batch, height, width): (usize, usize, usize)| floats([batch, height, width, 8], batch, -1.0, 1.0);
    let exporter = Exporter::new().input("x", input((1, 4, 6)), ["batch", "height", "width", ""]);
    let cases = [(1, 4, 6), (3, 8, 2), (8, 2, 10)].map(input).to_vec();
    check_within(SUMS, &module, exporter, cases, |m, x| m.forward(x));
}
