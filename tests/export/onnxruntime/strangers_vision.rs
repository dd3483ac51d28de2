//! Image networks, block by block. Height and width are symbolic if the block supports that.

use burn::module::Module;
use burn::nn::activation::{Activation, ActivationConfig};
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::interpolate::{Interpolate2d, Interpolate2dConfig, InterpolateMode};
use burn::nn::pool::{AvgPool2d, AvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig, PaddingConfig2d, PixelShuffle, PixelShuffleConfig};
use burn::tensor::activation::{hard_sigmoid, hard_swish, relu, sigmoid, silu, softmax};
use burn::tensor::module::interpolate;
use burn::tensor::ops::InterpolateOptions;
use burn::tensor::{Device, Int, Tensor};
use burn_onnx_export::Exporter;

use crate::generate::floats;
use crate::nn_layers::{SUMS, images, layer, shaken};
use crate::strangers::{ConvNorm, conv, pooled, same};
use crate::support::{compare, device, run};

const OPEN: [(usize, usize); 3] = [(8, 12), (9, 7), (6, 10)];

fn strided(channels: [usize; 2], kernel: usize, groups: usize, device: &Device) -> ConvNorm {
    let config = Conv2dConfig::new(channels, [kernel; 2]).with_stride([2, 2]).with_groups(groups);
    ConvNorm::from_config(config.with_padding(same(kernel)), device)
}

/// Resizes to the height and width of another image.
fn as_large_as(x: Tensor<4>, other: &Tensor<4>, mode: burn::tensor::ops::InterpolateMode) -> Tensor<4> {
    let [_, _, height, width] = other.dims();
    interpolate(x, InterpolateOptions::new(mode).with_align_corners(false).with_output_size([height, width]))
}

fn bilinear(x: Tensor<4>, other: &Tensor<4>) -> Tensor<4> {
    as_large_as(x, other, burn::tensor::ops::InterpolateMode::Bilinear)
}

#[derive(Module, Debug)]
struct Excite {
    squeeze: Conv2d,
    excite: Conv2d,
}

impl Excite {
    fn new(channels: usize, device: &Device) -> Self {
        Self { squeeze: conv([channels, 4], 1, device), excite: conv([4, channels], 1, device) }
    }

    /// Weights of the channels, before the activation.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.excite.forward(relu(self.squeeze.forward(x.mean_dims(&[2, 3]))))
    }
}

#[derive(Module, Debug)]
struct MobileBlock {
    expand: ConvNorm,
    depthwise: ConvNorm,
    excite: Option<Excite>,
    project: ConvNorm,
}

#[test]
fn mobile_blocks_with_stride_and_hard_swish() {
    let device = device();
    let module = MobileBlock {
        expand: ConvNorm::new([3, 12], 1, &device),
        depthwise: strided([12, 12], 5, 12, &device),
        excite: Some(Excite::new(12, &device)),
        project: ConvNorm::new([12, 6], 1, &device),
    };
    images(&shaken(module), 3, OPEN, |m, x| {
        let x = hard_swish(m.depthwise.forward(hard_swish(m.expand.forward(x))));
        let x = match &m.excite {
            Some(excite) => x.clone() * hard_sigmoid(excite.forward(x), 1.0 / 6.0, 0.5),
            None => x,
        };
        m.project.forward(x)
    });
}

#[test]
fn efficient_blocks_add_what_came_in() {
    let device = device();
    let depthwise = Conv2dConfig::new([12, 12], [3, 3]).with_groups(12).with_padding(PaddingConfig2d::Same);
    let module = MobileBlock {
        expand: ConvNorm::new([3, 12], 1, &device),
        depthwise: ConvNorm::from_config(depthwise, &device),
        excite: Some(Excite::new(12, &device)),
        project: ConvNorm::new([12, 3], 1, &device),
    };
    images(&shaken(module), 3, OPEN, |m, x| {
        let wide = silu(m.depthwise.forward(silu(m.expand.forward(x.clone()))));
        let gate = m.excite.as_ref().map(|excite| sigmoid(excite.forward(wide.clone())));
        let wide = gate.map_or(wide.clone(), |gate| wide * gate);
        x + m.project.forward(wide)
    });
}

