//! Pathology models: bags of tiles of any size, stains and colours, filters, latent spaces, survival.

use burn::module::{Initializer, Module, Param};
use burn::nn::attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig};
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{relu, sigmoid, softmax, softplus};
use burn::tensor::module::{conv2d, interpolate, max_pool2d};
use burn::tensor::ops::{ConvOptions, InterpolateMode, InterpolateOptions, MaxPoolOptions, PadMode};
use burn::tensor::{Device, Int, Tensor, s};
use burn_onnx_export::{Exporter, Outputs};

use crate::generate::{floats, ints, nothing};
use crate::nn_layers::{SUMS, images, layer, layer_at, sequences, shaken};
use crate::strangers::{conv, pooled};
use crate::support::{Ports, check_within, device, tiles};

fn dense(from: usize, to: usize, device: &Device) -> Linear {
    LinearConfig::new(from, to).init(device)
}

/// Checks a module of raw tiles: bytes, channels last, with symbolic height and width.
fn raw<M: Module, O: Outputs + Ports>(module: &M, forward: impl Fn(&M, Tensor<4, Int>) -> O) {
    let exporter = Exporter::new().input("tile", tiles(1, 8), ["batch", "height", "width", ""]);
    check_within(SUMS, module, exporter, vec![tiles(1, 8), tiles(3, 12), tiles(8, 6)], forward);
}

#[derive(Module, Debug)]
struct GatedPooling {
    embed: Linear,
    what: Linear,
    gate: Linear,
    score: Linear,
    head: Linear,
}

impl GatedPooling {
    fn new(scores: usize, device: &Device) -> Self {
        Self {
            embed: dense(6, 8, device),
            what: dense(8, 5, device),
            gate: dense(8, 5, device),
            score: dense(5, scores, device),
            head: dense(8, 3, device),
        }
    }

    /// The embedded tiles, and the weight of each tile for each score: `[batch, scores, tiles]`.
    fn weigh(&self, bag: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let x = relu(self.embed.forward(bag));
        let gated = self.what.forward(x.clone()).tanh() * sigmoid(self.gate.forward(x.clone()));
        (x, self.score.forward(gated).swap_dims(1, 2))
    }
}

#[test]
fn gated_attention_pools_bags_of_any_size() {
    sequences(&GatedPooling::new(1, &device()), 6, |m, bag| {
        let (x, scores) = m.weigh(bag);
        let weights = softmax(scores, 2);
        let slide = weights.clone().matmul(x).squeeze_dim::<2>(1);
        (softmax(m.head.forward(slide), 1), weights.squeeze_dim::<2>(1))
    });
}

#[test]
fn padded_bags_leave_out_what_is_no_tile() {
    let module = GatedPooling::new(1, &device());
    let inputs = |batch: usize| (floats([batch, 7, 6], batch, -1.0, 1.0), ints([batch], batch, 1, 8));
    let (bag, sizes) = inputs(1);
    let exporter = Exporter::new().input("bag", bag, ["batch", "", ""]).input("sizes", sizes, ["batch"]);
    check_within(SUMS, &module, exporter, [1, 3, 8].map(inputs).to_vec(), |m, (bag, sizes)| {
        let [batch, length, _] = bag.dims();
        let places = Tensor::<1, Int>::arange(0..length as i64, &bag.device()).unsqueeze::<2>().expand([batch, length]);
        let padding = places.greater_equal(sizes.clone().unsqueeze_dim::<2>(1).expand([batch, length]));
        let (x, scores) = m.weigh(bag);
        let weights = softmax(scores.mask_fill(padding.clone().unsqueeze_dim::<3>(1), f32::NEG_INFINITY), 2);
        let slide = weights.clone().matmul(x.clone()).squeeze_dim::<2>(1);
        let kept = x * padding.bool_not().float().unsqueeze_dim::<3>(2);
        let mean = kept.sum_dim(1).squeeze_dim::<2>(1) / sizes.float().unsqueeze_dim::<2>(1);
        (m.head.forward(slide), m.head.forward(mean), weights)
    });
}

