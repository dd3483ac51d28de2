//! Models like those of Kiln: a classifier, a variational autoencoder and a hybrid of both, on raw tiles.

use crate::support::{check, check_within, device, tiles};
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{relu, sigmoid, softmax};
use burn::tensor::{Device, Int, Tensor};
use burn_onnx_export::{AnyTensor, Exporter};

#[derive(Module, Debug)]
struct Block {
    conv: Conv2d,
    norm: BatchNorm,
    pool: MaxPool2d,
}

impl Block {
    fn new(channels: [usize; 2], device: &Device) -> Self {
        Self {
            conv: Conv2dConfig::new(channels, [3, 3]).with_padding(PaddingConfig2d::Same).init(device),
            norm: BatchNormConfig::new(channels[1]).init(device),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.pool.forward(relu(self.norm.forward(self.conv.forward(x))))
    }
}

#[derive(Module, Debug)]
struct Cnn {
    blocks: Vec<Block>,
    pool: Option<AdaptiveAvgPool2d>,
    hidden: Linear,
    dropout: Dropout,
    head: Linear,
    unused: Linear,
}

impl Cnn {
    fn new(pooled: bool, device: &Device) -> Self {
        let features = if pooled { 8 } else { 8 * 4 * 4 };
        Self {
            blocks: vec![Block::new([3, 4], device), Block::new([4, 8], device)],
            pool: pooled.then(|| AdaptiveAvgPool2dConfig::new([1, 1]).init()),
            hidden: LinearConfig::new(features, 16).init(device),
            dropout: DropoutConfig::new(0.5).init(),
            head: LinearConfig::new(16, 2).init(device),
            unused: LinearConfig::new(16, 2).init(device),
        }
    }

    fn forward(&self, tile: Tensor<4, Int>) -> (Tensor<1>, Tensor<2>) {
        let x = (tile.float() / 255.0).permute([0, 3, 1, 2]);
        let mut x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        if let Some(pool) = &self.pool {
            x = pool.forward(x);
        }
        let x = relu(self.hidden.forward(x.flatten(1, 3)));
        let probabilities = softmax(self.head.forward(self.dropout.forward(x)), 1);
        let score = probabilities.clone().slice([0..probabilities.dims()[0], 1..2]).squeeze_dim(1);
        (score, probabilities)
    }
}

fn exporter() -> Exporter<Tensor<4, Int>> {
    Exporter::new().input("tile", tiles(1, 16), ["batch", "", "", ""])
}

#[test]
fn a_pooled_classifier_agrees_at_every_batch() {
    let module = Cnn::new(true, &device());
    let cases = [1, 3, 8].map(|batch| tiles(batch, 16)).to_vec();
    let exporter = exporter().outputs(["score", "probabilities"]);
    let model = check(&module, exporter, cases, |m, tile| m.forward(tile));
    // Batch normalisation is folded into the convolution.
    let block = ["Conv", "Relu", "MaxPool"];
    let start = ["Cast", "Div", "Transpose"];
    let end = ["GlobalAveragePool", "Reshape", "Gemm", "Relu", "Gemm", "Softmax", "Slice", "Reshape"];
    assert_eq!(model.operators(), [start.as_slice(), &block, &block, &end].concat());
    let weights: Vec<_> = model.initializers();
    assert!(weights.contains(&"blocks.0.conv.weight") && weights.contains(&"blocks.0.conv.bias"));
    assert!(!weights.iter().any(|name| name.starts_with("unused")));
    assert!(model.graph().node.iter().any(|node| node.output == ["blocks.1.conv/out"]));
}

#[test]
fn a_flattened_classifier_agrees_at_every_batch() {
    let module = Cnn::new(false, &device());
    let cases = [1, 3, 8].map(|batch| tiles(batch, 16)).to_vec();
    check(&module, exporter().outputs(["score", "probabilities"]), cases, |m, tile| m.forward(tile));
}

#[test]
fn a_fixed_batch_stays_fixed() {
    let module = Cnn::new(true, &device());
    let exporter = Exporter::new().input("tile", tiles(2, 16), [""; 4]).outputs(["score", "probabilities"]);
    let model = check(&module, exporter, vec![tiles(2, 16)], |m, tile| m.forward(tile));
    let dims = model.graph().output[1].dims().unwrap();
    assert_eq!(dims.iter().map(|dim| dim.dim_value()).collect::<Vec<_>>(), [Some(2), Some(2)]);
}

#[test]
fn two_exports_give_the_same_bytes() {
    let module = Cnn::new(true, &device());
    let export = || {
        let exporter = exporter().outputs(["score", "probabilities"]).metadata("b", "2").metadata("a", "1");
        exporter.export(&module, |m, tile| m.forward(tile)).unwrap().bytes().unwrap()
    };
    assert_eq!(export(), export());
}

#[test]
fn a_module_in_training_is_exported_for_inference_and_left_alone() {
    let module = Cnn::new(true, &device().autodiff());
    let before = module.blocks[0].norm.running_mean.value().device();
    let model = exporter().outputs(["score", "probabilities"]).export(&module, |m, tile| m.forward(tile)).unwrap();
    assert!(!model.operators().contains(&"Dropout"));
    assert_eq!(module.blocks[0].norm.running_mean.value().device(), before);
    let trained = module.valid();
    check(&trained, exporter().outputs(["score", "probabilities"]), vec![tiles(3, 16)], |m, tile| m.forward(tile));
}

#[derive(Module, Debug)]
struct Vae {
    encoder: Conv2d,
    mean: Linear,
    log_variance: Linear,
    widen: Linear,
    up: ConvTranspose2d,
    last: ConvTranspose2d,
}

impl Vae {
    fn new(device: &Device) -> Self {
        let up = |channels| ConvTranspose2dConfig::new(channels, [4, 4]).with_stride([2, 2]).with_padding([1, 1]);
        Self {
            encoder: Conv2dConfig::new([3, 4], [4, 4]).with_stride([4, 4]).init(device),
            mean: LinearConfig::new(4 * 4 * 4, 6).init(device),
            log_variance: LinearConfig::new(4 * 4 * 4, 6).init(device),
            widen: LinearConfig::new(6, 4 * 4 * 4).init(device),
            up: up([4, 4]).init(device),
            last: up([4, 3]).init(device),
        }
    }

