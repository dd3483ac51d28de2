//! Exports with names of inputs, of outputs returned by the forward function, and of the graph; with metadata, and with the
//! weights in a separate file beside the model.
//!
//! `cargo run --release --example names -- FOLDER`
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::PathBuf;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Tensor};
use burn_onnx_export::{AnyTensor, Exporter};

#[derive(Module, Debug)]
struct Heads {
    body: Linear,
    grade: Linear,
    survival: Option<Linear>,
}

impl Heads {
    /// Returns one named output for each head.
    fn forward(&self, features: Tensor<2>) -> Vec<(String, AnyTensor)> {
        let x = relu(self.body.forward(features));
        let mut outputs = vec![("grade".to_owned(), AnyTensor::from(softmax(self.grade.forward(x.clone()), 1)))];
        if let Some(survival) = &self.survival {
            outputs.push(("survival".to_owned(), AnyTensor::from(survival.forward(x).squeeze_dim::<1>(1))));
        }
        outputs
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    let device = Device::flex();
    let module = Heads {
        body: LinearConfig::new(64, 32).init(&device),
        grade: LinearConfig::new(32, 3).init(&device),
        survival: Some(LinearConfig::new(32, 1).init(&device)),
    };
    let model = Exporter::new()
        .input("features", Tensor::<2>::zeros([1, 64], &device), ["patients", ""])
        .describe("heads", "Grade and survival from 64 features")
        .metadata("classes", "low,middle,high")
        .export(&module, |module, features| module.forward(features))?;
    let weights = model.save_external(folder.join("heads.onnx"))?;
    println!("heads.onnx and {weights}: outputs {:?}, weights {:?}", model.outputs(), model.initializers());
    Ok(())
}
