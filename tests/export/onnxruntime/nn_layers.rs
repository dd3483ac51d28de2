//! Every layer of `burn::nn` except normalisations, activations, recurrent layers and attention, with all options. The batch
//! is symbolic, and burn and ONNX Runtime must agree at batches of 1, 3 and 8.

use burn::module::{Module, ModuleMapper, Param};
use burn::nn::conv::{
    Conv1dConfig, Conv2dConfig, Conv3dConfig, ConvTranspose1dConfig, ConvTranspose2dConfig, ConvTranspose3dConfig,
    DeformConv2d, DeformConv2dConfig,
};
use burn::nn::interpolate::{Interpolate1dConfig, Interpolate2dConfig, InterpolateMode};
use burn::nn::pool::{
    AdaptiveAvgPool1dConfig, AdaptiveAvgPool2dConfig, AdaptiveAvgPool3dConfig, AvgPool1dConfig, AvgPool2dConfig,
    MaxPool1dConfig, MaxPool2dConfig,
};
use burn::nn::{
    BatchNorm, BatchNormConfig, CosineSimilarityConfig, Dropout, DropoutConfig, EmbeddingConfig, Fold4dConfig,
    GaussianNoise, GaussianNoiseConfig, Identity, Linear, LinearConfig, LinearLayout, PaddingConfig1d, PaddingConfig2d,
    PaddingConfig3d, PairwiseDistanceConfig, PixelShuffleConfig, PixelUnshuffleConfig, PositionalEncodingConfig,
    RotaryEncodingConfig, Unfold4dConfig,
};
use burn::tensor::{Device, Tensor};
use burn_onnx_export::{DEFAULT_OPSET, Exporter, Outputs};

use crate::generate::{floats, ints};
use crate::support::{Ports, Tolerance, check_within, compare, device, run};

/// For sums of many products, whose last digits depend on the order of addition.
pub(crate) const SUMS: Tolerance = Tolerance { absolute: 1e-5, relative: 1e-5 };

/// Randomises every parameter and every running statistic, so that a gain of one or a shift of zero hides no error.
pub(crate) fn shaken<M: Module>(module: M) -> M {
    module.map(&mut Shake { parameters: 0 })
}

struct Shake {
    parameters: usize,
}

impl ModuleMapper for Shake {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.parameters += 1;
        let seed = self.parameters;
        param.map(|tensor| {
            let more = floats(tensor.dims(), seed, -0.3, 0.3);
            tensor + more
        })
    }
}

/// Checks a module of one tensor whose first axis is the batch.
pub(crate) fn layer<M: Module, O: Outputs + Ports, const D: usize>(
    module: &M,
    shape: [usize; D],
    forward: impl Fn(&M, Tensor<D>) -> O,
) {
    layer_at(0, (-1.0, 1.0), module, shape, forward);
}

/// Checks a module of one tensor, with values in a range and the batch on any axis.
pub(crate) fn layer_at<M: Module, O: Outputs + Ports, const D: usize>(
    axis: usize,
    range: (f32, f32),
    module: &M,
    shape: [usize; D],
    forward: impl Fn(&M, Tensor<D>) -> O,
) {
    let input = |batch: usize| {
        let mut shape = shape;
        shape[axis] = batch;
        floats(shape, batch, range.0, range.1)
    };
    let mut axes = [""; D];
    axes[axis] = "batch";
    let exporter = Exporter::new().input("x", input(1), axes);
    check_within(SUMS, module, exporter, [1, 3, 8].map(input).to_vec(), forward);
}

