//! Models in 16-bit floats and with 8-bit layers: they run, keep their inputs and outputs, and give nearly the same results.

use burn::module::{Module, ModuleMapper, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, Lstm, LstmConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::module::{adaptive_avg_pool2d, max_pool2d};
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Int, Tensor, TensorData};
use burn_onnx_export::{Activations, Calibration, Exporter, Int8, OnnxModel};

use crate::architectures::{ResNet, UNet, Vit, VitConfig};
use crate::generate::floats;
use crate::support::{device, keep_model, numbers, run, tiles};

/// Gives weights the same numbers in every run, since the loss by rounding depends on them.
struct FixedWeights {
    seed: usize,
}

impl ModuleMapper for FixedWeights {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.seed += 1;
        param.map(|tensor| {
            let values: Vec<f32> = tensor.to_data().iter::<f32>().collect();
            // Constant parameters, such as the gain of a norm, remain constant.
            if values.iter().all(|value| *value == values[0]) {
                return tensor;
            }
            let dims = tensor.dims();
            let bound = (3.0 / dims[1..].iter().product::<usize>().max(9) as f32).sqrt();
            floats(dims, self.seed, -bound, bound)
        })
    }
}

fn with_fixed_weights<M: Module>(module: M) -> M {
    module.map(&mut FixedWeights { seed: 0 })
}

/// Convolutions with channels of very different ranges, which are the hardest for 8 bits.
#[derive(Module, Debug)]
struct Uneven {
    convs: [Conv2d; 2],
    hidden: Linear,
    head: Linear,
}

impl Uneven {
    fn new(device: &Device) -> Self {
        let conv = |from, to| Conv2dConfig::new([from, to], [3, 3]).with_padding(PaddingConfig2d::Same).init(device);
        let mut module = with_fixed_weights(Self {
            convs: [conv(3, 8), conv(8, 8)],
            hidden: LinearConfig::new(8, 16).init(device),
            head: LinearConfig::new(16, 2).init(device),
        });
        let sizes: Vec<f32> = (0..8).map(|channel| 0.02 * 2.5_f32.powi(channel)).collect();
        let sizes = Tensor::<1>::from_floats(sizes.as_slice(), device);
        let first = &mut module.convs[0];
        first.weight = first.weight.clone().map(|weight| weight * sizes.clone().reshape([8, 1, 1, 1]));
        let back = sizes.recip().reshape([1, 8, 1, 1]);
        let second = &mut module.convs[1];
        second.weight = second.weight.clone().map(|weight| weight * back);
        module
    }

    fn forward(&self, tile: Tensor<4, Int>) -> Tensor<2> {
        let x = (tile.float() / 255.0).permute([0, 3, 1, 2]);
        let pool = || MaxPoolOptions::new([2, 2]).with_stride([2, 2]);
        let x = self.convs.iter().fold(x, |x, conv| max_pool2d(relu(conv.forward(x)), pool()));
        let x: Tensor<2> = adaptive_avg_pool2d(x, [1, 1]).flatten(1, 3);
        self.head.forward(relu(self.hidden.forward(x)))
    }
}

fn uneven() -> OnnxModel {
    let exporter = Exporter::new().input("tile", tiles(1, 16), ["batch", "", "", ""]).outputs(["answer"]);
    exporter.export(&Uneven::new(&device()), |m, tile| m.forward(tile)).unwrap()
}

fn network<M: Module, const D: usize>(
    module: &M,
    side: usize,
    forward: impl Fn(&M, Tensor<4>) -> Tensor<D>,
) -> OnnxModel {
    let image = floats([1, 3, side, side], 0, -1.0, 1.0);
    let exporter = Exporter::new().input("image", image, ["batch", "", "", ""]).outputs(["answer"]);
    exporter.export(module, forward).unwrap()
}

fn answer(model: &OnnxModel, input: &str, data: &TensorData) -> Vec<f64> {
    keep_model(&model.bytes().unwrap());
    numbers(&run(model, &[(input, data.clone())])["answer"]).1
}

