//! The score of a slide from the scores of its tiles: the rule, and an accumulator that takes one tile after another.
//! The result does not depend on the order of the tiles, and memory does not grow with their number.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Number of tiles in the column `top10_mean`.
const TOP: u32 = 10;

/// The largest number of tiles in a mean of the top.
const MOST_TOP: u32 = 100_000;

/// An error in a rule or in the options of a slide score.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SlideScoreError {
    /// A text that is no rule.
    #[error(
        "unknown slide rule `{0}`; the rules are `max`, `top_mean:N` with 1 to {MOST_TOP} tiles, and `area_mm2:A` with an \
         area of 0 or more mm²"
    )]
    Rule(String),
    /// An option is out of range.
    #[error("`{key}` is {found}; it must be {expected}")]
    Option {
        /// Name of the option.
        key: &'static str,
        /// Its value.
        found: f64,
        /// The accepted values.
        expected: &'static str,
    },
}

impl SlideScoreError {
    /// Error category: always [`kiln_files::Fault::Input`].
    #[must_use]
    pub fn fault(&self) -> kiln_files::Fault {
        kiln_files::Fault::Input
    }
}

/// The rule that makes one score of the scores of a slide's tiles. As text, in a bundle's manifest: `max`, `top_mean:10`
/// or `area_mm2:0.05`.
///
/// ```
/// use kiln_slide::SlideRule;
///
/// assert_eq!("top_mean:10".parse(), Ok(SlideRule::TopMean { tiles: 10 }));
/// assert_eq!(SlideRule::TumourArea { least_mm2: 0.05 }.to_string(), "area_mm2:0.05");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum SlideRule {
    /// The highest score of a tile.
    #[default]
    Max,
    /// The mean of the highest scores; of all tiles if there are fewer.
    TopMean {
        /// Number of tiles, 1 to 100,000. `top_mean` without a number is 10.
        tiles: u32,
    },
    /// The area of the tiles at or above the threshold of tiles, in mm². The slide is positive from an area of
    /// `least_mm2` on, and never without such a tile.
    TumourArea {
        /// The least area in mm². 0 for a single tile (`area_mm2` without a number).
        least_mm2: f64,
    },
}

impl fmt::Display for SlideRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::TopMean { tiles } => write!(f, "top_mean:{tiles}"),
            Self::TumourArea { least_mm2 } if *least_mm2 == 0.0 => f.write_str("area_mm2"),
            Self::TumourArea { least_mm2 } => write!(f, "area_mm2:{least_mm2}"),
        }
    }
}

impl FromStr for SlideRule {
    type Err = SlideScoreError;

    fn from_str(text: &str) -> Result<Self, SlideScoreError> {
        let (name, value) = text.split_once(':').map_or((text, None), |(name, value)| (name, Some(value)));
        let rule = match (name, value) {
            ("max", None) => Some(Self::Max),
            ("top_mean", None) => Some(Self::TopMean { tiles: TOP }),
            ("top_mean", Some(tiles)) => tiles.parse().ok().map(|tiles| Self::TopMean { tiles }),
            ("area_mm2", None) => Some(Self::TumourArea { least_mm2: 0.0 }),
            // Without the sign of a negative zero.
            ("area_mm2", Some(area)) => area.parse().ok().map(|area: f64| Self::TumourArea { least_mm2: area + 0.0 }),
            _ => None,
        };
        rule.filter(Self::is_valid).ok_or_else(|| SlideScoreError::Rule(kiln_files::text::one_line(text).into_owned()))
    }
}

impl SlideRule {
    /// The rule in words: `maximum`, `mean of the 10 highest`, `area at or above the threshold`.
    #[must_use]
    pub fn description(&self) -> String {
        match self {
            Self::Max => "maximum".to_owned(),
            Self::TopMean { tiles } => format!("mean of the {tiles} highest"),
            Self::TumourArea { least_mm2 } => format!("area at or above the threshold, from {least_mm2} mm²"),
        }
    }

