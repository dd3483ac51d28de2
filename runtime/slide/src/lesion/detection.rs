//! Detections: points with a score, made from the scores of tiles as CAMELYON16's participants made them from heat maps.

use kiln_files::text::one_line;
use serde::{Deserialize, Serialize};

use super::LesionError;
use super::lesions::check_mpp;
use super::nearby::{Nearby, centre};
use crate::Place;

/// A point that a model calls tumour.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Column in level-0 pixels.
    pub x: i64,
    /// Row in level-0 pixels.
    pub y: i64,
    /// Confidence, 0 or more.
    pub score: f64,
}

/// The rule that makes detections from the scores of tiles. A detection is the centre of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum DetectionRule {
    /// Non-maximum suppression: takes the highest tile, drops all tiles in a square around it, and repeats, down to the
    /// threshold. NCRF's and MONAI's rule (`monai.apps.pathology.utils.PathologyProbNMS`).
    Suppression {
        /// The lowest score of a detection.
        threshold: f64,
        /// Half the side of the square in micrometres. NCRF suppresses 12 pixels of level 6 around a detection, which
        /// are 187 µm.
        radius_um: f64,
        /// Standard deviation of a Gaussian blur before the suppression, in micrometres; 0 for none. Places without a
        /// tile count as 0, and the detection has the blurred score.
        sigma_um: f64,
    },
    /// The highest tile of each region. A region is a group of tiles at or above the threshold that touch at an edge or a
    /// corner.
    Regions {
        /// The lowest score of a tile of a region.
        threshold: f64,
    },
}

impl Default for DetectionRule {
    /// Non-maximum suppression with NCRF's parameters: threshold 0.5, radius 187 µm, no blur.
    fn default() -> Self {
        Self::suppression(0.5)
    }
}

impl DetectionRule {
    /// Non-maximum suppression with a threshold and NCRF's radius of 187 µm.
    #[must_use]
    pub fn suppression(threshold: f64) -> Self {
        Self::Suppression { threshold, radius_um: 187.0, sigma_um: 0.0 }
    }

    fn check(&self) -> Result<(), LesionError> {
        let (threshold, lengths) = match *self {
            Self::Suppression { threshold, radius_um, sigma_um } => {
                (threshold, [("radius_um", radius_um), ("sigma_um", sigma_um)])
            }
            Self::Regions { threshold } => (threshold, [("radius_um", 0.0), ("sigma_um", 0.0)]),
        };
        if !(threshold.is_finite() && threshold >= 0.0) {
            let found = threshold.to_string();
            return Err(LesionError::Option { key: "threshold", found, expected: "a finite number of 0 or more" });
        }
        match lengths.into_iter().find(|(_, value)| !(0.0..=10_000.0).contains(value)) {
            Some((key, value)) => {
                Err(LesionError::Option { key, found: value.to_string(), expected: "0 to 10000 micrometres" })
            }
            None => Ok(()),
        }
    }
}

/// Detections from the tiles of one slide that have a score, by descending score, and by rows from the top among equals.
/// `mpp` is the slide's resolution in micrometres per level-0 pixel.
///
/// # Errors
/// A score that is negative or not finite, a resolution outside 0.05 to 20 µm/px, or parameters out of range.
pub fn detections(
    slide: &str,
    tiles: &[(Place, f32)],
    mpp: f64,
    rule: &DetectionRule,
) -> Result<Vec<Detection>, LesionError> {
    check_mpp(slide, mpp)?;
    rule.check()?;
    if let Some((place, score)) = tiles.iter().find(|(_, score)| !(score.is_finite() && *score >= 0.0)) {
        let (x, y) = centre(place);
        return Err(LesionError::Score { slide: one_line(slide).into_owned(), x, y, score: f64::from(*score) });
    }
    let nearby = Nearby::new(tiles.iter().map(|tile| &tile.0));
    let scores: Vec<f64> = tiles.iter().map(|tile| f64::from(tile.1)).collect();
    let centres: Vec<(i64, i64)> = tiles.iter().map(|tile| centre(&tile.0)).collect();
    let map = Map { nearby, centres, scores };
    let chosen = match *rule {
        DetectionRule::Suppression { threshold, radius_um, sigma_um } => {
            let map = if sigma_um > 0.0 { map.blurred(sigma_um / mpp) } else { map };
            map.suppress(threshold, (radius_um / mpp + 1e-6).floor() as i64)
        }
        DetectionRule::Regions { threshold } => map.regions(threshold),
    };
    Ok(chosen)
}

