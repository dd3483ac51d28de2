//! Figures over whole slides from the scores of their tiles and their annotations: AUROC by slide and by tile, FROC, and the
//! true-positive rate of regions. Nothing is scored here, so saved rows can be evaluated on any machine. Intervals resample
//! groups: patients, or slides if patients are unknown.

use kiln_slide::lesion::{
    DetectionRule, Froc, FrocOptions, LesionBootstrap, LesionError, LesionMask, LesionOptions, Lesions, MaskScale,
    RegionHit, RegionOptions, RegionRate, SlideHits, detections, froc, region_rate,
};
use kiln_slide::{Annotations, GroupRole, Label, LabelError, LabelRule, Labeller};
use kiln_tile::Place;
use serde::Serialize;

use crate::metrics::{Bootstrap, MeasureOptions, Metrics, MetricsError, Scored, measure_with};
use crate::{Error, Result};

/// Resolution of the masks of lesions that CAMELYON16 evaluates on, in µm/px: level 5 of slides of 0.243 µm/px.
const MASK_MPP: f64 = 7.776;

/// Options of an evaluation of slides.
#[derive(Debug, Clone, PartialEq)]
pub struct SlideEvaluationOptions {
    /// Tiles that score at or above this are tumour.
    pub tile_threshold: f64,
    /// Slides that score at or above this are positive.
    pub slide_threshold: f64,
    /// The rule of the tiles' true labels.
    pub labels: LabelRule,
    /// All tumour is annotated. Otherwise tiles outside polygons have no true label, and there is no FROC.
    pub exhaustive: bool,
    /// The rule that makes detections from scores.
    pub detections: DetectionRule,
    /// The rule that makes lesions from annotations.
    pub lesions: LesionOptions,
    /// The fraction of a tile that must be annotated for the tile to be in a lesion; 0 for any overlap.
    pub least_overlap: f64,
    /// Includes slides that CAMELYON16 takes out of FROC.
    pub keep_left_out: bool,
    /// The scores of tiles are probabilities; adds their calibration.
    pub probabilities: bool,
    /// Options of the intervals.
    pub bootstrap: Bootstrap,
}

impl SlideEvaluationOptions {
    /// Options with one threshold for tiles and slides. A tile is tumour from half of its area, and normal without any
    /// tumour. Detections begin at `detections_from`.
    #[must_use]
    pub fn new(threshold: f64, detections_from: f64) -> Self {
        Self {
            tile_threshold: threshold,
            slide_threshold: threshold,
            labels: LabelRule::default(),
            exhaustive: true,
            detections: DetectionRule::suppression(detections_from),
            lesions: LesionOptions::default(),
            least_overlap: 0.0,
            keep_left_out: false,
            probabilities: false,
            bootstrap: Bootstrap { resamples: 2000, seed: 0 },
        }
    }
}

/// A slide with its scores and its truth.
#[derive(Debug, Clone, Copy)]
pub struct ScoredSlide<'a> {
    /// The slide, as in the rows.
    pub slide: &'a str,
    /// The patient, or the slide itself if unknown.
    pub group: &'a str,
    /// The slide's score.
    pub score: f64,
    /// Resolution of level 0 in µm/px.
    pub mpp: f64,
    /// Places and scores of its tiles; no score for a tile that failed.
    pub tiles: &'a [(Place, Option<f32>)],
    /// Its annotations; none for a normal slide.
    pub annotations: &'a Annotations,
}

/// Metrics of a set of slides or tiles, or the reason why they are undefined.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetFigures {
    /// `ok`, or a short stable word, a colon and the reason: `one_class: …`.
    pub status: String,
    /// The metrics; none unless the status is `ok`.
    #[serde(flatten)]
    pub metrics: Option<Metrics>,
}

/// A slide that was not evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlideLeftOut {
    /// The slide.
    pub slide: String,
    /// The reason.
    pub reason: String,
}

/// All figures over slides. The field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlideFigures {
    /// Metrics over slides: a slide is anomalous if tumour is annotated on it.
    pub slides: SetFigures,
    /// Metrics over tiles that have a true label.
    pub tiles: SetFigures,
    /// Number of scored tiles without a true label: partly tumour, or outside the polygons of a slide that is not annotated
    /// exhaustively.
    pub unlabelled_tiles: usize,
    /// Number of tiles without a score.
    pub failed_tiles: usize,
    /// FROC as CAMELYON16 defines it.
    pub froc: Froc,
    /// True-positive rate of regions.
    pub regions: RegionRate,
    /// Slides that were not evaluated.
    pub left_out: Vec<SlideLeftOut>,
    /// Annotations with tumour whose slides were not scored at all. No figure counts their lesions.
    pub not_scored: Vec<String>,
}