/// Checks a module of two tensors of one shape.
pub(crate) fn pair<M: Module, O: Outputs + Ports, const D: usize>(
    range: (f32, f32),
    module: &M,
    shape: [usize; D],
    forward: impl Fn(&M, (Tensor<D>, Tensor<D>)) -> O,
) {
    let inputs = |batch: usize| {
        let mut shape = shape;
        shape[0] = batch;
        (floats(shape, batch, range.0, range.1), floats(shape, batch + 20, range.0, range.1))
    };
    let mut axes = [""; D];
    axes[0] = "batch";
    let (a, b) = inputs(1);
    let exporter = Exporter::new().input("a", a, axes).input("b", b, axes);
    check_within(SUMS, module, exporter, [1, 3, 8].map(inputs).to_vec(), forward);
}

/// Checks a module of sequences with symbolic length.
pub(crate) fn sequences<M: Module, O: Outputs + Ports>(
    module: &M,
    features: usize,
    forward: impl Fn(&M, Tensor<3>) -> O,
) {
    let input = |(batch, time): (usize, usize)| floats([batch, time, features], batch + time, -1.0, 1.0);
    let exporter = Exporter::new().input("x", input((1, 5)), ["batch", "time", ""]);
    check_within(SUMS, module, exporter, [(1, 5), (3, 7), (8, 2)].map(input).to_vec(), forward);
}

/// Checks a module of images with symbolic height and width.
pub(crate) fn images<M: Module, O: Outputs + Ports>(
    module: &M,
    channels: usize,
    sizes: [(usize, usize); 3],
    forward: impl Fn(&M, Tensor<4>) -> O,
) {
    let input = |(batch, (height, width)): (usize, (usize, usize))| {
        floats([batch, channels, height, width], batch + width, -1.0, 1.0)
    };
    let exporter = Exporter::new().input("x", input((1, sizes[0])), ["batch", "", "height", "width"]);
    let cases = [(1, sizes[0]), (3, sizes[1]), (8, sizes[2])].map(input).to_vec();
    check_within(SUMS, module, exporter, cases, forward);
}

#[test]
fn convolutions_of_a_line_take_every_option() {
    let device = device();
    for padding in [PaddingConfig1d::Same, PaddingConfig1d::Valid, PaddingConfig1d::Explicit(2, 1)] {
        let grouped = Conv1dConfig::new(4, 6, 3).with_groups(2).with_padding(padding).init(&device);
        layer(&grouped, [1, 4, 9], |m, x| m.forward(x));
    }
    let dilated = Conv1dConfig::new(4, 6, 3).with_stride(2).with_dilation(2).with_bias(false).init(&device);
    layer(&dilated, [1, 4, 11], |m, x| m.forward(x));
    // A window of even length has more padding after than before.
    let even = Conv1dConfig::new(4, 6, 4).with_padding(PaddingConfig1d::Same).init(&device);
    layer(&even, [1, 4, 9], |m, x| m.forward(x));
}

#[test]
fn convolutions_of_a_plane_take_every_option() {
    let device = device();
    for padding in [PaddingConfig2d::Same, PaddingConfig2d::Valid, PaddingConfig2d::Explicit(2, 0, 1, 3)] {
        let grouped = Conv2dConfig::new([4, 6], [3, 2]).with_groups(2).with_padding(padding).init(&device);
        layer(&grouped, [1, 4, 7, 8], |m, x| m.forward(x));
    }
    let dilated = Conv2dConfig::new([4, 6], [3, 3]).with_stride([2, 1]).with_dilation([1, 2]).with_bias(false);
    layer(&dilated.init(&device), [1, 4, 7, 8], |m, x| m.forward(x));
    let strided = Conv2dConfig::new([4, 6], [3, 3]).with_stride([2, 2]).with_padding(PaddingConfig2d::Same);
    layer(&strided.init(&device), [1, 4, 8, 7], |m, x| m.forward(x));
}