/// The scores of a slide by position.
struct Map {
    nearby: Nearby,
    centres: Vec<(i64, i64)>,
    scores: Vec<f64>,
}

impl Map {
    /// Indices of the tiles at or above a threshold, by descending score and then by rows.
    fn ranked(&self, threshold: f64) -> Vec<usize> {
        let mut ranked: Vec<usize> = self.nearby.in_order().filter(|&tile| self.scores[tile] >= threshold).collect();
        ranked.sort_by(|&a, &b| self.scores[b].total_cmp(&self.scores[a]));
        ranked
    }

    fn detection(&self, tile: usize) -> Detection {
        let (x, y) = self.centres[tile];
        Detection { x, y, score: self.scores[tile] }
    }

    fn suppress(&self, threshold: f64, radius: i64) -> Vec<Detection> {
        let mut suppressed = vec![false; self.scores.len()];
        let mut chosen = Vec::new();
        for tile in self.ranked(threshold) {
            if suppressed[tile] {
                continue;
            }
            chosen.push(self.detection(tile));
            self.nearby.within(self.centres[tile], (radius, radius)).for_each(|(_, near)| suppressed[near] = true);
        }
        chosen
    }

    fn regions(&self, threshold: f64) -> Vec<Detection> {
        // Half a step more, as rounded grids are not quite regular.
        let (dx, dy) = self.nearby.step();
        let reach = (dx + dx / 2, dy + dy / 2);
        let mut visited = vec![false; self.scores.len()];
        let mut chosen = Vec::new();
        // From the highest down, so that the first tile of a region is its highest.
        for tile in self.ranked(threshold) {
            if std::mem::replace(&mut visited[tile], true) {
                continue;
            }
            chosen.push(self.detection(tile));
            let mut pending = vec![tile];
            while let Some(tile) = pending.pop() {
                for (_, near) in self.nearby.within(self.centres[tile], reach) {
                    if self.scores[near] >= threshold && !std::mem::replace(&mut visited[near], true) {
                        pending.push(near);
                    }
                }
            }
        }
        chosen
    }

    /// A Gaussian blur with a standard deviation of `sigma` level-0 pixels, cut off at four of them. Places without a tile
    /// count as 0. On a regular grid equal to `scipy.ndimage.gaussian_filter(mode="constant")`.
    fn blurred(self, sigma: f64) -> Self {
        let weight = |distance: f64| (-(distance * distance) / (2.0 * sigma * sigma)).exp();
        let reach = |step: i64| (4.0 * sigma / step as f64 + 0.5) as i64;
        // The weight of a whole grid, with the tiles that are not there.
        let total = |step: i64| 1.0 + 2.0 * (1..=reach(step)).map(|k| weight((k * step) as f64)).sum::<f64>();
        let (dx, dy) = self.nearby.step();
        let whole = total(dx) * total(dy);
        let within = (reach(dx) * dx + dx / 4, reach(dy) * dy + dy / 4);
        let blur = |&centre: &(i64, i64)| {
            let near = self.nearby.within(centre, within);
            let sum: f64 = near.map(|((x, y), tile)| weight(x as f64) * weight(y as f64) * self.scores[tile]).sum();
            sum / whole
        };
        let scores = self.centres.iter().map(blur).collect();
        Self { scores, ..self }
    }
}