/// Takes one slide after the other; of a slide's tiles only scores and truths are kept.
#[derive(Debug)]
pub struct SlideEvaluator {
    options: SlideEvaluationOptions,
    labeller: Labeller,
    slides: Vec<Scored>,
    tiles: Vec<Scored>,
    hits: Vec<SlideHits>,
    regions: Vec<RegionHit>,
    left_out: Vec<SlideLeftOut>,
    not_scored: Vec<String>,
    unlabelled: usize,
    failed: usize,
    /// A score below 0, which FROC cannot count.
    negative: Option<f32>,
}

impl SlideEvaluator {
    /// An evaluation without slides.
    ///
    /// # Errors
    /// A rule of labels with numbers out of range.
    pub fn new(options: SlideEvaluationOptions) -> Result<Self, LabelError> {
        let labeller = Labeller::new(options.labels, options.exhaustive)?;
        Ok(Self {
            options,
            labeller,
            slides: Vec::new(),
            tiles: Vec::new(),
            hits: Vec::new(),
            regions: Vec::new(),
            left_out: Vec::new(),
            not_scored: Vec::new(),
            unlabelled: 0,
            failed: 0,
            negative: None,
        })
    }

    /// Adds a slide.
    ///
    /// # Errors
    /// A resolution that no slide has, annotations beyond any slide, or options out of range.
    pub fn add(&mut self, slide: &ScoredSlide<'_>) -> Result<()> {
        let scored: Vec<(Place, f32)> =
            slide.tiles.iter().filter_map(|(place, score)| Some((*place, (*score)?))).collect();
        self.failed += slide.tiles.len() - scored.len();
        let anomalous = slide.annotations.polygons().iter().any(|polygon| polygon.role == GroupRole::Tumour);
        self.slides.push(Scored { score: slide.score, anomalous, group: slide.group.to_owned() });
        for (place, score) in &scored {
            match self.labeller.label(slide.annotations, *place).0 {
                Label::Unlabelled => self.unlabelled += 1,
                label => self.tiles.push(Scored {
                    score: f64::from(*score),
                    anomalous: label == Label::Tumour,
                    group: slide.group.to_owned(),
                }),
            }
        }
        let scale = MaskScale { mpp: slide.mpp, downsample: downsample(slide.mpp) };
        let mask = lesion_mask(slide.annotations, &scored, scale.downsample)?;
        let lesions = Lesions::new(slide.slide, &mask, scale, &self.options.lesions)?;
        let region =
            RegionOptions { threshold: self.options.tile_threshold, least_overlap: self.options.least_overlap };
        self.regions.extend(lesions.regions(slide.group, &scored, &region)?);
        let negative = scored.iter().map(|(_, score)| *score).find(|score| *score < 0.0);
        self.negative = self.negative.or(negative);
        if self.options.exhaustive && self.negative.is_none() {
            let found = detections(slide.slide, &scored, slide.mpp, &self.options.detections)?;
            self.hits.push(lesions.hits(slide.group, &found)?);
        }
        Ok(())
    }

    /// Notes a slide that has no score.
    pub fn leave_out(&mut self, slide: &str, reason: &str) {
        self.left_out.push(SlideLeftOut { slide: slide.to_owned(), reason: reason.to_owned() });
    }

    /// Notes annotations with tumour whose slide was not scored.
    pub fn not_scored(&mut self, annotations: String) {
        self.not_scored.push(annotations);
    }

    /// All figures. A figure that is undefined has a status with the reason.
    ///
    /// # Errors
    /// No slide, or options out of range.
    pub fn finish(self) -> Result<SlideFigures> {
        let options = &self.options;
        if self.slides.is_empty() {
            return Err(LesionError::NoSlides { left_out: self.left_out.len() }.into());
        }
        let froc = self.froc()?;
        let interval = lesion_bootstrap(options.bootstrap);
        Ok(SlideFigures {
            slides: set(&self.slides, &MeasureOptions::new(options.slide_threshold, options.bootstrap))?,
            tiles: set(
                &self.tiles,
                &MeasureOptions {
                    probabilities: options.probabilities,
                    ..MeasureOptions::new(options.tile_threshold, options.bootstrap)
                },
            )?,
            unlabelled_tiles: self.unlabelled,
            failed_tiles: self.failed,
            froc,
            regions: region_rate(&self.regions, interval)?,
            left_out: self.left_out,
            not_scored: self.not_scored,
        })
    }