#[derive(Module, Debug)]
struct DenseNet {
    layers: Vec<ConvNorm>,
    transition: ConvNorm,
    pool: AvgPool2d,
}

#[test]
fn dense_blocks_hand_everything_on() {
    let device = device();
    let module = DenseNet {
        layers: (0..3).map(|at| ConvNorm::new([3 + 4 * at, 4], 3, &device)).collect(),
        transition: ConvNorm::new([15, 6], 1, &device),
        pool: AvgPool2dConfig::new([2, 2]).init(),
    };
    images(&shaken(module), 3, OPEN, |m, x| {
        let mut seen = vec![x];
        for block in &m.layers {
            seen.push(relu(block.forward(Tensor::cat(seen.clone(), 1))));
        }
        m.pool.forward(m.transition.forward(Tensor::cat(seen, 1)))
    });
}

#[derive(Module, Debug)]
struct SeResNext {
    reduce: ConvNorm,
    grouped: ConvNorm,
    restore: ConvNorm,
    excite: Excite,
    shortcut: Option<ConvNorm>,
}

#[test]
fn grouped_residual_blocks_with_gates() {
    let device = device();
    let module = SeResNext {
        reduce: ConvNorm::new([3, 8], 1, &device),
        grouped: strided([8, 8], 3, 4, &device),
        restore: ConvNorm::new([8, 12], 1, &device),
        excite: Excite::new(12, &device),
        shortcut: Some(strided([3, 12], 1, 1, &device)),
    };
    images(&shaken(module), 3, OPEN, |m, x| {
        let short = m.shortcut.as_ref().map_or(x.clone(), |shortcut| shortcut.forward(x.clone()));
        let y = m.restore.forward(relu(m.grouped.forward(relu(m.reduce.forward(x)))));
        relu(y.clone() * sigmoid(m.excite.forward(y)) + short)
    });
}

#[derive(Module, Debug)]
struct Inception {
    single: ConvNorm,
    tall_and_wide: (ConvNorm, ConvNorm),
    five: [ConvNorm; 2],
    pool: MaxPool2d,
    after_pool: ConvNorm,
    act: Activation,
}

#[test]
fn inception_branches_meet_again() {
    let device = device();
    let narrow = |kernel: [usize; 2]| Conv2dConfig::new([4, 4], kernel).with_padding(PaddingConfig2d::Same);
    let module = Inception {
        single: ConvNorm::new([3, 4], 1, &device),
        tall_and_wide: (ConvNorm::from_config(narrow([1, 7]), &device), ConvNorm::from_config(narrow([7, 1]), &device)),
        five: [ConvNorm::new([3, 4], 1, &device), ConvNorm::new([4, 4], 5, &device)],
        pool: MaxPool2dConfig::new([3, 3]).with_strides([1, 1]).with_padding(same(3)).init(),
        after_pool: ConvNorm::new([3, 4], 1, &device),
        act: ActivationConfig::Relu.init(&device),
    };
    images(&shaken(module), 3, OPEN, |m, x| {
        let single = m.act.forward(m.single.forward(x.clone()));
        let long = m.tall_and_wide.1.forward(m.act.forward(m.tall_and_wide.0.forward(single.clone())));
        let five = m.five.iter().fold(x.clone(), |x, conv| m.act.forward(conv.forward(x)));
        let pooled = m.act.forward(m.after_pool.forward(m.pool.forward(x)));
        Tensor::cat(vec![single, long, five, pooled], 1)
    });
}

#[derive(Module, Debug)]
struct Atrous {
    stem: ConvNorm,
    rates: Vec<ConvNorm>,
    whole: Conv2d,
    join: ConvNorm,
    classes: Conv2d,
}

