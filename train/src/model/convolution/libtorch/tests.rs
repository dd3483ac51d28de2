//! LibTorch's gradients against burn's own on flex.
#![allow(clippy::unwrap_used, clippy::panic)]

use burn::module::{Module, Param};
use burn::nn::conv::ConvTranspose2dConfig;
use burn::nn::{BatchNormConfig, GroupNormConfig};
use burn::tensor::{Device, Distribution};
use kiln_tile::TILE_BYTES;

use super::super::{convolved, normalised_by_batch, transposed};
use super::*;
use crate::model::tensors::{read, tile_tensor};
use crate::model::{ModelConfig, Zoo};

const ACTIVATIONS: [Activation; 3] = [Activation::None, Activation::Relu, Activation::Relu6];

/// Random values of these shapes, drawn on flex and moved to the device, as leaves that learn.
fn leaves<const D: usize>(shape: [usize; D], seed: u64, scale: f64) -> [Tensor<D>; 2] {
    let flex = Device::flex();
    flex.seed(seed);
    let values = Tensor::<D>::random(shape, Distribution::Normal(0.3, scale), &flex).into_data();
    [Device::flex(), Device::libtorch()]
        .map(|device| Tensor::from_data(values.clone(), &device.autodiff()).require_grad())
}

fn assert_near<const D: usize>(flex: Tensor<D>, torch: Tensor<D>, what: &str) {
    assert_eq!(flex.dims(), torch.dims(), "{what}");
    let (flex, torch) = (read(flex.into_data()).unwrap(), read(torch.into_data()).unwrap());
    let scale = flex.iter().fold(1e-3, |most: f64, value| most.max(value.abs()));
    for (one, other) in flex.iter().zip(&torch) {
        assert!((one - other).abs() < 1e-4 * scale, "{what}: {one} and {other}");
    }
}

/// The values of an operation on flex and on LibTorch, and the gradients of a function of these for all inputs.
fn assert_same(
    maps: &[Tensor<4>; 2],
    kernel: &[Tensor<4>; 2],
    vectors: &[[Tensor<1>; 2]],
    what: &str,
    of: impl Fn(Tensor<4>, Tensor<4>, Vec<Tensor<1>>) -> Tensor<4>,
) {
    let at = |side: usize| {
        let vectors = vectors.iter().map(|vector| vector[side].clone()).collect();
        let output = of(maps[side].clone(), kernel[side].clone(), vectors);
        let gradients = (output.clone() * output.clone() + output.clone()).sum().backward();
        (output, gradients)
    };
    let ((flex, flex_gradients), (torch, torch_gradients)) = (at(0), at(1));
    assert!(computes(&torch) && !computes(&flex));
    let untracked = |side: usize| {
        let vectors = vectors.iter().map(|vector| vector[side].clone().inner()).collect();
        of(maps[side].clone().inner(), kernel[side].clone().inner(), vectors)
    };
    assert_near(untracked(0), untracked(1), &format!("{what}, without gradients"));
    assert_near(flex.detach(), torch.detach(), what);
    for (leaf, name) in [(maps, "maps"), (kernel, "kernel")] {
        let (flex, torch) = (leaf[0].grad(&flex_gradients), leaf[1].grad(&torch_gradients));
        assert_near(flex.unwrap(), torch.unwrap(), &format!("{what}, gradient of the {name}"));
    }
    for (number, vector) in vectors.iter().enumerate() {
        let (flex, torch) = (vector[0].grad(&flex_gradients), vector[1].grad(&torch_gradients));
        assert_near(flex.unwrap(), torch.unwrap(), &format!("{what}, gradient of vector {number}"));
    }
}

