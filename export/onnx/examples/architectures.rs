//! Exports a ResNet-18, a U-Net and a ViT-tiny with random weights, each with a symbolic batch.
//!
//! `cargo run --release --example architectures -- OUT_DIR [--opset N]`
//!
//! writes `resnet18.onnx`, `unet.onnx` and `vit_tiny.onnx`, and prints the number of nodes and the time of each. The
//! weights are seeded, so that two runs write the same files. `benches/pytorch.py` compares them with PyTorch's.
// A program that prints.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "../benches/architectures/mod.rs"]
mod architectures;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use architectures::{ResNet, UNet, Vit, VitConfig};
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use burn_onnx_export::{DEFAULT_OPSET, Exporter, Outputs};

const USAGE: &str = "usage: architectures OUT_DIR [--opset N]";

/// The folder and the options of the files.
struct Target {
    folder: PathBuf,
    opset: i64,
    device: Device,
}

impl Target {
    /// Parses the command line.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut folder, mut opset) = (None, DEFAULT_OPSET);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--opset" => {
                    let number = arguments.next().ok_or("--opset needs a number")?;
                    opset = number.parse().map_err(|_| format!("--opset needs a number, not `{number}`"))?;
                }
                flag if flag.starts_with('-') => return Err(format!("unknown flag `{flag}`")),
                _ if folder.is_some() => {
                    return Err(format!("unexpected argument `{argument}`: the folder is given already"));
                }
                _ => folder = Some(PathBuf::from(argument)),
            }
        }
        Ok(Self { folder: folder.ok_or("OUT_DIR is missing")?, opset, device: Device::flex() })
    }

    /// Exports one module that takes images `[batch, 3, side, side]`.
    fn write<M: Module, O: Outputs>(
        &self,
        name: &str,
        side: usize,
        module: &M,
        forward: impl Fn(&M, Tensor<4>) -> O,
    ) -> burn_onnx_export::Result<()> {
        let started = Instant::now();
        let model = Exporter::new()
            .input("image", Tensor::<4>::zeros([1, 3, side, side], &self.device), ["batch", "", "", ""])
            .outputs(["logits"])
            .opset(self.opset)
            .export(module, forward)?;
        model.save(self.folder.join(format!("{name}.onnx")))?;
        println!("{name}: {} nodes, {:.2} s", model.operators().len(), started.elapsed().as_secs_f64());
        Ok(())
    }

    fn write_all(&self) -> Result<(), Box<dyn Error>> {
        std::fs::create_dir_all(&self.folder).map_err(|error| format!("{}: {error}", self.folder.display()))?;
        let device = &self.device;
        device.seed(0);
        self.write("resnet18", 224, &ResNet::new(1000, 64, device), ResNet::forward)?;
        self.write("unet", 256, &UNet::new([32, 64, 128, 256], device), UNet::forward)?;
        self.write("vit_tiny", 224, &Vit::new(&VitConfig::tiny(), device), Vit::forward)?;
        Ok(())
    }
}

fn main() -> ExitCode {
    let target = match Target::parse(std::env::args().skip(1)) {
        Ok(target) => target,
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match target.write_all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
