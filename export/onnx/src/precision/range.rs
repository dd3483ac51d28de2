//! From observed activations to a range that 8 bits must cover, and from a range to scale and zero point.

use std::fmt;
use std::str::FromStr;

/// Bins of a histogram: what ONNX Runtime's and TensorRT's calibrators use, 2048.
const BINS: usize = 2048;

/// Values below which a distribution says too little to cut anything off.
const ENOUGH: u64 = 10_000;

/// What a probability of nothing counts as.
const LEAST: f64 = 1e-9;

/// Levels of an unsigned 8-bit number.
const LEVELS: usize = 256;

/// How a range is taken from what was observed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Calibration {
    /// All of it.
    #[default]
    MinMax,
    /// All but the outermost share, such as 99.99 percent kept.
    Percentile(f64),
    /// The range that loses least information when it is cut into 128 levels: the smallest Kullback-Leibler divergence
    /// (Migacz, 8-bit inference with TensorRT, GTC 2017).
    Entropy,
}

impl FromStr for Calibration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "min-max" => Ok(Self::MinMax),
            "percentile" => Ok(Self::Percentile(99.99)),
            "entropy" => Ok(Self::Entropy),
            _ => Err(format!("`{text}` is no calibration; there are min-max, percentile and entropy")),
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

/// The smallest and the largest value, zero included: a convolution pads with zeros, and these must be exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    pub(crate) low: f32,
    pub(crate) high: f32,
}

impl Range {
    pub(crate) const EMPTY: Self = Self { low: 0.0, high: 0.0 };

    /// The range with all finite values of `values` in it.
    pub(crate) fn with(self, values: impl Iterator<Item = f32>) -> Self {
        values
            .filter(|value| value.is_finite())
            .fold(self, |range, value| Self { low: range.low.min(value), high: range.high.max(value) })
    }

    /// Scale and zero point of unsigned 8 bits: `real = scale * (level - zero)`.
    pub(crate) fn levels(self) -> Levels {
        let width = f64::from(self.high) - f64::from(self.low);
        // Nothing but zeros: any scale says so.
        let scale = if width > 0.0 { width / (LEVELS - 1) as f64 } else { 1.0 };
        let zero = (f64::from(-self.low) / scale).round().clamp(0.0, 255.0) as u8;
        Levels { scale: (scale as f32).max(f32::MIN_POSITIVE), zero }
    }
}

/// How unsigned 8 bits stand for real numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Levels {
    pub(crate) scale: f32,
    pub(crate) zero: u8,
}

/// How often values fell into equal parts of a range.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    range: Range,
    /// Without zeros, of which a ReLU gives many and which are exact whatever the range.
    counts: Vec<u64>,
    zeros: u64,
}

impl Histogram {
    pub(crate) fn new(range: Range) -> Self {
        Self { range, counts: vec![0; BINS], zeros: 0 }
    }

    pub(crate) fn add(&mut self, values: impl Iterator<Item = f32>) {
        let width = self.width();
        for value in values.filter(|value| value.is_finite()) {
            if value == 0.0 {
                self.zeros += 1;
                continue;
            }
            let bin = ((f64::from(value) - f64::from(self.range.low)) / width) as usize;
            self.counts[bin.min(BINS - 1)] += 1;
        }
    }

    /// Width of a bin; of an empty range, anything.
    fn width(&self) -> f64 {
        let width = (f64::from(self.range.high) - f64::from(self.range.low)) / BINS as f64;
        if width > 0.0 { width } else { 1.0 }
    }

    /// The border below bin `bin`.
    fn border(&self, bin: usize) -> f32 {
        (f64::from(self.range.low) + bin as f64 * self.width()) as f32
    }

    /// The range that `calibration` keeps.
    pub(crate) fn kept(&self, calibration: Calibration) -> Range {
        match calibration {
            Calibration::MinMax => self.range,
            Calibration::Percentile(percent) => self.percentile(percent),
            Calibration::Entropy => self.entropy(),
        }
    }

    /// Leaves out half of the rest at either end, but never zero.
    fn percentile(&self, percent: f64) -> Range {
        let total: u64 = self.counts.iter().sum::<u64>() + self.zeros;
        let rest = (total as f64 * (1.0 - percent / 100.0) / 2.0) as u64;
        let beyond = |counts: &mut dyn Iterator<Item = &u64>| {
            let mut seen = 0;
            counts
                .take_while(|count| {
                    seen += **count;
                    seen <= rest
                })
                .count()
        };
        let (below, above) = (beyond(&mut self.counts.iter()), beyond(&mut self.counts.iter().rev()));
        if below + above >= BINS {
            return self.range;
        }
        Range { low: self.border(below).min(0.0), high: self.border(BINS - above).max(0.0) }
    }

