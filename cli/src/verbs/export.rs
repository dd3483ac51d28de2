//! `kiln export`: turns a run into a bundle that is verified before it appears.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args as ClapArgs;
use kiln_export::{
    AUROC_LOST, Background, Batch, DECISIONS_CHANGED, ExportRequest, Exported, Step, VariantReport, export,
};
use kiln_export::{Calibration, Precision};
use kiln_runtime::library;
use kiln_runtime::parity::ParityReport;

use crate::destination::Destination;
use crate::exit::Exit;
use crate::output::Output;

/// Export a run as a bundle for ONNX Runtime, after checking that its outputs agree with burn.
///
/// The graph takes decoded tiles (u8, NHWC) and includes scaling, normalisation and layout. Before the bundle appears,
/// ONNX Runtime and burn are compared on every tile of the run's test split, in batches of 1, 3 and 8. If one output
/// differs by more than its tolerance, or one decision changes, there is no bundle and the exit status is 1.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  kiln export runs/cnn --out bundles/cnn\n  \
    kiln export runs/cnn --out bundles/cnn --precision fp32,int8 --replace")]
pub(crate) struct Args {
    /// Run to export.
    run: PathBuf,

    /// Data set of the run, if it has moved.
    #[arg(long, value_name = "DIR|CSV")]
    data: Option<PathBuf>,

    /// Folder of the bundle; it appears whole or not at all.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Replace the bundle if it exists.
    #[arg(long)]
    replace: bool,

    /// Precisions to export: fp32, fp16, int8. fp32 is always included; another one is published only if, on the
    /// validation split, it loses at most 0.002 AUROC and changes at most 0.5 % of the decisions, and if it changes none of
    /// a white, glass or black tile.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "fp32")]
    precision: Vec<Precision>,

    /// Batch size of the graph: `dynamic`, or a number for servers and accelerators that need a fixed one.
    #[arg(long, value_name = "N|dynamic", default_value = "dynamic")]
    batch: Batch,

    /// Version of the ONNX operator set, 17 to 26 [default: 18, or the lowest newer one that the model needs].
    #[arg(long, value_name = "N")]
    opset: Option<i64>,

    /// Write the weights to a separate file beside model.onnx, as is always done for models of 2 GiB and more.
    #[arg(long)]
    external_data: bool,

    /// Method that chooses the range of int8 activations on training tiles: min-max, percentile[:PERCENT], entropy [default:
    /// min-max].
    #[arg(long, value_name = "NAME")]
    calibration: Option<Calibration>,

    /// Rule that makes a slide's score of its tiles' scores: max, top_mean:N (mean of the N highest), or area_mm2:LEAST (area
    /// at or above the threshold) [default: none; scoring then takes max].
    #[cfg(feature = "slide")]
    #[arg(long, value_name = "RULE")]
    slide_rule: Option<kiln_slide::SlideRule>,
}

/// The rule of `--slide-rule` as the manifest states it.
fn slide_rule(args: &Args) -> Option<String> {
    #[cfg(feature = "slide")]
    return args.slide_rule.as_ref().map(ToString::to_string);
    #[cfg(not(feature = "slide"))]
    {
        let _ = args;
        None
    }
}

/// The method of `--calibration`, which only int8 uses.
pub(crate) fn calibration_of(asked: Option<Calibration>, precisions: &[Precision]) -> anyhow::Result<Calibration> {
    if asked.is_some() && !precisions.contains(&Precision::Int8) {
        bail!(
            "--calibration is for int8, which --precision does not name\nhint: add int8 to --precision, or leave it out"
        );
    }
    Ok(asked.unwrap_or_default())
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    let slide_rule = slide_rule(&args);
    let calibration = calibration_of(args.calibration, &args.precision)?;
    let request = ExportRequest {
        run: args.run,
        out: args.out,
        data: args.data,
        openslide: crate::environment::variable("KILN_OPENSLIDE"),
        batch: args.batch,
        opset: args.opset,
        external_data: args.external_data,
        precisions: args.precision,
        calibration,
        slide_rule,
        replace: args.replace,
    };
    let target = Destination::new("--out", &request.out);
    target.does_not_hold("the run", &request.run)?;
    if let Some(data) = &request.data {
        target.does_not_hold("the data set", data)?;
    }
    let exported = export_with_progress(&request, out)?;
    if out.json {
        out.document(&serde_json::json!({
            "bundle": exported.path.to_string_lossy(), "model_bytes": exported.model_bytes, "parity": exported.parity,
            "variants": exported.variants,
        }))?;
    }
    out.line(format_args!("bundle     {}", exported.path.display()));
    out.line(format_args!("model      {:.1} MB", exported.model_bytes as f64 / 1e6));
    parity_lines(&exported.parity, out);
    exported.variants.iter().for_each(|variant| variant_lines(variant, out));
    let all = exported.variants.iter().all(|variant| variant.published);
    Ok(if all { Exit::Done } else { Exit::CheckFailed })
}

/// Prints the gate of an fp16 or int8 variant: its AUROC, the changed decisions, and the verdict.
pub(crate) fn variant_lines(variant: &VariantReport, out: &Output) {
    let figure = |value: Option<f64>| value.map_or("unknown".to_owned(), |value| format!("{value:.4}"));
    let verdict = if variant.published { "published" } else { "NOT published" };
    out.line(format_args!(
        "{:<10} {verdict}: AUROC {} (fp32 {}), decisions changed {} of {} tiles of the gate; {:.1} MB",
        variant.precision,
        figure(variant.auroc),
        figure(variant.auroc_reference),
        variant.decisions_changed,
        variant.tiles,
        variant.bytes as f64 / 1e6,
    ));
    if !variant.published {
        out.line(format_args!(
            "  AUROC lost {} (at most {AUROC_LOST}), decisions changed {:.1} % (at most {:.1} %)",
            figure(variant.auroc_lost),
            100.0 * variant.decisions_changed_share,
            100.0 * DECISIONS_CHANGED
        ));
        for output in &variant.outputs {
            if let Some(problem) = &output.problem {
                out.line(format_args!("  {}: {problem}", output.name));
            }
        }
        for one in variant.background.iter().filter(|one| one.decision_changed) {
            let Background { tile, score, score_reference, .. } = one;
            out.line(format_args!("  decides a {tile} tile differently: score {score:.4} (fp32 {score_reference:.4})"));
        }
    }
    if !variant.kept_in_float.is_empty() {
        out.line(format_args!("  layers kept in float: {}", variant.kept_in_float.join(", ")));
    }
}

/// Exports, with a progress bar while tiles are compared.
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

/// Prints a comparison: the decisions, and one line per output.
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
            if output.passed { "ok" } else { "over tolerance" }
        ));
    }
    let nodes: Vec<String> = parity.nodes.iter().map(|(provider, nodes)| format!("{provider} {nodes}")).collect();
    out.line(format_args!("  nodes                {}", nodes.join(", ")));
}
