//! FROC: sensitivity on lesions against false positives per slide, and its mean at fixed rates, as CAMELYON16 scored its
//! participants (Ehteshami Bejnordi et al., JAMA 2017).

use std::collections::BTreeSet;

use kiln_files::text::one_line;
use serde::{Deserialize, Serialize};

use super::bootstrap::resampled;
use super::curve::{FrocPoint, Steps, sensitivity_at};
use super::{LesionBootstrap, LesionError, LesionInterval, SlideHits};

/// False positives per slide at which CAMELYON16 averages the sensitivity.
pub const CAMELYON16_RATES: [f64; 6] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0];

/// Slides that CAMELYON16's organisers took out of the evaluation.
const LEFT_OUT: [&str; 2] = ["test_049", "test_114"];

/// Options of FROC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrocOptions {
    /// False positives per slide at which the sensitivity is averaged.
    pub rates: Vec<f64>,
    /// Includes test_049 and test_114, which CAMELYON16 takes out of the evaluation.
    pub keep_left_out: bool,
    /// Adds an interval over groups.
    pub bootstrap: Option<LesionBootstrap>,
}

impl Default for FrocOptions {
    fn default() -> Self {
        Self { rates: CAMELYON16_RATES.to_vec(), keep_left_out: false, bootstrap: Some(LesionBootstrap::default()) }
    }
}

/// A slide that was not evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The slide.
    pub slide: String,
    /// The reason.
    pub reason: String,
}

/// Sensitivity at a number of false positives per slide.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateSensitivity {
    /// False positives per slide.
    pub rate: f64,
    /// Fraction of the lesions that are hit, interpolated.
    pub sensitivity: f64,
}

/// FROC over slides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Froc {
    /// Mean sensitivity at the rates; none if there is no lesion to find.
    pub score: Option<f64>,
    /// The score with the lowest threshold, which CAMELYON16's script and MONAI leave out. It is higher than `score` only
    /// if every lesion is hit: there, the script loses the lesion or false positive with the lowest score.
    pub complete_score: Option<f64>,
    /// `ok`, or `no_lesions: …` without a score.
    pub status: String,
    /// 95 % interval of the score, if asked for.
    pub interval: Option<LesionInterval>,
    /// Sensitivity at each rate; empty without a score.
    pub sensitivities: Vec<RateSensitivity>,
    /// Number of slides evaluated.
    pub slides: usize,
    /// Number of lesions that count.
    pub lesions: usize,
    /// Number of these that a detection hit.
    pub found: usize,
    /// Number of isolated tumour cells, which do not count.
    pub isolated: usize,
    /// Number of detections outside all lesions.
    pub false_positives: usize,
    /// Slides that were not evaluated.
    pub left_out: Vec<LeftOut>,
    /// The curve by ascending false positives; empty without a score.
    pub curve: Vec<FrocPoint>,
}

/// The reason why CAMELYON16 takes a slide out of the evaluation, by the name of its file: `test_049` or `test_114`.
#[must_use]
pub fn left_out(slide: &str) -> Option<&'static str> {
    let name = slide.rsplit(['/', '\\']).next().unwrap_or(slide);
    let stem = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    LEFT_OUT.contains(&stem.as_str()).then_some("CAMELYON16 takes this slide out of its evaluation")
}

/// Computes FROC over slides. Equal to `monai.metrics.compute_froc_curve_data` and `compute_froc_score`.
///
/// Slides without lesions count in the number of slides, and their detections as false positives.
///
/// # Errors
/// No slides, a slide that occurs twice, rates that are negative or not finite, or fewer than 40 resamples.
pub fn froc(slides: &[SlideHits], options: &FrocOptions) -> Result<Froc, LesionError> {
    check(slides, options)?;
    let reason = |hits: &SlideHits| left_out(&hits.slide).filter(|_| !options.keep_left_out);
    let left_out: Vec<LeftOut> = slides
        .iter()
        .filter_map(|hits| Some(LeftOut { slide: hits.slide.clone(), reason: reason(hits)?.to_owned() }))
        .collect();
    let slides: Vec<SlideHits> = slides.iter().filter(|hits| reason(hits).is_none()).cloned().collect();
    if slides.is_empty() {
        return Err(LesionError::NoSlides { left_out: left_out.len() });
    }
    let steps = Steps::new(&slides);
    let score = |curve: &[FrocPoint]| {
        let sum: f64 = options.rates.iter().map(|&rate| sensitivity_at(curve, rate)).sum();
        sum / options.rates.len() as f64
    };
    let curve = steps.curve(|_| 1);
    let value = curve.as_deref().map(score);
    let interval = match (options.bootstrap, value) {
        (Some(bootstrap), Some(value)) => {
            let of_groups = slides.iter().map(|hits| (hits.group.as_str(), hits.counted().next().is_some()));
            let most = options.rates.iter().copied().fold(0.0, f64::max);
            let drawn =
                resampled(of_groups, bootstrap, |weight| steps.curve_up_to(most, weight).map(|curve| score(&curve)))?;
            Some(drawn.interval(value))
        }
        _ => None,
    };
    let counted = || slides.iter().flat_map(SlideHits::counted);
    let (lesions, all) = (counted().count(), slides.iter().map(|hits| hits.lesions.len()).sum::<usize>());
    let status = match (value, all) {
        (Some(_), _) => "ok".to_owned(),
        (None, 0) => format!("no_lesions: none of the {} slides has a lesion", slides.len()),
        (None, all) => format!("no_lesions: all {all} lesions are isolated tumour cells, which do not count"),
    };
    let curve = curve.unwrap_or_default();
    let at = |&rate: &f64| RateSensitivity { rate, sensitivity: sensitivity_at(&curve, rate) };
    Ok(Froc {
        score: value,
        complete_score: steps.complete_curve().as_deref().map(score),
        status,
        interval,
        sensitivities: if value.is_some() { options.rates.iter().map(at).collect() } else { Vec::new() },
        slides: slides.len(),
        lesions,
        found: counted().filter(|hit| hit.score.is_some()).count(),
        isolated: all - lesions,
        false_positives: slides.iter().map(|hits| hits.false_positives.len()).sum(),
        left_out,
        curve,
    })
}

fn check(slides: &[SlideHits], options: &FrocOptions) -> Result<(), LesionError> {
    if options.rates.is_empty() || options.rates.iter().any(|rate| !(rate.is_finite() && *rate >= 0.0)) {
        return Err(LesionError::Option {
            key: "rates",
            found: format!("{:?}", options.rates),
            expected: "one or more numbers of false positives per slide, each 0 or more",
        });
    }
    if let Some(bootstrap) = options.bootstrap {
        bootstrap.check()?;
    }
    let mut names = BTreeSet::new();
    match slides.iter().find(|hits| !names.insert(hits.slide.as_str())) {
        Some(hits) => Err(LesionError::Twice { slide: one_line(&hits.slide).into_owned() }),
        None => Ok(()),
    }
}