    /// Cuts the upper end, and the lower one in the same measure, where least is lost.
    fn entropy(&self) -> Range {
        if self.counts.iter().sum::<u64>() < ENOUGH {
            return self.range;
        }
        let zero = ((f64::from(-self.range.low) / self.width()) as usize).min(BINS - 1);
        let reach = zero.max(BINS - 1 - zero);
        let least = LEVELS / 2;
        let cuts = (least..=reach).step_by(16.max(reach / 128)).chain([reach]);
        let best = cuts
            .map(|cut| {
                let (from, to) = (zero.saturating_sub(cut), (zero + cut + 1).min(BINS));
                (self.divergence(from, to), from, to)
            })
            .min_by(|a, b| a.0.total_cmp(&b.0));
        best.map_or(self.range, |(_, from, to)| Range {
            low: self.border(from).min(0.0),
            high: self.border(to).max(0.0),
        })
    }

    /// Kullback-Leibler divergence of the bins in `from..to`, what is beyond them piled up at the ends, and their copy in
    /// 256 levels.
    fn divergence(&self, from: usize, to: usize) -> f64 {
        let mut kept: Vec<f64> = self.counts[from..to].iter().map(|count| *count as f64).collect();
        let pile = |counts: &[u64]| counts.iter().sum::<u64>() as f64;
        let last = kept.len() - 1;
        let copy = levelled(&kept);
        kept[0] += pile(&self.counts[..from]);
        kept[last] += pile(&self.counts[to..]);
        let (total, copied): (f64, f64) = (kept.iter().sum(), copy.iter().sum());
        if total == 0.0 || copied == 0.0 {
            return f64::INFINITY;
        }
        let part = |(kept, copy): (&f64, &f64)| match (*kept / total, *copy / copied) {
            (0.0, _) => 0.0,
            (kept, copy) => kept * (kept / copy.max(LEAST)).ln(),
        };
        kept.iter().zip(&copy).map(part).sum()
    }
}

/// Counts as they are after rounding to levels: each level's sum, spread over its bins that hold anything.
fn levelled(counts: &[f64]) -> Vec<f64> {
    let mut spread = vec![0.0; counts.len()];
    for level in 0..LEVELS {
        let (from, to) = (level * counts.len() / LEVELS, (level + 1) * counts.len() / LEVELS);
        let part = &counts[from..to];
        let filled = part.iter().filter(|count| **count > 0.0).count();
        let share = part.iter().sum::<f64>() / filled.max(1) as f64;
        for (place, count) in spread[from..to].iter_mut().zip(part) {
            *place = if *count > 0.0 { share } else { 0.0 };
        }
    }
    spread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_a_level_of_every_range() {
        for (low, high) in [(0.0, 6.0), (-1.0, 1.0), (-3.0, 0.5), (0.0, 0.0)] {
            let levels = Range { low, high }.levels();
            let real = |level: f32| levels.scale * (level - f32::from(levels.zero));
            assert_eq!(real(f32::from(levels.zero)), 0.0);
            assert!(real(0.0) <= low + levels.scale && real(255.0) >= high - levels.scale, "{low} {high}");
        }
        assert_eq!(Range::EMPTY.with([-2.0, f32::NAN, 5.0].into_iter()), Range { low: -2.0, high: 5.0 });
    }

    /// A thousand values in 0..1, and one at 100.
    fn with_an_outlier() -> Histogram {
        let mut histogram = Histogram::new(Range { low: 0.0, high: 100.0 });
        histogram.add((0..100_000).map(|at| at as f32 / 100_000.0));
        histogram.add([100.0].into_iter());
        histogram
    }

    #[test]
    fn outliers_are_cut_off_where_that_is_wanted() {
        let histogram = with_an_outlier();
        assert_eq!(histogram.kept(Calibration::MinMax).high, 100.0);
        assert!(histogram.kept(Calibration::Percentile(99.9)).high < 1.2);
        assert!(histogram.kept(Calibration::Entropy).high < 20.0);
    }

    #[test]
    fn an_even_spread_is_kept_whole() {
        let mut histogram = Histogram::new(Range { low: -1.0, high: 1.0 });
        histogram.add((0..10_000).map(|at| at as f32 / 5_000.0 - 1.0));
        let kept = histogram.kept(Calibration::Entropy);
        assert!(kept.low <= -0.95 && kept.high >= 0.95, "{kept:?}");
    }
}
