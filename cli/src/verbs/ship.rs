//! `kiln ship`: from a run to a server package, in one command with one report. Each step is also a separate verb; this verb
//! runs them in order and stops at the first that fails.

use std::path::{Path, PathBuf};
use std::time::Instant;

use kiln_export::{Batch, ExportRequest, Exported};
use kiln_export::{Calibration, Precision};
use kiln_package::{Packaged, RepositoryReport, Target, check, package};
use kiln_runtime::parity::{GOLDEN_BATCHES, ParityReport, against_golden};
use kiln_runtime::{Bundle, DecisionRule, Session, SessionOptions, golden, library};
use serde::Serialize;

use super::export::{export_with_progress, parity_lines, variant_lines};
use super::package::{PackageOptions, check_lines, packaged_lines, target_help};
use crate::destination::Destination;
use crate::exit::Exit;
use crate::output::Output;

/// Export, verify, package and check a run, in one command.
///
/// The run is exported to a bundle, with ONNX Runtime compared with burn on every tile of the test split. The written
/// bundle is compared with its golden outputs, the server's files are made and compared with the graph, and the server
/// package is checked. The first step that fails ends the command with exit status 1, and nothing reaches the server's
/// folder before all checks of the model have passed.
#[derive(clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "Examples:\n  kiln ship runs/cnn --target triton --out models/\n  \
    kiln ship runs/cnn --target triton --out models/ --precision fp32,int8 --keep 2"
)]
pub(crate) struct Args {
    /// Run to ship.
    run: PathBuf,

    #[arg(long, value_name = "NAME", help = target_help())]
    target: Target,

    /// Folder of the server package.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Folder of the bundle, for `kiln verify BUNDLE --endpoint`; an existing bundle is replaced [default: RUN/bundle].
    #[arg(long, value_name = "DIR")]
    bundle: Option<PathBuf>,

    /// Data set of the run, if it has moved.
    #[arg(long, value_name = "DIR|CSV")]
    data: Option<PathBuf>,

    /// Batch size of the graph: `dynamic`, or a number for servers and accelerators that need a fixed one.
    #[arg(long, value_name = "N|dynamic", default_value = "dynamic")]
    batch: Batch,

    /// Precisions to ship: fp32, fp16, int8, each a separate model; one that misses its gate is not shipped.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "fp32")]
    precision: Vec<Precision>,

    #[command(flatten)]
    options: PackageOptions,
}

/// The report: each step's result and duration.
#[derive(Serialize)]
struct Shipped<'a> {
    passed: bool,
    #[serde(serialize_with = "kiln_files::text::lossy")]
    bundle: &'a Path,
    parity: &'a ParityReport,
    golden: &'a ParityReport,
    variants: &'a [kiln_export::VariantReport],
    /// `None` if nothing was packaged.
    package: Option<&'a Packaged>,
    check: Option<&'a RepositoryReport>,
    seconds: Seconds,
}

/// Time of each step, in seconds.
#[derive(Default, Serialize)]
struct Seconds {
    export: f64,
    verify: f64,
    package: f64,
    check: f64,
    total: f64,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    let path = args.bundle.clone().unwrap_or_else(|| args.run.join("bundle"));
    Destination::new("--out", &args.out).is_not_in("the bundle", &path)?;
    let bundle = Destination::new("--bundle", &path);
    bundle.does_not_hold("the run", &args.run)?;
    let export = export_request(&args, &path);
    let asked = args.precision.iter().map(|precision| precision.name().to_owned()).collect();
    let mut request = args.options.request(path.clone(), args.out, args.target, asked);
    // A request that no bundle can meet is refused before the export, which takes minutes and replaces the bundle.
    request.validate()?;
    let mut seconds = Seconds::default();
    let exported = timed(&mut seconds.export, || export_with_progress(&export, out))?;
    let golden = timed(&mut seconds.verify, || verify(&path, out))?;
    request.precisions = shipped(&args.precision, &exported);
    let reason = reason_against(golden.passed, &request.precisions);
    let packaged = match reason {
        None => Some(timed(&mut seconds.package, || Ok(package(&request)?))?),
        Some(_) => None,
    };
    let checked = match &packaged {
        Some(packaged) => Some(timed(&mut seconds.check, || Ok(check(&packaged.path)?))?),
        None => None,
    };
    seconds.total = seconds.export + seconds.verify + seconds.package + seconds.check;
    let checks_pass = checked.as_ref().is_some_and(|checked| checked.passed);
    let passed = checks_pass && exported.variants.iter().all(|variant| variant.published);
    let report = Shipped {
        passed,
        bundle: &path,
        parity: &exported.parity,
        golden: &golden,
        variants: &exported.variants,
        package: packaged.as_ref(),
        check: checked.as_ref(),
        seconds,
    };
    show(&report, out)?;
    if let Some(reason) = reason {
        out.note(format_args!("{reason}; nothing was packaged"));
    }
    Ok(if passed { Exit::Done } else { Exit::CheckFailed })
}

