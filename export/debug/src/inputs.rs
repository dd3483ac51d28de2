//! The inputs of a comparison: tiles, or arrays by the names of graph inputs. They are run in batches of equal size, since
//! recordings and pieces have fixed sizes; the last batch is filled up and its filling is left out of all figures.

use std::path::Path;

use kiln_runtime::Array;
use kiln_runtime::golden::Golden;
use kiln_tile::{SIDE, TILE_BYTES};
use ndarray::{ArrayD, IxDyn};

use crate::array::{joined, rows};
use crate::error::{DebugError, Result};
use crate::npz;
use crate::values::Values;

/// Named rows of the graph's inputs.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// Arrays by input name, all with the same number of rows.
    arrays: Values,
    /// The name of each row: a tile's path, or its number.
    names: Vec<String>,
    /// Origin of the rows, for reports.
    origin: String,
}

/// A batch of inputs.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) values: Values,
    /// Number of the first row.
    pub(crate) first: usize,
    /// Rows that count; the others fill the batch up.
    pub(crate) rows: usize,
}

impl Inputs {
    /// Decoded tiles, u8 `[n, 256, 256, 3]`, one name each.
    ///
    /// # Errors
    /// [`DebugError::Inputs`] if there is no tile, or another number of bytes than of names.
    pub fn from_tiles(pixels: Vec<u8>, names: Vec<String>, origin: impl Into<String>) -> Result<Self> {
        let side = SIDE as usize;
        let wrong = |reason: String| DebugError::Inputs { reason };
        if names.is_empty() || pixels.len() != names.len() * TILE_BYTES {
            return Err(wrong(format!("{} bytes of pixels for {} tiles", pixels.len(), names.len())));
        }
        let array = ArrayD::from_shape_vec(IxDyn(&[names.len(), side, side, 3]), pixels);
        let array = array.map_err(|error| wrong(error.to_string()))?;
        Ok(Self { arrays: [("tile".to_owned(), array.into())].into(), names, origin: origin.into() })
    }

    /// The golden tiles of a bundle, at most `most`.
    ///
    /// # Errors
    /// As [`Inputs::from_tiles`].
    pub fn from_golden(golden: &Golden, most: usize) -> Result<Self> {
        let tiles: Vec<_> = golden.tiles.iter().take(most).collect();
        let pixels = tiles.iter().flat_map(|tile| tile.pixels()).copied().collect();
        let names = (0..tiles.len()).map(|number| format!("golden {number}")).collect();
        Self::from_tiles(pixels, names, "golden tiles")
    }

    /// Arrays by input name, for graphs of any kind. The first axis of each is the batch.
    ///
    /// # Errors
    /// [`DebugError::Inputs`] if there is none, or if they have different numbers of rows.
    pub fn from_arrays(arrays: impl IntoIterator<Item = (String, Array)>, origin: impl Into<String>) -> Result<Self> {
        let arrays: Values = arrays.into_iter().collect();
        let mut counts = arrays.values().map(|array| array.shape().first().copied().unwrap_or(1));
        let wrong = |reason: &str| DebugError::Inputs { reason: reason.to_owned() };
        let count = counts.next().ok_or_else(|| wrong("no array was given"))?;
        if count == 0 || counts.any(|other| other != count) {
            return Err(wrong("the arrays have different numbers of rows, or none"));
        }
        Ok(Self { arrays, names: (0..count).map(|row| format!("row {row}")).collect(), origin: origin.into() })
    }

    /// Reads arrays by input name from an `.npz` file.
    ///
    /// # Errors
    /// [`DebugError::Inputs`] if it is no such file, or as [`Inputs::from_arrays`]; [`DebugError::Io`].
    pub fn read(path: &Path) -> Result<Self> {
        let origin = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self::from_arrays(npz::read(path)?, origin)
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// True if there is no row. Never so.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names of the rows.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Origin of the rows.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The inputs with one row only.
    #[must_use]
    pub fn only(&self, row: usize) -> Self {
        let row = row.min(self.len().saturating_sub(1));
        Self {
            arrays: self.arrays.iter().map(|(name, array)| (name.clone(), rows(array, row, row + 1))).collect(),
            names: vec![self.names[row].clone()],
            origin: self.origin.clone(),
        }
    }

    /// Batches of `size` rows. The last one is filled up with its first row.
    pub(crate) fn parts(&self, size: usize) -> impl Iterator<Item = Part> + '_ {
        let size = size.max(1);
        (0..self.len()).step_by(size).map(move |first| {
            let last = (first + size).min(self.len());
            let cut = |array: &Array| filled(array, first, last, size);
            let values = self.arrays.iter().map(|(name, array)| (name.clone(), cut(array))).collect();
            Part { values, first, rows: last - first }
        })
    }
}

fn filled(array: &Array, first: usize, last: usize, size: usize) -> Array {
    let own = rows(array, first, last);
    let filling = rows(array, first, first + 1);
    (last - first..size).fold(own, |part, _| joined(&part, &filling).unwrap_or(part))
}
