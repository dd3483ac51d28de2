//! The description of a model: its input, its outputs, and the facts about it that a bundle states. Written in Kiln's own
//! YAML, or read from the configuration of WSInfer or timm; then compared with the model itself.

mod input;
mod output;
mod part;
mod resolve;
mod timm;
mod words_file;
mod wsinfer;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

pub use input::{Channels, Dtype, Input, Interpolation, Layout, Range, Resize};
pub use output::Meaning;
pub(crate) use output::known;
pub(super) use resolve::resolve;

use super::ImportError;

/// A user's description of a model. Everything is optional: the model's own input and outputs answer the rest, or an
/// error asks for it.
///
/// ```
/// use kiln_export::import::{Layout, Range, Spec};
///
/// let spec = Spec::from_text("
/// name: tumour-resnet18
/// input:
///   range: 0..1
///   mean: [0.485, 0.456, 0.406]
///   std: [0.229, 0.224, 0.225]
///   size: 224
/// outputs:
///   logits: logits
/// classes: [benign, tumour]
/// normal_classes: [benign]
/// ", "model.yaml")?;
/// assert_eq!((spec.input.range, spec.input.layout), (Some(Range::Unit), None));
/// # Ok::<(), kiln_export::import::ImportError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spec {
    /// Name of the model.
    pub name: Option<String>,
    /// The input.
    pub input: InputSpec,
    /// Meanings of outputs, by their names in the model.
    pub outputs: BTreeMap<String, Meaning>,
    /// Class names, in the order of the model's columns.
    pub classes: Vec<String>,
    /// The classes that count as normal.
    pub normal_classes: Vec<String>,
    /// The threshold: a number, or the rule by which it is chosen on labelled tiles.
    pub threshold: Option<ThresholdSpec>,
    /// Resolution of the 256x256 tiles, in micrometres per pixel.
    pub micrometres_per_pixel: Option<f64>,
    /// Licence of the weights, such as `Apache-2.0`.
    pub licence: Option<String>,
    /// Notes on values that were derived from a foreign configuration.
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// A user's description of the input.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InputSpec {
    /// Order of the axes.
    pub layout: Option<Layout>,
    /// Order of the colours [default: RGB].
    pub channels: Option<Channels>,
    /// Range of the pixels.
    pub range: Option<Range>,
    /// Mean of each channel, in the unit of `range` and the order of `channels`.
    pub mean: Option<[f64; 3]>,
    /// Deviation of each channel, in the unit of `range` and the order of `channels`.
    pub std: Option<[f64; 3]>,
    /// Height and width of the model's input.
    pub size: Option<Size>,
    /// Height and width after the resize; larger than `size` if the middle is then cropped [default: `size`]. 256 for a
    /// crop of the tile without a resize.
    pub resize: Option<Size>,
    /// Method of the resize [default: bilinear].
    pub interpolation: Option<Interpolation>,
    /// Averages over source pixels when shrinking [default: true].
    pub antialias: Option<bool>,
    /// Rounds as Pillow does [default: true].
    pub rounded: Option<bool>,
    /// Maps corners to corners [default: false].
    pub align_corners: Option<bool>,
    /// Element type; must be the model's.
    pub dtype: Option<Dtype>,
}

/// A side of a square, or height and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected a number of pixels, or [height, width]")]
pub enum Size {
    /// Height and width are equal.
    Square(usize),
    /// Height, width.
    Sides([usize; 2]),
}

impl Size {
    /// Height and width.
    #[must_use]
    pub fn sides(self) -> [usize; 2] {
        match self {
            Self::Square(side) => [side; 2],
            Self::Sides(sides) => sides,
        }
    }
}

/// A threshold, or the rule by which it is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a number, max_f1, youden, sensitivity:RATE or specificity:RATE")]
pub enum ThresholdSpec {
    /// Tiles that score at or above this are anomalous.
    Value(f64),
    /// Chosen on the labelled tiles of the data set.
    Rule(kiln_train::metrics::ThresholdRule),
}

impl Spec {
    /// Reads a description from a file: Kiln's YAML, WSInfer's `config.json` or timm's `config.json`, recognised by
    /// their keys.
    ///
    /// # Errors
    /// [`ImportError::Spec`] with the file and the key.
    pub fn read(path: &Path) -> Result<Self, ImportError> {
        words_file::read(path)
    }

    /// As [`Spec::read`], from the text of a file. `origin` is its name in errors.
    ///
    /// # Errors
    /// [`ImportError::Spec`].
    pub fn from_text(text: &str, origin: &str) -> Result<Self, ImportError> {
        words_file::parse(text, origin)
    }

    /// Replaces everything that `other` states.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        macro_rules! replace {
            ($into:expr, $from:expr, $($field:ident)+) => {$(
                if $from.$field.is_some() {
                    $into.$field = $from.$field;
                }
            )+};
        }
        replace!(self, other, name threshold micrometres_per_pixel licence);
        replace!(self.input, other.input, layout channels range mean std size resize interpolation antialias rounded
            align_corners dtype);
        self.outputs.extend(other.outputs);
        if !other.classes.is_empty() {
            self.classes = other.classes;
        }
        if !other.normal_classes.is_empty() {
            self.normal_classes = other.normal_classes;
        }
        self.notes.extend(other.notes);
        self
    }
}

#[cfg(test)]
mod tests;
