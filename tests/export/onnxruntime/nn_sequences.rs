//! Attention, transformers and recurrent layers of `burn::nn`, with their masks, states and options.

use burn::module::{Initializer, Module};
use burn::nn::activation::{ActivationConfig, HardSigmoidConfig, PReluConfig};
use burn::nn::attention::{
    CrossAttentionCache, CrossAttentionConfig, MhaCache, MhaInput, MultiHeadAttention, MultiHeadAttentionConfig,
    generate_autoregressive_mask,
};
use burn::nn::transformer::{
    PositionWiseFeedForwardConfig, TransformerDecoder, TransformerDecoderConfig, TransformerDecoderInput,
    TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput,
};
use burn::nn::{
    BiGruConfig, BiLstmConfig, BiRnnConfig, GateController, GruConfig, Lstm, LstmConfig, LstmState, RnnConfig, RnnState,
};
use burn::tensor::{Bool, Tensor};
use burn_onnx_export::{Error, Exporter};

use crate::generate::floats;
use crate::nn_layers::{SUMS, layer, layer_at, sequences, shaken};
use crate::support::{check_within, device};

/// A mask with some true elements, fewer than half.
fn flags<const D: usize>(shape: [usize; D], seed: usize) -> Tensor<D, Bool> {
    floats(shape, seed, -1.0, 0.6).greater_elem(0.0)
}

fn attention_layer() -> MultiHeadAttention {
    shaken(MultiHeadAttentionConfig::new(8, 2).init(&device()))
}

#[test]
fn attention_gives_context_and_weights_over_an_open_length() {
    sequences(&attention_layer(), 8, |m, x| {
        let output = m.forward(MhaInput::self_attn(x));
        (output.context, output.weights)
    });
}

#[test]
fn attention_takes_both_masks() {
    let inputs = |(batch, time): (usize, usize)| {
        (
            floats([batch, time, 8], batch + time, -1.0, 1.0),
            flags([batch, time], batch),
            flags([batch, time, time], batch + 1),
        )
    };
    let (x, pad, mask) = inputs((1, 5));
    let exporter = Exporter::new().input("x", x, ["batch", "time", ""]).input("pad", pad, ["batch", "time"]).input(
        "mask",
        mask,
        ["batch", "time", "time"],
    );
    let cases = [(1, 5), (3, 7), (8, 2)].map(inputs).to_vec();
    for quiet in [true, false] {
        let config = MultiHeadAttentionConfig::new(8, 2).with_quiet_softmax(quiet).with_min_float(-1e3);
        let module = shaken(config.init(&device()));
        check_within(SUMS, &module, exporter.clone(), cases.clone(), |m, (x, pad, mask)| {
            let both = m.forward(MhaInput::self_attn(x.clone()).mask_pad(pad.clone()).mask_attn(mask.clone())).context;
            let padded = m.forward(MhaInput::self_attn(x.clone()).mask_pad(pad)).context;
            (both, padded, m.forward(MhaInput::self_attn(x).mask_attn(mask)).context)
        });
    }
}

#[test]
fn attention_without_biases_between_two_sequences() {
    let config = MultiHeadAttentionConfig::new(8, 4)
        .with_query_bias(false)
        .with_key_bias(false)
        .with_value_bias(false)
        .with_output_bias(false);
    let inputs = |batch: usize| (floats([batch, 3, 8], batch, -1.0, 1.0), floats([batch, 6, 8], batch + 1, -1.0, 1.0));
    let (query, memory) = inputs(1);
    let axes = ["batch", "", ""];
    let exporter = Exporter::new().input("query", query, axes).input("memory", memory, axes);
    check_within(SUMS, &config.init(&device()), exporter, [1, 3, 8].map(inputs).to_vec(), |m, (query, memory)| {
        m.forward(MhaInput::new(query, memory.clone(), memory.tanh())).context
    });
}

#[test]
fn causal_attention_of_a_fixed_length() {
    layer(&attention_layer(), [1, 6, 8], |m, x| {
        let [batch, time, _] = x.dims();
        // burn's masks are true for hidden keys.
        let future = generate_autoregressive_mask(batch, time, &x.device());
        m.forward(MhaInput::self_attn(x).mask_attn(future)).context
    });
}

#[test]
fn causal_attention_of_an_open_length() {
    sequences(&attention_layer(), 8, |m, x| {
        let [batch, time, _] = x.dims();
        let future = generate_autoregressive_mask(batch, time, &x.device());
        m.forward(MhaInput::self_attn(x).mask_attn(future)).context
    });
}

#[test]
fn attention_with_a_cache_over_several_steps() {
    layer(&attention_layer(), [1, 4, 8], |m, x| {
        let mut cache = MhaCache::autoregressive();
        let mut last = x.clone();
        for length in 1..=4 {
            let seen = x.clone().narrow(1, 0, length);
            last = m.forward_cache(MhaInput::self_attn(seen), &mut cache).context;
        }
        last
    });
}