#[test]
fn convolutions_of_a_volume_take_every_option() {
    let device = device();
    for padding in [PaddingConfig3d::Same, PaddingConfig3d::Valid, PaddingConfig3d::Explicit(1, 0, 2)] {
        let grouped = Conv3dConfig::new([4, 6], [3, 3, 1]).with_groups(2).with_padding(padding).init(&device);
        layer(&grouped, [1, 4, 5, 6, 4], |m, x| m.forward(x));
    }
    let dilated = Conv3dConfig::new([2, 3], [2, 2, 2]).with_stride([2, 1, 1]).with_dilation([1, 2, 1]).with_bias(false);
    layer(&dilated.init(&device), [1, 2, 5, 6, 4], |m, x| m.forward(x));
}

#[test]
fn transposed_convolutions_take_every_option() {
    let device = device();
    let line = ConvTranspose1dConfig::new([4, 6], 3).with_stride(2).with_padding(1).with_padding_out(1).with_groups(2);
    layer(&line.init(&device), [1, 4, 5], |m, x| m.forward(x));
    let plane = ConvTranspose2dConfig::new([4, 6], [3, 2])
        .with_stride([2, 3])
        .with_padding([1, 0])
        .with_padding_out([1, 2])
        .with_dilation([1, 2]);
    layer(&plane.init(&device), [1, 4, 5, 4], |m, x| m.forward(x));
    layer(&plane.with_groups(2).with_bias(false).init(&device), [1, 4, 5, 4], |m, x| m.forward(x));
    let volume = ConvTranspose3dConfig::new([2, 3], [2, 3, 2]).with_stride([2, 1, 2]).with_padding([0, 1, 0]);
    layer(&volume.init(&device), [1, 2, 3, 4, 3], |m, x| m.forward(x));
}

#[test]
fn deformable_convolutions_with_and_without_a_mask() {
    let config = DeformConv2dConfig::new([4, 6], [3, 3])
        .with_padding(PaddingConfig2d::Same)
        .with_weight_groups(2)
        .with_offset_groups(2);
    // Two coordinates for each of nine places and two groups; one weight for each.
    let inputs = |batch: usize| {
        (
            floats([batch, 4, 6, 5], batch, -1.0, 1.0),
            floats([batch, 36, 6, 5], batch + 1, -1.5, 1.5),
            floats([batch, 18, 6, 5], batch + 2, 0.0, 1.0),
        )
    };
    let axes = ["batch", "", "", ""];
    let (x, offset, mask) = inputs(1);
    let exporter =
        Exporter::new().opset(19).input("x", x, axes).input("offset", offset, axes).input("mask", mask, axes);
    for bias in [true, false] {
        let conv = config.clone().with_bias(bias).init(&device());
        let cases = [1, 3, 8].map(inputs).to_vec();
        check_within(SUMS, &conv, exporter.clone(), cases.clone(), |m, (x, offset, mask)| {
            m.forward(x, offset, Some(mask))
        });
        check_within(SUMS, &conv, exporter.clone(), cases, |m, (x, offset, _)| m.forward(x, offset, None));
    }
}

#[test]
fn a_model_gets_the_lowest_opset_that_expresses_it_unless_one_is_chosen() {
    let conv = DeformConv2dConfig::new([4, 6], [3, 3]).init(&device());
    let (x, offset) = (floats([1, 4, 8, 7], 1, -1.0, 1.0), floats([1, 18, 6, 5], 2, -1.5, 1.5));
    let exporter = Exporter::new().input("x", x.clone(), [""; 4]).input("offset", offset.clone(), [""; 4]);
    let forward = |m: &DeformConv2d, (x, offset)| m.forward(x, offset, None);
    let model = check_within(SUMS, &conv, exporter.clone(), vec![(x, offset)], forward);
    assert_eq!(model.opset(), 19);
    let [reason] = model.newer_opset_for() else { panic!("{:?}", model.newer_opset_for()) };
    assert!(reason.reason.contains("needs opset 19"), "{reason}");
    let error = exporter.opset(18).export(&conv, forward).unwrap_err();
    assert!(error.to_string().contains("needs opset 19"), "{error}");
    let plain = Exporter::new().input("x", floats([1, 3], 1, -1.0, 1.0), ["", ""]);
    let plain = plain.export(&Identity::new(), |_, x: Tensor<2>| x.exp()).unwrap();
    assert!(plain.opset() == DEFAULT_OPSET && plain.newer_opset_for().is_empty());
}

