//! `kiln debug layers`: every intermediate value of two executions.

use std::path::PathBuf;

use anyhow::Context as _;
use kiln_debug::{LayersReport, report};
use kiln_files::publish::write_file;

use super::sides::SideArgs;
use crate::destination::Destination;
use crate::exit::Exit;
use crate::output::Output;

/// Compare every intermediate value of two sides, and name the first node at which they part.
///
/// Each value has two errors: as carried along from the input, and of its node alone, which then reads the reference's
/// values. The sides part at a node whose own error is beyond the rounding of its operation; its attributes, operands
/// and weights are compared with the reference's graph. The exit status is 1 if there is one, or if an output is beyond its
/// tolerance.
///
/// burn's values come from executing the recording behind its exported graph, operation by operation. ONNX Runtime gives a
/// value as an additional output; with its optimiser on, the graph is run once for each value, so that everything before
/// that value is optimised as usual.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln debug layers runs/cnn bundles/cnn\n  \
    kiln debug layers runs/cnn bundles/cnn:cpu:noopt --markdown layers.md\n  \
    kiln --json debug layers bundles/cnn bundles/cnn@int8:openvino --tiles 32\n  \
    kiln debug layers before.onnx after.onnx --inputs inputs.npz")]
pub(crate) struct Args {
    #[command(flatten)]
    sides: SideArgs,

    /// Print only the first N values, and those that part [default: all].
    #[arg(long, value_name = "N")]
    head: Option<usize>,

    /// Write the report as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,

    /// Write the report as one HTML page with the curve of the errors.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write the curve of the errors as a PNG.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

pub(super) fn run(args: &Args, out: &Output) -> anyhow::Result<Exit> {
    let targets = [("--markdown", &args.markdown), ("--html", &args.html), ("--picture", &args.picture)];
    for (flag, target) in targets.into_iter().filter_map(|(flag, path)| Some((flag, path.as_ref()?))) {
        for side in [&args.sides.a, &args.sides.b] {
            if side.path.is_dir() {
                Destination::new(flag, target).is_not_in("the side", &side.path)?;
            } else {
                Destination::new(flag, target).is_not("the side", &side.path)?;
            }
        }
    }
    let (_, _, found) = args.sides.compare(out)?;
    if out.json {
        out.document(&found)?;
    } else {
        print(&found, args.head, out);
    }
    let exit = if found.passed { Exit::Done } else { Exit::CheckFailed };
    exit.after_report(write(args, &found), out)
}

fn write(args: &Args, found: &LayersReport) -> anyhow::Result<()> {
    let curve = match (&args.html, &args.picture) {
        (None, None) => None,
        _ => Some(report::curve(found)?),
    };
    if let (Some(path), Some(curve)) = (&args.picture, &curve) {
        curve.save(path)?;
    }
    let markdown = args.markdown.as_ref().map(|path| (path, report::markdown(found)));
    let html = args.html.as_ref().map(|path| (path, report::page(found, curve.as_ref())));
    for (path, text) in markdown.into_iter().chain(html) {
        write_file(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Columns as wide as their widest cell; numbers to the right.
fn print(found: &LayersReport, head: Option<usize>, out: &Output) {
    let shown = |at: usize, beyond: bool| head.is_none_or(|head| at < head) || beyond;
    let rows: Vec<[String; 11]> = found
        .rows
        .iter()
        .enumerate()
        .filter(|(at, row)| shown(*at, row.verdict.is_beyond()))
        .map(|(_, row)| report::cells(row))
        .collect();
    let headings = report::HEADINGS.map(str::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&headings]).map(|cells| cells[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    for cells in [&headings].into_iter().chain(&rows) {
        let cell = |(column, cell): (usize, &String)| match column {
            0..=2 => format!("{cell:<width$}", width = widths[column]),
            10 => cell.clone(),
            _ => format!("{cell:>width$}", width = widths[column]),
        };
        let line: Vec<String> = cells.iter().enumerate().map(cell).collect();
        out.line(line.join("  ").trim_end());
    }
    for row in found.rows.iter().filter(|row| row.verdict.is_beyond() || row.carried.is_none()) {
        if let Some(problem) = &row.problem {
            out.note(format_args!("{}: {problem}", row.value));
        }
    }
    for cause in found.causes.iter().skip(1).take(9) {
        out.line(format_args!("also at {}", cause.sentence()));
    }
    if found.causes.len() > 10 {
        out.line(format_args!("and at {} more nodes", found.causes.len() - 10));
    }
    let between = found.rows.iter().filter(|row| row.between).count();
    let nodes: Vec<_> =
        found.nodes.iter().map(|(provider, count)| format!("{} on {provider}", counted(*count, "node"))).collect();
    out.line(format_args!(
        "{} on {} ({}){}{}",
        counted(found.rows.len(), "value"),
        counted(found.tiles.len(), "tile"),
        found.inputs,
        if between > 0 { format!("; {between} between burn's own") } else { String::new() },
        if nodes.is_empty() { String::new() } else { format!("; {}", nodes.join(", ")) }
    ));
    out.line(found.conclusion());
    out.line(if found.passed { "PASSED" } else { "FAILED" });
}

/// A number with its noun.
fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