    fn is_valid(&self) -> bool {
        match self {
            Self::Max => true,
            Self::TopMean { tiles } => (1..=MOST_TOP).contains(tiles),
            Self::TumourArea { least_mm2 } => least_mm2.is_finite() && *least_mm2 >= 0.0,
        }
    }
}

impl From<SlideRule> for String {
    fn from(rule: SlideRule) -> Self {
        rule.to_string()
    }
}

impl TryFrom<String> for SlideRule {
    type Error = SlideScoreError;

    fn try_from(text: String) -> Result<Self, SlideScoreError> {
        text.parse()
    }
}

/// Options of a slide's score.
#[derive(Debug, Clone, PartialEq)]
pub struct SlideScoreOptions {
    /// The rule.
    pub rule: SlideRule,
    /// Tiles that score at or above this are tumour.
    pub tile_threshold: f64,
    /// Slides that score at or above this are positive, for `max` and `top_mean`.
    pub slide_threshold: f64,
    /// The area of one tile, in mm²: width times height of its footprint, or of the step of the grid where
    /// tiles overlap. None if the resolution is unknown; then there is no area.
    pub tile_mm2: Option<f64>,
    /// The largest fraction of tiles without a score; above it the status is `tiles_failed`.
    pub most_failed: f64,
    /// Label of slides that are not positive.
    pub negative: String,
    /// Label of positive slides.
    pub positive: String,
}

impl SlideScoreOptions {
    /// Options with one threshold for tiles and slides, without an area, and with at most 10 % failed tiles.
    #[must_use]
    pub fn new(rule: SlideRule, threshold: f64) -> Self {
        Self {
            rule,
            tile_threshold: threshold,
            slide_threshold: threshold,
            tile_mm2: None,
            most_failed: 0.1,
            negative: "normal".to_owned(),
            positive: "anomalous".to_owned(),
        }
    }
}

/// The score of a slide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlideScore {
    /// The score by the rule; none without a tile that has a score.
    pub score: Option<f32>,
    /// The label; none without a score.
    pub label: Option<String>,
    /// `ok`; or `no_tissue`, `all_failed` or `tiles_failed`, a colon and the reason.
    pub status: String,
    /// The highest score of a tile.
    pub max: Option<f32>,
    /// The mean of the ten highest scores, of all if there are fewer.
    pub top10_mean: Option<f32>,
    /// The area of the tiles at or above the threshold, in mm²; none if the resolution is unknown.
    pub tumour_area_mm2: Option<f64>,
    /// Number of tiles, with failed ones.
    pub tiles: u64,
    /// Number of tiles without a score.
    pub failed: u64,
}

/// A finite score that is ordered.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ordered(f32);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Takes the scores of a slide's tiles, in any order.
///
/// ```
/// use kiln_slide::{SlideRule, SlideScoreOptions, SlideScorer};
///
/// let options = SlideScoreOptions { tile_mm2: Some(0.0164), ..SlideScoreOptions::new(SlideRule::Max, 0.5) };
/// let mut scorer = SlideScorer::new(options)?;
/// for score in [Some(0.2), Some(0.9), Some(0.5), None] {
///     scorer.push(score);
/// }
/// let slide = scorer.finish();
/// assert_eq!((slide.score, slide.label.as_deref()), (Some(0.9), Some("anomalous")));
/// assert_eq!((slide.tumour_area_mm2, slide.tiles, slide.failed), (Some(0.0328), 4, 1));
/// assert!(slide.status.starts_with("tiles_failed: "));
/// # Ok::<(), kiln_slide::SlideScoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct SlideScorer {
    options: SlideScoreOptions,
    /// The highest scores, the lowest of them first.
    top: BinaryHeap<Reverse<Ordered>>,
    keep: usize,
    tumour: u64,
    tiles: u64,
    failed: u64,
}