#[derive(Module, Debug)]
struct Clam {
    pooling: GatedPooling,
    bags: Vec<Linear>,
    instances: Vec<Linear>,
}

#[test]
fn clustered_attention_judges_the_most_and_least_telling_tiles() {
    let device = device();
    let module = Clam {
        pooling: GatedPooling::new(2, &device),
        bags: vec![dense(8, 1, &device), dense(8, 1, &device)],
        instances: vec![dense(8, 2, &device), dense(8, 2, &device)],
    };
    sequences(&module, 6, |m, bag| {
        let (x, scores) = m.pooling.weigh(bag);
        let [batch, _, width] = x.dims();
        let slides = softmax(scores.clone(), 2).matmul(x.clone());
        let mut logits = Vec::new();
        let mut judged = Vec::new();
        for (class, (head, judge)) in m.bags.iter().zip(&m.instances).enumerate() {
            logits.push(head.forward(slides.clone().select_dim::<2>(1, class)));
            let own = scores.clone().select_dim::<2>(1, class);
            let (_, most) = own.clone().topk_with_indices(2, 1);
            let (_, least) = own.neg().topk_with_indices(2, 1);
            let places = Tensor::cat(vec![most, least], 1).unsqueeze_dim::<3>(2).expand([batch, 4, width]);
            judged.push(judge.forward(x.clone().gather(1, places)));
        }
        (softmax(Tensor::cat(logits, 1), 1), Tensor::stack::<4>(judged, 1))
    });
}

#[derive(Module, Debug)]
struct TransMil {
    embed: Linear,
    class: Param<Tensor<3>>,
    norm: LayerNorm,
    attention: MultiHeadAttention,
    places: Vec<Conv2d>,
    head: Linear,
}

#[test]
fn correlated_tiles_see_their_neighbours() {
    let device = device();
    let depthwise = |kernel: usize| {
        let config = Conv2dConfig::new([8, 8], [kernel; 2]).with_groups(8).with_padding(PaddingConfig2d::Same);
        config.init(&device)
    };
    let module = TransMil {
        embed: dense(6, 8, &device),
        class: Initializer::Normal { mean: 0.0, std: 1.0 }.init([1, 1, 8], &device),
        norm: LayerNormConfig::new(8).init(&device),
        attention: MultiHeadAttentionConfig::new(8, 2).init(&device),
        places: [7, 5, 3].map(depthwise).to_vec(),
        head: dense(8, 2, &device),
    };
    layer(&shaken(module), [1, 13, 6], |m, bag| {
        let [batch, count, _] = bag.dims();
        // The bag is padded to a square with its first tiles.
        let side = (count as f64).sqrt().ceil() as usize;
        let x = relu(m.embed.forward(bag));
        let x = Tensor::cat(vec![x.clone(), x.narrow(1, 0, side * side - count)], 1);
        let x = Tensor::cat(vec![m.class.val().expand([batch, 1, 8]), x], 1);
        let x = x.clone() + m.attention.forward(MhaInput::self_attn(m.norm.forward(x))).context;
        let (class, tokens) = (x.clone().narrow(1, 0, 1), x.narrow(1, 1, side * side));
        let plane = tokens.swap_dims(1, 2).reshape([batch, 8, side, side]);
        let placed = m.places.iter().fold(plane.clone(), |sum, conv| sum + conv.forward(plane.clone()));
        let x = Tensor::cat(vec![class, placed.flatten::<3>(2, 3).swap_dims(1, 2)], 1);
        softmax(m.head.forward(m.norm.forward(x).select_dim::<2>(1, 0)), 1)
    });
}

#[derive(Module, Debug)]
struct DualStream {
    instance: Linear,
    query: Linear,
    value: Linear,
    head: Linear,
}

