//! The keys of a `cnn`. The defaults are the paper's.

use kiln_tile::SIDE;
use serde::{Deserialize, Serialize};

use crate::model::{ModelSettings, Part, Pooling, Reduction, TestTimeAugmentation};

/// The layer between the last feature map and the first dense layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Every value of the feature map, as in the paper: 128 x 32 x 32 = 131,072 inputs to the first dense layer.
    Flatten,
    /// Global average pooling: one mean per filter. Two hundred times fewer weights.
    Pooled,
    /// Also the mean over the central square, a third of the side, for tiles whose label is decided there.
    MeanAndCentre,
    /// Also the standard deviations over all places and over that square, which distinguish textures.
    MeansAndDeviations,
}

impl Head {
    /// The pooling of the feature maps, if they are pooled.
    pub(super) fn pooling(self) -> Option<Pooling> {
        match self {
            Self::Flatten => None,
            Self::Pooled => Some(Pooling::Mean),
            Self::MeanAndCentre => Some(Pooling::MeanAndCentre),
            Self::MeansAndDeviations => Some(Pooling::MeansAndDeviations),
        }
    }

    /// Inputs of the first dense layer, from so many filters on maps of `side` x `side`.
    pub(super) fn inputs(self, filters: usize, side: usize) -> usize {
        self.pooling().map_or(filters * side * side, |pooling| pooling.features(filters))
    }
}

/// The classifier: convolutions of 3x3, each with batch normalisation, ReLU and 2x2 max-pooling, then dense layers with
/// dropout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CnnConfig {
    /// Filters of each convolution.
    pub filters: Vec<usize>,
    /// Widths of the dense layers before the classes.
    pub dense: Vec<usize>,
    /// Fraction of dense activations dropped while training.
    pub dropout: f64,
    /// The layer that turns feature maps into a vector.
    pub head: Head,
    /// The side in pixels at which the convolutions begin; the model reduces tiles to it. Left out of written configurations
    /// at 256, so that those of older versions stay the same.
    #[serde(skip_serializing_if = "Reduction::keeps")]
    pub side: usize,
    /// The forms of a tile whose mean is the result. Left out of written configurations at its default.
    #[serde(skip_serializing_if = "TestTimeAugmentation::is_default")]
    pub test_time_augmentation: TestTimeAugmentation,
}

impl CnnConfig {
    /// Number of times that the side can be halved, at most 8.
    fn halvings(&self) -> usize {
        self.side.checked_ilog2().map_or(0, |halvings| halvings as usize).min(8)
    }

    /// Side of the last feature maps.
    pub(crate) fn last_side(&self) -> usize {
        self.side >> self.filters.len()
    }
}

impl Default for CnnConfig {
    fn default() -> Self {
        Self {
            filters: vec![32, 64, 128],
            dense: vec![512, 256],
            dropout: 0.5,
            head: Head::Flatten,
            side: SIDE as usize,
            test_time_augmentation: TestTimeAugmentation::None,
        }
    }
}

impl ModelSettings for CnnConfig {
    fn problem(&self) -> Option<String> {
        if let Some(problem) = Reduction::problem("model.side", self.side) {
            return Some(problem);
        }
        // Each stage halves the side; 256 can be halved eight times.
        let most = self.halvings();
        if self.filters.is_empty() || self.filters.len() > most || self.filters.contains(&0) {
            return Some(format!("model.filters: give 1 to {most} convolutions with at least one filter each"));
        }
        if self.dense.contains(&0) {
            return Some("model.dense: a layer of width 0 passes nothing on".to_owned());
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Some(format!("model.dropout: {} is not in [0, 1)", self.dropout));
        }
        None
    }

    fn output_meaning(&self, output: &str, _fitted_score: bool) -> &'static str {
        self.test_time_augmentation.meaning(output)
    }

    fn estimated_weights(&self) -> f64 {
        let widths = |widths: &[usize]| widths.iter().map(|width| *width as f64).collect::<Vec<_>>();
        let pairs = |widths: &[f64]| widths.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>();
        let filters = [vec![3.0], widths(&self.filters)].concat();
        let last = filters.last().copied().unwrap_or_default();
        let side = self.side as f64 / 2_f64.powi(i32::try_from(self.filters.len()).unwrap_or(i32::MAX));
        let inputs = last * self.head.pooling().map_or(side * side, |pooling| pooling.features(1) as f64);
        // At least two classes.
        9.0 * pairs(&filters) + pairs(&[vec![inputs], widths(&self.dense), vec![2.0]].concat())
    }

    fn learning_side(&self) -> usize {
        self.side
    }

    /// A window becomes smaller by the factor of its tile: both its reduced side and the sides of its maps are whole numbers.
    fn window_step(&self, _part: Part) -> Option<usize> {
        let halvings = SIDE.trailing_zeros() as usize + self.filters.len();
        let shared = (self.side.trailing_zeros() as usize).min(halvings);
        (self.head == Head::Pooled).then_some(1 << (halvings - shared))
    }
}
