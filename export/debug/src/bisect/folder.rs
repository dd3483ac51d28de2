//! The folder of a bisection.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use kiln_files::digest::sha256_hex;
use kiln_files::publish::Staged;
use kiln_runtime::Optimisation;
use kiln_runtime::provider::Provider;
use prost::Message as _;

use super::part::Part;
use super::{BisectReport, BisectRequest, SIZE};
use crate::cause::Cause;
use crate::error::{DebugError, Result};
use crate::figures::Figures;
use crate::npz;
use crate::rows::Row;
use crate::side::Side;
use crate::values::Values;

/// The script; its presence marks a folder as that of a bisection.
pub(super) const SCRIPT: &str = "reproduce.py";

const MODEL: &str = "model.onnx";
const INPUTS: &str = "inputs.npz";
const EXPECTED: &str = "expected.npz";
const README: &str = "README.md";

/// Writes the folder and measures the difference that it shows.
#[allow(clippy::too_many_arguments, reason = "each is one line of the README")]
pub(super) fn write(
    request: &BisectRequest,
    a: &Side,
    b: &Side,
    row: &Row,
    part: &mut Part,
    cause: Option<Cause>,
    tile: Option<String>,
    reductions: Vec<String>,
) -> Result<BisectReport> {
    let figures = part.figures()?;
    let unwritable = |reason: String| DebugError::graph(b.label(), reason);
    let model = part.model.encode_to_vec();
    let inputs: Values = part.inputs.clone();
    let expected: Values = [(part.output.clone(), part.expected.clone())].into();
    let data = [
        (MODEL, model),
        (INPUTS, npz::to_bytes(&inputs).map_err(unwritable)?),
        (EXPECTED, npz::to_bytes(&expected).map_err(unwritable)?),
        (SCRIPT, script(b, part.allowed).into_bytes()),
    ];
    let mut report = BisectReport {
        value: row.value.clone(),
        operators: part.operators.clone(),
        nodes: part.nodes.clone(),
        cause,
        figures,
        allowed: part.allowed,
        tile,
        reductions,
        bytes: data.iter().map(|(_, bytes)| bytes.len() as u64).sum(),
        files: data.iter().map(|(name, bytes)| ((*name).to_owned(), sha256_hex(bytes))).collect(),
    };
    let readme = readme(a, b, row, part, &report);
    report.bytes += readme.len() as u64;
    report.files.insert(README.to_owned(), sha256_hex(readme.as_bytes()));
    let staged = Staged::beside(&request.out).map_err(DebugError::io(&request.out))?;
    for (name, bytes) in data.iter().map(|(name, bytes)| (*name, bytes.as_slice())).chain([(README, readme.as_bytes())])
    {
        let path = staged.path().join(name);
        fs::write(&path, bytes).map_err(DebugError::io(&path))?;
    }
    staged.publish(request.replace).map_err(DebugError::io(&request.out))?;
    Ok(report)
}

/// ONNX Runtime's names of the providers that a script can select without more libraries.
fn providers(b: &Side) -> Vec<String> {
    let named = |provider: &Provider| match provider.kind().onnx_name() {
        // A plugin's library names its provider.
        "" => provider.name(),
        name => name.to_owned(),
    };
    b.options().providers.list().iter().map(named).collect()
}

fn as_written(b: &Side) -> bool {
    b.options().optimisation == Optimisation::Off
}

