//! Calibration: the choice of a range from observed activations.

use std::fmt;
use std::str::FromStr;

/// The method that chooses a value's range from its observed activations.
///
/// ```
/// use burn_onnx_export::Calibration;
///
/// assert_eq!("percentile".parse(), Ok(Calibration::Percentile(99.99)));
/// assert_eq!("percentile:99.9".parse(), Ok(Calibration::Percentile(99.9)));
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

/// The percentage of `percentile` without a number.
const USUAL_PERCENT: f64 = 99.99;

impl FromStr for Calibration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "min-max" => Ok(Self::MinMax),
            "percentile" => Ok(Self::Percentile(USUAL_PERCENT)),
            "entropy" => Ok(Self::Entropy),
            _ => match text.strip_prefix("percentile:") {
                Some(percent) => parse_percent(percent).map(Self::Percentile),
                None => Err(format!("unknown calibration `{text}`; expected min-max, percentile[:PERCENT] or entropy")),
            },
        }
    }
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MinMax => f.write_str("min-max"),
            Self::Percentile(USUAL_PERCENT) => f.write_str("percentile"),
            Self::Percentile(percent) => write!(f, "percentile:{percent}"),
            Self::Entropy => f.write_str("entropy"),
        }
    }
}

/// A percentage of values that are kept: more than 0, at most 100.
fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|percent| *percent > 0.0 && *percent <= 100.0);
    number.ok_or_else(|| format!("calibration percentile: `{text}` is not a percentage above 0 and up to 100"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calibration_is_read_as_it_is_written() {
        let percentiles = [99.99, 99.9, 100.0, 0.1, 99.999].map(Calibration::Percentile);
        for calibration in percentiles.into_iter().chain([Calibration::MinMax, Calibration::Entropy]) {
            assert_eq!(calibration.to_string().parse(), Ok(calibration));
        }
        for wrong in ["percentile:", "percentile:0", "percentile:101", "percentile:NaN", "percentile:-1", "median"] {
            assert!(wrong.parse::<Calibration>().is_err(), "{wrong}");
        }
    }
}