#[test]
fn the_critical_tile_asks_all_others() {
    let device = device();
    let module = DualStream {
        instance: dense(6, 1, &device),
        query: dense(6, 5, &device),
        value: dense(6, 7, &device),
        head: dense(7, 1, &device),
    };
    sequences(&module, 6, |m, bag| {
        let [batch, ..] = bag.dims();
        let (highest, critical) = m.instance.forward(bag.clone()).max_dim_with_indices(1);
        let queries = m.query.forward(bag.clone());
        let asked = queries.clone().gather(1, critical.clone().expand([batch, 1, 5]));
        let weights = softmax(queries.matmul(asked.transpose()) / 5f32.sqrt(), 1);
        let slide = (weights.clone() * m.value.forward(bag)).sum_dim(1);
        let score = sigmoid(m.head.forward(slide) + highest) / 2.0;
        (score.squeeze_dims::<1>(&[1, 2]), critical, weights)
    });
}

/// Amounts of haematoxylin, eosin and the residual, by Ruifrok and Johnston's optical densities.
fn stains(tile: Tensor<4, Int>) -> Tensor<4> {
    let device = tile.device();
    let colours = Tensor::<2>::from_floats([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]], &device);
    let unit = colours.clone() / colours.square().sum_dim(1).sqrt();
    // The inverse by cofactors, which are cross products of rows.
    let row = |at: i32| unit.clone().slice(s![at..at + 1, ..]);
    let cofactors = Tensor::cat(vec![row(1).cross(row(2), 1), row(2).cross(row(0), 1), row(0).cross(row(1), 1)], 0);
    let determinant = (row(0) * cofactors.clone().slice(s![0..1, ..])).sum_dim(1);
    let inverse = cofactors.transpose() / determinant;
    let density = ((tile.float() + 1.0) / 256.0).log() / -(10f32.ln());
    density.matmul(inverse.unsqueeze::<4>()).clamp_min(0.0)
}

#[test]
fn stains_are_told_apart() {
    raw(&nothing(), |_, tile| {
        let stains = stains(tile);
        let [batch, height, width, _] = stains.dims();
        let haematoxylin = stains.clone().slice(s![.., .., .., 0]).squeeze_dim::<3>(3);
        let amount = stains.clone().reshape([batch, height * width, 3]).mean_dim(1).squeeze_dim::<2>(1);
        let nuclei = haematoxylin.clone().greater_elem(0.4).float().mean_dims(&[1, 2]).squeeze_dims::<1>(&[1, 2]);
        (stains.permute([0, 3, 1, 2]), haematoxylin, amount, nuclei)
    });
}

#[test]
fn colours_become_hue_saturation_and_value() {
    layer_at(0, (0.0, 1.0), &nothing(), [1, 3, 5, 6], |_, x| {
        let [red, green, blue]: [Tensor<4>; 3] = x.clone().split(1, 1).try_into().unwrap();
        let (value, least) = (x.clone().max_dim(1), x.min_dim(1));
        let chroma = value.clone() - least;
        let divisor = chroma.clone().mask_fill(chroma.clone().lower_equal_elem(1e-6), 1.0);
        let hue = (red.clone() - green.clone()) / divisor.clone() + 4.0;
        let is_green = green.clone().equal(value.clone());
        let hue = hue.mask_where(is_green, (blue.clone() - red.clone()) / divisor.clone() + 2.0);
        let is_red = red.equal(value.clone());
        let hue = hue.mask_where(is_red, ((green - blue) / divisor).remainder_scalar(6.0)) / 6.0;
        let saturation = chroma / value.clone().clamp_min(1e-6);
        let tissue = saturation.clone().greater_elem(0.07) & value.clone().lower_elem(0.95);
        let share = tissue.clone().float().mean_dims(&[2, 3]).flatten::<1>(0, 3);
        (Tensor::cat(vec![hue, saturation, value], 1), tissue, share)
    });
}

