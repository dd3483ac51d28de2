//! Every activation and every normalisation of `burn::nn`, directly and inside burn's two wrappers.

use burn::nn::activation::{
    Activation, ActivationConfig, CeluConfig, EluConfig, GLU, Gelu, HardShrinkConfig, HardSigmoidConfig, HardSwish,
    HardtanhConfig, LeakyReluConfig, LogSigmoid, Mish, PReluConfig, RReluConfig, Relu, Relu6, Selu, ShrinkConfig, SiLU,
    Sigmoid, SoftShrinkConfig, SoftplusConfig, Softsign, SwiGluConfig, Tanh, Tanhshrink, ThresholdConfig,
    ThresholdedReluConfig,
};
use burn::nn::norm::NormalizationConfig;
use burn::nn::{
    BatchNormConfig, GroupNormConfig, InstanceNormConfig, LayerNormConfig, LinearLayout, LocalResponseNormConfig,
    RmsNormConfig,
};

use crate::nn_layers::{images, layer, layer_at, sequences, shaken};
use crate::support::device;

/// One test for each activation, over values in its curved and its flat parts.
macro_rules! activations {
    ($($name:ident: $layer:expr;)+) => {$(
        #[test]
        fn $name() {
            layer_at(0, (-9.0, 9.0), &$layer, [1, 4, 6], |m, x| m.forward(x));
            layer_at(0, (-0.9, 0.9), &$layer, [1, 4], |m, x| m.forward(x));
        }
    )+};
}

activations! {
    celu_agrees: CeluConfig::new().with_alpha(0.7).init();
    elu_agrees: EluConfig::new().with_alpha(1.3).init();
    exact_gelu_agrees: Gelu::new();
    approximate_gelu_agrees: Gelu::new_approximate();
    glu_halves_an_axis: GLU::new(1);
    hard_shrink_agrees: HardShrinkConfig::new().with_lambda(0.4).init();
    hard_sigmoid_agrees: HardSigmoidConfig::new().with_alpha(0.3).with_beta(0.4).init();
    hard_swish_agrees: HardSwish::new();
    hard_tanh_agrees: HardtanhConfig::new().with_min_val(-0.5).with_max_val(2.0).init();
    leaky_relu_agrees: LeakyReluConfig::new().with_negative_slope(0.2).init();
    log_sigmoid_agrees: LogSigmoid::new();
    mish_agrees: Mish::new();
    one_slope_of_prelu_agrees: shaken(PReluConfig::new().init(&device()));
    a_slope_for_each_channel_agrees: shaken(PReluConfig::new().with_num_parameters(4).init(&device()));
    relu_agrees: Relu::new();
    relu6_agrees: Relu6::new();
    randomised_relu_has_its_mean_slope: RReluConfig::new().init();
    selu_agrees: Selu::new();
    shrink_agrees: ShrinkConfig::new().with_lambda(0.3).with_bias(0.1).init();
    sigmoid_agrees: Sigmoid::new();
    silu_agrees: SiLU::new();
    soft_shrink_agrees: SoftShrinkConfig::new().with_lambda(0.4).init();
    softplus_agrees: SoftplusConfig::new().with_beta(1.5).init();
    softplus_that_turns_straight_early_agrees: SoftplusConfig::new().with_threshold(2.0).init();
    softsign_agrees: Softsign::new();
    tanh_agrees: Tanh::new();
    tanh_shrink_agrees: Tanhshrink::new();
    threshold_agrees: ThresholdConfig::new(0.2, -3.0).init();
    thresholded_relu_agrees: ThresholdedReluConfig::new().with_alpha(0.5).init();
}

#[test]
fn swiglu_of_both_layouts() {
    for layout in [LinearLayout::Row, LinearLayout::Col] {
        for bias in [true, false] {
            let gated = SwiGluConfig::new(6, 4).with_layout(layout).with_bias(bias).init(&device());
            layer(&gated, [1, 6], |m, x| m.forward(x));
            layer(&gated, [1, 3, 6], |m, x| m.forward(x));
        }
    }
}

#[test]
fn the_wrapper_holds_any_activation() {
    let all = [
        ActivationConfig::Identity,
        ActivationConfig::Gelu,
        ActivationConfig::GeluApproximate,
        PReluConfig::new().with_num_parameters(4).into(),
        ActivationConfig::Relu,
        LeakyReluConfig::new().into(),
        SwiGluConfig::new(6, 3).into(),
        ActivationConfig::Selu,
        ActivationConfig::Sigmoid,
        ActivationConfig::Tanh,
        HardSigmoidConfig::new().into(),
        ActivationConfig::HardSwish,
        SoftplusConfig::new().into(),
        ActivationConfig::Softsign,
        EluConfig::new().into(),
        CeluConfig::new().into(),
        ThresholdedReluConfig::new().into(),
        HardShrinkConfig::new().into(),
        SoftShrinkConfig::new().into(),
        ShrinkConfig::new().into(),
    ];
    for config in all {
        let wrapped: Activation = shaken(config.init(&device()));
        layer_at(0, (-3.0, 3.0), &wrapped, [1, 4, 6], |m, x| m.forward(x));
    }
}

