//! Calibration: the choice of a range from observed activations.

use std::fmt;
use std::str::FromStr;

/// The method that chooses a value's range from its observed activations.
///
/// ```
/// use burn_onnx_export::Calibration;
///
/// assert_eq!("percentile".parse(), Ok(Calibration::Percentile(99.99)));
/// assert_eq!(Calibration::Entropy.to_string(), "entropy");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Calibration {
    /// The whole observed range.
    #[default]
    MinMax,
    /// The range without the outermost values; this percentage of all values is kept, such as 99.99.
    Percentile(f64),
    /// The range that loses the least information when it is cut into 256 levels: the smallest Kullback-Leibler
    /// divergence (Migacz, 8-bit inference with TensorRT, GTC 2017).
    Entropy,
}

impl FromStr for Calibration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "min-max" => Ok(Self::MinMax),
            "percentile" => Ok(Self::Percentile(99.99)),
            "entropy" => Ok(Self::Entropy),
            _ => Err(format!("unknown calibration `{text}`; expected min-max, percentile or entropy")),
        }
    }
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MinMax => "min-max",
            Self::Percentile(_) => "percentile",
            Self::Entropy => "entropy",
        })
    }
}