#[test]
fn densities_are_scaled_to_their_percentiles() {
    layer_at(0, (0.0, 1.0), &nothing(), [1, 3, 8, 9], |_, x| {
        let [batch, channels, height, width] = x.dims();
        let sorted = x.clone().reshape([batch, channels, height * width]).sort(2);
        let at = |share: f64| ((height * width - 1) as f64 * share) as usize;
        let low = sorted.clone().narrow(2, at(0.01), 1).unsqueeze_dim::<4>(3);
        let high = sorted.narrow(2, at(0.99), 1).unsqueeze_dim::<4>(3);
        ((x - low.clone()) / (high.clone() - low.clone() + 1e-3)).clamp(0.0, 1.0)
    });
}

/// Filters each channel with a kernel of five by one or one by five.
fn along(x: Tensor<4>, kernel: [f32; 5], shape: [usize; 4]) -> Tensor<4> {
    let channels = x.dims()[1];
    let kernel = Tensor::<1>::from_floats(kernel, &x.device()).reshape(shape).repeat_dim(0, channels);
    conv2d(x, kernel, None, ConvOptions::new([1, 1], [0, 0], [1, 1], channels))
}

#[test]
fn blurs_and_edges_have_kernels_made_on_the_spot() {
    images(&nothing(), 3, [(8, 12), (9, 7), (6, 10)], |_, x| {
        let device = x.device();
        let weights = [-2i32, -1, 0, 1, 2].map(|at| (-(at * at) as f32 / 2.0).exp());
        let sum: f32 = weights.iter().sum();
        let kernel = weights.map(|weight| weight / sum);
        let framed = x.clone().pad([(2, 2), (2, 2)], PadMode::Reflect);
        let blurred = along(along(framed, kernel, [1, 1, 5, 1]), kernel, [1, 1, 1, 5]);
        let sobel = Tensor::<2>::from_floats([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]], &device);
        let both = Tensor::stack::<3>(vec![sobel.clone(), sobel.transpose()], 0).unsqueeze_dim::<4>(1);
        let grey = x.clone().mean_dim(1).pad([(1, 1), (1, 1)], PadMode::Edge);
        let slopes = conv2d(grey, both, None, ConvOptions::new([1, 1], [0, 0], [1, 1], 1));
        let strength = (slopes.clone().square().sum_dim(1) + 1e-6).sqrt();
        // A ridge is a local maximum of the strength.
        let options = MaxPoolOptions::new([3, 3]).with_stride([1, 1]).with_padding([1, 1]);
        let ridge = strength.clone().equal(max_pool2d(strength.clone(), options));
        let sharp = x.clone() + (x - blurred.clone()) * 0.7;
        (blurred, slopes, strength, ridge, sharp)
    });
}

#[derive(Module, Debug)]
struct Quantised {
    encode: Conv2d,
    codes: Param<Tensor<2>>,
    decode: ConvTranspose2d,
}

#[test]
fn tiles_become_codes_and_tiles_again() {
    let device = device();
    let module = Quantised {
        encode: Conv2dConfig::new([3, 4], [2, 2]).with_stride([2, 2]).init(&device),
        codes: Initializer::Normal { mean: 0.0, std: 0.5 }.init([9, 4], &device),
        decode: ConvTranspose2dConfig::new([4, 3], [2, 2]).with_stride([2, 2]).init(&device),
    };
    images(&module, 3, [(8, 12), (4, 6), (6, 10)], |m, x| {
        let x = m.encode.forward(x);
        let [batch, channels, height, width] = x.dims();
        let flat = x.clone().permute([0, 2, 3, 1]).reshape([batch * height * width, channels]);
        let codes = m.codes.val();
        let squares = codes.clone().square().sum_dim(1).transpose();
        let apart = flat.clone().square().sum_dim(1) - flat.clone().matmul(codes.clone().transpose()) * 2.0 + squares;
        let nearest = apart.argmin(1).squeeze_dim::<1>(1);
        let found = codes.select(0, nearest.clone());
        let error = (found.clone() - flat).square().mean();
        let found = found.reshape([batch, height, width, channels]).permute([0, 3, 1, 2]);
        (sigmoid(m.decode.forward(found)), nearest.reshape([batch, height, width]), error)
    });
}

