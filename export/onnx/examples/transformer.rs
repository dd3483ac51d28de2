//! Exports a transformer encoder whose batch and sequence length are symbolic.
//!
//! `cargo run --release --example transformer -- transformer.onnx`
#![allow(clippy::print_stdout)]

use std::error::Error;

use burn::module::Module;
use burn::nn::transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput};
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor};
use burn_onnx_export::Exporter;

#[derive(Module, Debug)]
struct Tagger {
    embedding: Embedding,
    encoder: TransformerEncoder,
    head: Linear,
}

impl Tagger {
    fn new(device: &Device) -> Self {
        Self {
            embedding: EmbeddingConfig::new(100, 32).init(device),
            encoder: TransformerEncoderConfig::new(32, 64, 4, 2).init(device),
            head: LinearConfig::new(32, 5).init(device),
        }
    }

    /// `[batch, length]` token numbers to `[batch, length, 5]` logits.
    fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        let x = self.embedding.forward(tokens);
        self.head.forward(self.encoder.forward(TransformerEncoderInput::new(x)))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "transformer.onnx".to_owned());
    let device = Device::flex();
    let model = Exporter::new()
        .input("tokens", Tensor::<2, Int>::zeros([1, 7], &device), ["batch", "length"])
        .outputs(["logits"])
        .export(&Tagger::new(&device), |module, tokens| module.forward(tokens))?;
    model.save(&path)?;
    let axes: Vec<_> = model.graph().output[0].dims().into_iter().flatten().map(|dim| dim.dim_param()).collect();
    println!("{path}: {} nodes, symbolic axes of the output {axes:?}", model.operators().len());
    Ok(())
}
