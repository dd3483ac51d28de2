//! The FROC curve: sensitivity and false positives per slide over all thresholds. Slides have weights, so that a bootstrap
//! resample costs one pass and no sort.

use serde::{Deserialize, Serialize};

use super::SlideHits;

/// A point of the FROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FrocPoint {
    /// Detections that score at or above this count; none at the first point, where no detection counts.
    pub threshold: Option<f64>,
    /// False positives per slide.
    pub false_positives_per_slide: f64,
    /// Fraction of the lesions that are hit.
    pub sensitivity: f64,
}

/// A score on the curve: of a lesion, or of a false positive.
struct Step {
    score: f64,
    slide: usize,
    lesion: bool,
}

/// The scores of all slides in descending order.
pub(super) struct Steps {
    steps: Vec<Step>,
    /// Number of lesions of each slide, without isolated tumour cells.
    lesions: Vec<u64>,
}

impl Steps {
    pub(super) fn new(slides: &[SlideHits]) -> Self {
        let mut steps = Vec::new();
        for (slide, hits) in slides.iter().enumerate() {
            // Isolated tumour cells are here with score 0: they are among the scores, and never counted.
            steps.extend(hits.lesions.iter().map(|hit| Step { score: hit.counted(), slide, lesion: true }));
            steps.extend(hits.false_positives.iter().map(|&score| Step { score, slide, lesion: false }));
        }
        steps.sort_by(|a, b| b.score.total_cmp(&a.score));
        Self { steps, lesions: slides.iter().map(|hits| hits.counted().count() as u64).collect() }
    }

    /// The curve by ascending false positives, one point for each distinct score but the lowest, after the point without
    /// detections; none if no lesion has weight. CAMELYON16's script leaves out the lowest score. It is the 0 of missed
    /// lesions, or, if every lesion is hit, the score of a detection.
    pub(super) fn curve(&self, weight: impl Fn(usize) -> u32) -> Option<Vec<FrocPoint>> {
        self.curve_up_to(f64::INFINITY, weight)
    }

    /// The curve up to the first point above `rate` false positives per slide, which is all that interpolation up to
    /// `rate` needs.
    pub(super) fn curve_up_to(&self, rate: f64, weight: impl Fn(usize) -> u32) -> Option<Vec<FrocPoint>> {
        let mut points = self.points(rate, weight)?;
        points.pop_if(|point| point.threshold.is_some());
        Some(points)
    }

    /// The curve of all slides with the lowest score, unless it is 0; none without lesions.
    pub(super) fn complete_curve(&self) -> Option<Vec<FrocPoint>> {
        let mut points = self.points(f64::INFINITY, |_| 1)?;
        points.pop_if(|point| point.threshold == Some(0.0));
        Some(points)
    }

    /// A point for each distinct score, after the point without detections, up to the second one above `rate`.
    fn points(&self, rate: f64, weight: impl Fn(usize) -> u32) -> Option<Vec<FrocPoint>> {
        let slides: u64 = (0..self.lesions.len()).map(|slide| u64::from(weight(slide))).sum();
        let lesions = self.lesions.iter().enumerate();
        let lesions: u64 = lesions.map(|(slide, count)| u64::from(weight(slide)) * count).sum();
        if lesions == 0 {
            return None;
        }
        let (mut found, mut wrong) = (0_u64, 0_u64);
        let mut points = vec![FrocPoint { threshold: None, false_positives_per_slide: 0.0, sensitivity: 0.0 }];
        for run in self.steps.chunk_by(|a, b| a.score == b.score) {
            let drawn: u64 = run.iter().map(|step| u64::from(weight(step.slide))).sum();
            if drawn == 0 {
                continue;
            }
            let hits: u64 = run.iter().filter(|step| step.lesion).map(|step| u64::from(weight(step.slide))).sum();
            let beyond = points.last().is_some_and(|point| point.false_positives_per_slide > rate);
            found += hits;
            wrong += drawn - hits;
            points.push(FrocPoint {
                threshold: run.first().map(|step| step.score),
                false_positives_per_slide: wrong as f64 / slides as f64,
                sensitivity: found as f64 / lesions as f64,
            });
            if beyond {
                break;
            }
        }
        Some(points)
    }
}

/// Sensitivity at a number of false positives per slide: linear between points and constant beyond the last one, like
/// `numpy.interp`. Among points with equal false positives the last one counts, which has the highest sensitivity.
pub(super) fn sensitivity_at(curve: &[FrocPoint], rate: f64) -> f64 {
    let next = curve.partition_point(|point| point.false_positives_per_slide <= rate);
    match (next.checked_sub(1).and_then(|at| curve.get(at)), curve.get(next)) {
        (Some(below), Some(above)) if below.false_positives_per_slide < rate => {
            let slope = (above.sensitivity - below.sensitivity)
                / (above.false_positives_per_slide - below.false_positives_per_slide);
            slope * (rate - below.false_positives_per_slide) + below.sensitivity
        }
        (Some(below), _) => below.sensitivity,
        (None, first) => first.map_or(0.0, |first| first.sensitivity),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesion::{Lesion, LesionHit};
    use proptest::prelude::*;

    fn slide(lesions: &[(Option<u8>, bool)], wrong: &[u8]) -> SlideHits {
        let score = |score: u8| f64::from(score) / 8.0;
        let hit = |&(found, isolated): &(Option<u8>, bool)| {
            let lesion =
                Lesion { number: 1, x: 0.0, y: 0.0, area_mm2: 1.0, annotated_mm2: 1.0, major_axis_um: 1.0, isolated };
            LesionHit { lesion, score: found.map(score) }
        };
        SlideHits {
            slide: String::new(),
            group: String::new(),
            lesions: lesions.iter().map(hit).collect(),
            false_positives: wrong.iter().copied().map(score).collect(),
        }
    }

    proptest! {
        /// A slide that is drawn several times counts like several slides, and one that is not drawn like none.
        #[test]
        fn weights_are_repetitions(
            slides in prop::collection::vec(
                (
                    prop::collection::vec((prop::option::of(0_u8..9), any::<bool>()), 0..4),
                    prop::collection::vec(0_u8..9, 0..5),
                    0_usize..4,
                ),
                1..8,
            ),
        ) {
            let all: Vec<SlideHits> = slides.iter().map(|(lesions, wrong, _)| slide(lesions, wrong)).collect();
            let repeat = |(hits, (_, _, times)): (&SlideHits, &(Vec<_>, Vec<_>, usize))| vec![hits.clone(); *times];
            let repeated: Vec<SlideHits> = all.iter().zip(&slides).flat_map(repeat).collect();
            let steps = Steps::new(&all);
            let weight = |slide: usize| slides[slide].2 as u32;
            let weighted = steps.curve(weight);
            prop_assert_eq!(&weighted, &Steps::new(&repeated).curve(|_| 1));
            for rate in [0.0, 0.25, 1.0, 4.0] {
                let short = steps.curve_up_to(rate, weight);
                let at = |curve: &Option<Vec<FrocPoint>>| curve.as_deref().map(|curve| sensitivity_at(curve, rate));
                prop_assert_eq!(at(&short), at(&weighted));
            }
        }
    }
}
