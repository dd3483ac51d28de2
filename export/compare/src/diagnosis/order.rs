//! Answers that belong to other tiles: moved by some rows, mixed up, one for a whole batch, one for all.

use std::collections::BTreeSet;

use super::{Cause, Evidence, Finding};
use crate::difference::OutputDifference;

/// Rows by which answers may have moved.
const SHIFTS: isize = 16;

/// The largest share of the squared difference that may be left.
const LEFT: f64 = 0.01;

/// The most wrong rows whose tile is searched, and the most rows that are searched.
const SEARCHED: usize = 500;

/// Batches that servers and loops use.
const BATCHES: [usize; 8] = [2, 3, 4, 8, 16, 24, 32, 64];

/// One output of both sides, row by row, with the weight that makes outputs comparable.
struct Column<'a> {
    width: usize,
    a: &'a [f32],
    b: &'a [f32],
    weight: f64,
    tolerance: f64,
}

impl<'a> Column<'a> {
    fn row(&self, values: &'a [f32], at: usize) -> &'a [f32] {
        &values[at * self.width..(at + 1) * self.width]
    }
}

/// The outputs of both sides as rows.
pub(super) struct Table<'a> {
    columns: Vec<Column<'a>>,
    rows: usize,
}

impl<'a> Table<'a> {
    pub(super) fn new(evidence: &Evidence<'a>) -> Self {
        let rows = evidence.answered.len();
        let of_candidate: Vec<(&str, usize, &[f32])> = evidence.rows[1].all().collect();
        let column = |(name, width, a): (&str, usize, &'a [f32])| {
            let b = of_candidate.iter().find(|(other, of, _)| *other == name && *of == width)?.2;
            if width == 0 || a.len() != rows * width || b.len() != a.len() {
                return None;
            }
            let spread = spread(a);
            let tolerance = evidence
                .outputs
                .iter()
                .find(|output| output.name == name)
                .map_or(0.0, |output| output.tolerance.max(output.max_abs_of_others));
            (spread > 0.0).then_some(Column { width, a, b, weight: 1.0 / (spread * width as f64), tolerance })
        };
        let columns = evidence.rows[0].all().filter_map(column).collect();
        Self { columns, rows }
    }

    /// Squared difference of the candidate's row `b` from the reference's row `a`.
    fn square(&self, b: usize, a: usize) -> f64 {
        let part = |column: &Column<'_>| {
            let squares =
                column.row(column.b, b).iter().zip(column.row(column.a, a)).map(|(b, a)| f64::from(b - a).powi(2));
            column.weight * squares.sum::<f64>()
        };
        self.columns.iter().map(part).sum()
    }

    /// The candidate's row `b` is the reference's row `a` within the tolerances.
    fn same(&self, b: usize, a: usize) -> bool {
        self.columns.iter().all(|column| {
            column
                .row(column.b, b)
                .iter()
                .zip(column.row(column.a, a))
                .all(|(b, a)| f64::from(b - a).abs() <= column.tolerance)
        })
    }
}

fn spread(values: &[f32]) -> f64 {
    let finite: Vec<f64> = values.iter().filter(|value| value.is_finite()).map(|value| f64::from(*value)).collect();
    let mean = finite.iter().sum::<f64>() / finite.len().max(1) as f64;
    finite.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / finite.len().max(1) as f64
}

/// Answers that are moved by some tiles, or are the same within a batch.
pub(super) fn moved(evidence: &Evidence<'_>, table: &Table<'_>) -> Option<Finding> {
    if table.columns.is_empty() || table.rows < 2 {
        return None;
    }
    shifted(evidence, table).or_else(|| same_for_batch(evidence, table))
}

