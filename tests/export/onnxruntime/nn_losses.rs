//! Losses of `burn::nn`, exported as functions of predictions and targets, with every reduction and none.

use burn::nn::loss::{
    BinaryCrossEntropyLossConfig, CTCLossConfig, CosineEmbeddingLossConfig, CrossEntropyLossConfig,
    GaussianNLLLossConfig, HingeEmbeddingLossConfig, HuberLossConfig, KLDivLossConfig, LpLossConfig,
    MarginRankingLossConfig, MseLoss, MultiMarginLossConfig, PoissonNllLossConfig, RNNTLossConfig, Reduction,
    SmoothL1LossConfig, SoftMarginLoss, TripletMarginLossConfig,
};
use burn::tensor::loss::cross_entropy_with_logits;
use burn::tensor::{Int, Tensor, s};
use burn_onnx_export::{Error, Exporter};

use crate::generate::{floats, ints, nothing};
use crate::nn_layers::{SUMS, pair};
use crate::support::{check_within, device};

/// Scores of five classes, and the right class.
fn labelled(range: (f32, f32)) -> impl Fn(usize) -> (Tensor<2>, Tensor<1, Int>) + Copy {
    move |batch| (floats([batch, 5], batch, range.0, range.1), ints([batch], batch + 3, 0, 5))
}

fn exporter((scores, labels): (Tensor<2>, Tensor<1, Int>)) -> Exporter<(Tensor<2>, Tensor<1, Int>)> {
    Exporter::new().input("scores", scores, ["batch", ""]).input("labels", labels, ["batch"])
}

#[test]
fn squared_errors() {
    pair((-1.0, 1.0), &MseLoss::new(), [1, 4], |m, (a, b)| {
        (
            m.forward(a.clone(), b.clone(), Reduction::Mean),
            m.forward(a.clone(), b.clone(), Reduction::Sum),
            m.forward_no_reduction(a, b),
        )
    });
}

#[test]
fn huber_and_smooth_absolute_errors() {
    pair((-2.0, 2.0), &HuberLossConfig::new(0.7).init(), [1, 4], |m, (a, b)| {
        (
            m.forward(a.clone(), b.clone(), Reduction::Auto),
            m.forward(a.clone(), b.clone(), Reduction::Sum),
            m.forward_no_reduction(a, b),
        )
    });
    pair((-2.0, 2.0), &SmoothL1LossConfig::new().with_beta(0.6).init(), [1, 3, 4], |m, (a, b)| {
        (
            m.forward(a.clone(), b.clone()),
            m.forward_with_reduction(a.clone(), b.clone(), Reduction::Mean),
            m.forward_reduce_dims(a, b, &[1, 2]),
        )
    });
}

#[test]
fn errors_to_any_power() {
    for p in [1.0, 2.0, 2.5] {
        pair((-1.0, 1.0), &LpLossConfig::new(p).init(), [1, 3, 4], |m, (a, b)| {
            (
                m.forward(a.clone(), b.clone(), Reduction::Mean),
                m.forward_no_reduction(a.clone(), b.clone()),
                m.forward_reduce_dims(a, b, &[2]),
            )
        });
    }
}

#[test]
fn divergence_of_distributions() {
    for logarithmic in [true, false] {
        let loss = KLDivLossConfig::new().with_log_target(logarithmic).init();
        pair((0.05, 1.0), &loss, [1, 4], |m, (predictions, targets)| {
            let predictions = predictions.log();
            (
                m.forward(predictions.clone(), targets.clone(), Reduction::BatchMean),
                m.forward(predictions.clone(), targets.clone(), Reduction::Mean),
                m.forward(predictions.clone(), targets.clone(), Reduction::Sum),
                m.forward_no_reduction(predictions, targets),
            )
        });
    }
}

#[test]
fn cross_entropy_of_classes() {
    let device = device();
    let weights = Some(vec![0.5, 1.0, 2.0, 0.25, 1.5]);
    let options = [
        CrossEntropyLossConfig::new(),
        CrossEntropyLossConfig::new().with_weights(weights.clone()),
        CrossEntropyLossConfig::new().with_smoothing(Some(0.1)),
        CrossEntropyLossConfig::new().with_smoothing(Some(0.2)).with_weights(weights),
    ];
    for config in options {
        let inputs = labelled((-2.0, 2.0));
        let cases = [1, 3, 8].map(inputs).to_vec();
        let loss = config.init(&device);
        check_within(SUMS, &loss, exporter(inputs(1)), cases, |m, (a, b)| m.forward(a, b));
        let inputs = labelled((0.05, 0.9));
        let cases = [1, 3, 8].map(inputs).to_vec();
        let of_probabilities = config.with_logits(false).init(&device);
        check_within(SUMS, &of_probabilities, exporter(inputs(1)), cases, |m, (a, b)| m.forward(a, b));
    }
}

