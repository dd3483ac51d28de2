//! Data in the page: JSON that no text can leave, and scores as base64.

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;
use serde::Serialize;

use crate::heatmap::error::HeatmapError;
use crate::heatmap::raster::Raster;

/// The scores of a raster without its empty cells.
#[derive(Serialize)]
pub(super) struct Cells {
    /// Columns of the raster.
    columns: usize,
    /// Rows of the raster.
    rows: usize,
    /// Side of a cell in level-0 pixels.
    side: f64,
    /// Lengths of runs, row by row: cells without a tile, then cells with one, and so on. Base64 of 32-bit integers,
    /// little-endian.
    runs: String,
    /// The scores of the cells with a tile, NaN for failed ones. Base64 of 32-bit floats, little-endian.
    scores: String,
}

impl Cells {
    pub(super) fn new(raster: &Raster) -> Self {
        let (mut runs, mut scores) = (Vec::new(), Vec::new());
        let (mut length, mut inside) = (0_u32, false);
        for score in raster.scores() {
            if score.is_nan() == inside {
                runs.extend_from_slice(&length.to_le_bytes());
                (length, inside) = (0, !inside);
            }
            length += 1;
            if inside {
                let score = if score.is_infinite() { f32::NAN } else { *score };
                scores.extend_from_slice(&score.to_le_bytes());
            }
        }
        runs.extend_from_slice(&length.to_le_bytes());
        let (runs, scores) = (STANDARD.encode(runs), STANDARD.encode(scores));
        Self { columns: raster.columns(), rows: raster.rows(), side: raster.cell_side(), runs, scores }
    }
}

/// Writes JSON for a `script` element. `<` occurs in strings alone, where it is escaped: nothing ends the element.
pub(super) fn write_json(out: &mut impl Write, value: &impl Serialize) -> Result<(), HeatmapError> {
    let json = serde_json::to_string(value).map_err(|error| HeatmapError::Write(error.into()))?;
    Ok(out.write_all(json.replace('<', "\\u003c").as_bytes())?)
}

/// Writes bytes as base64.
pub(super) fn write_base64(out: &mut impl Write, bytes: &[u8]) -> Result<(), HeatmapError> {
    let mut encoder = EncoderWriter::new(out, &STANDARD);
    encoder.write_all(bytes)?;
    encoder.finish()?;
    Ok(())
}