#[test]
fn batch_normalisation_of_every_rank() {
    let norm = shaken(BatchNormConfig::new(4).with_epsilon(1e-3).init(&device()));
    layer(&norm, [1, 4], |m, x| m.forward(x));
    layer(&norm, [1, 4, 6], |m, x| m.forward(x));
    layer(&norm, [1, 4, 6, 5], |m, x| m.forward(x));
    layer(&norm, [1, 4, 3, 4, 2], |m, x| m.forward(x));
    images(&norm, 4, [(4, 6), (5, 3), (2, 7)], |m, x| m.forward(x));
}

#[test]
fn group_normalisation_with_and_without_gains() {
    for affine in [true, false] {
        for groups in [1, 2, 4] {
            let config = GroupNormConfig::new(groups, 4).with_affine(affine).with_epsilon(1e-3);
            let norm = shaken(config.init(&device()));
            layer(&norm, [1, 4, 6], |m, x| m.forward(x));
            layer(&norm, [1, 4, 6, 5], |m, x| m.forward(x));
            layer(&norm, [1, 4, 3, 4, 2], |m, x| m.forward(x));
        }
    }
}

#[test]
fn group_normalisation_over_open_sizes() {
    let norm = shaken(GroupNormConfig::new(2, 4).init(&device()));
    images(&norm, 4, [(4, 6), (5, 3), (2, 7)], |m, x| m.forward(x));
}

#[test]
fn instance_normalisation_with_and_without_gains() {
    for affine in [true, false] {
        let norm = shaken(InstanceNormConfig::new(4).with_affine(affine).with_epsilon(1e-3).init(&device()));
        layer(&norm, [1, 4, 6], |m, x| m.forward(x));
        layer(&norm, [1, 4, 6, 5], |m, x| m.forward(x));
        layer(&norm, [1, 4, 3, 4, 2], |m, x| m.forward(x));
        images(&norm, 4, [(4, 6), (5, 3), (2, 7)], |m, x| m.forward(x));
    }
}

#[test]
fn layer_and_rms_normalisation_of_the_last_axis() {
    let device = device();
    for bias in [true, false] {
        let norm = shaken(LayerNormConfig::new(6).with_bias(bias).with_epsilon(1e-3).init(&device));
        layer(&norm, [1, 6], |m, x| m.forward(x));
        layer(&norm, [1, 3, 4, 6], |m, x| m.forward(x));
        sequences(&norm, 6, |m, x| m.forward(x));
    }
    let norm = shaken(RmsNormConfig::new(6).with_epsilon(1e-3).init(&device));
    layer(&norm, [1, 6], |m, x| m.forward(x));
    layer(&norm, [1, 3, 4, 6], |m, x| m.forward(x));
    sequences(&norm, 6, |m, x| m.forward(x));
}

#[test]
fn local_response_normalisation_of_odd_and_even_windows() {
    for size in [3, 4] {
        let config = LocalResponseNormConfig::new(size).with_alpha(0.3).with_beta(0.6).with_k(1.5);
        layer(&config.init(), [1, 6, 5], |m, x| m.forward(x));
        layer(&config.init(), [1, 6, 5, 4], |m, x| m.forward(x));
        layer(&config.init(), [1, 6, 3, 4, 2], |m, x| m.forward(x));
    }
}

#[test]
fn local_response_normalisation_over_open_sizes() {
    let norm = LocalResponseNormConfig::new(3).with_alpha(0.3).init();
    images(&norm, 6, [(4, 6), (5, 3), (2, 7)], |m, x| m.forward(x));
}

#[test]
fn the_wrapper_holds_any_normalisation() {
    let all = [
        NormalizationConfig::Identity,
        BatchNormConfig::new(0).into(),
        GroupNormConfig::new(2, 0).into(),
        InstanceNormConfig::new(0).into(),
        LayerNormConfig::new(0).into(),
        RmsNormConfig::new(0).into(),
    ];
    for config in all {
        // Over channels and over the last axis.
        let wrapped = shaken(config.with_num_features(4).init(&device()));
        layer(&wrapped, [1, 4, 5, 4], |m, x| m.forward(x));
    }
}
