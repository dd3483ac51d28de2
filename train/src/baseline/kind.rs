//! The baselines by name, with one interface.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::features::TileFeatures;
use super::neighbours::ColourNeighbours;
use super::pca::PixelPca;
use crate::metrics::{COLOUR_FEATURES, ColourBaseline, MetricsError};

/// A classical baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaselineKind {
    /// Logistic regression on colour statistics; fitted to normal and anomalous tiles.
    Colour,
    /// Distance to the nearest normal tiles by colour histograms; fitted to normal tiles only.
    ColourNeighbours,
    /// Error of a reconstruction by principal components of thumbnails; fitted to normal tiles only.
    Pca,
}

impl BaselineKind {
    /// Every baseline.
    pub const ALL: [Self; 3] = [Self::Colour, Self::ColourNeighbours, Self::Pca];

    /// The name in configurations and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Colour => "colour",
            Self::ColourNeighbours => "colour_neighbours",
            Self::Pca => "pca",
        }
    }

    /// A short description.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Colour => "logistic regression on colour statistics",
            Self::ColourNeighbours => "distance to the nearest normal tiles by colour histograms; normal tiles only",
            Self::Pca => "error of a reconstruction by principal components of thumbnails; normal tiles only",
        }
    }

    /// True if it is fitted to anomalous tiles as well as normal ones.
    #[must_use]
    pub fn learns_anomalies(self) -> bool {
        self == Self::Colour
    }

    /// Fits to training tiles; a normal-only baseline ignores anomalous tiles.
    ///
    /// # Errors
    /// Too few tiles, or one class only if both are needed.
    pub fn fit(self, tiles: &[&TileFeatures], anomalous: &[bool]) -> Result<FittedBaseline, MetricsError> {
        let normal = || tiles.iter().zip(anomalous).filter(|(_, anomalous)| !**anomalous).map(|(tile, _)| *tile);
        match self {
            Self::Colour => {
                let rows: Vec<[f64; COLOUR_FEATURES]> = tiles.iter().map(|tile| tile.colour.statistics).collect();
                Ok(FittedBaseline::Colour(ColourBaseline::fit(&rows, anomalous)?))
            }
            Self::ColourNeighbours => {
                let rows: Vec<&[f64]> = normal().map(|tile| tile.colour.histogram.as_slice()).collect();
                Ok(FittedBaseline::ColourNeighbours(ColourNeighbours::fit(&rows)?))
            }
            Self::Pca => {
                let rows: Vec<&[f32]> = normal().map(|tile| tile.thumbnail.as_slice()).collect();
                Ok(FittedBaseline::Pca(PixelPca::fit(&rows)?))
            }
        }
    }
}

impl fmt::Display for BaselineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A baseline that was fitted to training tiles.
#[derive(Debug, Clone, PartialEq)]
pub enum FittedBaseline {
    /// See [`BaselineKind::Colour`].
    Colour(ColourBaseline),
    /// See [`BaselineKind::ColourNeighbours`].
    ColourNeighbours(ColourNeighbours),
    /// See [`BaselineKind::Pca`].
    Pca(PixelPca),
}

impl FittedBaseline {
    /// Scores of tiles; higher is more anomalous.
    ///
    /// # Errors
    /// Features of another size than in training.
    pub fn score(&self, tiles: &[&TileFeatures]) -> Result<Vec<f64>, MetricsError> {
        match self {
            Self::Colour(fitted) => Ok(tiles.iter().map(|tile| fitted.score(&tile.colour.statistics)).collect()),
            Self::ColourNeighbours(fitted) => {
                let rows: Vec<&[f64]> = tiles.iter().map(|tile| tile.colour.histogram.as_slice()).collect();
                fitted.score(&rows)
            }
            Self::Pca(fitted) => {
                let rows: Vec<&[f32]> = tiles.iter().map(|tile| tile.thumbnail.as_slice()).collect();
                fitted.score(&rows)
            }
        }
    }

    /// True if its scores are probabilities.
    #[must_use]
    pub fn gives_probabilities(&self) -> bool {
        matches!(self, Self::Colour(_))
    }
}