#[test]
fn atrous_pyramids_grow_back_to_the_image() {
    let device = device();
    let dilated = |rate: usize| {
        let padding = PaddingConfig2d::Explicit(rate, rate, rate, rate);
        let config = Conv2dConfig::new([8, 4], [3, 3]).with_dilation([rate; 2]).with_padding(padding);
        ConvNorm::from_config(config, &device)
    };
    let module = Atrous {
        stem: strided([3, 8], 3, 1, &device),
        rates: [1, 2, 4].map(dilated).to_vec(),
        whole: conv([8, 4], 1, &device),
        join: ConvNorm::new([16, 8], 1, &device),
        classes: conv([8, 2], 1, &device),
    };
    images(&shaken(module), 3, OPEN, |m, image| {
        let x = relu(m.stem.forward(image.clone()));
        let mut parts: Vec<Tensor<4>> = m.rates.iter().map(|rate| relu(rate.forward(x.clone()))).collect();
        let whole = relu(m.whole.forward(x.clone().mean_dims(&[2, 3])));
        parts.push(bilinear(whole, &x));
        let logits = m.classes.forward(relu(m.join.forward(Tensor::cat(parts, 1))));
        let map = softmax(bilinear(logits, &image), 1);
        (map.clone().argmax(1).squeeze_dim::<3>(1), map)
    });
}

#[derive(Module, Debug)]
struct Pyramid {
    down: Vec<ConvNorm>,
    lateral: Vec<Conv2d>,
    smooth: Vec<Conv2d>,
}

#[test]
fn feature_pyramids_have_an_output_for_each_level() {
    let device = device();
    let module = Pyramid {
        down: vec![strided([3, 4], 3, 1, &device), strided([4, 6], 3, 1, &device), strided([6, 8], 3, 1, &device)],
        lateral: [4, 6, 8].map(|channels| conv([channels, 5], 1, &device)).to_vec(),
        smooth: (0..3).map(|_| conv([5, 5], 3, &device)).collect(),
    };
    images(&shaken(module), 3, [(16, 24), (18, 9), (11, 20)], |m, x| {
        let mut levels = Vec::new();
        let mut x = x;
        for (down, lateral) in m.down.iter().zip(&m.lateral) {
            x = relu(down.forward(x));
            levels.push(lateral.forward(x.clone()));
        }
        for level in (0..2).rev() {
            let above = levels[level + 1].clone();
            let grown = as_large_as(above, &levels[level], burn::tensor::ops::InterpolateMode::Nearest);
            levels[level] = levels[level].clone() + grown;
        }
        let mut smooth = m.smooth.iter().zip(levels).map(|(smooth, level)| smooth.forward(level));
        (smooth.next().unwrap(), smooth.next().unwrap(), smooth.next().unwrap())
    });
}

#[derive(Module, Debug)]
struct AttentionUnet {
    down: ConvNorm,
    deep: ConvNorm,
    gate: Conv2d,
    skip: Conv2d,
    weigh: Conv2d,
    up: ConvTranspose2d,
    grow: Interpolate2d,
    last: Conv2d,
}

#[test]
fn gates_weigh_the_skips_of_a_u_net() {
    let device = device();
    let skip = Conv2dConfig::new([4, 3], [2, 2]).with_stride([2, 2]).with_bias(false);
    let module = AttentionUnet {
        down: ConvNorm::new([3, 4], 3, &device),
        deep: strided([4, 8], 3, 1, &device),
        gate: conv([8, 3], 1, &device),
        skip: skip.init(&device),
        weigh: conv([3, 1], 1, &device),
        up: ConvTranspose2dConfig::new([8, 4], [2, 2]).with_stride([2, 2]).init(&device),
        grow: Interpolate2dConfig::new()
            .with_scale_factor(Some([2.0, 2.0]))
            .with_mode(InterpolateMode::Linear)
            .with_align_corners(false)
            .init(),
        last: conv([8, 1], 1, &device),
    };
    let module = shaken(module);
    let forward = |m: &AttentionUnet, x: Tensor<4>| {
        let shallow = relu(m.down.forward(x));
        let deep = relu(m.deep.forward(shallow.clone()));
        let joined = relu(m.gate.forward(deep.clone()) + m.skip.forward(shallow.clone()));
        let weights = m.grow.forward(sigmoid(m.weigh.forward(joined)));
        let map = Tensor::cat(vec![shallow * weights.clone(), m.up.forward(deep)], 1);
        (sigmoid(m.last.forward(map)), weights)
    };
    layer(&module, [1, 3, 12, 8], forward);
    images(&module, 3, [(8, 12), (4, 6), (2, 10)], forward);
}