#[test]
fn cross_attention_with_shared_heads_and_a_mask() {
    let inputs = |batch: usize| {
        (
            floats([batch, 3, 8], batch, -1.0, 1.0),
            floats([batch, 5, 6], batch + 1, -1.0, 1.0),
            flags([batch, 5], batch + 2),
        )
    };
    let (query, context, mask) = inputs(1);
    let exporter = Exporter::new()
        .input("query", query, ["batch", "", ""])
        .input("context", context, ["batch", "", ""])
        .input("mask", mask, ["batch", ""]);
    let cases = [1, 3, 8].map(inputs).to_vec();
    for (shared, quiet) in [(4, false), (2, true), (1, false)] {
        let config = CrossAttentionConfig::new(8, 6, 4, shared, 3).with_quiet_softmax(quiet);
        let module = shaken(config.init(&device()));
        check_within(SUMS, &module, exporter.clone(), cases.clone(), |m, (query, context, mask)| {
            let mut cache = CrossAttentionCache::new();
            let cached = m.forward_cache(query.clone(), context.clone(), None, &mut cache);
            let again = m.forward_cache(query.clone(), context.clone(), Some(mask.clone()), &mut cache);
            (m.forward(query.clone(), context.clone(), Some(mask)), m.forward(query, context, None), cached, again)
        });
    }
}

#[test]
fn feed_forward_layers_take_any_activation() {
    let activations =
        [ActivationConfig::Gelu, ActivationConfig::Relu, ActivationConfig::Tanh, ActivationConfig::GeluApproximate];
    for activation in activations {
        let config = PositionWiseFeedForwardConfig::new(6, 10).with_activation(activation);
        layer(&shaken(config.init(&device())), [1, 3, 6], |m, x| m.forward(x));
    }
}

/// burn skips the activation of these layers when it moves a module to another device, so the slopes of a PReLU stay on
/// the old one. The export must fail without a panic.
#[test]
fn parameters_that_burn_leaves_behind_are_an_error() {
    let slopes = ActivationConfig::PRelu(PReluConfig::new());
    let module = PositionWiseFeedForwardConfig::new(6, 10).with_activation(slopes).init(&device());
    let exporter = Exporter::new().input("x", floats([1, 6], 0, -1.0, 1.0), ["batch", ""]);
    assert!(exporter.export(&module, |m, x: Tensor<2>| m.forward(x)).is_err());
}

fn encoder(first: bool, quiet: bool) -> TransformerEncoder {
    let config = TransformerEncoderConfig::new(8, 12, 2, 2).with_norm_first(first).with_quiet_softmax(quiet);
    shaken(config.with_activation(ActivationConfig::Relu).with_layer_norm_eps(1e-3).init(&device()))
}

#[test]
fn transformer_encoders_take_both_masks() {
    let inputs = |(batch, time): (usize, usize)| {
        (
            floats([batch, time, 8], batch + time, -1.0, 1.0),
            flags([batch, time], batch),
            flags([batch, time, time], batch + 1),
        )
    };
    let (x, pad, mask) = inputs((1, 5));
    let exporter = Exporter::new().input("x", x, ["batch", "time", ""]).input("pad", pad, ["batch", "time"]).input(
        "mask",
        mask,
        ["batch", "time", "time"],
    );
    let cases = [(1, 5), (3, 7), (8, 2)].map(inputs).to_vec();
    for (first, quiet) in [(true, true), (false, false)] {
        check_within(SUMS, &encoder(first, quiet), exporter.clone(), cases.clone(), |m, (x, pad, mask)| {
            m.forward(TransformerEncoderInput::new(x).mask_pad(pad).mask_attn(mask))
        });
    }
}

#[test]
fn transformer_encoders_decode_with_a_cache() {
    for first in [true, false] {
        layer(&encoder(first, false), [1, 3, 8], |m, x| {
            let mut cache = m.new_autoregressive_cache();
            let mut last = x.clone();
            for length in 1..=3 {
                let seen = TransformerEncoderInput::new(x.clone().narrow(1, 0, length));
                last = m.forward_autoregressive_inference(seen, &mut cache);
            }
            last
        });
    }
}

fn decoder(first: bool) -> TransformerDecoder {
    let config = TransformerDecoderConfig::new(8, 12, 2, 2).with_norm_first(first).with_quiet_softmax(!first);
    shaken(config.with_layer_norm_eps(1e-3).init(&device()))
}