#[test]
fn cross_entropy_leaves_padding_out() {
    // The first label is never padding, so that the mean of a batch of one is never over no elements.
    let inputs = |batch: usize| {
        let labels = ints([batch], batch + 3, 0, 5);
        let first = labels.clone().narrow(0, 0, 1).zeros_like() + 4;
        (floats([batch, 5], batch, -2.0, 2.0), labels.slice_assign(s![0..1], first))
    };
    let cases = [1, 3, 8].map(inputs).to_vec();
    for smoothing in [None, Some(0.1)] {
        let config = CrossEntropyLossConfig::new().with_pad_tokens(Some(vec![0, 2])).with_smoothing(smoothing);
        let loss = config.init(&device());
        check_within(SUMS, &loss, exporter(inputs(1)), cases.clone(), |m, (a, b)| m.forward(a, b));
    }
}

#[test]
fn cross_entropy_with_probabilities_as_targets() {
    pair((0.0, 1.0), &nothing(), [1, 5], |_, (logits, targets)| {
        (cross_entropy_with_logits(logits.clone() * 4.0, targets.clone()), logits * targets)
    });
}

#[test]
fn binary_cross_entropy_of_several_labels() {
    let device = device();
    let inputs = |batch: usize| (floats([batch, 3], batch, 0.05, 0.95), ints([batch, 3], batch + 1, 0, 2));
    let (scores, labels) = inputs(1);
    let exporter = Exporter::new().input("scores", scores, ["batch", ""]).input("labels", labels, ["batch", ""]);
    for logits in [true, false] {
        for smoothing in [None, Some(0.1)] {
            for weights in [None, Some(vec![0.5, 1.0, 2.0])] {
                let config = BinaryCrossEntropyLossConfig::new().with_logits(logits).with_smoothing(smoothing);
                let loss = config.with_weights(weights).init(&device);
                let cases = [1, 3, 8].map(inputs).to_vec();
                check_within(SUMS, &loss, exporter.clone(), cases, |m, (scores, labels)| m.forward(scores, labels));
            }
        }
    }
}

#[test]
fn binary_cross_entropy_of_one_label() {
    let inputs = |batch: usize| (floats([batch], batch, -2.0, 2.0), ints([batch], batch + 1, 0, 2));
    let (scores, labels) = inputs(1);
    let exporter = Exporter::new().input("scores", scores, ["batch"]).input("labels", labels, ["batch"]);
    let config = BinaryCrossEntropyLossConfig::new().with_logits(true).with_weights(Some(vec![0.5, 2.0]));
    let cases = [1, 3, 8].map(inputs).to_vec();
    check_within(SUMS, &config.init(&device()), exporter, cases, |m, (scores, labels)| m.forward(scores, labels));
}

#[test]
fn margins_between_embeddings() {
    let inputs = |batch: usize| {
        (
            floats([batch, 4], batch, -1.0, 1.0),
            floats([batch, 4], batch + 1, -1.0, 1.0),
            ints([batch], batch + 2, 0, 2) * 2 - 1,
        )
    };
    let (a, b, same) = inputs(1);
    let exporter =
        Exporter::new().input("a", a, ["batch", ""]).input("b", b, ["batch", ""]).input("same", same, ["batch"]);
    for reduction in [Reduction::Mean, Reduction::Sum] {
        let loss = CosineEmbeddingLossConfig::new().with_margin(0.2).with_reduction(reduction).init();
        let cases = [1, 3, 8].map(inputs).to_vec();
        check_within(SUMS, &loss, exporter.clone(), cases, |m, (a, b, same)| {
            (m.forward(a.clone(), b.clone(), same.clone()), m.forward_no_reduction(a, b, same))
        });
    }
}

#[test]
fn margins_between_three_embeddings() {
    let inputs = |batch: usize| [0, 1, 2].map(|which| floats([batch, 4], batch + which, -1.0, 1.0));
    let triple = |batch: usize| {
        let [anchor, positive, negative] = inputs(batch);
        (anchor, positive, negative)
    };
    let (anchor, positive, negative) = triple(1);
    let axes = ["batch", ""];
    let exporter = Exporter::new()
        .input("anchor", anchor, axes)
        .input("positive", positive, axes)
        .input("negative", negative, axes);
    for p in [1.0, 2.0] {
        let loss = TripletMarginLossConfig::new().with_p(p).with_margin(0.5).init();
        let cases = [1, 3, 8].map(triple).to_vec();
        check_within(SUMS, &loss, exporter.clone(), cases, |m, (anchor, positive, negative)| {
            (
                m.forward(anchor.clone(), positive.clone(), negative.clone(), Reduction::Mean),
                m.forward_no_reduction(anchor, positive, negative),
            )
        });
    }
}

