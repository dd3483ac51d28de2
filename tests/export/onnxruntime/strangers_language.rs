//! Language models: generation with and without a cache, masks, positions, autoregressive decoders.

use burn::module::{Initializer, Module, Param};
use burn::nn::attention::{
    CrossAttention, CrossAttentionConfig, MhaInput, MultiHeadAttention, MultiHeadAttentionConfig,
};
use burn::nn::{
    BiLstm, BiLstmConfig, Embedding, EmbeddingConfig, GateController, Gru, GruConfig, LayerNorm, LayerNormConfig,
    Linear, LinearConfig, RmsNorm, RmsNormConfig, RotaryEncoding, RotaryEncodingConfig, SwiGlu, SwiGluConfig,
};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Bool, Device, IndexingUpdateOp, Int, Tensor, s};
use burn_onnx_export::Exporter;

use crate::generate::{floats, ints, nothing};
use crate::nn_layers::{SUMS, layer, sequences, shaken};
use crate::support::{check_within, device};

fn dense(from: usize, to: usize, device: &Device) -> Linear {
    LinearConfig::new(from, to).init(device)
}

#[derive(Module, Debug)]
struct Perceiver {
    queries: Param<Tensor<3>>,
    read: CrossAttention,
    think: MultiHeadAttention,
    norms: Vec<LayerNorm>,
    head: Linear,
}

#[test]
fn learnt_queries_read_inputs_of_any_length() {
    let device = device();
    let module = Perceiver {
        queries: Initializer::Normal { mean: 0.0, std: 1.0 }.init([1, 4, 8], &device),
        read: CrossAttentionConfig::new(8, 6, 2, 1, 4).init(&device),
        think: MultiHeadAttentionConfig::new(8, 2).init(&device),
        norms: (0..2).map(|_| LayerNormConfig::new(8).init(&device)).collect(),
        head: dense(8, 3, &device),
    };
    sequences(&shaken(module), 6, |m, x| {
        let [batch, ..] = x.dims();
        let mut latent = m.queries.val().repeat_dim(0, batch);
        for norm in &m.norms {
            latent = latent.clone() + m.read.forward(norm.forward(latent), x.clone(), None);
            latent = latent.clone() + m.think.forward(MhaInput::self_attn(latent)).context;
        }
        (m.head.forward(latent.clone().mean_dim(1).squeeze_dim::<2>(1)), latent)
    });
}

#[derive(Module, Debug)]
struct GptBlock {
    norms: (LayerNorm, LayerNorm),
    qkv: Linear,
    out: Linear,
    mlp: (Linear, Linear),
}

impl GptBlock {
    fn new(device: &Device) -> Self {
        let norm = || LayerNormConfig::new(8).with_bias(false).init(device);
        Self {
            norms: (norm(), norm()),
            qkv: LinearConfig::new(8, 24).with_bias(false).init(device),
            out: dense(8, 8, device),
            mlp: (dense(8, 16, device), dense(16, 8, device)),
        }
    }

    /// Two heads of four features: `[batch, heads, time, features]` of queries, keys and values.
    fn split(&self, x: Tensor<3>) -> [Tensor<4>; 3] {
        let [batch, time, _] = x.dims();
        let qkv = self.qkv.forward(self.norms.0.forward(x)).chunk(3, 2);
        let heads = qkv.into_iter().map(|part| part.reshape([batch, time, 2, 4]).swap_dims(1, 2));
        heads.collect::<Vec<_>>().try_into().unwrap()
    }

    fn join(&self, x: Tensor<3>, read: Tensor<4>) -> Tensor<3> {
        let x = x.clone() + self.out.forward(read.swap_dims(1, 2).flatten::<3>(2, 3));
        x.clone() + self.mlp.1.forward(gelu(self.mlp.0.forward(self.norms.1.forward(x))))
    }
}

#[derive(Module, Debug)]
struct Gpt {
    words: Embedding,
    places: Embedding,
    blocks: Vec<GptBlock>,
    norm: LayerNorm,
}

impl Gpt {
    fn new(device: &Device) -> Self {
        Self {
            words: EmbeddingConfig::new(11, 8).init(device),
            places: EmbeddingConfig::new(16, 8).init(device),
            blocks: (0..2).map(|_| GptBlock::new(device)).collect(),
            norm: LayerNormConfig::new(8).init(device),
        }
    }

    /// Scores of the next word by the embedding table.
    fn logits(&self, x: Tensor<3>) -> Tensor<3> {
        self.norm.forward(x).matmul(self.words.weight.val().transpose().unsqueeze::<3>())
    }
}