#[derive(Module, Debug)]
struct Cbam {
    reduce: Linear,
    restore: Linear,
    spatial: Conv2d,
}

#[test]
fn channels_and_places_are_weighed_in_turn() {
    let device = device();
    let module = Cbam {
        reduce: LinearConfig::new(6, 2).init(&device),
        restore: LinearConfig::new(2, 6).init(&device),
        spatial: conv([2, 1], 7, &device),
    };
    images(&module, 6, OPEN, |m, x| {
        let shared = |pooled: Tensor<2>| m.restore.forward(relu(m.reduce.forward(pooled)));
        let most = x.clone().max_dims(&[2, 3]).squeeze_dims::<2>(&[2, 3]);
        let channels = sigmoid(shared(pooled(x.clone())) + shared(most));
        let x = x * channels.unsqueeze_dims::<4>(&[2, 3]);
        let places = Tensor::cat(vec![x.clone().mean_dim(1), x.clone().max_dim(1)], 1);
        x * sigmoid(m.spatial.forward(places))
    });
}

#[derive(Module, Debug)]
struct Shuffled {
    grouped: ConvNorm,
    depthwise: ConvNorm,
    rows: Embedding,
    columns: Embedding,
    up: PixelShuffle,
}

#[test]
fn channels_are_split_shuffled_and_unfolded_into_pixels() {
    let device = device();
    let grouped = Conv2dConfig::new([8, 8], [1, 1]).with_groups(2);
    let depthwise = Conv2dConfig::new([8, 8], [3, 3]).with_groups(8).with_padding(PaddingConfig2d::Same);
    let module = Shuffled {
        grouped: ConvNorm::from_config(grouped, &device),
        depthwise: ConvNorm::from_config(depthwise, &device),
        rows: EmbeddingConfig::new(8, 8).init(&device),
        columns: EmbeddingConfig::new(8, 8).init(&device),
        up: PixelShuffleConfig::new(2).init(),
    };
    let module = shaken(module);
    images(&module, 16, OPEN, |m, x| {
        let [batch, channels, height, width] = x.dims();
        let mut halves = x.chunk(2, 1);
        let moved = m.depthwise.forward(relu(m.grouped.forward(halves.remove(0))));
        let x = Tensor::cat(vec![moved, halves.remove(0)], 1);
        let x = x.reshape([batch, 2, channels / 2, height, width]).swap_dims(1, 2);
        m.up.forward(x.reshape([batch, channels, height, width]))
    });
    // Rows and columns have learnt positions, as in DETR.
    layer(&module, [1, 8, 5, 6], |m, x| {
        let device = x.device();
        let rows = m.rows.forward(Tensor::<1, Int>::arange(0..5, &device).unsqueeze::<2>()).unsqueeze_dim::<4>(2);
        let columns = m.columns.forward(Tensor::<1, Int>::arange(0..6, &device).unsqueeze::<2>()).unsqueeze_dim::<4>(1);
        x + (rows + columns).permute([0, 3, 1, 2])
    });
}

/// The padding that keeps the size depends on its parity, which recordings with even sizes do not show. The graph must be
/// right for every size, or the export must fail.
#[test]
fn padding_that_depends_on_an_open_size_is_right_or_refused() {
    let config = Conv2dConfig::new([3, 4], [3, 3]).with_stride([2, 2]).with_padding(PaddingConfig2d::Same);
    let module = config.init(&device());
    let input = |side: usize| floats([2, 3, side, side], side, -1.0, 1.0);
    let exporter = Exporter::new().input("x", input(8), ["batch", "", "height", "width"]).outputs(["y"]);
    let Ok(model) = exporter.export(&module, |m, x: Tensor<4>| m.forward(x)) else { return };
    for x in [8, 9, 11, 12].map(input) {
        let given = run(&model, &[("x", x.to_data())]).remove("y").unwrap();
        compare("y", &given, &module.forward(x).to_data(), SUMS);
    }
}