    fn outputs(&self, tile: Tensor<4, Int>) -> (Tensor<1>, Tensor<4>, Tensor<3>, Tensor<2>, Tensor<2>) {
        let image = tile.float() / 255.0;
        let x = relu(self.encoder.forward(image.clone().permute([0, 3, 1, 2]))).flatten::<2>(1, 3);
        let (mean, log_variance) = (self.mean.forward(x.clone()), self.log_variance.forward(x).clamp(-8.0, 8.0));
        let batch = mean.dims()[0];
        let x = relu(self.widen.forward(mean.clone())).reshape([batch, 4, 4, 4]);
        let x = sigmoid(self.last.forward(relu(self.up.forward(x))));
        let reconstruction = x.permute([0, 2, 3, 1]);
        let difference = image - reconstruction.clone();
        let error_map: Tensor<3> = difference.powf_scalar(2.0).mean_dim(3).squeeze_dim(3);
        let error: Tensor<1> = error_map.clone().flatten::<2>(1, 2).mean_dim(1).squeeze_dim(1);
        let variance = log_variance.clone().exp();
        let divergence = (variance + mean.clone().square() - log_variance.clone() - 1.0).sum_dim(1) * 0.5;
        let score = error + divergence.squeeze_dim(1) * 0.01;
        (score, reconstruction, error_map, mean, log_variance)
    }
}

const VAE: [&str; 5] = ["score", "reconstruction", "error_map", "latent_mean", "latent_log_variance"];

#[test]
fn an_autoencoder_agrees_at_every_batch() {
    let module = Vae::new(&device());
    let cases = [1, 3, 8].map(|batch| tiles(batch, 16)).to_vec();
    let model = check(&module, exporter().outputs(VAE), cases, |m, tile| m.outputs(tile));
    let shape = |at: usize| {
        let dims = model.graph().output[at].dims().unwrap();
        dims.iter().map(|dim| dim.dim_value().unwrap_or(-1)).collect::<Vec<_>>()
    };
    assert_eq!(
        [shape(0), shape(1), shape(2), shape(3)],
        [vec![-1], vec![-1, 16, 16, 3], vec![-1, 16, 16], vec![-1, 6]]
    );
    assert!(!model.operators().contains(&"Shape"), "{:?}", model.operators());
}

#[test]
fn outputs_may_bring_their_names() {
    let module = Vae::new(&device());
    let model = exporter().export(&module, |m, tile| {
        let (score, reconstruction, ..) = m.outputs(tile);
        vec![("score".to_owned(), AnyTensor::from(score)), ("reconstruction".to_owned(), reconstruction.into())]
    });
    assert_eq!(model.unwrap().outputs(), ["score", "reconstruction"]);
}

#[test]
fn an_output_may_be_an_input_or_stand_twice() {
    let module = Vae::new(&device());
    let exporter = exporter().outputs(["same", "float", "again"]);
    let model = check_within(crate::support::USUAL, &module, exporter, vec![tiles(2, 16)], |_, tile| {
        let float = tile.clone().float();
        (tile, float.clone(), float)
    });
    assert_eq!(model.operators(), ["Cast", "Identity", "Identity"]);
}