impl SlideScorer {
    /// A slide without tiles.
    ///
    /// # Errors
    /// Options that are not finite or out of range; a rule of the area without `tile_mm2`.
    pub fn new(options: SlideScoreOptions) -> Result<Self, SlideScoreError> {
        if !options.rule.is_valid() {
            return Err(SlideScoreError::Rule(options.rule.to_string()));
        }
        for (key, found) in [("tile_threshold", options.tile_threshold), ("slide_threshold", options.slide_threshold)] {
            if !found.is_finite() {
                return Err(SlideScoreError::Option { key, found, expected: "a finite number" });
            }
        }
        if !(0.0..=1.0).contains(&options.most_failed) {
            let found = options.most_failed;
            return Err(SlideScoreError::Option { key: "most_failed", found, expected: "a fraction of 0 to 1" });
        }
        let by_area = matches!(options.rule, SlideRule::TumourArea { .. });
        let area = options.tile_mm2.unwrap_or(if by_area { f64::NAN } else { 1.0 });
        if !(area.is_finite() && area > 0.0) {
            return Err(SlideScoreError::Option { key: "tile_mm2", found: area, expected: "an area above 0 mm²" });
        }
        let keep = match options.rule {
            SlideRule::TopMean { tiles } => tiles.max(TOP),
            _ => TOP,
        };
        let keep = keep as usize;
        Ok(Self { options, top: BinaryHeap::new(), keep, tumour: 0, tiles: 0, failed: 0 })
    }

    /// Adds a tile. A tile without a score, or with one that is not finite, has failed.
    pub fn push(&mut self, score: Option<f32>) {
        self.tiles += 1;
        let Some(score) = score.filter(|score| score.is_finite()) else {
            self.failed += 1;
            return;
        };
        self.tumour += u64::from(f64::from(score) >= self.options.tile_threshold);
        let lowest = self.top.peek().map(|lowest| lowest.0);
        if self.top.len() < self.keep {
            self.top.push(Reverse(Ordered(score)));
        } else if lowest.is_some_and(|lowest| lowest < Ordered(score)) {
            self.top.pop();
            self.top.push(Reverse(Ordered(score)));
        }
    }

    /// The slide's score.
    #[must_use]
    pub fn finish(self) -> SlideScore {
        // Reversed, so the highest is first.
        let top: Vec<f32> = self.top.into_sorted_vec().into_iter().map(|score| score.0.0).collect();
        let mean = |tiles: u32| {
            let top = &top[..top.len().min(tiles as usize)];
            let sum: f64 = top.iter().copied().map(f64::from).sum();
            (!top.is_empty()).then(|| (sum / top.len() as f64) as f32)
        };
        let max = top.first().copied();
        let area = self.options.tile_mm2.filter(|_| max.is_some()).map(|tile| self.tumour as f64 * tile);
        let score = match self.options.rule {
            SlideRule::Max => max,
            SlideRule::TopMean { tiles } => mean(tiles),
            SlideRule::TumourArea { .. } => area.map(|area| area as f32),
        };
        let positive = match self.options.rule {
            SlideRule::TumourArea { least_mm2 } => {
                // Sums of equal tiles that differ from the limit by rounding alone reach it.
                self.tumour > 0 && area.is_some_and(|area| area >= least_mm2 * (1.0 - 1e-12))
            }
            _ => score.is_some_and(|score| f64::from(score) >= self.options.slide_threshold),
        };
        let label = if positive { self.options.positive } else { self.options.negative };
        SlideScore {
            score,
            label: score.map(|_| label),
            status: status(self.tiles, self.failed, self.options.most_failed),
            max,
            top10_mean: mean(TOP),
            tumour_area_mm2: area,
            tiles: self.tiles,
            failed: self.failed,
        }
    }
}

fn status(tiles: u64, failed: u64, most_failed: f64) -> String {
    if tiles == 0 {
        "no_tissue: no tile of the slide has tissue".to_owned()
    } else if failed == tiles {
        format!("all_failed: none of the {tiles} tiles has a score")
    } else if failed as f64 > most_failed * tiles as f64 {
        let percent = most_failed * 100.0;
        format!("tiles_failed: {failed} of {tiles} tiles have no score, more than the accepted {percent:.3} %")
    } else {
        "ok".to_owned()
    }
}