#[test]
fn pools_of_a_line_take_every_option() {
    for padding in [PaddingConfig1d::Valid, PaddingConfig1d::Same, PaddingConfig1d::Explicit(1, 0)] {
        for (include, ceil) in [(true, false), (false, true)] {
            let average = AvgPool1dConfig::new(2)
                .with_stride(2)
                .with_padding(padding.clone())
                .with_count_include_pad(include)
                .with_ceil_mode(ceil)
                .init();
            layer(&average, [1, 3, 9], |m, x| m.forward(x));
            let most = MaxPool1dConfig::new(2).with_stride(2).with_padding(padding.clone()).with_ceil_mode(ceil).init();
            layer(&most, [1, 3, 9], |m, x| m.forward(x));
        }
    }
    let dilated = MaxPool1dConfig::new(3).with_stride(1).with_dilation(2).init();
    layer(&dilated, [1, 3, 9], |m, x| m.forward(x));
}

#[test]
fn pools_of_a_plane_take_every_option() {
    for padding in [PaddingConfig2d::Valid, PaddingConfig2d::Same, PaddingConfig2d::Explicit(0, 1, 1, 0)] {
        for (include, ceil) in [(true, false), (false, true)] {
            let average = AvgPool2dConfig::new([2, 3])
                .with_strides([2, 2])
                .with_padding(padding.clone())
                .with_count_include_pad(include)
                .with_ceil_mode(ceil)
                .init();
            layer(&average, [1, 3, 9, 8], |m, x| m.forward(x));
            let most = MaxPool2dConfig::new([2, 3])
                .with_strides([2, 2])
                .with_padding(padding.clone())
                .with_ceil_mode(ceil)
                .init();
            layer(&most, [1, 3, 9, 8], |m, x| m.forward(x));
        }
    }
    let dilated = MaxPool2dConfig::new([2, 2]).with_strides([1, 1]).with_dilation([2, 1]).init();
    layer(&dilated, [1, 3, 6, 7], |m, x| m.forward(x));
}

#[test]
fn adaptive_pools_split_evenly_and_unevenly() {
    for size in [1, 3, 4] {
        layer(&AdaptiveAvgPool1dConfig::new(size).init(), [1, 3, 8], |m, x| m.forward(x));
        layer(&AdaptiveAvgPool2dConfig::new([size, 3]).init(), [1, 3, 8, 7], |m, x| m.forward(x));
        layer(&AdaptiveAvgPool3dConfig::new([2, size, 3]).init(), [1, 2, 4, 6, 7], |m, x| m.forward(x));
    }
}

#[test]
fn dense_layers_of_both_layouts() {
    let device = device();
    for layout in [LinearLayout::Row, LinearLayout::Col] {
        for bias in [true, false] {
            // Not randomised: a layer of columns transposes its weight on first use, which is tested here.
            let dense = LinearConfig::new(6, 4).with_layout(layout).with_bias(bias).init(&device);
            layer(&dense, [1, 6], |m, x| m.forward(x));
            layer(&dense, [1, 3, 6], |m, x| m.forward(x));
            layer(&dense, [1, 2, 3, 6], |m, x| m.forward(x));
        }
    }
}

#[test]
fn embeddings_of_tokens() {
    let words = EmbeddingConfig::new(9, 4).init(&device());
    let input = |(batch, time): (usize, usize)| ints([batch, time], batch, 0, 9);
    let exporter = Exporter::new().input("tokens", input((1, 5)), ["batch", "time"]);
    check_within(SUMS, &words, exporter, [(1, 5), (3, 7), (8, 2)].map(input).to_vec(), |m, tokens| m.forward(tokens));
}

