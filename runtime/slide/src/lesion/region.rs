//! The true-positive rate of regions: lesions that at least one tile reports, and tiles of lesions that are reported.

use kiln_files::text::one_line;
use serde::{Deserialize, Serialize};

use super::bootstrap::resampled;
use super::{LesionBootstrap, LesionError, LesionInterval, Lesions};
use crate::Place;

/// Options of the true-positive rate of regions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionOptions {
    /// Tiles that score at or above this are tumour.
    pub threshold: f64,
    /// The fraction of a tile's area that must be annotated as a lesion for the tile to be in it, in `0..=1`. At 0 any
    /// overlap is enough, so that lesions smaller than a tile can be found.
    #[serde(default)]
    pub least_overlap: f64,
}

/// The tiles of one lesion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegionHit {
    /// The slide.
    pub slide: String,
    /// Patient, or the slide itself if unknown.
    pub group: String,
    /// Number of the lesion within the slide.
    pub lesion: u32,
    /// Annotated area in mm².
    pub annotated_mm2: f64,
    /// Length of the major axis of the grown lesion in micrometres.
    pub major_axis_um: f64,
    /// True for isolated tumour cells.
    pub isolated: bool,
    /// Number of scored tiles in the lesion.
    pub tiles: usize,
    /// Number of these at or above the threshold.
    pub hits: usize,
    /// The highest score of a tile in the lesion; none if no tile is in it.
    pub score: Option<f32>,
    /// True if at least one tile is at or above the threshold.
    pub found: bool,
}

/// The true-positive rate of regions over slides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegionRate {
    /// Fraction of the lesions that are found; none without lesions.
    pub rate: Option<f64>,
    /// `ok`, or `no_lesions: …` without a rate.
    pub status: String,
    /// 95 % interval of the rate, if asked for.
    pub interval: Option<LesionInterval>,
    /// Number of lesions, without isolated tumour cells.
    pub lesions: usize,
    /// Number of these that are found.
    pub found: usize,
    /// Number of isolated tumour cells.
    pub isolated: usize,
    /// Number of these that are found.
    pub isolated_found: usize,
    /// Number of tiles in lesions, with isolated tumour cells.
    pub tiles: usize,
    /// Number of these at or above the threshold.
    pub hits: usize,
    /// Fraction of the tiles in lesions at or above the threshold; none without such tiles.
    pub tile_rate: Option<f64>,
}

impl Lesions {
    /// The tiles in each lesion as it was annotated, before growth. A tile in two lesions counts in both.
    ///
    /// # Errors
    /// A score or threshold that is not finite, or an overlap outside 0 to 1.
    pub fn regions(
        &self,
        group: &str,
        tiles: &[(Place, f32)],
        options: &RegionOptions,
    ) -> Result<Vec<RegionHit>, LesionError> {
        options.check()?;
        let mut hits: Vec<RegionHit> = self
            .lesions()
            .iter()
            .map(|lesion| RegionHit {
                slide: self.slide().to_owned(),
                group: group.to_owned(),
                lesion: lesion.number,
                annotated_mm2: lesion.annotated_mm2,
                major_axis_um: lesion.major_axis_um,
                isolated: lesion.isolated,
                tiles: 0,
                hits: 0,
                score: None,
                found: false,
            })
            .collect();
        for &(place, score) in tiles {
            if !score.is_finite() {
                let slide = one_line(self.slide()).into_owned();
                return Err(LesionError::Score { slide, x: place.minx, y: place.miny, score: f64::from(score) });
            }
            for (number, overlap) in self.overlaps(&place) {
                let hit = number.checked_sub(1).and_then(|at| hits.get_mut(at as usize));
                if let Some(hit) = hit.filter(|_| overlap >= options.least_overlap) {
                    hit.tiles += 1;
                    hit.hits += usize::from(f64::from(score) >= options.threshold);
                    hit.found = hit.hits > 0;
                    hit.score = Some(hit.score.map_or(score, |best| best.max(score)));
                }
            }
        }
        Ok(hits)
    }