    fn froc(&self) -> Result<Froc> {
        let options = &self.options;
        let status = match self.negative {
            _ if !options.exhaustive => {
                "not_exhaustive: a detection outside the polygons may be a tumour that nobody drew"
            }
            Some(_) => "negative_scores: FROC counts a missed lesion as 0, so scores must be 0 or more",
            None => {
                let bootstrap = lesion_bootstrap(options.bootstrap);
                let froc_options =
                    FrocOptions { keep_left_out: options.keep_left_out, bootstrap, ..FrocOptions::default() };
                return Ok(froc(&self.hits, &froc_options)?);
            }
        };
        Ok(Froc {
            score: None,
            complete_score: None,
            status: status.to_owned(),
            interval: None,
            sensitivities: Vec::new(),
            slides: self.slides.len(),
            lesions: self.regions.iter().filter(|region| !region.isolated).count(),
            found: 0,
            isolated: self.regions.iter().filter(|region| region.isolated).count(),
            false_positives: 0,
            left_out: Vec::new(),
            curve: Vec::new(),
        })
    }
}

fn lesion_bootstrap(bootstrap: Bootstrap) -> Option<LesionBootstrap> {
    Some(LesionBootstrap { resamples: bootstrap.resamples, seed: bootstrap.seed })
}

fn set(scored: &[Scored], options: &MeasureOptions<'_>) -> Result<SetFigures> {
    let undefined = |status: String| Ok(SetFigures { status, metrics: None });
    match measure_with(scored, options) {
        Ok(metrics) => Ok(SetFigures { status: "ok".to_owned(), metrics: Some(metrics) }),
        Err(error @ MetricsError::Empty) => undefined(format!("empty: {error}")),
        Err(error @ MetricsError::OneClass { .. }) => undefined(format!("one_class: {error}")),
        Err(error) => Err(Error::Metrics(error)),
    }
}

/// Level-0 pixels per pixel of a mask: the power of two that is nearest to the resolution of CAMELYON16's masks.
fn downsample(mpp: f64) -> f64 {
    (MASK_MPP / mpp).log2().round().clamp(0.0, 16.0).exp2()
}

