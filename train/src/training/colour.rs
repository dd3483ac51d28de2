//! The colour baselines of a run.

use std::collections::BTreeMap;
use std::path::Path;

use kiln_tile::{TILE_BYTES, Tile};

use super::evaluation::ScoredTile;
use super::truth::with_truth;
use crate::baseline::{ColourFeatures, ColourNeighbours};
use crate::data::{Dataset, Loader};
use crate::metrics::{COLOUR_FEATURES, ColourBaseline, Scored};
use crate::model::Classes;
use crate::{Error, Result};

/// Scores of the test tiles by colour, and the statistics of their colours.
pub(super) struct ColourScores {
    /// Scores by a logistic regression, if the training tiles are of both classes.
    pub(super) supervised: Option<Vec<Scored>>,
    /// Distances to the normal training tiles.
    pub(super) neighbours: Vec<Scored>,
    /// Statistics of the test tiles, in the order of their scores.
    pub(super) statistics: Vec<[f64; COLOUR_FEATURES]>,
    /// Statistics of the training tiles.
    pub(super) learnt: Vec<[f64; COLOUR_FEATURES]>,
}

/// Scores of `test` by colour statistics, fitted on the tiles of `train`: a logistic regression on all of them, if they
/// are of both classes, and the distance to the normal ones. Both loaders must give tiles without stain normalisation.
pub(super) fn colour_scores(
    dataset: &Dataset,
    classes: &Classes,
    train: &Loader,
    tested: &Loader,
    test: &[ScoredTile],
) -> Result<ColourScores> {
    let learnt = colours(train)?;
    let values: Vec<[f64; COLOUR_FEATURES]> = learnt.values().map(|(_, colour)| colour.statistics).collect();
    let anomalous: Vec<bool> = learnt.values().map(|(class, _)| classes.is_anomalous(*class)).collect();
    let both = anomalous.contains(&true) && anomalous.contains(&false);
    let baseline = both.then(|| ColourBaseline::fit(&values, &anomalous)).transpose()?;
    let normal = learnt.values().filter(|(class, _)| !classes.is_anomalous(*class));
    let normal: Vec<&[f64]> = normal.map(|(_, colour)| colour.histogram.as_slice()).collect();
    let tested = colours(tested)?;
    let colour = |tile: &ScoredTile| {
        let missing = || Error::run(Path::new("tile"), format!("tile {} has no colour", tile.index));
        tested.get(&tile.index).map(|(_, colour)| colour).ok_or_else(missing)
    };
    let colours = test.iter().map(colour).collect::<Result<Vec<&ColourFeatures>>>()?;
    let supervised = baseline.map(|baseline| colours.iter().map(|colour| baseline.score(&colour.statistics)).collect());
    let histograms: Vec<&[f64]> = colours.iter().map(|colour| colour.histogram.as_slice()).collect();
    let distances = ColourNeighbours::fit(&normal)?.score(&histograms)?;
    let with = |scores: Vec<f64>| {
        let places = with_truth(dataset, classes, test).into_iter().zip(scores);
        places.map(|(tile, score)| Scored { score, ..tile }).collect()
    };
    Ok(ColourScores {
        supervised: supervised.map(with),
        neighbours: with(distances),
        statistics: colours.iter().map(|colour| colour.statistics).collect(),
        learnt: values,
    })
}

/// Class number and colours of each tile, by entry.
fn colours(loader: &Loader) -> Result<BTreeMap<usize, (usize, ColourFeatures)>> {
    let mut features = BTreeMap::new();
    for batch in loader.epoch(0, 0) {
        let batch = batch?;
        let tiles = batch.pixels.chunks_exact(TILE_BYTES).map(|pixels| Tile::from_pixels(pixels.to_vec()));
        for ((index, class), tile) in batch.indices.iter().zip(&batch.labels).zip(tiles) {
            let tile = tile.map_err(|error| Error::run(Path::new("tile"), error.to_string()))?;
            features.insert(*index, (*class, ColourFeatures::new(&tile)));
        }
    }
    Ok(features)
}