    /// The annotated lesions under a tile, with the fraction of the tile's area that each covers.
    fn overlaps(&self, place: &Place) -> Vec<(u32, f64)> {
        let (annotated, numbers) = self.annotated();
        let side = |min: i64, size: u32| {
            let min = min as f64;
            (min / self.scale().downsample, (min + f64::from(size)) / self.scale().downsample)
        };
        let ((left, right), (top, bottom)) = (side(place.minx, place.width), side(place.miny, place.height));
        let rows = top.max(0.0).floor() as usize..(bottom.max(0.0).ceil() as usize).min(annotated.height());
        let mut areas: Vec<(u32, f64)> = Vec::new();
        for y in rows {
            let height = bottom.min(y as f64 + 1.0) - top.max(y as f64);
            let range = annotated.range(y);
            let first = annotated.row(y).partition_point(|span| f64::from(span.1) <= left);
            let spans = annotated.row(y)[first..].iter().zip(&numbers[range.start + first..range.end]);
            for (span, &number) in spans.take_while(|(span, _)| f64::from(span.0) < right) {
                let area = height * (right.min(f64::from(span.1)) - left.max(f64::from(span.0)));
                match areas.iter_mut().find(|(other, _)| *other == number) {
                    Some((_, sum)) => *sum += area,
                    None => areas.push((number, area)),
                }
            }
        }
        let whole = (right - left) * (bottom - top);
        areas.iter().map(|&(number, area)| (number, area / whole)).filter(|&(_, share)| share > 0.0).collect()
    }
}

impl RegionOptions {
    fn check(&self) -> Result<(), LesionError> {
        if !self.threshold.is_finite() {
            let found = self.threshold.to_string();
            return Err(LesionError::Option { key: "threshold", found, expected: "a finite number" });
        }
        if !(0.0..=1.0).contains(&self.least_overlap) {
            let found = self.least_overlap.to_string();
            return Err(LesionError::Option { key: "least_overlap", found, expected: "a fraction of 0 to 1" });
        }
        Ok(())
    }
}

/// The true-positive rate of regions over the lesions of all slides. Isolated tumour cells are counted apart, as FROC
/// leaves them out.
///
/// # Errors
/// A number of resamples outside 40 to 1,000,000.
pub fn region_rate(hits: &[RegionHit], bootstrap: Option<LesionBootstrap>) -> Result<RegionRate, LesionError> {
    let ratio = |part: usize, all: usize| (all > 0).then(|| part as f64 / all as f64);
    let count = |of: &dyn Fn(&RegionHit) -> bool| hits.iter().filter(|hit| of(hit)).count();
    let (lesions, isolated) = (count(&|hit| !hit.isolated), count(&|hit| hit.isolated));
    let found = count(&|hit| !hit.isolated && hit.found);
    let (tiles, tile_hits) = (hits.iter().map(|hit| hit.tiles).sum(), hits.iter().map(|hit| hit.hits).sum());
    let rate = ratio(found, lesions);
    let interval = match (bootstrap, rate) {
        (Some(bootstrap), Some(value)) => {
            let groups = hits.iter().map(|hit| (hit.group.as_str(), !hit.isolated));
            let figure = |weight: &dyn Fn(usize) -> u32| {
                let counted = hits.iter().enumerate().filter(|(_, hit)| !hit.isolated);
                let (part, all) = counted.fold((0, 0), |(part, all), (index, hit)| {
                    let times = weight(index) as usize;
                    (part + if hit.found { times } else { 0 }, all + times)
                });
                ratio(part, all)
            };
            Some(resampled(groups, bootstrap, figure)?.interval(value))
        }
        _ => None,
    };
    let status = match rate {
        Some(_) => "ok".to_owned(),
        None if isolated == 0 => "no_lesions: no slide has a lesion".to_owned(),
        None => format!("no_lesions: all {isolated} lesions are isolated tumour cells"),
    };
    Ok(RegionRate {
        rate,
        status,
        interval,
        lesions,
        found,
        isolated,
        isolated_found: count(&|hit| hit.isolated && hit.found),
        tiles,
        hits: tile_hits,
        tile_rate: ratio(tile_hits, tiles),
    })
}