#[test]
fn language_models_with_a_causal_mask_and_tied_words() {
    let module = shaken(Gpt::new(&device()));
    let input = |batch: usize| ints([batch, 6], batch, 0, 11);
    let exporter = Exporter::new().input("tokens", input(1), ["batch", ""]).outputs(["logits", "next"]);
    check_within(SUMS, &module, exporter, [1, 3, 8].map(input).to_vec(), |m, tokens| {
        let [batch, time] = tokens.dims();
        let device = tokens.device();
        let places = Tensor::<1, Int>::arange(0..time as i64, &device).unsqueeze::<2>();
        let future = Tensor::<2, Bool>::tril_mask([time, time], 0, &device).unsqueeze::<4>();
        let mut x = m.words.forward(tokens) + m.places.forward(places);
        for block in &m.blocks {
            let [query, key, value] = block.split(x.clone());
            let scores = query.matmul(key.transpose()) / 2.0;
            let hidden = future.clone().expand([batch, 2, time, time]);
            let read = softmax(scores.mask_fill(hidden, f32::NEG_INFINITY), 3).matmul(value);
            x = block.join(x, read);
        }
        let logits = m.logits(x);
        let next = logits.clone().slice(s![.., -1, ..]).argmax(2).squeeze_dims::<1>(&[1, 2]);
        (logits, next)
    });
}

/// One step of generation with a cache, which is an input and, one word longer, an output.
#[test]
fn language_models_go_on_from_what_they_have_read() {
    let module = shaken(Gpt::new(&device()));
    let inputs = |(batch, past): (usize, usize)| {
        (
            ints([batch, 1], batch, 0, 11),
            ints([batch, 1], batch + 1, 0, 16),
            floats([2, batch, 2, past, 4], batch, -1.0, 1.0),
            floats([2, batch, 2, past, 4], past, -1.0, 1.0),
        )
    };
    let (token, place, keys, values) = inputs((1, 3));
    let past = ["", "batch", "", "past", ""];
    let exporter = Exporter::new()
        .input("token", token, ["batch", ""])
        .input("place", place, ["batch", ""])
        .input("keys", keys, past)
        .input("values", values, past);
    let cases = [(1, 3), (3, 7), (8, 2)].map(inputs).to_vec();
    check_within(SUMS, &module, exporter, cases, |m, (token, place, keys, values)| {
        let mut x = m.words.forward(token) + m.places.forward(place);
        let mut seen = (Vec::new(), Vec::new());
        for (at, block) in m.blocks.iter().enumerate() {
            let [query, key, value] = block.split(x.clone());
            let key = Tensor::cat(vec![keys.clone().select_dim::<4>(0, at), key], 2);
            let value = Tensor::cat(vec![values.clone().select_dim::<4>(0, at), value], 2);
            let read = attention(query, key.clone(), value.clone(), None, None, AttentionModuleOptions::default());
            x = block.join(x, read);
            seen.0.push(key);
            seen.1.push(value);
        }
        (m.logits(x), Tensor::stack::<5>(seen.0, 0), Tensor::stack::<5>(seen.1, 0))
    });
}

#[derive(Module, Debug)]
struct Llama {
    norm: RmsNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    turns: RotaryEncoding,
    out: Linear,
    gated: SwiGlu,
    down: Linear,
}

#[test]
fn grouped_heads_turn_with_their_place_over_an_open_length() {
    let device = device();
    let bare = |from: usize, to: usize| LinearConfig::new(from, to).with_bias(false).init(&device);
    let module = Llama {
        norm: RmsNormConfig::new(8).init(&device),
        query: bare(8, 16),
        key: bare(8, 8),
        value: bare(8, 8),
        turns: RotaryEncodingConfig::new(32, 4).init(&device),
        out: bare(16, 8),
        gated: SwiGluConfig::new(8, 12).init(&device),
        down: bare(12, 8),
    };
    sequences(&shaken(module), 8, |m, x| {
        let [batch, time, _] = x.dims();
        let y = m.norm.forward(x.clone());
        let heads = |x: Tensor<3>, heads: usize| x.reshape([batch, time, heads, 4]).swap_dims(1, 2);
        let shared = |x: Tensor<3>| {
            let x = heads(x, 2).unsqueeze_dim::<5>(2).expand([batch, 2, 2, time, 4]);
            x.reshape([batch, 4, time, 4])
        };
        let query = m.turns.forward(heads(m.query.forward(y.clone()), 4));
        let key = m.turns.forward(shared(m.key.forward(y.clone())));
        let options = AttentionModuleOptions { scale: Some(0.4), softcap: Some(5.0), is_causal: true };
        let read = attention(query, key, shared(m.value.forward(y)), None, None, options);
        let x = x + m.out.forward(read.swap_dims(1, 2).reshape([batch, time, 16]));
        x.clone() + m.down.forward(m.gated.forward(m.norm.forward(x)))
    });
}

#[derive(Module, Debug)]
struct Tagger {
    words: Embedding,
    read: BiLstm,
    tag: Linear,
}

#[test]
fn taggers_read_both_ways_and_skip_padding() {
    let device = device();
    let module = Tagger {
        words: EmbeddingConfig::new(11, 6).init(&device),
        read: BiLstmConfig::new(6, 5, true).init(&device),
        tag: dense(10, 4, &device),
    };
    let input = |batch: usize| ints([batch, 5], batch, 0, 11);
    let exporter = Exporter::new().input("tokens", input(1), ["batch", ""]);
    check_within(SUMS, &shaken(module), exporter, [1, 3, 8].map(input).to_vec(), |m, tokens| {
        let padding = tokens.clone().equal_elem(0);
        let (read, state) = m.read.forward(m.words.forward(tokens), None);
        let tags = softmax(m.tag.forward(read), 2);
        let labels = tags.clone().argmax(2).squeeze_dim::<2>(2).mask_fill(padding.clone(), -1);
        (tags, labels, state.hidden, padding.bool_not().int().sum_dim(1))
    });
}

