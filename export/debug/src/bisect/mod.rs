//! Writes the smallest part of the second graph that shows a difference as a folder of its own: a model, inputs, expected
//! outputs, a script that needs ONNX Runtime and numpy alone, and a README. It can be attached to an upstream issue as it
//! is: it contains no path of the machine and no name of a user.
//!
//! The part is found from the comparison of all values: the first node whose own error is beyond its rounding, else the
//! shortest range of nodes that still shows the difference. Then the batch is cut to the worst tile, the sum to the worst
//! channel and the image to the surroundings of the worst pixel, as long as the difference stays.

mod folder;
mod part;
mod reduce;
mod request;

use std::collections::BTreeMap;

use burn_onnx_export::proto::DataType;
use kiln_runtime::Array;
use serde::Serialize;

pub use request::BisectRequest;

use crate::array::rows;
use crate::cause::Cause;
use crate::error::{DebugError, Result};
use crate::figures::{Accumulator, Figures};
use crate::inputs::Inputs;
use crate::layers::LayersReport;
use crate::rows::{Row, batch};
use crate::side::Side;
use part::{Arrays, Part, Source};

/// The size that a folder should not exceed, in bytes.
pub const SIZE: u64 = 1_000_000;

/// The result of a bisection.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BisectReport {
    /// The value whose computation differs.
    pub value: String,
    /// Operators of the part's nodes, in the order of execution.
    pub operators: Vec<String>,
    /// Names of these nodes.
    pub nodes: Vec<String>,
    /// The cause, if one node is at fault.
    pub cause: Option<Cause>,
    /// The difference that the part shows.
    pub figures: Figures,
    /// The largest difference that rounding explains.
    pub allowed: f64,
    /// The tile whose values are in the folder; none if all of a batch are.
    pub tile: Option<String>,
    /// Cuts that made the part smaller.
    pub reductions: Vec<String>,
    /// Bytes of the folder.
    pub bytes: u64,
    /// Files of the folder, with their SHA-256.
    pub files: BTreeMap<String, String>,
}

/// Finds the smallest part that shows a difference, and writes it. `report` is the comparison of the same sides on the same
/// inputs.
///
/// # Errors
/// [`DebugError::NoDifference`] if there is none; [`DebugError::Exists`] and [`DebugError::NotABisection`] for a target that
/// is not to be replaced.
pub fn bisect(
    a: &mut Side,
    b: &mut Side,
    inputs: &Inputs,
    report: &LayersReport,
    request: &BisectRequest,
) -> Result<BisectReport> {
    request.check_target()?;
    let row = chosen(report, request.value.as_deref())?;
    let alone = row.verdict.is_beyond();
    let figures = if alone { row.own.as_ref() } else { row.carried.as_ref() };
    let worst = figures.map_or(0, |figures| figures.worst_tile);
    let size = batch(a, b)?;
    let tile = inputs.only(worst);
    let parts: Vec<_> = tile.parts(size).collect();
    let first = parts.first().ok_or_else(|| DebugError::Inputs { reason: "there is no row".to_owned() })?;
    let given = a.run(&first.values)?.values;
    let source = Source::new(a, b, row, &given);
    let mut part = if alone {
        Part::new(&source, &row.piece, row.allowed)?
    } else {
        let carried = figures.map_or(0.0, |figures| figures.max_abs);
        part::shortest(&source, 0.5 * carried)?
    };
    if !part.shows()? {
        let reason =
            format!("`{}`: the difference does not show when its nodes run alone on the worst tile", row.value);
        return Err(DebugError::NoDifference { reason });
    }
    let mut reductions = Vec::new();
    let cut_to_tile = reduce::to_one_row(&mut part, size)?;
    if cut_to_tile {
        reductions.push(format!("the batch of {size} to one tile"));
    }
    reductions.extend(reduce::to_one_channel(&mut part)?);
    reductions.extend(reduce::to_a_window(&mut part)?);
    let name = (cut_to_tile || size == 1).then(|| tile.names()[0].clone());
    let cause = report.causes.iter().find(|cause| report.rows.get(cause.row) == Some(row)).cloned();
    folder::write(request, a, b, row, &mut part, cause, name, reductions)
}

/// The row to bisect: the named value, else the first divergence, else the first output beyond its tolerance.
fn chosen<'r>(report: &'r LayersReport, value: Option<&str>) -> Result<&'r Row> {
    if let Some(value) = value {
        return report.rows.iter().find(|row| row.value == value).ok_or_else(|| {
            let reason = format!("`{value}` is not a value that both sides have");
            DebugError::Graph { model: report.b.clone(), reason }
        });
    }
    let output = || report.rows.iter().find(|row| report.outputs_beyond.contains(&row.value));
    report.first_row().or_else(output).ok_or_else(|| DebugError::NoDifference {
        reason: format!(
            "{} and {} do not part: every node rounds as its operation may, and every output is within its tolerance",
            report.a, report.b
        ),
    })
}

/// The figures of one comparison.
fn figures(expected: &Array, found: &Array) -> Figures {
    let mut all = Accumulator::default();
    all.add(0, 1, expected, found);
    all.finish()
}

/// Bytes of arrays as they are exchanged.
fn bytes(arrays: &Arrays) -> u64 {
    let width = |array: &Array| DataType::from_name(array.dtype()).and_then(DataType::size).unwrap_or(4);
    arrays.values().map(|array| (array.shape().iter().product::<usize>() * width(array)) as u64).sum()
}

/// The first `1 / size` of an array along its first axis; none if that axis is not a multiple of the batch.
fn first_row_of(array: &Array, size: usize) -> Option<Array> {
    let all = *array.shape().first()?;
    (all >= size && all % size == 0).then(|| rows(array, 0, all / size))
}