#[test]
fn a_convolution_has_the_values_and_gradients_of_burns() {
    let paddings = [[(1, 1); 2], [(0, 1); 2], [(2, 0), (1, 3)], [(2, 2), (1, 1)]];
    let cases = paddings.iter().flat_map(|padding| [(1, 1), (1, 2), (6, 2), (2, 1)].map(|shape| (*padding, shape)));
    for (padding, (groups, stride)) in cases {
        for activation in ACTIVATIONS {
            let maps = leaves([3, 6, 12, 10], 1, 4.0);
            let kernel = leaves([6, 6 / groups, 3, 3], 2, 0.5);
            let bias = leaves([6], 3, 1.0);
            let what = format!("{groups} groups, stride {stride}, padding {padding:?}, {activation:?}");
            assert_same(&maps, &kernel, &[bias], &what, |maps, kernel, mut vectors| {
                let options = ConvOptions::new_with_padding([stride; 2], padding, [1, 1], groups);
                convolved(maps, (kernel, vectors.remove(0)), options, activation)
            });
        }
    }
}

#[test]
fn a_convolution_normalised_by_its_batch_has_the_values_gradients_and_running_figures_of_burns() {
    for (pooling, activation) in [(true, Activation::Relu), (false, Activation::Relu6), (true, Activation::None)] {
        let maps = leaves([3, 6, 12, 10], 4, 4.0);
        let kernel = leaves([8, 6, 3, 3], 5, 0.5);
        let (gamma, beta) = (leaves([8], 6, 1.0), leaves([8], 7, 1.0));
        let what = format!("pooling {pooling}, {activation:?}");
        let running = std::cell::RefCell::new(Vec::new());
        assert_same(&maps, &kernel, &[gamma, beta], &what, |maps, kernel, vectors| {
            let mut norm = BatchNormConfig::new(8).init(&maps.device());
            let mut vectors = vectors.into_iter();
            norm.gamma = Param::from_tensor(vectors.next().unwrap());
            norm.beta = Param::from_tensor(vectors.next().unwrap());
            let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
            let after = AfterNormalisation { pooling, activation };
            let maps = normalised_by_batch(maps, kernel, options, (&norm, 0.25), after);
            running.borrow_mut().push([norm.running_mean.value_sync(), norm.running_var.value_sync()]);
            maps
        });
        // On flex and with LibTorch, with gradients and without.
        let running = running.into_inner();
        assert_eq!(running.len(), 4);
        for pair in running.chunks_exact(2) {
            for (flex, torch) in pair[0].iter().zip(&pair[1]) {
                assert_near(flex.clone(), torch.clone(), &format!("{what}, running figures"));
            }
        }
    }
}

#[test]
fn trained_models_score_as_on_flex() {
    let backbone = |name| format!("backbone: {{name: {name}, weights: random, stages: [1, 2], width: 0.25, side: 64}}");
    for model in [
        "kind: cnn, filters: [4, 8], head: flatten, dense: [4], side: 64, test_time_augmentation: flips".to_owned(),
        "kind: vae, filters: [4, 4], latent: 4".to_owned(),
        "kind: hybrid, cnn: {filters: [4, 4], dense: [4]}, filters: [4, 4], latent: 4, reconstruct: image".to_owned(),
        format!("kind: transfer, {}, dense: [4]", backbone("resnet18")),
        format!("kind: transfer, {}, dense: [4]", backbone("efficientnet-lite0")),
    ] {
        let config: ModelConfig = serde_yaml::from_str(&format!("{{{model}}}")).unwrap();
        let tiles = |device: &Device| {
            let value = |at: usize| ((at as u64 + 1).wrapping_mul(2_654_435_761) >> 13) as u8;
            tile_tensor((0..2 * TILE_BYTES).map(value).collect(), device)
        };
        let device = Device::flex();
        let flex = Zoo::new(&config, 2, 3, &device).valid();
        let batches = [Ok::<_, ()>(tiles(&device).into())].into_iter();
        let Ok(flex) = flex.recalibrated(batches) else { panic!("no error was given") };
        let torch = Zoo::new(&config, 2, 3, &Device::libtorch());
        let torch = torch.try_load_record(flex.clone().into_record()).unwrap().valid();
        let score = |zoo: &Zoo, device: &Device| zoo.score(tiles(device), 1).score;
        assert_near(score(&flex, &device), score(&torch, &Device::libtorch()), &model);
    }
}

