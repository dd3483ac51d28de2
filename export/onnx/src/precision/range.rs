//! Ranges of values, and the quantisation parameters that cover them.

/// The largest unsigned 8-bit number.
const LARGEST: f64 = 255.0;

/// The smallest and the largest value. Always contains zero: a convolution pads with zeros, which must be exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub(super) low: f32,
    pub(super) high: f32,
}

impl Range {
    /// The range of no values.
    pub(super) const EMPTY: Self = Self { low: 0.0, high: 0.0 };

    /// The range extended to all finite values of `values`.
    pub(super) fn with(self, values: impl Iterator<Item = f32>) -> Self {
        values
            .filter(|value| value.is_finite())
            .fold(self, |range, value| Self { low: range.low.min(value), high: range.high.max(value) })
    }

    /// The parameters with which unsigned 8-bit numbers cover the range.
    pub(super) fn parameters(self) -> QuantParams {
        let width = f64::from(self.high) - f64::from(self.low);
        // Any scale represents zeros.
        let scale = if width > 0.0 { width / LARGEST } else { 1.0 };
        let zero_point = (f64::from(-self.low) / scale).round().clamp(0.0, LARGEST) as u8;
        QuantParams { scale: (scale as f32).max(f32::MIN_POSITIVE), zero_point }
    }
}

/// Quantisation parameters of unsigned 8-bit numbers: `real = scale * (number - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct QuantParams {
    pub(super) scale: f32,
    pub(super) zero_point: u8,
}

impl QuantParams {
    /// The real number that an 8-bit number represents.
    pub(super) fn real(self, number: u8) -> f32 {
        (f32::from(number) - f32::from(self.zero_point)) * self.scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_exact_in_every_range() {
        for (low, high) in [(0.0, 6.0), (-1.0, 1.0), (-3.0, 0.5), (0.0, 0.0)] {
            let parameters = Range { low, high }.parameters();
            assert_eq!(parameters.real(parameters.zero_point), 0.0);
            let (lowest, highest) = (parameters.real(0), parameters.real(255));
            assert!(lowest <= low + parameters.scale && highest >= high - parameters.scale, "{low} {high}");
        }
        assert_eq!(Range::EMPTY.with([-2.0, f32::NAN, 5.0].into_iter()), Range { low: -2.0, high: 5.0 });
    }
}