#[test]
fn margins_of_signed_targets() {
    pair((-2.0, 2.0), &HingeEmbeddingLossConfig::new().with_margin(0.8).init(), [1, 4], |m, (x, target)| {
        let target = target.sign();
        (m.forward(x.clone(), target.clone(), Reduction::Mean), m.forward_no_reduction(x, target))
    });
    pair((-2.0, 2.0), &SoftMarginLoss::new(), [1, 4], |m, (x, target)| {
        let target = target.sign();
        (m.forward(x.clone(), target.clone(), Reduction::Sum), m.forward_no_reduction(x, target))
    });
    pair((-2.0, 2.0), &MarginRankingLossConfig::new().with_margin(0.3).init(), [1, 4], |m, (x, y)| {
        let target = (x.clone() + y.clone()).sign();
        (m.forward(x.clone(), y.clone(), target.clone(), Reduction::Mean), m.forward_no_reduction(x, y, target))
    });
}

#[test]
fn margins_of_several_classes() {
    let inputs = labelled((-2.0, 2.0));
    for p in [1, 2] {
        let loss = MultiMarginLossConfig::new().with_p(p).with_margin(0.7).init();
        let cases = [1, 3, 8].map(inputs).to_vec();
        check_within(SUMS, &loss, exporter(inputs(1)), cases, |m, (scores, labels)| {
            (m.forward(scores.clone(), labels.clone(), Reduction::Mean), m.forward_no_reduction(scores, labels))
        });
    }
}

#[test]
fn likelihood_of_a_normal_distribution() {
    for full in [true, false] {
        let loss = GaussianNLLLossConfig::new().with_full(full).init();
        pair((-1.0, 1.0), &loss, [1, 4], |m, (mean, target)| {
            let variance = mean.clone().square() + 0.1;
            (
                m.forward(mean.clone(), target.clone(), variance.clone(), Reduction::Mean),
                m.forward_no_reduction(mean, target, variance),
            )
        });
    }
}

/// Tokens of a transducer: three sequences, of five steps and up to two labels out of four.
fn transducer(batch: usize) -> (Tensor<4>, Tensor<2, Int>, Tensor<1, Int>, Tensor<1, Int>) {
    let logits = floats([batch, 5, 3, 4], batch, -2.0, 2.0);
    (logits, ints([batch, 2], batch, 1, 4), ints([batch], batch, 3, 6), ints([batch], batch + 1, 1, 3))
}

#[test]
fn transducer_loss_of_a_fixed_batch() {
    let (logits, targets, steps, labels) = transducer(3);
    let exporter = Exporter::new()
        .input("logits", logits, [""; 4])
        .input("targets", targets, [""; 2])
        .input("steps", steps, [""])
        .input("labels", labels, [""]);
    let loss = RNNTLossConfig::new().init();
    check_within(SUMS, &loss, exporter, vec![transducer(3)], |m, (logits, targets, steps, labels)| {
        m.forward(logits, targets, steps, labels)
    });
}

#[test]
fn transducer_loss_of_an_open_batch() {
    let (logits, targets, steps, labels) = transducer(1);
    let exporter = Exporter::new()
        .input("logits", logits, ["batch", "", "", ""])
        .input("targets", targets, ["batch", ""])
        .input("steps", steps, ["batch"])
        .input("labels", labels, ["batch"]);
    let loss = RNNTLossConfig::new().init();
    let cases = [1, 3, 8].map(transducer).to_vec();
    check_within(SUMS, &loss, exporter, cases, |m, (logits, targets, steps, labels)| {
        m.forward(logits, targets, steps, labels)
    });
}

#[test]
fn a_loss_that_looks_at_its_targets_is_refused() {
    let loss = PoissonNllLossConfig::new().init();
    let x = floats([2, 3], 0, 0.1, 1.0);
    let exporter = Exporter::new().input("a", x.clone(), ["batch", ""]).input("b", x, ["batch", ""]);
    let error = exporter.export(&loss, |m, (a, b): (Tensor<2>, Tensor<2>)| m.forward(a, b, Reduction::Mean));
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Forward { .. }), "{error}");
}

/// burn composes it of other operations, step by step over a fixed length.
#[test]
fn temporal_classification_over_a_fixed_length() {
    let loss = CTCLossConfig::new().init();
    let case = |batch| {
        let scores = burn::tensor::activation::log_softmax(floats([6, batch, 4], batch, -3.0, 3.0), 2);
        let labels = ints([batch, 2], batch, 1, 4);
        (scores, labels, ints([batch], batch, 5, 7), ints([batch], batch + 1, 1, 3))
    };
    let (scores, targets, steps, labels) = case(2);
    let exporter = Exporter::new()
        .input("scores", scores, ["", "batch", ""])
        .input("targets", targets, ["batch", ""])
        .input("steps", steps, ["batch"])
        .input("labels", labels, ["batch"]);
    check_within(SUMS, &loss, exporter, [1, 3, 8].map(case).to_vec(), |m, (scores, targets, steps, labels)| {
        m.forward(scores, targets, steps, labels)
    });
}