#[derive(Module, Debug)]
struct Writer {
    words: Embedding,
    cell: GateController,
    read: Gru,
    out: Linear,
}

#[test]
fn decoders_feed_themselves_with_their_best_word() {
    let device = device();
    let module = Writer {
        words: EmbeddingConfig::new(7, 6).init(&device),
        cell: GateController::new(6, 5, true, Initializer::XavierNormal { gain: 1.0 }, &device),
        read: GruConfig::new(6, 5, true).init(&device),
        out: dense(5, 7, &device),
    };
    let input = |batch: usize| ints([batch, 4], batch, 0, 7);
    let exporter = Exporter::new().input("tokens", input(1), ["batch", ""]).outputs(["written", "scores"]);
    check_within(SUMS, &module, exporter, [1, 3, 8].map(input).to_vec(), |m, tokens| {
        let read = m.read.forward(m.words.forward(tokens.clone()), None);
        let mut state = read.slice_dim(1, -1).squeeze_dim::<2>(1);
        let mut word = tokens.zeros_like().narrow(1, 0, 1);
        let (mut written, mut scores) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let seen = m.words.forward(word).squeeze_dim::<2>(1);
            state = m.cell.gate_product(seen, state).tanh();
            let score = m.out.forward(state.clone());
            word = score.clone().argmax(1);
            written.push(word.clone());
            scores.push(score);
        }
        (Tensor::cat(written, 1), Tensor::stack::<3>(scores, 1))
    });
}

#[test]
fn recognised_letters_are_read_off() {
    layer(&nothing(), [1, 8, 5], |_, scores| {
        let [batch, time, _] = scores.dims();
        let (sure, best) = scores.max_dim_with_indices(2);
        let (sure, best) = (sure.squeeze_dim::<2>(2), best.squeeze_dim::<2>(2));
        // A letter counts if it is not blank and differs from the one before.
        let before =
            Tensor::cat(vec![best.clone().narrow(1, 0, 1).zeros_like() - 1, best.clone().narrow(1, 0, time - 1)], 1);
        let kept = best.clone().not_equal(before).bool_and(best.clone().greater_elem(0));
        let places = kept.clone().int().cumsum(1) - 1;
        let hidden = kept.clone().bool_not();
        // Letters move to the front; the others go to a place after the last, which is cut off.
        let places = places.mask_fill(hidden, time as i64);
        let blank = Tensor::<2, Int>::zeros([batch, time + 1], &best.device());
        let text = blank.scatter(1, places, best, IndexingUpdateOp::Add).narrow(1, 0, time);
        (kept.int().sum_dim(1), sure.mean_dim(1), text.slice(s![.., 0..4]))
    });
}

#[derive(Module, Debug)]
struct Distance {
    query: Linear,
    key: Linear,
    slopes: Tensor<1>,
    near: Param<Tensor<2>>,
}

#[test]
fn attention_fades_with_the_distance() {
    let device = device();
    let module = Distance {
        query: dense(6, 8, &device),
        key: dense(6, 8, &device),
        slopes: Tensor::from_floats([0.5, 0.25], &device),
        near: Initializer::Normal { mean: 0.0, std: 1.0 }.init([5, 2], &device),
    };
    layer(&module, [1, 6, 6], |m, x| {
        let [batch, time, _] = x.dims();
        let device = x.device();
        let places = Tensor::<1, Int>::arange(0..time as i64, &device);
        let apart = places.clone().unsqueeze_dim::<2>(0) - places.unsqueeze_dim::<2>(1);
        let fading = apart.clone().abs().float().unsqueeze::<3>() * m.slopes.clone().reshape([2, 1, 1]) * -1.0;
        // Learnt biases of near neighbours; all farther ones share the outermost bias.
        let bucket = (apart.clone().clamp(-2, 2) + 2).reshape([time * time]);
        let near = m.near.val().select(0, bucket).reshape([time, time, 2]).permute([2, 0, 1]);
        let heads = |x: Tensor<3>| x.reshape([batch, time, 2, 4]).swap_dims(1, 2);
        let scores = heads(m.query.forward(x.clone())).matmul(heads(m.key.forward(x.clone())).transpose());
        let scores = scores + (fading + near).unsqueeze::<4>();
        let hidden = apart.greater_elem(0).unsqueeze::<4>().expand([batch, 2, time, time]);
        let weights = softmax(scores.mask_fill(hidden, -1e9), 3);
        weights.matmul(x.unsqueeze_dim::<4>(1).expand([batch, 2, time, 6])).mean_dim(1).squeeze_dim::<3>(1)
    });
}
