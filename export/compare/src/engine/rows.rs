//! The small part of every side's answers that is kept for all tiles: whole outputs of few elements, such as scores and
//! probabilities, and an even choice of the elements of large ones.

use std::collections::BTreeMap;

use kiln_runtime::Outputs;

/// Outputs with at most this many elements a tile are kept whole.
const WHOLE: usize = 256;

/// Elements that are kept of a larger output.
const CHOSEN: usize = 32;

/// Rows of each output, one for each answered tile, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SideRows {
    outputs: BTreeMap<String, Rows>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Rows {
    /// Elements of a row.
    width: usize,
    /// Rows are whole.
    whole: bool,
    values: Vec<f32>,
}

impl SideRows {
    /// The rows of a batch.
    pub(crate) fn of(outputs: &Outputs) -> Self {
        let rows = |array: &ndarray::ArrayD<f32>| {
            let width = array.len() / outputs.batch.max(1);
            let step = if width <= WHOLE { 1 } else { width.div_ceil(CHOSEN) };
            let contiguous = array.as_standard_layout();
            let values = contiguous.as_slice().unwrap_or_default();
            let row = |row: &[f32]| row.iter().step_by(step).copied().collect::<Vec<f32>>();
            let chosen: Vec<f32> = values.chunks_exact(width.max(1)).flat_map(row).collect();
            Rows { width: width.div_ceil(step), whole: step == 1, values: chosen }
        };
        Self { outputs: outputs.arrays.iter().map(|(name, array)| (name.clone(), rows(array))).collect() }
    }

    /// Adds the rows of the next batch. An output whose width changes is dropped: its difference has a problem already.
    pub(crate) fn append(&mut self, other: Self) {
        // A batch of unreadable tiles has no rows.
        if other.outputs.is_empty() {
            return;
        }
        if self.outputs.is_empty() {
            *self = other;
            return;
        }
        self.outputs.retain(|name, rows| other.outputs.get(name).is_some_and(|more| more.width == rows.width));
        for (name, more) in other.outputs {
            if let Some(rows) = self.outputs.get_mut(&name) {
                rows.values.extend(more.values);
            }
        }
    }

    /// The values of an output of one number a tile.
    pub(crate) fn whole(&self, name: &str) -> Option<&[f32]> {
        self.outputs.get(name).filter(|rows| rows.whole && rows.width == 1).map(|rows| rows.values.as_slice())
    }

    /// Width and values of an output that is kept whole.
    pub(crate) fn rows_of(&self, name: &str) -> Option<(usize, &[f32])> {
        self.outputs.get(name).filter(|rows| rows.whole).map(|rows| (rows.width, rows.values.as_slice()))
    }

    /// Width and values of every output, whole or chosen.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, usize, &[f32])> {
        self.outputs.iter().map(|(name, rows)| (name.as_str(), rows.width, rows.values.as_slice()))
    }

    /// Replaces the rows of an output that is kept whole.
    #[cfg(test)]
    pub(crate) fn set(&mut self, name: &str, width: usize, values: Vec<f32>) {
        self.outputs.insert(name.to_owned(), Rows { width, whole: true, values });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ndarray::{Array1, Array4};

    use super::*;

    fn outputs(first: usize, batch: usize) -> Outputs {
        let score = Array1::from_shape_fn(batch, |row| (first + row) as f32);
        let map =
            Array4::from_shape_fn((batch, 1, 64, 64), |(row, _, y, x)| (first + row) as f32 + (y * 64 + x) as f32);
        let arrays = [("score".to_owned(), score.into_dyn()), ("map".to_owned(), map.into_dyn())];
        Outputs { batch, arrays: arrays.into() }
    }

    #[test]
    fn small_outputs_are_kept_whole_and_large_ones_in_part() {
        let mut rows = SideRows::of(&outputs(0, 3));
        rows.append(SideRows::of(&outputs(3, 2)));
        assert_eq!(rows.whole("score").unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert!(rows.rows_of("map").is_none());
        let (_, width, values) = rows.all().find(|(name, ..)| *name == "map").unwrap();
        assert_eq!((width, values.len(), values[0], values[width]), (32, 160, 0.0, 1.0));
    }
}
