//! The models that faults are planted in: together they have the operators of tile models, and each weight is distinct.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::pool::{AvgPool2d, AvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{gelu, relu, sigmoid, softmax, tanh};
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Int, Tensor};
use burn_onnx_export::proto::ModelProto;
use burn_onnx_export::{Activations, Calibration, Int8, OnnxModel, Recorded};
use kiln_debug::Side;
use kiln_runtime::{Session, SessionOptions};

use crate::support::{burn_side, device, exporter, floats, given, runtime, with_fixed_weights};

/// Side of the tiles.
pub(crate) const SIDE: usize = 32;

/// A model, its recording, and the graph to plant faults in.
pub(crate) struct Tested {
    pub(crate) name: &'static str,
    model: OnnxModel,
    recorded: Recorded,
    candidate: ModelProto,
}

impl Tested {
    fn new(name: &'static str, (model, recorded): (OnnxModel, Recorded)) -> Self {
        Self { name, candidate: model.to_message().unwrap(), model, recorded }
    }

    pub(crate) fn reference(&self) -> Side {
        burn_side(&self.model, self.recorded.clone())
    }

    pub(crate) fn candidate(&self) -> ModelProto {
        self.candidate.clone()
    }
}

pub(crate) fn all() -> Vec<Tested> {
    let cnn = || exported(&with_fixed_weights(Cnn::new(&device())), Cnn::forward, 18);
    let plain = || exported(&with_fixed_weights(Plain::new(&device())), Plain::forward, 18);
    let fp16 = plain();
    let int8 = plain();
    vec![
        Tested::new("cnn", cnn()),
        Tested::new(
            "transformer",
            exported(&with_fixed_weights(Transformer::new(&device())), Transformer::forward, 20),
        ),
        Tested::new("vae", exported(&with_fixed_weights(Vae::new(&device())), Vae::forward, 18)),
        Tested { candidate: fp16.0.to_fp16().unwrap().to_message().unwrap(), ..Tested::new("fp16", fp16) },
        Tested { candidate: quantised(&int8.0).to_message().unwrap(), ..Tested::new("int8", int8) },
    ]
}

type Outputs = (Tensor<1>, Tensor<2>);

fn exported<M: Module>(module: &M, forward: fn(&M, Tensor<4, Int>) -> Outputs, opset: i64) -> (OnnxModel, Recorded) {
    let exporter = exporter(2, SIDE).outputs(["score", "probabilities"]).opset(opset);
    exporter.export_recorded(module, forward).unwrap()
}

/// Every layer in 8 bits, with ranges observed on the test's tiles.
fn quantised(model: &OnnxModel) -> OnnxModel {
    let int8 = Int8::new(model);
    let observer = int8.observer().bytes().unwrap();
    let mut session = Session::open_bytes(runtime(), "observer", &observer, &SessionOptions::default()).unwrap();
    let inputs = given(3, SIDE);
    let values = session.run_named(inputs.iter().map(|(name, array)| (name.as_str(), array))).unwrap();
    let mut activations = Activations::default();
    for (name, array) in values.iter().filter(|(_, array)| array.as_f32().is_some()) {
        activations.observe_channels(name, array.shape(), &floats(array));
    }
    int8.model(&activations, Calibration::MinMax, &Default::default()).unwrap()
}

fn pixels(tile: Tensor<4, Int>) -> Tensor<4> {
    tile.float().permute([0, 3, 1, 2]) / 255.0
}

fn score(probabilities: Tensor<2>) -> Outputs {
    let batch = probabilities.dims()[0];
    (probabilities.clone().slice([0..batch, 1..2]).squeeze_dim(1), probabilities)
}

/// Convolutions, pools, batch normalisation that cannot be folded, two branches.
#[derive(Module, Debug)]
struct Cnn {
    first: Conv2d,
    norm: BatchNorm,
    pool: MaxPool2d,
    second: Conv2d,
    average: AvgPool2d,
    late: BatchNorm,
    hidden: Linear,
    square: Linear,
    head: Linear,
}

impl Cnn {
    fn new(device: &Device) -> Self {
        let conv = |from| Conv2dConfig::new([from, 8], [3, 3]).with_padding(PaddingConfig2d::Same).init(device);
        Self {
            first: conv(3),
            norm: BatchNormConfig::new(8).init(device),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            second: conv(8),
            average: AvgPool2dConfig::new([3, 3])
                .with_strides([1, 1])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .with_count_include_pad(true)
                .init(),
            late: BatchNormConfig::new(8).init(device),
            hidden: LinearConfig::new(16, 12).init(device),
            square: LinearConfig::new(12, 12).init(device),
            head: LinearConfig::new(12, 3).init(device),
        }
    }