#[test]
fn transformer_decoders_take_all_four_masks() {
    let inputs = |(batch, time, memory): (usize, usize, usize)| {
        (
            floats([batch, time, 8], batch + time, -1.0, 1.0),
            floats([batch, memory, 8], batch + memory, -1.0, 1.0),
            flags([batch, time], batch),
            flags([batch, time, time], batch + 1),
            flags([batch, memory], batch + 2),
            flags([batch, time, memory], batch + 3),
        )
    };
    let (target, memory, pad, mask, memory_pad, memory_mask) = inputs((1, 4, 5));
    let exporter = Exporter::new()
        .input("target", target, ["batch", "time", ""])
        .input("memory", memory, ["batch", "memory_time", ""])
        .input("pad", pad, ["batch", "time"])
        .input("mask", mask, ["batch", "time", "time"])
        .input("memory_pad", memory_pad, ["batch", "memory_time"])
        .input("memory_mask", memory_mask, ["batch", "time", "memory_time"]);
    let cases = [(1, 4, 5), (3, 2, 7), (8, 6, 3)].map(inputs).to_vec();
    for first in [true, false] {
        check_within(
            SUMS,
            &decoder(first),
            exporter.clone(),
            cases.clone(),
            |m, (target, memory, pad, mask, memory_pad, memory_mask)| {
                let input = TransformerDecoderInput::new(target, memory)
                    .target_mask_pad(pad)
                    .target_mask_attn(mask)
                    .memory_mask_pad(memory_pad)
                    .memory_mask_attn(memory_mask);
                m.forward(input)
            },
        );
    }
}

#[test]
fn transformer_decoders_decode_with_a_cache() {
    let inputs = |batch: usize| (floats([batch, 3, 8], batch, -1.0, 1.0), floats([batch, 5, 8], batch + 1, -1.0, 1.0));
    let (target, memory) = inputs(1);
    let axes = ["batch", "", ""];
    let exporter = Exporter::new().input("target", target, axes).input("memory", memory, axes);
    for first in [true, false] {
        let cases = [1, 3, 8].map(inputs).to_vec();
        check_within(SUMS, &decoder(first), exporter.clone(), cases, |m, (target, memory)| {
            let mut cache = m.new_autoregressive_cache();
            let mut last = target.clone();
            for length in 1..=3 {
                let input = TransformerDecoderInput::new(target.clone().narrow(1, 0, length), memory.clone());
                last = m.forward_autoregressive_inference(input, &mut cache);
            }
            last
        });
    }
}

#[test]
fn plain_recurrence_takes_every_option() {
    let device = device();
    let options = [
        RnnConfig::new(6, 5, true),
        RnnConfig::new(6, 5, false).with_reverse(true),
        RnnConfig::new(6, 5, true).with_clip(Some(0.3)).with_hidden_activation(ActivationConfig::Relu),
    ];
    for config in options {
        let rnn = shaken(config.init(&device));
        layer(&rnn, [1, 7, 6], |m, x| {
            let (output, state) = m.forward(x, None);
            (output, state.hidden)
        });
    }
    let late = shaken(RnnConfig::new(6, 5, true).with_batch_first(false).init(&device));
    layer_at(1, (-1.0, 1.0), &late, [7, 1, 6], |m, x| m.forward(x, None).0);
}

#[test]
fn plain_recurrence_in_both_directions_from_a_state() {
    let inputs = |batch: usize| (floats([batch, 4, 6], batch, -1.0, 1.0), floats([2, batch, 5], batch + 1, -1.0, 1.0));
    let (x, state) = inputs(1);
    let exporter = Exporter::new().input("x", x, ["batch", "", ""]).input("state", state, ["", "batch", ""]);
    let rnn = shaken(BiRnnConfig::new(6, 5, true).init(&device()));
    check_within(SUMS, &rnn, exporter, [1, 3, 8].map(inputs).to_vec(), |m, (x, state)| {
        let (output, state) = m.forward(x, Some(RnnState::new(state)));
        (output, state.hidden)
    });
}

#[test]
fn lstm_takes_every_option() {
    let device = device();
    let options = [
        LstmConfig::new(6, 5, true),
        LstmConfig::new(6, 5, false).with_reverse(true),
        LstmConfig::new(6, 5, true).with_clip(Some(0.2)).with_input_forget(true),
        LstmConfig::new(6, 5, true)
            .with_gate_activation(ActivationConfig::HardSigmoid(HardSigmoidConfig::new()))
            .with_cell_activation(ActivationConfig::Relu)
            .with_hidden_activation(ActivationConfig::Softsign),
    ];
    for config in options {
        let lstm = shaken(config.init(&device));
        layer(&lstm, [1, 7, 6], |m, x| {
            let (output, state) = m.forward(x, None);
            (output, state.cell, state.hidden)
        });
    }
    let late = shaken(LstmConfig::new(6, 5, true).with_batch_first(false).with_reverse(true).init(&device));
    layer_at(1, (-1.0, 1.0), &late, [7, 1, 6], |m, x| m.forward(x, None).0);
}