/// A script that needs onnxruntime and numpy alone.
fn script(b: &Side, allowed: f64) -> String {
    let providers: Vec<String> = providers(b).iter().map(|name| format!("\"{name}\"")).collect();
    let level = if as_written(b) { "ORT_DISABLE_ALL" } else { "ORT_ENABLE_ALL" };
    format!(
        r#"#!/usr/bin/env python3
"""Runs model.onnx on inputs.npz in ONNX Runtime and compares the result with expected.npz.

Needs onnxruntime and numpy. Exit status: 1 if the difference shows, 0 if it does not.
"""
import pathlib
import sys

import numpy as np
import onnxruntime

PROVIDERS = [{providers}]
ALLOWED = {allowed:e}  # the largest difference that rounding explains

here = pathlib.Path(__file__).resolve().parent
options = onnxruntime.SessionOptions()
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.{level}
session = onnxruntime.InferenceSession(str(here / "model.onnx"), options, providers=PROVIDERS)
inputs = dict(np.load(here / "inputs.npz"))
expected = dict(np.load(here / "expected.npz"))
names = list(expected)
shown = False
print("onnxruntime", onnxruntime.__version__, "on", ", ".join(session.get_providers()))
for name, found in zip(names, session.run(names, inputs)):
    reference = expected[name].astype(np.float64)
    found = found.astype(np.float64)
    if found.shape != reference.shape:
        print(f"{{name}}: shape {{found.shape}}, expected {{reference.shape}}")
        shown = True
        continue
    both = (found == reference) | (np.isnan(found) & np.isnan(reference))
    with np.errstate(invalid="ignore"):
        difference = np.where(both, 0.0, np.abs(found - reference))
    difference = np.where(np.isnan(difference), np.inf, difference)
    worst = np.unravel_index(np.argmax(difference), difference.shape)
    print(f"{{name}}: max abs {{difference.max():.6e}}, mean abs {{difference.mean():.6e}}, allowed {{ALLOWED:.6e}}")
    print(f"  worst at {{tuple(int(at) for at in worst)}}: expected {{float(reference[worst])}}, found {{float(found[worst])}}")
    shown = shown or bool(difference.max() > ALLOWED)
print("the difference shows" if shown else "the difference does not show")
sys.exit(1 if shown else 0)
"#,
        providers = providers.join(", ")
    )
}

fn readme(a: &Side, b: &Side, row: &Row, part: &Part, report: &BisectReport) -> String {
    let mut text = String::new();
    let Figures { max_abs, mean_abs, worst, worst_index, snr_db, .. } = &report.figures;
    let operators = part.operators.join(", ");
    let _ = writeln!(text, "# {operators}: another result than the reference\n");
    let nodes = if part.nodes.len() == 1 { "One node" } else { "These nodes" };
    let _ = writeln!(
        text,
        "{nodes} of a larger graph, cut out by `kiln debug bisect`. On the same inputs, {} gives another result than {}, \
         by more than rounding explains.\n",
        b.label(),
        a.label()
    );
    let _ = writeln!(text, "```\npip install onnxruntime numpy\npython reproduce.py\n```\n");
    let _ = writeln!(text, "Exit status 1: the difference shows. Exit status 0: it does not.\n");
    let _ = writeln!(text, "| figure | value |\n|---|---|");
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "| {name} | {} |", value.replace('|', "\\|"));
    };
    line("value", format!("`{}`", row.value));
    line("nodes", part.nodes.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "));
    line("largest absolute difference", format!("{max_abs:.6e}"));
    line("allowed by rounding", format!("{:.6e}", report.allowed));
    line("mean absolute difference", format!("{mean_abs:.6e}"));
    line("signal to noise", snr_db.map_or("no noise".to_owned(), |snr| format!("{snr:.1} dB")));
    line("largest difference at", format!("{worst_index:?}: expected {}, found {}", worst.0, worst.1));
    if let Some(cause) = &report.cause {
        line("likely cause", cause.sentence());
    }
    // A tile's name may be a patient's, so only the report on this machine has it.
    if report.tile.is_some() {
        line("values of", "one tile".to_owned());
    }
    if !report.reductions.is_empty() {
        line("cut", report.reductions.join("; "));
    }
    line("reference", a.label().to_owned());
    line("candidate", b.label().to_owned());
    line("providers", providers(b).join(", "));
    line("optimiser of ONNX Runtime", if as_written(b) { "off" } else { "on" }.to_owned());
    line("ONNX Runtime", b.runtime().version().to_owned());
    line("opset", b.graph().opset().map_or("unknown".to_owned(), |opset| opset.to_string()));
    line("kiln", env!("CARGO_PKG_VERSION").to_owned());
    line("burn", kiln_train::BURN_VERSION.to_owned());
    line("machine", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    let _ = writeln!(text, "\n| file | content | SHA-256 |\n|---|---|---|");
    let content: BTreeMap<&str, &str> = [
        (MODEL, "the nodes, with their weights"),
        (INPUTS, "the reference's values before them"),
        (EXPECTED, "the reference's value after them"),
        (SCRIPT, "runs and compares"),
    ]
    .into();
    for (name, digest) in &report.files {
        let _ = writeln!(text, "| {name} | {} | {digest} |", content.get(name.as_str()).copied().unwrap_or_default());
    }
    if report.bytes > SIZE {
        let _ = writeln!(
            text,
            "\nThe folder is larger than {} KB: the difference does not show on a smaller part of the values.",
            SIZE / 1000
        );
    }
    text
}
