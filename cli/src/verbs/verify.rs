//! `kiln verify`: whether a bundle still answers as the trained model did.

#[cfg(feature = "endpoint")]
mod endpoint;

use std::path::PathBuf;

use kiln_runtime::parity::{GOLDEN_BATCHES, ParityReport, StainParity, against_golden_within, gate_tolerances};
use kiln_runtime::{Bundle, DecisionRule, Session, golden, library};
use serde::Serialize;

use super::endpoint::EndpointArgs;
use super::provider::ProviderArgs;
use super::signature::{EXAMPLE, Signer, VerifySignature, describe, signer};
use crate::exit::Exit;
use crate::output::Output;

/// Check that a bundle still gives the outputs of its trained model.
///
/// The golden tiles of the bundle are run at several batch sizes. Every output must agree, within its tolerance, with
/// the one that burn gave, and every decision must be the same; otherwise the exit status is 1. With --run, burn runs
/// every tile of the run's test split, and ONNX Runtime is compared with that.
#[cfg_attr(feature = "sign", doc = " With --key, the signature is checked first.")]
#[derive(clap::Args)]
#[command(after_help = format!("Examples:\n  kiln verify bundle/\n  kiln --json verify bundle/ --provider openvino\n  \
    kiln verify bundle/ --run runs/cnn{EXAMPLE}"))]
pub(crate) struct Args {
    /// Bundle to verify.
    bundle: PathBuf,

    /// Run that the bundle was exported from, to compare with burn on its whole test split.
    #[cfg(feature = "export")]
    #[arg(long, value_name = "RUN", conflicts_with = "endpoint")]
    run: Option<PathBuf>,

    /// Data set of the run, if it has moved.
    #[cfg(feature = "export")]
    #[arg(long, value_name = "DIR|CSV", requires = "run")]
    data: Option<PathBuf>,

    #[command(flatten)]
    provider: ProviderArgs,

    /// Precision to run: fp32, fp16, int8. fp16 and int8 graphs may differ by up to twice what the export measured,
    /// with no decision changed.
    #[arg(long, value_name = "NAME", default_value = "fp32")]
    precision: String,

    #[command(flatten)]
    endpoint: EndpointArgs,

    #[command(flatten)]
    signature: VerifySignature,
}

/// The document of `--json`.
#[derive(Serialize)]
struct Verified<'a> {
    #[serde(flatten)]
    report: &'a ParityReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<&'a Signer>,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    let bundle = args.signature.open(&args.bundle)?;
    if args.signature.is_alone() {
        return show_signature(&bundle, out);
    }
    #[cfg(feature = "endpoint")]
    if args.endpoint.is_named() {
        bundle.check_statements()?;
        return endpoint::run(&args, &bundle, out);
    }
    let mut session = open(&bundle, &args, out)?;
    let golden = golden::read(&bundle.golden_path()?)?;
    let stain = StainParity::measure(&bundle.manifest.tile, &golden);
    #[cfg(feature = "export")]
    if let Some(run) = &args.run {
        let report = verify_run(&mut session, &bundle, run, args.data.as_deref(), out)?;
        return show_or_refuse(&report.with_stain(stain), &bundle, out);
    }
    let rule = DecisionRule::from_manifest(&bundle.manifest);
    let tolerances = gate_tolerances(bundle.variant(&args.precision)?);
    let report = against_golden_within(&mut session, &golden, &rule, &GOLDEN_BATCHES, tolerances)?;
    show_or_refuse(&report.with_stain(stain), &bundle, out)
}

/// Refuses a bundle whose outputs agree but whose graph repeats other values than its manifest: every other verb would.
fn show_or_refuse(report: &ParityReport, bundle: &Bundle, out: &Output) -> anyhow::Result<Exit> {
    if report.passed {
        bundle.check_statements()?;
    }
    let signer = signer(bundle);
    if let Some(signer) = signer {
        out.line(describe(signer));
    }
    show(report, signer, out)
}