#[test]
fn lstm_goes_on_from_a_state() {
    let inputs = |batch: usize| {
        (
            floats([batch, 4, 6], batch, -1.0, 1.0),
            floats([batch, 5], batch + 1, -1.0, 1.0),
            floats([batch, 5], batch + 2, -1.0, 1.0),
        )
    };
    let (x, cell, hidden) = inputs(1);
    let exporter = Exporter::new().input("x", x, ["batch", "", ""]).input("cell", cell, ["batch", ""]).input(
        "hidden",
        hidden,
        ["batch", ""],
    );
    let lstm = shaken(LstmConfig::new(6, 5, true).init(&device()));
    check_within(SUMS, &lstm, exporter, [1, 3, 8].map(inputs).to_vec(), |m, (x, cell, hidden)| {
        let (output, state) = m.forward(x, Some(LstmState::new(cell, hidden)));
        (output, state.cell, state.hidden)
    });
}

#[test]
fn lstm_in_both_directions() {
    let device = device();
    let coupled = shaken(BiLstmConfig::new(6, 5, true).with_input_forget(true).with_clip(Some(0.4)).init(&device));
    layer(&coupled, [1, 4, 6], |m, x| {
        let (output, state) = m.forward(x, None);
        (output, state.cell, state.hidden)
    });
    let late = shaken(BiLstmConfig::new(6, 5, false).with_batch_first(false).init(&device));
    layer_at(1, (-1.0, 1.0), &late, [4, 1, 6], |m, x| {
        let [_, batch, _] = x.dims();
        let zero = Tensor::<3>::zeros([2, batch, 5], &x.device());
        m.forward(x, Some(LstmState::new(zero.clone(), zero + 0.5))).0
    });
}

#[test]
fn gru_takes_every_option() {
    let device = device();
    let options = [
        GruConfig::new(6, 5, true),
        GruConfig::new(6, 5, true).with_reset_after(false),
        GruConfig::new(6, 5, false).with_clip(Some(0.3)),
        GruConfig::new(6, 5, true)
            .with_gate_activation(ActivationConfig::HardSigmoid(HardSigmoidConfig::new()))
            .with_hidden_activation(ActivationConfig::Softsign),
    ];
    for config in options {
        let gru = shaken(config.init(&device));
        layer(&gru, [1, 7, 6], |m, x| {
            let [batch, ..] = x.dims();
            let state = Tensor::<2>::full([batch, 5], 0.25, &x.device());
            (m.forward(x.clone(), None), m.forward(x, Some(state)))
        });
    }
}

#[test]
fn gru_in_both_directions() {
    let device = device();
    let gru = shaken(BiGruConfig::new(6, 5, true).with_reset_after(false).init(&device));
    layer(&gru, [1, 4, 6], |m, x| m.forward(x, None));
    let late = shaken(BiGruConfig::new(6, 5, true).with_batch_first(false).init(&device));
    layer_at(1, (-1.0, 1.0), &late, [4, 1, 6], |m, x| m.forward(x, None));
}

#[test]
fn gates_join_input_and_state() {
    let initializer = Initializer::XavierNormal { gain: 1.0 };
    let gate = shaken(GateController::new(6, 5, true, initializer, &device()));
    let inputs = |batch: usize| (floats([batch, 6], batch, -1.0, 1.0), floats([batch, 5], batch + 1, -1.0, 1.0));
    let (input, hidden) = inputs(1);
    let axes = ["batch", ""];
    let exporter = Exporter::new().input("input", input, axes).input("hidden", hidden, axes);
    check_within(SUMS, &gate, exporter, [1, 3, 8].map(inputs).to_vec(), |m, (input, hidden)| {
        m.gate_product(input, hidden)
    });
}

#[derive(Module, Debug)]
struct Layers {
    layers: Vec<Lstm>,
}

#[test]
fn stacked_recurrence_hands_on_what_it_heard() {
    let layers = vec![LstmConfig::new(6, 5, true).init(&device()), LstmConfig::new(5, 4, true).init(&device())];
    layer(&Layers { layers }, [1, 5, 6], |m, x| {
        let mut states = Vec::new();
        let mut x = x;
        for lstm in &m.layers {
            let (output, state) = lstm.forward(x, None);
            states.push(state.hidden);
            x = output;
        }
        (x, Tensor::cat(states, 1))
    });
}

/// burn unrolls the steps, so another length is another graph.
#[test]
fn recurrence_over_an_open_length_is_refused() {
    let lstm = LstmConfig::new(6, 5, true).init(&device());
    let exporter = Exporter::new().input("x", floats([1, 4, 6], 0, -1.0, 1.0), ["batch", "time", ""]);
    let error = exporter.export(&lstm, |m, x: Tensor<3>| m.forward(x, None).0).unwrap_err();
    assert!(matches!(error, Error::Unstable { .. }), "{error}");
}
