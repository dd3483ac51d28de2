//! Histograms of observed values, from which a calibration chooses a range.

use super::calibration::Calibration;
use super::range::Range;

/// Bins of a histogram, as many as ONNX Runtime's and TensorRT's calibrators use.
const BINS: usize = 2048;

/// The number of values below which a distribution has too little evidence to cut anything off.
const ENOUGH: u64 = 10_000;

/// Replaces a probability of zero in a logarithm.
const LEAST: f64 = 1e-9;

/// Levels of an unsigned 8-bit number.
const LEVELS: usize = 256;

/// Counts of values in equal bins over a range.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    range: Range,
    /// Without zeros: a ReLU gives many, and they are exact in every range.
    counts: Vec<u64>,
    zeros: u64,
}

impl Histogram {
    pub(super) fn new(range: Range) -> Self {
        Self { range, counts: vec![0; BINS], zeros: 0 }
    }

    pub(super) fn add(&mut self, values: impl Iterator<Item = f32>) {
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

    /// Width of a bin; 1 for an empty range.
    fn width(&self) -> f64 {
        let width = (f64::from(self.range.high) - f64::from(self.range.low)) / BINS as f64;
        if width > 0.0 { width } else { 1.0 }
    }

    /// The border below bin `bin`.
    fn border(&self, bin: usize) -> f32 {
        (f64::from(self.range.low) + bin as f64 * self.width()) as f32
    }

    /// The range that a calibration keeps.
    pub(super) fn kept(&self, calibration: Calibration) -> Range {
        match calibration {
            Calibration::MinMax => self.range,
            Calibration::Percentile(percent) => self.percentile(percent),
            Calibration::Entropy => self.entropy(),
        }
    }

    /// Cuts half of the remaining share off at either end, but never zero.
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

    /// Cuts both ends at the same distance from zero, where the least information is lost.
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

    /// Kullback-Leibler divergence between the bins in `from..to`, with the counts beyond them added at the ends, and their
    /// copy in 256 levels.
    fn divergence(&self, from: usize, to: usize) -> f64 {
        let mut kept: Vec<f64> = self.counts[from..to].iter().map(|count| *count as f64).collect();
        let pile = |counts: &[u64]| counts.iter().sum::<u64>() as f64;
        let last = kept.len() - 1;
        let copy = rounded(&kept);
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

/// The counts after rounding to levels: each level's sum, spread evenly over its bins that are not empty.
fn rounded(counts: &[f64]) -> Vec<f64> {
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

    /// A hundred thousand values in 0..1, and one at 100.
    fn with_an_outlier() -> Histogram {
        let mut histogram = Histogram::new(Range { low: 0.0, high: 100.0 });
        histogram.add((0..100_000).map(|at| at as f32 / 100_000.0));
        histogram.add([100.0].into_iter());
        histogram
    }

    #[test]
    fn outliers_are_cut_off_by_percentile_and_entropy() {
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