fn shifted(evidence: &Evidence<'_>, table: &Table<'_>) -> Option<Finding> {
    if table.rows < 4 {
        return None;
    }
    let rows = table.rows.cast_signed();
    let left = |shift: isize| {
        let pairs = || (0..rows).filter(move |row| (0..rows).contains(&(row + shift)));
        let sum = |pair: &dyn Fn(isize) -> f64| pairs().map(pair).sum::<f64>();
        let before = sum(&|row| table.square(row.cast_unsigned(), row.cast_unsigned()));
        let after = sum(&|row| table.square(row.cast_unsigned(), (row + shift).cast_unsigned()));
        if before > 0.0 { after / before } else { 1.0 }
    };
    let most = SHIFTS.min(rows / 2);
    let (shift, left) = (1..=most)
        .flat_map(|shift| [shift, -shift])
        .map(|shift| (shift, left(shift)))
        .filter(|(_, left)| *left < LEFT)
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    let first = if shift > 0 { 0 } else { shift.unsigned_abs() };
    let other = (first.cast_signed() + shift).cast_unsigned();
    let sign = if shift > 0 { "+" } else { "−" };
    let text = format!(
        "the outputs of tile k are those of tile k{sign}{}: the candidate's answer to {} is the reference's to {}",
        shift.unsigned_abs(),
        evidence.name(first),
        evidence.name(other)
    );
    let tiles = vec![evidence.name(first).to_owned(), evidence.name(other).to_owned()];
    Some(Finding::new(Cause::Order, None, text).on(tiles).explains(left.sqrt()))
}

fn same_for_batch(evidence: &Evidence<'_>, table: &Table<'_>) -> Option<Finding> {
    let before: f64 = (0..table.rows).map(|row| table.square(row, row)).sum();
    if before <= 0.0 {
        return None;
    }
    let left = |batch: usize| {
        let after: f64 = (0..table.rows).map(|row| table.square(row, row / batch * batch)).sum();
        after / before
    };
    let tried = BATCHES.into_iter().filter(|batch| *batch < table.rows);
    let (batch, left) = tried.map(|batch| (batch, left(batch))).find(|(_, left)| *left < LEFT)?;
    let text = format!(
        "all {batch} tiles of a batch have the answers of its first: the candidate's answer to {} is the reference's to {}",
        evidence.name(1),
        evidence.name(0)
    );
    Some(Finding::new(Cause::SameForBatch, None, text).explains(left.sqrt()))
}

/// Rows that are those of other tiles, each of another one.
pub(super) fn mixed(evidence: &Evidence<'_>, table: &Table<'_>) -> Option<Finding> {
    if table.columns.is_empty() {
        return None;
    }
    let wrong: Vec<usize> = (0..table.rows).filter(|row| !table.same(*row, *row)).take(SEARCHED + 1).collect();
    if wrong.len() < 2 || wrong.len() > SEARCHED {
        return None;
    }
    let mut taken = BTreeSet::new();
    let mut pairs = Vec::new();
    for row in &wrong {
        // Among the wrong rows: a permutation of others would have left them in their place.
        if let Some(other) =
            wrong.iter().find(|other| *other != row && table.same(*row, **other) && !taken.contains(*other))
        {
            taken.insert(*other);
            pairs.push((*row, *other));
        }
    }
    if pairs.len() < wrong.len() {
        return None;
    }
    let shown: Vec<String> = pairs
        .iter()
        .take(3)
        .map(|(row, other)| format!("{} has the answer of {}", evidence.name(*row), evidence.name(*other)))
        .collect();
    let text = format!("the answers of {} tiles are in another order: {}", pairs.len(), shown.join(", "));
    let tiles = pairs.iter().take(5).map(|(row, _)| evidence.name(*row).to_owned()).collect();
    Some(Finding::new(Cause::Order, None, text).on(tiles).explains(0.0))
}

/// One answer for all tiles, where the reference's differ.
pub(super) fn constant(evidence: &Evidence<'_>, output: &OutputDifference) -> Option<Finding> {
    let rows = |side: usize| {
        let (_, width, values) = evidence.rows[side].all().find(|(name, ..)| *name == output.name)?;
        (width > 0).then_some((width, values))
    };
    let varies = |(width, values): (usize, &[f32])| {
        let first = values.get(..width).unwrap_or_default();
        let most = first.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        values.chunks_exact(width).any(|row| row.iter().zip(first).any(|(a, b)| (a - b).abs() > 1e-6 * most.max(1e-6)))
    };
    let (a, b) = (rows(0)?, rows(1)?);
    if evidence.answered.len() < 2 || !varies(a) || varies(b) {
        return None;
    }
    let values: Vec<String> = b.1.iter().take(b.0.min(4)).map(|value| format!("{value}")).collect();
    let text = format!(
        "output `{}`: the candidate gives one answer for every tile ({}{})",
        output.name,
        values.join(", "),
        if b.0 > 4 { ", …" } else { "" }
    );
    Some(Finding::new(Cause::Constant, Some(&output.name), text))
}