#[test]
fn encodings_of_positions_over_an_open_length() {
    let device = device();
    let waves = PositionalEncodingConfig::new(8).with_max_sequence_size(30).init(&device);
    sequences(&waves, 8, |m, x| m.forward(x));
    let turns = RotaryEncodingConfig::new(30, 8).init(&device);
    sequences(&turns, 8, |m, x| (m.forward(x.clone()), m.apply(x, 4)));
}

#[test]
fn rotary_encoding_of_several_heads() {
    let device = device();
    let turns = RotaryEncodingConfig::new(12, 4).with_theta(100.0).init(&device);
    layer(&turns, [1, 2, 5, 4], |m, x| m.forward(x));
    let slow = RotaryEncodingConfig::new(12, 4).init_with_frequency_scaling(|frequencies| frequencies / 8.0, &device);
    layer(&slow, [1, 2, 5, 4], |m, x| m.forward(x));
}

#[derive(Module, Debug)]
struct Regularised {
    dense: Linear,
    norm: BatchNorm,
    dropout: Dropout,
    noise: GaussianNoise,
}

impl Regularised {
    fn new(device: &Device) -> Self {
        Self {
            dense: LinearConfig::new(6, 4).init(device),
            norm: BatchNormConfig::new(4).init(device),
            dropout: DropoutConfig::new(0.5).init(),
            noise: GaussianNoiseConfig::new(0.7).init(),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.noise.forward(self.dropout.forward(self.norm.forward(self.dense.forward(x))))
    }
}

#[test]
fn dropout_and_noise_leave_nothing_behind() {
    let module = shaken(Regularised::new(&device()));
    layer(&module, [1, 6], |m, x| m.forward(x));
    // With nothing else in the graph, the input is the output.
    layer(&module.dropout, [1, 6], |m, x| m.forward(x));
    layer(&module.noise, [1, 6], |m, x| m.forward(x));
    layer(&Identity::new(), [1, 6], |m, x| m.forward(x));
}

#[test]
fn a_module_in_training_is_exported_as_for_inference() {
    let module = shaken(Regularised::new(&device())).train();
    let exporter = Exporter::new().input("x", floats([1, 6], 0, -1.0, 1.0), ["batch", ""]).outputs(["y"]);
    let model = exporter.export(&module, |m, x: Tensor<2>| m.forward(x)).unwrap();
    let x = floats([3, 6], 1, -1.0, 1.0);
    let expected = module.valid().forward(x.clone()).to_data();
    compare("y", &run(&model, &[("x", x.to_data())]).remove("y").unwrap(), &expected, SUMS);
}

#[test]
fn pixels_are_shuffled_both_ways() {
    layer(&PixelShuffleConfig::new(2).init(), [1, 8, 3, 4], |m, x| m.forward(x));
    layer(&PixelUnshuffleConfig::new(2).init(), [1, 2, 6, 4], |m, x| m.forward(x));
}

#[test]
fn pixels_are_shuffled_over_open_sizes() {
    images(&PixelShuffleConfig::new(2).init(), 4, [(4, 6), (5, 3), (2, 7)], |m, x| m.forward(x));
}

#[test]
fn pixels_are_unshuffled_over_open_sizes() {
    images(&PixelUnshuffleConfig::new(2).init(), 2, [(4, 6), (8, 2), (2, 10)], |m, x| m.forward(x));
}

#[test]
fn windows_become_columns_and_columns_a_plane() {
    let columns = Unfold4dConfig::new([3, 2]).with_stride([2, 1]).with_padding([1, 0]).with_dilation([1, 2]).init();
    layer(&columns, [1, 3, 7, 6], |m, x| m.forward(x));
    // Four rows and four columns of windows, of two channels and six places each.
    layer(&Fold4dConfig::new([6, 5], [3, 2]).init(), [1, 12, 16], |m, x| m.forward(x));
    let strided = Fold4dConfig::new([6, 6], [3, 3]).with_stride([2, 2]).with_padding([1, 1]).init();
    layer(&strided, [1, 18, 9], |m, x| m.forward(x));
}

#[test]
fn lines_are_interpolated_in_every_mode() {
    for mode in [InterpolateMode::Nearest, InterpolateMode::Linear, InterpolateMode::Cubic] {
        for corners in [true, false] {
            for size in [4, 11] {
                let config = Interpolate1dConfig::new().with_mode(mode.clone()).with_align_corners(corners);
                let layer_of_size = config.with_output_size(Some(size)).init();
                layer(&layer_of_size, [1, 3, 7], |m, x| m.forward(x));
            }
            let config = Interpolate1dConfig::new().with_mode(mode.clone()).with_align_corners(corners);
            layer(&config.with_scale_factor(Some(1.5)).init(), [1, 3, 7], |m, x| m.forward(x));
        }
    }
}

#[test]
fn planes_are_interpolated_in_every_mode() {
    for mode in [InterpolateMode::Nearest, InterpolateMode::Linear, InterpolateMode::Cubic] {
        for corners in [true, false] {
            for size in [[4, 11], [9, 3]] {
                let config = Interpolate2dConfig::new().with_mode(mode.clone()).with_align_corners(corners);
                layer(&config.with_output_size(Some(size)).init(), [1, 2, 7, 5], |m, x| m.forward(x));
            }
            let config = Interpolate2dConfig::new().with_mode(mode.clone()).with_align_corners(corners);
            layer(&config.with_scale_factor(Some([2.0, 0.5])).init(), [1, 2, 6, 8], |m, x| m.forward(x));
        }
    }
}

#[test]
fn planes_of_open_sizes_grow_by_a_factor() {
    for mode in [InterpolateMode::Nearest, InterpolateMode::Linear, InterpolateMode::Cubic] {
        for corners in [true, false] {
            let config = Interpolate2dConfig::new().with_mode(mode.clone()).with_align_corners(corners);
            let twice = config.with_scale_factor(Some([2.0, 3.0])).init();
            images(&twice, 2, [(4, 6), (5, 3), (2, 7)], |m, x| m.forward(x));
        }
    }
}

#[test]
fn planes_are_interpolated_by_lanczos_windows() {
    for corners in [true, false] {
        let config = Interpolate2dConfig::new().with_mode(InterpolateMode::Lanczos).with_align_corners(corners);
        layer(&config.with_output_size(Some([9, 4])).init(), [1, 2, 7, 6], |m, x| m.forward(x));
        let config = Interpolate1dConfig::new().with_mode(InterpolateMode::Lanczos).with_align_corners(corners);
        layer(&config.with_output_size(Some(9)).init(), [1, 2, 7], |m, x| m.forward(x));
    }
}

/// burn's CPU backend cannot compute this mode; its results are tested with the operations of layers.
#[test]
fn exact_nearest_interpolation_is_one_resize() {
    let config = Interpolate2dConfig::new().with_mode(InterpolateMode::NearestExact).with_output_size(Some([14, 3]));
    let exporter = Exporter::new().input("x", floats([1, 2, 7, 6], 0, -1.0, 1.0), ["batch", "", "", ""]);
    let model = exporter.export(&config.init(), |m, x: Tensor<4>| m.forward(x)).unwrap();
    assert_eq!(model.operators(), ["Resize"]);
}

#[test]
fn similarities_and_distances_of_pairs() {
    for dim in [1, -1] {
        let similar = CosineSimilarityConfig::new().with_dim(dim).with_eps(1e-6).init();
        pair((-1.0, 1.0), &similar, [1, 6], |m, (a, b)| m.forward(a, b));
    }
    for p in [1.0, 2.0, 3.0, f64::INFINITY] {
        let distance = PairwiseDistanceConfig::new().with_p(p).init();
        pair((-1.0, 1.0), &distance, [1, 6], |m, (a, b)| m.forward(a, b));
    }
}
