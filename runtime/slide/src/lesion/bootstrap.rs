//! Percentile intervals of figures over lesions, by resampling whole groups of slides with replacement (Efron and
//! Tibshirani 1993, chapter 13). Each resample has its own random stream.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::LesionError;

/// With fewer resamples there is no point outside a 95 % interval on each side.
const LEAST_RESAMPLES: usize = 40;

/// With fewer groups than this, percentile intervals are clearly too narrow.
const FEW_GROUPS: usize = 10;

/// Draws without a lesion before a resample is dropped. With lesions in two groups or more, a draw has none with a
/// probability below 0.3.
const DRAWS: usize = 64;

/// Options of the bootstrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LesionBootstrap {
    /// Number of resamples, 40 to 1,000,000.
    pub resamples: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for LesionBootstrap {
    fn default() -> Self {
        Self { resamples: 2000, seed: 0 }
    }
}

impl LesionBootstrap {
    pub(super) fn check(self) -> Result<(), LesionError> {
        if (LEAST_RESAMPLES..=1_000_000).contains(&self.resamples) {
            return Ok(());
        }
        Err(LesionError::Option {
            key: "resamples",
            found: self.resamples.to_string(),
            expected: "40 to 1000000 for a 95 % interval (2000 is usual)",
        })
    }
}

/// A figure and its 95 % interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LesionInterval {
    /// The figure over all slides.
    pub value: f64,
    /// 2.5th percentile over the resamples; 0 if groups cannot be resampled.
    pub low: f64,
    /// 97.5th percentile over the resamples; 1 if groups cannot be resampled.
    pub high: f64,
    /// Number of resamples; 0 if groups cannot be resampled.
    pub resamples: usize,
    /// Seed of the draws.
    pub seed: u64,
    /// Number of groups.
    pub groups: usize,
    /// Warning if the interval is unreliable.
    pub caution: Option<String>,
}

/// The values of a figure over the resamples.
pub(super) struct Resampled {
    values: Vec<f64>,
    groups: usize,
    /// Number of groups with a lesion.
    with_lesions: usize,
    seed: u64,
}

/// Resamples groups of slides. `slides` has the group of each slide, and whether it has a lesion that counts; `figure`
/// gets the weight of each slide.
pub(super) fn resampled<'a>(
    slides: impl Iterator<Item = (&'a str, bool)>,
    bootstrap: LesionBootstrap,
    figure: impl Fn(&dyn Fn(usize) -> u32) -> Option<f64>,
) -> Result<Resampled, LesionError> {
    bootstrap.check()?;
    let slides: Vec<(&str, bool)> = slides.collect();
    // In the order of their names, independent of the order of the slides.
    let mut groups: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    for (group, lesion) in &slides {
        groups.entry(group).or_default().1 |= lesion;
    }
    groups.values_mut().enumerate().for_each(|(number, group)| group.0 = number);
    let of: Vec<usize> = slides.iter().filter_map(|(group, _)| groups.get(group)).map(|group| group.0).collect();
    let lesions: Vec<bool> = groups.values().map(|group| group.1).collect();
    let with_lesions = lesions.iter().filter(|&&lesion| lesion).count();
    let indices = if with_lesions < 2 { 0..0 } else { 0..bootstrap.resamples };
    let values = indices.filter_map(|index| {
        let times = draw(&lesions, bootstrap.seed, index as u64)?;
        figure(&|slide| times[of[slide]])
    });
    Ok(Resampled { values: values.collect(), groups: groups.len(), with_lesions, seed: bootstrap.seed })
}

/// Number of times that each group is drawn in resample `index`; none if no draw had a lesion.
fn draw(lesions: &[bool], seed: u64, index: u64) -> Option<Vec<u32>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(index);
    (0..DRAWS).find_map(|_| {
        let mut times = vec![0_u32; lesions.len()];
        for _ in 0..lesions.len() {
            // The upper half of the product is uniform up to a share of 2^-64 per group.
            let group = (u128::from(random.next_u64()) * lesions.len() as u128) >> 64;
            times[group as usize] += 1;
        }
        lesions.iter().zip(&times).any(|(&lesion, &times)| lesion && times > 0).then_some(times)
    })
}

impl Resampled {
    /// The percentile interval, extended to the figure over all slides if it is outside.
    pub(super) fn interval(mut self, value: f64) -> LesionInterval {
        self.values.sort_by(f64::total_cmp);
        let (low, high) = match self.values.as_slice() {
            [] => (0.0, 1.0),
            values => (percentile(values, 0.025).min(value), percentile(values, 0.975).max(value)),
        };
        let caution = match self.with_lesions {
            ..2 => Some("lesions are in one group only, so the spread is unknown".to_owned()),
            count @ ..FEW_GROUPS => {
                Some(format!("lesions are in {count} groups only, so the interval is rough and likely too narrow"))
            }
            _ if low >= high => Some("no resample differs, which does not prove that there is no error".to_owned()),
            _ => None,
        };
        let resamples = self.values.len();
        LesionInterval { value, low, high, resamples, seed: self.seed, groups: self.groups, caution }
    }
}

/// Linear interpolation between the two nearest ranks, like NumPy's default.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}
