//! `kiln verify --endpoint`: whether running servers still answer as the trained model did.

use kiln_runtime::endpoint::{Endpoint, Served};
use kiln_runtime::parity::{GOLDEN_BATCHES, ParityReport, StainParity, against_golden_within, gate_tolerances};
use kiln_runtime::{Bundle, DecisionRule, golden};
use serde::Serialize;

use super::{Args, print};
use crate::exit::Exit;
use crate::output::Output;
use crate::verbs::endpoint::describe;

/// The document of `--json`: the report of the server with the largest difference, and every server's own.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    worst: &'a ParityReport,
    model: &'a str,
    model_version: Option<&'a str>,
    servers: Vec<ServerReport<'a>>,
}

#[derive(Serialize)]
struct ServerReport<'a> {
    #[serde(flatten)]
    served: &'a Served,
    #[serde(flatten)]
    parity: &'a ParityReport,
}

pub(super) fn run(args: &Args, bundle: &Bundle, out: &Output) -> anyhow::Result<Exit> {
    let golden = golden::read(&bundle.golden_path()?)?;
    let rule = DecisionRule::from_manifest(&bundle.manifest);
    let endpoint = args.endpoint.connect(bundle, None, out)?;
    if let Some((url, _)) = endpoint.unreachable().first() {
        out.note(format_args!("{url} was named and cannot be verified"));
    }
    let batches = batches(&endpoint);
    let tolerances = gate_tolerances(bundle.variant(&args.precision)?);
    let stain = StainParity::measure(&bundle.manifest.tile, &golden);
    let verify = |number| {
        let report = against_golden_within(&mut endpoint.only(number), &golden, &rule, &batches, tolerances.clone())?;
        Ok::<_, kiln_runtime::Error>(report.with_stain(stain))
    };
    let reports: Vec<_> = (0..endpoint.served().len()).map(verify).collect::<Result<_, _>>()?;
    show(&endpoint, &reports, out)?;
    let passed = reports.iter().all(|report| report.passed);
    Ok(match (passed, endpoint.unreachable().is_empty()) {
        (false, _) => Exit::CheckFailed,
        (true, false) => Exit::Environment,
        (true, true) => Exit::Done,
    })
}

/// Those of the usual batches that the servers take.
fn batches(endpoint: &Endpoint) -> Vec<usize> {
    GOLDEN_BATCHES.into_iter().filter(|batch| endpoint.accepts(*batch)).collect()
}

fn show(endpoint: &Endpoint, reports: &[ParityReport], out: &Output) -> anyhow::Result<()> {
    if !out.json {
        out.line(describe(endpoint));
        reports.iter().for_each(|report| print(report, out));
        return Ok(());
    }
    let off = |report: &&ParityReport| (!report.passed, report.decisions_changed);
    let Some(worst) = reports.iter().max_by_key(off) else { return Ok(()) };
    let servers = endpoint.served().iter().zip(reports).map(|(served, parity)| ServerReport { served, parity });
    let (model, model_version) = (endpoint.model(), endpoint.version());
    out.document(&Report { worst, model, model_version, servers: servers.collect() })
}