#[derive(Module, Debug)]
struct Variational {
    encode: Vec<Conv2d>,
    mean: Linear,
    spread: Linear,
    widen: Linear,
    decode: Vec<ConvTranspose2d>,
}

#[test]
fn latent_spaces_take_their_noise_from_outside() {
    let device = device();
    let down = |channels| Conv2dConfig::new(channels, [4, 4]).with_stride([2, 2]).with_padding(one());
    let up = |channels| ConvTranspose2dConfig::new(channels, [4, 4]).with_stride([2, 2]).with_padding([1, 1]);
    let module = Variational {
        encode: vec![down([3, 4]).init(&device), down([4, 6]).init(&device)],
        mean: dense(24, 5, &device),
        spread: dense(24, 5, &device),
        widen: dense(5, 24, &device),
        decode: vec![up([6, 4]).init(&device), up([4, 3]).init(&device)],
    };
    let inputs = |batch: usize| (floats([batch, 3, 8, 8], batch, 0.0, 1.0), floats([batch, 5], batch + 1, -2.0, 2.0));
    let (tile, noise) = inputs(1);
    let exporter = Exporter::new().input("tile", tile, ["batch", "", "", ""]).input("noise", noise, ["batch", ""]);
    check_within(SUMS, &module, exporter, [1, 3, 8].map(inputs).to_vec(), |m, (tile, noise)| {
        let [batch, ..] = tile.dims();
        let x = m.encode.iter().fold(tile.clone(), |x, conv| relu(conv.forward(x))).flatten::<2>(1, 3);
        let (mean, variance) = (m.mean.forward(x.clone()), m.spread.forward(x).clamp(-8.0, 8.0));
        let latent = mean.clone() + (variance.clone() * 0.5).exp() * noise;
        let x = relu(m.widen.forward(latent.clone())).reshape([batch, 6, 2, 2]);
        let image = sigmoid(m.decode.iter().fold(x, |x, conv| conv.forward(relu(x))));
        let error = (image.clone() - tile).square().flatten::<2>(1, 3).mean_dim(1);
        let divergence = (variance.clone() + 1.0 - mean.clone().square() - variance.exp()).sum_dim(1) * -0.5;
        (image, latent, mean, (error + divergence * 1e-3).squeeze_dim::<1>(1))
    });
}

fn one() -> PaddingConfig2d {
    PaddingConfig2d::Explicit(1, 1, 1, 1)
}

#[derive(Module, Debug)]
struct Nuclei {
    stem: Conv2d,
    inside: Conv2d,
    slopes: Conv2d,
    kinds: Conv2d,
    head: Linear,
}

#[test]
fn one_trunk_has_many_heads() {
    let device = device();
    let module = Nuclei {
        stem: conv([3, 6], 3, &device),
        inside: conv([6, 2], 1, &device),
        slopes: conv([6, 2], 1, &device),
        kinds: conv([6, 4], 1, &device),
        head: dense(6, 3, &device),
    };
    raw(&module, |m, tile| {
        let mean = Tensor::<1>::from_floats([0.7, 0.5, 0.7], &tile.device()).reshape([1, 3, 1, 1]);
        let x = (tile.float() / 255.0).permute([0, 3, 1, 2]) - mean;
        let x = relu(m.stem.forward(x));
        let inside = softmax(m.inside.forward(x.clone()), 1).slice(s![.., 1..2]).squeeze_dim::<3>(1);
        let kinds = m.kinds.forward(x.clone()).argmax(1).squeeze_dim::<3>(1);
        let masked = kinds.mask_fill(inside.clone().lower_elem(0.5), 0);
        let slopes = m.slopes.forward(x.clone()).tanh();
        // The class activation map of the first class.
        let weights = m.head.weight.val().slice(s![.., 0..1]).reshape([1, 6, 1, 1]);
        let seen = relu((x.clone() * weights).sum_dim(1));
        let highest = seen.clone().max_dims(&[2, 3]);
        let [_, _, height, width] = seen.dims();
        let options = InterpolateOptions::new(InterpolateMode::Bicubic).with_output_size([height * 2, width * 2]);
        let seen = interpolate(seen / (highest + 1e-3), options);
        (inside, masked, slopes, softmax(m.head.forward(pooled(x)), 1), seen)
    });
}

