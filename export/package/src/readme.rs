//! `README.md` of a package: three commands that start the server, one that proves it. The commands were written for the
//! servers' documented images; which of them ran where is said in Kiln's own documentation.

use std::path::PathBuf;

use kiln_runtime::ProviderKind;

use crate::error::{Error, Result};
use crate::package::Plan;
use crate::request::{PackageRequest, Target};
use crate::{kserve, triton};

/// The file's name.
const README: &str = "README.md";

/// What every file of Kiln's holds.
const MARK: &str = "Packaged by Kiln";

/// Writes the file, whole; `None` where a repository has a file of that name which is not Kiln's.
pub(crate) fn write(request: &PackageRequest, plans: &[Plan]) -> Result<Option<PathBuf>> {
    let path = request.out.join(README);
    if std::fs::read_to_string(&path).is_ok_and(|there| !there.contains(MARK)) {
        return Ok(None);
    }
    kiln_files::publish::write_file(&path, text(request, plans).as_bytes()).map_err(Error::write(&path))?;
    Ok(Some(path))
}

fn text(request: &PackageRequest, plans: &[Plan]) -> String {
    let names: Vec<String> = plans.iter().map(|plan| format!("`{}`", plan.model)).collect();
    let server = match request.target {
        Target::Triton => "Triton Inference Server",
        Target::Kserve => "KServe",
        Target::Ovms => "OpenVINO Model Server",
    };
    let first = plans.first().map_or("", |plan| plan.model.as_str());
    let (start, url) = match request.target {
        Target::Triton => (triton_commands(request), "http://127.0.0.1:8000".to_owned()),
        Target::Ovms => (ovms_commands(), "http://127.0.0.1:8000".to_owned()),
        Target::Kserve => (kserve::commands(request, first), "http://127.0.0.1:8080".to_owned()),
    };
    let proofs: String =
        plans.iter().map(|plan| format!("kiln verify BUNDLE --endpoint {url} --model {}\n", plan.model)).collect();
    format!(
        "# {names} for {server}\n\n{MARK} {}. Run the commands in this folder.\n\n## Start\n\n```\n{start}```\n\n\
         ## Prove\n\nThe bundle's golden tiles go to the running server; outputs and decisions are compared with what the \
         trained model gave. `BUNDLE` is the folder that this package was made from.\n\n```\n{proofs}```\n\n## Check\n\n\
         Every file against its digest, every configuration against its graph:\n\n```\nkiln package --check .\n```\n\n{}{}",
        env!("CARGO_PKG_VERSION"),
        stain(plans),
        notes(request),
        names = names.join(", "),
    )
}

/// What clients must do with tiles, where the graph leaves it to them.
fn stain(plans: &[Plan]) -> String {
    let stain = plans.iter().find_map(|plan| plan.source.bundle.manifest.tile.before_graph());
    stain.map_or_else(String::new, |stain| {
        format!(
            "## Clients normalise stains\n\nThe graph takes tiles after {} stain normalisation; tiles as decoded get wrong \
             scores. `kiln score BUNDLE TILES --endpoint URL` normalises. Another client must do the same with the target in \
             `kiln.json`, `stain_normalisation`.\n\n",
            stain.method()
        )
    })
}

fn triton_commands(request: &PackageRequest) -> String {
    let gpu = matches!(request.provider, ProviderKind::Cuda | ProviderKind::TensorRt);
    let gpus = if gpu { "--gpus all " } else { "" };
    let image = &request.deployment.image;
    format!(
        "docker pull {image}\ndocker run -d --name kiln-triton {gpus}--read-only --tmpfs /tmp --cap-drop ALL \\\n  \
         --security-opt no-new-privileges --user 1000 -v \"$PWD\":/models:ro \\\n  \
         -p 127.0.0.1:8000:8000 -p 127.0.0.1:8001:8001 {image} \\\n  \
         tritonserver --model-repository=/models --disable-auto-complete-config\n\
         curl --retry 60 --retry-delay 1 --retry-all-errors -fs http://127.0.0.1:8000/v2/health/ready\n"
    )
}

fn ovms_commands() -> String {
    "docker pull openvino/model_server:latest\n\
     docker run -d --name kiln-ovms --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \\\n  \
     -v \"$PWD\":/models:ro -p 127.0.0.1:8000:8000 -p 127.0.0.1:9000:9000 openvino/model_server:latest \\\n  \
     --config_path /models/config.json --port 9000 --rest_port 8000\n\
     curl --retry 60 --retry-delay 1 --retry-all-errors -fs http://127.0.0.1:8000/v2/health/ready\n"
        .to_owned()
}

fn notes(request: &PackageRequest) -> String {
    match request.target {
        Target::Ovms => {
            "`kiln.json` in each version's folder holds digests and origin; the server does not read it.\n".to_owned()
        }
        Target::Triton | Target::Kserve => format!(
            "The graph takes tiles as decoded: `tile`, u8, `[batch, 256, 256, 3]`. Triton has no tensor without \
             dimensions, so outputs of one number a tile, such as `score`, arrive as `[batch, 1]`. `{}` holds threshold and \
             classes as parameters. `kiln.json` in each version's folder holds digests and origin; Triton does not read it.\n",
            triton::CONFIG
        ),
    }
}
