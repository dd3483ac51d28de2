//! Exports an LSTM over sequences of a fixed length. Recording unrolls the recurrence, so the length cannot be symbolic.
//!
//! `cargo run --release --example lstm -- lstm.onnx`
#![allow(clippy::print_stdout)]

use std::error::Error;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig, Lstm, LstmConfig};
use burn::tensor::{Device, Tensor};
use burn_onnx_export::Exporter;

#[derive(Module, Debug)]
struct Forecast {
    lstm: Lstm,
    head: Linear,
}

impl Forecast {
    fn new(device: &Device) -> Self {
        Self { lstm: LstmConfig::new(4, 16, true).init(device), head: LinearConfig::new(16, 1).init(device) }
    }

    /// `[batch, 12, 4]` measurements to the `[batch, 1]` next value.
    fn forward(&self, series: Tensor<3>) -> Tensor<2> {
        let (_, state) = self.lstm.forward(series, None);
        self.head.forward(state.hidden)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "lstm.onnx".to_owned());
    let device = Device::flex();
    let model = Exporter::new()
        .input("series", Tensor::<3>::zeros([1, 12, 4], &device), ["batch", "", ""])
        .outputs(["next"])
        .export(&Forecast::new(&device), |module, series| module.forward(series))?;
    model.save(&path)?;
    println!("{path}: {} nodes", model.operators().len());
    Ok(())
}