/// The reason to package nothing: the bundle fails on its golden tiles, or has none of the `precisions`.
fn reason_against(golden_passed: bool, precisions: &[String]) -> Option<&'static str> {
    if !golden_passed {
        return Some("the bundle does not reproduce its golden outputs");
    }
    precisions.is_empty().then_some("no graph of the given precisions passed its gate")
}

fn export_request(args: &Args, bundle: &Path) -> ExportRequest {
    ExportRequest {
        run: args.run.clone(),
        out: bundle.to_owned(),
        data: args.data.clone(),
        openslide: crate::environment::variable("KILN_OPENSLIDE"),
        batch: args.batch,
        opset: None,
        external_data: false,
        precisions: args.precision.clone(),
        calibration: Calibration::default(),
        slide_rule: None,
        replace: true,
    }
}

/// Compares the written bundle with its golden outputs. Any machine can repeat this without burn.
fn verify(path: &Path, out: &Output) -> anyhow::Result<ParityReport> {
    let bundle = Bundle::open(path)?;
    let runtime = library::load(&library::find(out.onnxruntime.as_deref())?)?;
    let mut session = Session::open(runtime, &bundle.model_path("fp32")?, &SessionOptions::default())?;
    let golden = golden::read(&bundle.golden_path()?)?;
    Ok(against_golden(&mut session, &golden, &DecisionRule::from_manifest(&bundle.manifest), &GOLDEN_BATCHES)?)
}

/// The requested precisions that passed their gates.
fn shipped(asked: &[Precision], exported: &Exported) -> Vec<String> {
    let holds = |precision: &Precision| {
        let report = exported.variants.iter().find(|variant| variant.precision == precision.name());
        report.is_none_or(|variant| variant.published)
    };
    asked.iter().filter(|precision| holds(precision)).map(|precision| precision.name().to_owned()).collect()
}

fn timed<T>(seconds: &mut f64, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let started = Instant::now();
    let done = work();
    *seconds = started.elapsed().as_secs_f64();
    done
}

fn show(report: &Shipped, out: &Output) -> anyhow::Result<()> {
    if out.json {
        return out.document(report);
    }
    out.line(format_args!("bundle     {}", report.bundle.display()));
    parity_lines(report.parity, out);
    report.variants.iter().for_each(|variant| variant_lines(variant, out));
    let golden = if report.golden.passed { "passed" } else { "FAILED" };
    out.line(format_args!("golden     {golden} on {} tiles", report.golden.tiles));
    if !report.golden.passed {
        parity_lines(report.golden, out);
    }
    if let (Some(packaged), Some(checked)) = (report.package, report.check) {
        packaged_lines(packaged, out);
        check_lines(checked, out);
    }
    let seconds = &report.seconds;
    out.line(format_args!(
        "took       {:.1} s: export {:.1}, verify {:.1}, package {:.1}, check {:.1}",
        seconds.total, seconds.export, seconds.verify, seconds.package, seconds.check
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_packaged_from_a_bundle_that_fails_or_without_a_precision() {
        let int8 = ["int8".to_owned()];
        assert_eq!(reason_against(true, &int8), None);
        assert!(reason_against(true, &[]).is_some_and(|reason| reason.contains("passed its gate")));
        for precisions in [&int8[..], &[]] {
            let reason = reason_against(false, precisions);
            assert!(reason.is_some_and(|reason| reason.contains("golden outputs")), "{reason:?}");
        }
    }
}
