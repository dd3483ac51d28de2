//! `kiln export`: a run becomes a bundle, verified before it appears.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use kiln_export::bundle::{Batch, ExportRequest, Exported, Step, export};
use kiln_runtime::library;
use kiln_runtime::parity::ParityReport;

use crate::exit::Exit;
use crate::output::Output;

/// Export a run as a bundle that ONNX Runtime scores exactly as burn does.
///
/// The graph takes decoded tiles (u8, NHWC) and holds scaling, normalisation and layout. Before the bundle appears,
/// ONNX Runtime and burn are compared on every tile of the run's test split, at batches of 1, 3 and 8; a difference
/// beyond the tolerance, or one changed decision, ends with exit status 1 and no bundle.
///
/// Example: kiln export runs/cnn --out bundles/cnn
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// The run's folder.
    run: PathBuf,

    /// The bundle's folder; appears whole or not at all.
    #[arg(long, value_name = "BUNDLE")]
    out: PathBuf,

    /// Where the run's tiles lie now, if they have moved.
    #[arg(long, value_name = "DIR|CSV")]
    data: Option<PathBuf>,

    /// The graph's batch: `dynamic`, or a number for servers and accelerators that want one.
    #[arg(long, value_name = "dynamic|N", default_value = "dynamic")]
    batch: Batch,

    /// The ONNX operator set [default: the exporter's].
    #[arg(long, value_name = "N")]
    opset: Option<i64>,

    /// Keep the weights in a file of their own beside `model.onnx`, as models of 2 GiB and more do anyway.
    #[arg(long)]
    external_data: bool,

    /// Replace the bundle that is there.
    #[arg(long)]
    replace: bool,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    let request = ExportRequest {
        run: args.run,
        out: args.out,
        data: args.data,
        batch: args.batch,
        opset: args.opset,
        external_data: args.external_data,
        replace: args.replace,
    };
    let exported = export_with_progress(&request, out)?;
    if out.json {
        out.document(&serde_json::json!({
            "bundle": exported.path, "model_bytes": exported.model_bytes, "parity": exported.parity,
        }))?;
    }
    out.line(format_args!("bundle     {}", exported.path.display()));
    out.line(format_args!("model      {:.1} MB", exported.model_bytes as f64 / 1e6));
    parity_lines(&exported.parity, out);
    Ok(Exit::Done)
}

/// Exports, with a bar while tiles are compared.
pub(crate) fn export_with_progress(request: &ExportRequest, out: &Output) -> anyhow::Result<Exported> {
    let runtime = library::load(&library::find(out.onnxruntime.as_deref())?)?;
    let bar = out.progress(Some(1), "verifying");
    let exported = export(request, runtime, |step| {
        if let Step::Verifying { done, tiles } = step {
            bar.set_length(tiles as u64);
            bar.set_position(done as u64);
        }
    });
    bar.finish_and_clear();
    Ok(exported?)
}

/// A comparison for a person: a line an output, and the decisions.
pub(crate) fn parity_lines(parity: &ParityReport, out: &Output) {
    let verdict = if parity.passed { "passed" } else { "FAILED" };
    out.line(format_args!(
        "parity     {verdict} on {} tiles, batches {:?}; decisions changed: {}",
        parity.tiles, parity.batches, parity.decisions_changed
    ));
    for output in &parity.outputs {
        out.line(format_args!(
            "  {:<20} max {:.2e}  mean {:.2e}  cosine {:.8}  {}",
            output.name,
            output.max_abs,
            output.mean_abs,
            output.cosine,
            if output.passed { "ok" } else { "over its tolerance" }
        ));
    }
    let nodes: Vec<String> = parity.nodes.iter().map(|(provider, nodes)| format!("{provider} {nodes}")).collect();
    out.line(format_args!("  nodes                {}", nodes.join(", ")));
}
