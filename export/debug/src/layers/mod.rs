//! Compares two sides value by value, and explains every divergence.

mod report;

pub use crate::rows::{CLIPPED, Row, Verdict};
pub use report::LayersReport;

use crate::cause;
use crate::error::Result;
use crate::inputs::Inputs;
use crate::rows::{Compared, compare};
use crate::side::Side;

/// Compares `b` with the reference `a` on every row of `inputs`. `on_rows` is called with the number of rows done.
///
/// # Errors
/// If the reference cannot be run. A second side that does not run is part of the report.
pub fn layers(a: &mut Side, b: &mut Side, inputs: &Inputs, on_rows: impl FnMut(usize)) -> Result<LayersReport> {
    let Compared { rows, counterparts, without, broken } = compare(a, b, inputs, on_rows)?;
    let parted = rows.iter().enumerate().filter(|(_, row)| row.verdict.is_beyond());
    let causes = parted.map(|(at, row)| cause::explain(a.graph(), b.graph(), &counterparts, at, row)).collect();
    Ok(LayersReport::new(a, b, inputs, rows, causes, without, broken))
}
