//! `kiln debug`: the node at which two executions of a model part.

mod bisect;
mod layers;
mod sides;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// Find where two executions of a model part: burn against ONNX Runtime, or two providers, precisions or files.
///
/// A side is a run (burn), or a bundle or an ONNX file as PATH[@PRECISION][:PROVIDERS][:noopt]: `bundle@int8:openvino`,
/// `bundle:cuda`, `model.onnx:cpu:noopt`. `noopt` runs the graph as written, without ONNX Runtime's optimiser.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln debug layers runs/cnn bundles/cnn\n  \
    kiln debug layers bundles/cnn bundles/cnn@int8:openvino --html layers.html\n  \
    kiln debug bisect runs/cnn bundles/cnn --out issue/")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Layers(layers::Args),
    Bisect(bisect::Args),
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    match args.action {
        Action::Layers(args) => layers::run(&args, out),
        Action::Bisect(args) => bisect::run(&args, out),
    }
}