/// The signer alone, of a bundle that was opened as a signed one.
fn show_signature(bundle: &Bundle, out: &Output) -> anyhow::Result<Exit> {
    #[derive(Serialize)]
    struct Signed<'a> {
        passed: bool,
        signer: &'a Signer,
    }
    bundle.check_statements()?;
    if let Some(signer) = signer(bundle) {
        if out.json {
            out.document(&Signed { passed: true, signer })?;
        }
        out.line(describe(signer));
    }
    Ok(Exit::Done)
}

/// Burn against ONNX Runtime on the test split of the run.
#[cfg(feature = "export")]
fn verify_run(
    session: &mut Session,
    bundle: &Bundle,
    run: &std::path::Path,
    data: Option<&std::path::Path>,
    out: &Output,
) -> anyhow::Result<ParityReport> {
    let mut run = kiln_train::training::Run::open(run)?;
    run.openslide = crate::environment::variable("KILN_OPENSLIDE");
    let bar = out.progress(Some(1), "verifying");
    let report = kiln_export::verify_run(session, bundle, &run, data, |done, tiles| {
        bar.set_length(tiles as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    Ok(report?)
}

fn open(bundle: &Bundle, args: &Args, out: &Output) -> anyhow::Result<Session> {
    let runtime = library::load(&library::find_for(out.onnxruntime.as_deref(), &args.provider.providers()?)?)?;
    let options = args.provider.session(bundle, &args.precision, &GOLDEN_BATCHES)?;
    let session = Session::open(runtime, &bundle.model_path(&args.precision)?, &options)?;
    for (provider, reason) in session.skipped() {
        out.note(format_args!("{provider} was skipped: {reason}"));
    }
    Ok(session)
}

/// Prints a comparison and turns it into an exit status.
fn show(report: &ParityReport, signer: Option<&Signer>, out: &Output) -> anyhow::Result<Exit> {
    if out.json {
        out.document(&Verified { report, signer })?;
    } else {
        print(report, out);
    }
    Ok(if report.passed { Exit::Done } else { Exit::CheckFailed })
}

fn print(report: &ParityReport, out: &Output) {
    out.line("output                 max abs   mean abs    max rel     cosine  tolerance");
    for output in &report.outputs {
        let verdict = if output.passed { "ok" } else { "MISS" };
        let problem = output.problem.as_deref().map(|problem| format!(": {problem}")).unwrap_or_default();
        out.line(format_args!(
            "{:<20}  {:>8.2e}   {:>8.2e}   {:>8.2e}  {:>9.7}   {:>8.1e}  {verdict}{problem}",
            output.name, output.max_abs, output.mean_abs, output.max_rel, output.cosine, output.tolerance
        ));
    }
    let nodes: Vec<_> = report.nodes.iter().map(|(provider, nodes)| format!("{nodes} nodes on {provider}")).collect();
    let batches: Vec<_> = report.batches.iter().map(ToString::to_string).collect();
    out.line(format_args!(
        "{} tiles in batches of {}; {} decisions changed; {}",
        report.tiles,
        batches.join(", "),
        report.decisions_changed,
        if nodes.is_empty() { report.provider.clone() } else { nodes.join(", ") }
    ));
    if let Some(stain) = &report.stain_normalisation {
        out.line(stain_line(stain));
    }
    out.line(if report.passed { "PASSED" } else { "FAILED" });
}

fn stain_line(stain: &StainParity) -> String {
    let StainParity { method, tiles, different, max_abs } = stain;
    match (tiles, different) {
        (0, _) => {
            format!("{method} stain normalisation: MISS, the bundle holds no tiles to try it on; export it again")
        }
        (_, 0) => format!("{method} stain normalisation before the graph: {tiles} tiles as in training"),
        _ => format!(
            "{method} stain normalisation before the graph: MISS, {different} of {tiles} tiles are not as in training, by \
             up to {max_abs} levels"
        ),
    }
}