#[test]
fn a_transposed_convolution_has_the_values_and_gradients_of_burns() {
    for (groups, activation) in [(None, Activation::Relu), (Some(1), Activation::Relu), (Some(4), Activation::None)] {
        let maps = leaves([3, 6, 5, 4], 8, 2.0);
        let kernel = leaves([6, 8, 4, 4], 9, 0.5);
        let vectors = [leaves([8], 10, 1.0), leaves([8], 11, 1.0), leaves([8], 12, 1.0)];
        let vectors = if groups.is_some() { &vectors[..] } else { &vectors[..1] };
        assert_same(&maps, &kernel, vectors, &format!("{groups:?} groups"), |maps, kernel, vectors| {
            let device = maps.device();
            let config = ConvTranspose2dConfig::new([6, 8], [4, 4]).with_stride([2, 2]).with_padding([1, 1]);
            let mut vectors = vectors.into_iter().map(Param::from_tensor);
            let layer =
                ConvTranspose2d { weight: Param::from_tensor(kernel), bias: vectors.next(), ..config.init(&device) };
            let norm = groups.map(|groups| GroupNorm {
                gamma: vectors.next(),
                beta: vectors.next(),
                ..GroupNormConfig::new(groups, 8).init(&device)
            });
            transposed(maps, &layer, norm.as_ref(), activation)
        });
    }
}

#[test]
fn maps_with_channels_last_and_maps_that_are_used_twice_have_the_gradients_of_burns() {
    // Squares of 4x4 maps of six channels.
    let maps = leaves([3, 4, 4, 6], 16, 2.0);
    let kernel = leaves([6, 6, 4, 4], 17, 0.3);
    let bias = leaves([6], 18, 1.0);
    assert_same(&maps, &kernel, &[bias], "twice", |maps, kernel, mut vectors| {
        let maps = maps.permute([0, 3, 1, 2]);
        let device = maps.device();
        let config = ConvTranspose2dConfig::new([6, 6], [4, 4]).with_stride([2, 2]).with_padding([1, 1]);
        let bias = vectors.remove(0);
        let layer = ConvTranspose2d {
            weight: Param::from_tensor(kernel.clone()),
            bias: Some(Param::from_tensor(bias.clone())),
            ..config.init(&device)
        };
        let wide = transposed(maps, &layer, None, Activation::Relu);
        let options = || ConvOptions::new_with_padding([1, 1], [(1, 2); 2], [1, 1], 1);
        let again = convolved(wide.clone(), (kernel, bias), options(), Activation::Relu6);
        // In place of burn's, if nobody else needed the values.
        again.add_scalar(1.0) * wide.clone() + wide
    });
}

#[test]
fn inputs_that_do_not_learn_have_no_gradient() {
    let [_, maps] = leaves([2, 3, 6, 6], 13, 1.0);
    let [_, kernel] = leaves([4, 3, 3, 3], 14, 1.0);
    let [_, bias] = leaves([4], 15, 1.0);
    let options = || ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
    let constant = |tensor: &Tensor<4>| Tensor::<4>::from_inner(tensor.clone().inner());
    let fixed = (constant(&kernel), bias.clone());
    let gradients = convolved(constant(&maps), fixed, options(), Activation::Relu).sum().backward();
    assert!(kernel.grad(&gradients).is_none() && maps.grad(&gradients).is_none());
    assert!(bias.grad(&gradients).is_some());
    // Nothing learns here, as where a frozen backbone is scored in training.
    let plain = (constant(&kernel), Tensor::from_inner(bias.clone().inner()));
    let output = convolved(constant(&maps), plain, options(), Activation::None);
    let gradients = (output * bias.clone().reshape([1, 4, 1, 1])).sum().backward();
    assert!(kernel.grad(&gradients).is_none() && maps.grad(&gradients).is_none());
    assert!(bias.grad(&gradients).is_some());
}