#[test]
fn answers_of_all_eight_views_are_averaged() {
    let module = conv([3, 2], 3, &device());
    images(&module, 3, [(8, 12), (9, 7), (6, 10)], |m, x| {
        let mut views = Vec::new();
        for turned in [false, true] {
            for axes in [vec![], vec![2], vec![3], vec![2, 3]] {
                let turn = |x: Tensor<4>| if turned { x.swap_dims(2, 3) } else { x };
                let flip = |x: Tensor<4>| axes.iter().fold(x, |x, axis| x.flip([*axis]));
                views.push(flip(turn(sigmoid(m.forward(turn(flip(x.clone())))))));
            }
        }
        let views = Tensor::stack::<5>(views, 0);
        let (variance, mean) = views.var_mean(0);
        (mean.squeeze_dim::<4>(0), variance.squeeze_dim::<4>(0))
    });
}

#[derive(Module, Debug)]
struct Survival {
    hidden: Linear,
    hazards: Linear,
    shape: Param<Tensor<1>>,
}

#[test]
fn hazards_become_survival_and_risk() {
    let device = device();
    let module = Survival {
        hidden: dense(6, 8, &device),
        hazards: dense(8, 4, &device),
        shape: Initializer::Uniform { min: 0.5, max: 2.0 }.init([1], &device),
    };
    let inputs = |batch: usize| (floats([batch, 6], batch, -1.0, 1.0), floats([batch], batch + 1, 0.1, 3.0));
    let (features, time) = inputs(1);
    let exporter = Exporter::new().input("features", features, ["batch", ""]).input("time", time, ["batch"]);
    check_within(SUMS, &module, exporter, [1, 3, 8].map(inputs).to_vec(), |m, (features, time)| {
        let x = relu(m.hidden.forward(features));
        let logits = m.hazards.forward(x);
        let survival = (-sigmoid(logits.clone()) + 1.0).cumprod(1);
        let risk = -survival.clone().sum_dim(1).squeeze_dim::<1>(1);
        let scale = softplus(logits.slice(s![.., 0]).squeeze_dim::<1>(1), 1.0) + 0.1;
        let weibull = (-(time / scale).powf(m.shape.val())).exp();
        // Samples above the mean of the batch.
        let high = risk.clone().greater(risk.clone().mean());
        (survival, risk, weibull, high)
    });
}

#[derive(Module, Debug)]
struct Towers {
    image: Linear,
    text: Linear,
    temperature: Param<Tensor<1>>,
}

#[test]
fn two_towers_compare_any_number_with_any_number() {
    let device = device();
    let module = Towers {
        image: dense(6, 4, &device),
        text: dense(5, 4, &device),
        temperature: Param::from_tensor(Tensor::from_floats([1.3], &device)),
    };
    let inputs = |(images, texts): (usize, usize)| {
        (floats([images, 6], images, -1.0, 1.0), floats([texts, 5], texts + 1, -1.0, 1.0))
    };
    let (image, text) = inputs((2, 3));
    let exporter = Exporter::new().input("image", image, ["images", ""]).input("text", text, ["texts", ""]);
    let cases = [(2, 3), (1, 7), (8, 4)].map(inputs).to_vec();
    check_within(SUMS, &module, exporter, cases, |m, (image, text)| {
        let unit = |x: Tensor<2>| x.clone() / x.square().sum_dim(1).sqrt().clamp_min(1e-6);
        let (image, text) = (unit(m.image.forward(image)), unit(m.text.forward(text)));
        let logits = image.matmul(text.transpose()) * m.temperature.val().exp().unsqueeze::<2>();
        (softmax(logits.clone(), 1), softmax(logits.clone(), 0), logits)
    });
}