/// The annotated tumour as a mask that covers tiles and polygons. A pixel is tumour if its centre is.
fn lesion_mask(annotations: &Annotations, tiles: &[(Place, f32)], downsample: f64) -> Result<LesionMask, LesionError> {
    let points = || annotations.polygons().iter().flat_map(|polygon| polygon.rings.iter().flatten());
    let most = |points: f64, tiles: i64| ((points.max(tiles as f64) / downsample).ceil() + 1.0).clamp(1.0, 4e9) as u32;
    let end = |of: fn(&Place) -> i64| tiles.iter().map(|(place, _)| of(place)).max().unwrap_or(0);
    let reach = |axis: usize| points().map(|point| point[axis]).fold(0.0, f64::max);
    let width = most(reach(0), end(|place| place.minx.saturating_add(place.width.into())));
    let height = most(reach(1), end(|place| place.miny.saturating_add(place.height.into())));
    if points().next().is_none() {
        return LesionMask::from_spans(width, height, []);
    }
    let row_of = |y: f64| (y / downsample).floor().clamp(0.0, f64::from(height)) as u32;
    let top = row_of(points().map(|point| point[1]).fold(f64::INFINITY, f64::min));
    let column = |x: f64| (x / downsample - 0.5).ceil().clamp(0.0, f64::from(width)) as u32;
    let spans = (top..height).flat_map(|row| {
        let tumour = annotations.tumour_intervals((f64::from(row) + 0.5) * downsample);
        tumour.into_iter().map(move |[from, to]| (row, column(from), column(to)))
    });
    LesionMask::from_spans(width, height, spans.filter(|(_, from, to)| from < to).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use kiln_slide::Polygon;

    use super::*;

    fn square(x: f64, y: f64, side: f64) -> Annotations {
        let ring = vec![[x, y], [x + side, y], [x + side, y + side], [x, y + side]];
        let polygon = Polygon { group: "tumour".to_owned(), role: GroupRole::Tumour, rings: vec![ring] };
        Annotations::from_polygons(vec![polygon], Vec::new())
    }

    /// Tiles of 512 level-0 pixels in a grid of 10 x 10; those whose corner is in the square score high.
    fn tiles(tumour: Option<(i64, i64, i64)>) -> Vec<(Place, Option<f32>)> {
        let grid = (0..10).flat_map(|row| (0..10).map(move |column| (column * 512, row * 512)));
        let inside = |x: i64, y: i64| {
            tumour.is_some_and(|(left, top, side)| (left..left + side).contains(&x) && (top..top + side).contains(&y))
        };
        grid.map(|(minx, miny)| {
            let place = Place { minx, miny, width: 512, height: 512 };
            (place, Some(if inside(minx, miny) { 0.9 } else { 0.1 }))
        })
        .collect()
    }

    fn evaluated(options: SlideEvaluationOptions) -> SlideFigures {
        let mut evaluator = SlideEvaluator::new(options).unwrap();
        let none = Annotations::none();
        for number in 0..6 {
            let (tumour, annotations) = match number % 2 {
                0 => (Some((1024, 1024, 1536)), square(1024.0, 1024.0, 1536.0)),
                _ => (None, none.clone()),
            };
            let (slide, tiles) = (format!("{number}.svs"), tiles(tumour));
            let score = if tumour.is_some() { 0.9 } else { 0.1 };
            let slide = ScoredSlide {
                slide: &slide,
                group: &slide,
                score,
                mpp: 0.25,
                tiles: &tiles,
                annotations: &annotations,
            };
            evaluator.add(&slide).unwrap();
        }
        evaluator.leave_out("gone.svs", "no_tissue: 0 % of the slide is tissue");
        evaluator.not_scored("other.xml".to_owned());
        evaluator.finish().unwrap()
    }

    #[test]
    fn a_perfect_model_has_perfect_figures() {
        let figures = evaluated(SlideEvaluationOptions::new(0.5, 0.5));
        let slides = figures.slides.metrics.unwrap();
        assert_eq!((slides.n, slides.anomalous, slides.auroc.value), (6, 3, 1.0));
        let tiles = figures.tiles.metrics.unwrap();
        assert_eq!((tiles.n, tiles.anomalous, tiles.auroc.value, tiles.groups), (600, 27, 1.0, 6));
        // CAMELYON16's script drops the lowest score, which here is that of every lesion.
        assert_eq!((figures.froc.score, figures.froc.complete_score), (Some(0.0), Some(1.0)));
        assert_eq!((figures.froc.lesions, figures.froc.false_positives), (3, 0));
        assert_eq!((figures.regions.rate, figures.regions.found), (Some(1.0), 3));
        assert_eq!((figures.unlabelled_tiles, figures.failed_tiles, figures.left_out.len()), (0, 0, 1));
        assert_eq!(figures.not_scored, ["other.xml"]);
    }

    #[test]
    fn slides_that_are_not_annotated_exhaustively_have_no_froc() {
        let options = SlideEvaluationOptions { exhaustive: false, ..SlideEvaluationOptions::new(0.5, 0.5) };
        let figures = evaluated(options);
        assert_eq!(figures.froc.score, None);
        assert!(figures.froc.status.starts_with("not_exhaustive: "), "{}", figures.froc.status);
        // Tiles outside the polygons have no truth, so all others are tumour.
        assert!(figures.tiles.status.starts_with("one_class: "), "{}", figures.tiles.status);
        assert_eq!((figures.unlabelled_tiles, figures.regions.rate), (573, Some(1.0)));
    }

    #[test]
    fn the_mask_has_the_pixels_whose_centre_is_tumour() {
        let annotations = square(16.5, 48.0, 64.0);
        let mask =
            lesion_mask(&annotations, &tiles(None)[..1].iter().map(|tile| (tile.0, 0.0)).collect::<Vec<_>>(), 32.0);
        // Centres at 48, 80, ... : columns 1 and 2, rows 1 and 2 (48 is on the upper edge).
        let expected = LesionMask::from_spans(17, 17, [(1, 1, 3), (2, 1, 3)]).unwrap();
        assert_eq!(mask.unwrap(), expected);
    }

    #[test]
    fn masks_have_the_resolution_of_camelyon16() {
        assert_eq!([0.2263, 0.243, 0.25, 0.5, 20.0].map(downsample), [32.0, 32.0, 32.0, 16.0, 1.0]);
    }
}