    fn forward(&self, tile: Tensor<4, Int>) -> Outputs {
        let x = self.pool.forward(relu(self.norm.forward(self.first.forward(pixels(tile)))));
        let x = relu(self.second.forward(x));
        let x = self.late.forward(self.average.forward(x));
        let x = Tensor::cat(vec![tanh(x.clone()), x.clamp(-1.5, 1.5)], 1);
        let x = x.mean_dims(&[2, 3]).squeeze_dims::<2>(&[2, 3]);
        let x = relu(self.square.forward(relu(self.hidden.forward(x))));
        score(softmax(self.head.forward(x), 1))
    }
}

/// A plain stack for the lower precisions.
#[derive(Module, Debug)]
struct Plain {
    first: Conv2d,
    second: Conv2d,
    hidden: Linear,
    head: Linear,
}

impl Plain {
    fn new(device: &Device) -> Self {
        let conv = |from| Conv2dConfig::new([from, 8], [3, 3]).with_padding(PaddingConfig2d::Same).init(device);
        Self {
            first: conv(3),
            second: conv(8),
            hidden: LinearConfig::new(8, 16).init(device),
            head: LinearConfig::new(16, 3).init(device),
        }
    }

    fn forward(&self, tile: Tensor<4, Int>) -> Outputs {
        let x = relu(self.second.forward(relu(self.first.forward(pixels(tile)))));
        let x = x.mean_dims(&[2, 3]).squeeze_dims::<2>(&[2, 3]);
        score(softmax(self.head.forward(relu(self.hidden.forward(x))), 1))
    }
}

/// Patches, attention, layer normalisation, GELU. As many tokens as channels, so that a wrong axis keeps the shape.
#[derive(Module, Debug)]
struct Transformer {
    patches: Conv2d,
    before: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    after: LayerNorm,
    widen: Linear,
    narrow: Linear,
    head: Linear,
}

impl Transformer {
    fn new(device: &Device) -> Self {
        let linear = |from, to| LinearConfig::new(from, to).init(device);
        Self {
            patches: Conv2dConfig::new([3, 16], [8, 8]).with_stride([8, 8]).init(device),
            before: LayerNormConfig::new(16).init(device),
            query: linear(16, 16),
            key: linear(16, 16),
            value: linear(16, 16),
            after: LayerNormConfig::new(16).init(device),
            widen: linear(16, 32),
            narrow: linear(32, 16),
            head: linear(16, 3),
        }
    }

    fn forward(&self, tile: Tensor<4, Int>) -> Outputs {
        let x: Tensor<3> = self.patches.forward(pixels(tile)).flatten(2, 3).swap_dims(1, 2);
        let y = self.before.forward(x.clone());
        let (query, key, value) = (self.query.forward(y.clone()), self.key.forward(y.clone()), self.value.forward(y));
        let attention = softmax(query.matmul(key.swap_dims(1, 2)) / 4.0, 2);
        let x = x + attention.matmul(value);
        let y = self.narrow.forward(gelu(self.widen.forward(self.after.forward(x.clone()))));
        let x = (x + y).mean_dim(1).squeeze_dim::<2>(1);
        score(sigmoid(self.head.forward(x)))
    }
}

/// An autoencoder: strides, a transposed convolution, interpolation, squared errors.
#[derive(Module, Debug)]
struct Vae {
    down: Conv2d,
    narrow: Conv2d,
    mean: Linear,
    back: Linear,
    up: ConvTranspose2d,
    paint: Conv2d,
    head: Linear,
}

impl Vae {
    fn new(device: &Device) -> Self {
        let conv = |from, to, stride| {
            let padding = PaddingConfig2d::Explicit(1, 1, 1, 1);
            Conv2dConfig::new([from, to], [3, 3]).with_stride([stride, stride]).with_padding(padding).init(device)
        };
        Self {
            down: conv(3, 4, 2),
            narrow: conv(4, 4, 2),
            mean: LinearConfig::new(4 * 8 * 8, 8).init(device),
            back: LinearConfig::new(8, 4 * 8 * 8).init(device),
            up: ConvTranspose2dConfig::new([4, 4], [2, 2]).with_stride([2, 2]).init(device),
            paint: conv(4, 3, 1),
            head: LinearConfig::new(3, 3).init(device),
        }
    }

    fn forward(&self, tile: Tensor<4, Int>) -> Outputs {
        let x = pixels(tile);
        let batch = x.dims()[0];
        let y = relu(self.narrow.forward(relu(self.down.forward(x.clone()))));
        let latent = self.mean.forward(y.flatten::<2>(1, 3));
        let y = self.back.forward(latent).reshape([batch, 4, 8, 8]);
        let y = relu(self.up.forward(y));
        let y = interpolate(y, InterpolateOptions::new(InterpolateMode::Bilinear).with_output_size([SIDE, SIDE]));
        let error = (x - sigmoid(self.paint.forward(y))).powi_scalar(2);
        let error = error.mean_dims(&[2, 3]).squeeze_dims::<2>(&[2, 3]).sqrt();
        score(softmax(self.head.forward(error) * 3.0, 1))
    }
}
