//! Detections of one slide, sorted into hits of lesions and false positives.

use std::collections::BTreeMap;

use kiln_files::text::one_line;
use serde::{Deserialize, Serialize};

use super::{Detection, Lesion, LesionError, Lesions};

/// A lesion and its highest detection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LesionHit {
    /// The lesion.
    #[serde(flatten)]
    pub lesion: Lesion,
    /// The highest score of a detection in the lesion; none if it was missed.
    pub score: Option<f64>,
}

impl LesionHit {
    /// The score that FROC compares with its thresholds: 0 for missed lesions and isolated tumour cells. CAMELYON16 and
    /// MONAI keep it in single precision.
    pub(super) fn counted(&self) -> f64 {
        self.score.filter(|_| !self.lesion.isolated).map_or(0.0, |score| f64::from(score as f32))
    }
}

/// The lesions that the detections of one slide hit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlideHits {
    /// The slide.
    pub slide: String,
    /// Patient, or the slide itself if unknown: intervals resample whole groups.
    pub group: String,
    /// Every lesion, with isolated tumour cells.
    pub lesions: Vec<LesionHit>,
    /// Scores of the detections outside all lesions, in the order given.
    pub false_positives: Vec<f64>,
}

impl SlideHits {
    /// The hits on a slide without lesions: every detection is a false positive.
    ///
    /// # Errors
    /// A score that is negative or not finite.
    pub fn without_lesions(slide: &str, group: &str, detections: &[Detection]) -> Result<Self, LesionError> {
        let false_positives = detections.iter().map(|detection| checked(slide, detection)).collect::<Result<_, _>>()?;
        Ok(Self { slide: slide.to_owned(), group: group.to_owned(), lesions: Vec::new(), false_positives })
    }

    /// Lesions that are not isolated tumour cells.
    pub(super) fn counted(&self) -> impl Iterator<Item = &LesionHit> {
        self.lesions.iter().filter(|hit| !hit.lesion.isolated)
    }
}

impl Lesions {
    /// Sorts detections: the highest in a lesion is its hit, those outside all lesions are false positives. Detections in
    /// isolated tumour cells, and further ones in a lesion, count for nothing. A detection outside the mask is a false
    /// positive.
    ///
    /// # Errors
    /// A score that is negative or not finite.
    pub fn hits(&self, group: &str, detections: &[Detection]) -> Result<SlideHits, LesionError> {
        let mut highest: BTreeMap<u32, f64> = BTreeMap::new();
        let mut false_positives = Vec::new();
        for detection in detections {
            let score = checked(self.slide(), detection)?;
            match self.at(detection.x, detection.y) {
                Some(number) => {
                    highest.entry(number).and_modify(|best| *best = best.max(score)).or_insert(score);
                }
                None => false_positives.push(score),
            }
        }
        let hit = |lesion: &Lesion| LesionHit { lesion: lesion.clone(), score: highest.get(&lesion.number).copied() };
        Ok(SlideHits {
            slide: self.slide().to_owned(),
            group: group.to_owned(),
            lesions: self.lesions().iter().map(hit).collect(),
            false_positives,
        })
    }
}

/// The score, which must be a number that FROC can count. Missed lesions count as 0, so a negative score would turn them
/// into hits.
fn checked(slide: &str, detection: &Detection) -> Result<f64, LesionError> {
    let &Detection { x, y, score } = detection;
    if score >= 0.0 && (score as f32).is_finite() {
        // Without the sign of a negative zero.
        return Ok(score.abs());
    }
    Err(LesionError::Score { slide: one_line(slide).into_owned(), x, y, score })
}
