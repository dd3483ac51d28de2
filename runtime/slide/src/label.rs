//! Labels of tiles from annotations. The rule is the caller's: the share of tumour in the tile, its centre (NCRF), or any
//! tumour in a central square (PatchCamelyon).

use kiln_files::Fault;

use crate::{Annotations, Place};

/// The label of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Label {
    /// Tumour.
    Tumour,
    /// Tissue without tumour.
    Normal,
    /// Neither: partly tumour, or outside the polygons of a slide that was not annotated exhaustively.
    Unlabelled,
}

impl Label {
    /// The name in tile lists. `None` for an unlabelled tile, whose cell is empty.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Tumour => Some("tumour"),
            Self::Normal => Some("normal"),
            Self::Unlabelled => None,
        }
    }
}

/// The rule by which a tile is labelled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LabelRule {
    /// By the share of the tile that is tumour: tumour at or above `tumour`, normal at or below `normal`, between them
    /// unlabelled.
    Area {
        /// Least share of a tumour tile.
        tumour: f64,
        /// Greatest share of a normal tile.
        normal: f64,
    },
    /// Tumour if the centre of the tile is tumour, else normal (Li and Ping 2018, NCRF).
    Centre,
    /// Tumour if there is any tumour in the central square of `side` pixels of a tile of `tile` pixels, else normal (Veeling
    /// et al. 2018, PatchCamelyon: 32 of 96).
    CentralSquare {
        /// Side of the square in pixels at the tile's resolution.
        side: u32,
        /// Side of the tile in pixels at its resolution.
        tile: u32,
    },
}

impl Default for LabelRule {
    /// Tumour from half of the tile, normal without any tumour.
    fn default() -> Self {
        Self::Area { tumour: 0.5, normal: 0.0 }
    }
}

/// A rule with numbers out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LabelError {
    /// Thresholds that are not 0 <= normal < tumour <= 1.
    #[error("tumour from {tumour} and normal up to {normal} of a tile: expected 0 <= normal < tumour <= 1")]
    Thresholds {
        /// Least share of a tumour tile.
        tumour: f64,
        /// Greatest share of a normal tile.
        normal: f64,
    },
    /// A central square of no pixels, or larger than the tile.
    #[error("a central square of {side} px in a tile of {tile} px: expected 1 to {tile}")]
    Square {
        /// Side of the square.
        side: u32,
        /// Side of the tile.
        tile: u32,
    },
}

impl LabelError {
    /// Returns the error category: always wrong input.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}

/// Labels places by a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Labeller {
    rule: LabelRule,
    exhaustive: bool,
}

impl Labeller {
    /// A labeller. `exhaustive` states that all tumour of the slide is annotated, so that tissue outside polygons is normal.
    /// Otherwise a tile is normal only where a polygon that is not tumour covers it: at least the share that makes a tumour
    /// tile, the centre, or half of the central square.
    ///
    /// # Errors
    /// A rule with numbers out of range.
    pub fn new(rule: LabelRule, exhaustive: bool) -> Result<Self, LabelError> {
        match rule {
            LabelRule::Area { tumour, normal } if !(0.0 <= normal && normal < tumour && tumour <= 1.0) => {
                Err(LabelError::Thresholds { tumour, normal })
            }
            LabelRule::CentralSquare { side, tile } if side == 0 || side > tile => {
                Err(LabelError::Square { side, tile })
            }
            _ => Ok(Self { rule, exhaustive }),
        }
    }

    /// The label of a place, and the share of the place that is tumour.
    #[must_use]
    pub fn label(&self, annotations: &Annotations, place: Place) -> (Label, f64) {
        let [tumour, excluded] = annotations.fractions(place);
        let centre =
            [place.minx as f64 + f64::from(place.width) / 2.0, place.miny as f64 + f64::from(place.height) / 2.0];
        let (is_tumour, is_clear, is_annotated_normal) = match self.rule {
            LabelRule::Area { tumour: from, normal: to } => (tumour >= from, tumour <= to, excluded >= from),
            LabelRule::Centre => {
                let inside = annotations.is_tumour(centre[0], centre[1]);
                (inside, !inside, annotations.is_excluded(centre[0], centre[1]))
            }
            LabelRule::CentralSquare { side, tile } => {
                let half = [place.width, place.height]
                    .map(|length| f64::from(length) * f64::from(side) / f64::from(tile) / 2.0);
                let min = [centre[0] - half[0], centre[1] - half[1]];
                let [tumour, excluded] = annotations.shares(min, [centre[0] + half[0], centre[1] + half[1]]);
                (tumour > 0.0, tumour == 0.0, excluded >= 0.5)
            }
        };
        let label = match () {
            () if is_tumour => Label::Tumour,
            () if is_clear && (self.exhaustive || is_annotated_normal) => Label::Normal,
            () => Label::Unlabelled,
        };
        (label, tumour)
    }
}