/// The distance of two results, relative to the norm of the first.
fn apart(before: &[f64], after: &[f64]) -> f64 {
    assert_eq!(before.len(), after.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    norm(&mut before.iter().zip(after).map(|(a, b)| a - b)) / norm(&mut before.iter().copied()).max(1e-9)
}

/// Activations on some inputs.
fn observed(int8: &Int8, input: &str, inputs: &[TensorData], calibration: Calibration) -> Activations {
    let mut activations = Activations::default();
    let observer = int8.observer();
    let passes = if calibration == Calibration::MinMax { 1 } else { 2 };
    for pass in 0..passes {
        for data in inputs {
            let values = run(&observer, &[(input, data.clone())]);
            let inputs = [(input.to_owned(), crate::support::array(data))];
            for (name, array) in values.into_iter().chain(inputs) {
                let Some(array) = array.as_f32() else { continue };
                let values: Vec<f32> = array.iter().copied().collect();
                match pass {
                    0 => activations.observe_channels(&name, array.shape(), &values),
                    _ => activations.count(&name, values),
                }
            }
        }
    }
    activations
}

fn some_tiles() -> Vec<TensorData> {
    (1..9).map(|batch| tiles(batch, 16).into_data()).collect()
}

#[test]
fn networks_in_sixteen_bits_answer_nearly_the_same() {
    let config = VitConfig { image: 16, patch: 4, width: 8, depth: 2, heads: 2, hidden: 16, classes: 3 };
    let resnet = with_fixed_weights(ResNet::new(3, 8, &device()));
    let unet = with_fixed_weights(UNet::new([4, 8, 8, 8], &device()));
    let vit = with_fixed_weights(Vit::new(&config, &device()));
    let models = [
        (network(&resnet, 64, |m, x| m.forward(x)), 64),
        (network(&unet, 16, |m, x| m.forward(x)), 16),
        (network(&vit, 16, |m, x| m.forward(x)), 16),
    ];
    for (model, side) in models {
        let half = model.to_fp16().unwrap();
        assert_eq!((half.inputs(), half.outputs()), (model.inputs(), model.outputs()));
        assert!(half.size() < model.size(), "{} of {} bytes", half.size(), model.size());
        let image = floats([3, 3, side, side], 1, -1.0, 1.0).into_data();
        let distance = apart(&answer(&model, "image", &image), &answer(&half, "image", &image));
        assert!(distance < 0.01, "{distance}");
    }
}

/// A square exceeds 16 bits from 256 on, and so does what is computed from it.
#[test]
fn squares_beyond_sixteen_bits_answer_nearly_the_same() {
    let linear: Linear = with_fixed_weights(LinearConfig::new(8, 16).init(&device()));
    let exporter = Exporter::new().input("x", floats([1, 8], 0, -1.0, 1.0), ["batch", ""]).outputs(["answer"]);
    let lengths = |linear: &Linear, x: Tensor<2>| {
        let away = linear.forward(x);
        let squares = away.clone() * away.clone();
        // Of the operands of this sum one has 32 bits and one 16.
        let sum = squares.sum_dim(1).mul_scalar(2.0).clamp_min(1.0) + away.narrow(1, 0, 1).mul_scalar(0.5);
        sum.add_scalar(3.0).sqrt()
    };
    let model = exporter.export(&linear, lengths).unwrap();
    let half = model.to_fp16().unwrap();
    let x = floats([3, 8], 1, -3000.0, 3000.0).into_data();
    let before = answer(&model, "x", &x);
    assert!(before.iter().all(|length| *length > 500.0), "{before:?}");
    let distance = apart(&before, &answer(&half, "x", &x));
    assert!(distance < 0.002, "{distance}");
}

/// The initial state is a constant of symbolic size, computed in 32 bits by the graph.
#[test]
fn a_recurrent_network_in_sixteen_bits_answers_nearly_the_same() {
    let lstm: Lstm = with_fixed_weights(LstmConfig::new(4, 8, true).init(&device()));
    let series = floats([1, 5, 4], 0, -1.0, 1.0);
    let exporter = Exporter::new().input("series", series, ["batch", "", ""]).outputs(["answer"]);
    let model = exporter.export(&lstm, |lstm, series: Tensor<3>| lstm.forward(series, None).0).unwrap();
    let series = floats([3, 5, 4], 1, -1.0, 1.0).into_data();
    let half = model.to_fp16().unwrap();
    let distance = apart(&answer(&model, "series", &series), &answer(&half, "series", &series));
    assert!(distance < 0.01, "{distance}");
}

#[test]
fn eight_bit_layers_answer_nearly_the_same_by_every_calibration() {
    let model = uneven();
    let tile = tiles(6, 16).into_data();
    let before = answer(&model, "tile", &tile);
    for calibration in [Calibration::MinMax, Calibration::Percentile(99.99), Calibration::Entropy] {
        let plain = Int8::new(&model);
        let even = plain.equalised(&observed(&plain, "tile", &some_tiles(), Calibration::MinMax)).unwrap();
        let int8 = Int8::new(&even);
        assert_eq!(int8.layers().len(), 4);
        let activations = observed(&int8, "tile", &some_tiles(), calibration);
        let small = int8.model(&activations, calibration, &Default::default()).unwrap();
        // The first layer reads the pixels directly.
        assert!(!small.operators().contains(&"Cast") && !small.operators().contains(&"Div"));
        let distance = apart(&before, &answer(&small, "tile", &tile));
        assert!(distance < 0.05, "{calibration}: {distance}");
    }
}

#[test]
fn even_channels_are_the_same_function_and_round_better() {
    let model = uneven();
    let tile = tiles(6, 16).into_data();
    let before = answer(&model, "tile", &tile);
    let plain = Int8::new(&model);
    let first = observed(&plain, "tile", &some_tiles(), Calibration::MinMax);
    let even = plain.equalised(&first).unwrap();
    assert!(apart(&before, &answer(&even, "tile", &tile)) < 1e-5);
    let rounded = |int8: &Int8, activations: &Activations| {
        let model = int8.model(activations, Calibration::MinMax, &Default::default()).unwrap();
        apart(&before, &answer(&model, "tile", &tile))
    };
    let int8 = Int8::new(&even);
    let second = observed(&int8, "tile", &some_tiles(), Calibration::MinMax);
    let (uneven, even) = (rounded(&plain, &first), rounded(&int8, &second));
    assert!(even < 0.5 * uneven, "even {even}, uneven {uneven}");
}

#[test]
fn layers_can_be_kept_in_float() {
    let model = uneven();
    let int8 = Int8::new(&model);
    let activations = observed(&int8, "tile", &some_tiles(), Calibration::MinMax);
    let all = int8.layers().into_iter().map(str::to_owned).collect();
    let none = int8.model(&activations, Calibration::MinMax, &all).unwrap();
    let sorted = |model: &OnnxModel| {
        let mut operators: Vec<String> = model.operators().into_iter().map(str::to_owned).collect();
        operators.sort();
        operators
    };
    // An activation and a pool are swapped, nothing else.
    assert_eq!(sorted(&none), sorted(&model));
    let one = std::iter::once(int8.layers()[1].to_owned()).collect();
    let most = int8.model(&activations, Calibration::MinMax, &one).unwrap();
    let tile = tiles(6, 16).into_data();
    assert!(apart(&answer(&model, "tile", &tile), &answer(&most, "tile", &tile)) < 0.05);
    let quantised = |model: &OnnxModel| model.operators().iter().filter(|op| **op == "DequantizeLinear").count();
    assert!(quantised(&most) > 0 && quantised(&none) == 0);
}

#[test]
fn the_same_observations_give_the_same_bytes() {
    let model = uneven();
    let int8 = Int8::new(&model);
    let activations = observed(&int8, "tile", &some_tiles(), Calibration::MinMax);
    let make = || int8.model(&activations, Calibration::MinMax, &Default::default()).unwrap().bytes().unwrap();
    assert_eq!(make(), make());
    let half = || model.to_fp16().unwrap().bytes().unwrap();
    assert_eq!(half(), half());
}
