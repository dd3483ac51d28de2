//! Quantiles of absolute differences and of distances in units in the last place. Exact up to a million elements. Beyond
//! that, values are counted in buckets of equal relative width (the upper bits of their f32 form), so that memory does not
//! depend on the number of tiles; a quantile is then within 0.05 % of the exact one.

/// The most elements whose quantiles are exact.
const EXACT: u64 = 1 << 20;

/// Bits of a positive f32 that a bucket ignores: 13 of the 23 bits of its fraction.
const IGNORED: u32 = 13;

const BUCKETS: usize = 1 << (31 - IGNORED);

/// Differences of a part of the elements, as the bits of positive f32 values, whose order is that of the values.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    abs: Vec<u32>,
    ulp: Vec<u32>,
}

impl Keys {
    pub(super) fn push(&mut self, difference: f32, ulp: u32) {
        self.abs.push(difference.to_bits());
        self.ulp.push((ulp as f32).to_bits());
    }

    pub(crate) fn clear(&mut self) {
        self.abs.clear();
        self.ulp.clear();
    }
}

/// Both distributions of one output.
#[derive(Debug)]
pub(crate) struct Sketches {
    pub(super) abs: Sketch,
    pub(super) ulp: Sketch,
}

impl Sketches {
    /// For this number of elements in all.
    pub(crate) fn new(elements: u64) -> Self {
        Self { abs: Sketch::new(elements), ulp: Sketch::new(elements) }
    }

    pub(crate) fn add(&mut self, keys: &Keys) {
        self.abs.add(&keys.abs);
        self.ulp.add(&keys.ulp);
    }
}

/// One distribution. The order in which values are added does not matter.
#[derive(Debug)]
pub(super) enum Sketch {
    Exact(Vec<u32>),
    Buckets { counts: Vec<u64>, total: u64 },
}

impl Sketch {
    pub(super) fn new(elements: u64) -> Self {
        if elements <= EXACT { Self::Exact(Vec::new()) } else { Self::Buckets { counts: vec![0; BUCKETS], total: 0 } }
    }

    pub(super) fn add(&mut self, keys: &[u32]) {
        match self {
            Self::Exact(values) => values.extend_from_slice(keys),
            Self::Buckets { counts, total } => {
                for key in keys {
                    counts[(key >> IGNORED) as usize & (BUCKETS - 1)] += 1;
                }
                *total += keys.len() as u64;
            }
        }
    }

    /// True if quantiles are those of all values.
    pub(super) fn is_exact(&self) -> bool {
        matches!(self, Self::Exact(_))
    }

    /// The quantiles at `shares`, with linear interpolation between neighbours as in NumPy's default. 0 without values.
    pub(super) fn quantiles(&mut self, shares: &[f64]) -> Vec<f64> {
        match self {
            Self::Exact(values) => {
                values.sort_unstable();
                let value = |at: usize| values.get(at).map_or(0.0, |bits| f64::from(f32::from_bits(*bits)));
                let last = values.len().saturating_sub(1) as f64;
                let quantile = |share: &f64| {
                    let at = share * last;
                    let (below, above) = (value(at.floor() as usize), value(at.ceil() as usize));
                    below + (above - below) * at.fract()
                };
                shares.iter().map(quantile).collect()
            }
            Self::Buckets { counts, total } => shares.iter().map(|share| bucket(counts, *total, *share)).collect(),
        }
    }
}

/// The middle of the bucket that holds the quantile.
fn bucket(counts: &[u64], total: u64, share: f64) -> f64 {
    let rank = (share * total.saturating_sub(1) as f64).floor() as u64;
    let mut below = 0;
    for (at, count) in counts.iter().enumerate() {
        below += count;
        if below > rank {
            let first = u32::try_from(at).unwrap_or(u32::MAX) << IGNORED;
            // The first bucket holds zero and values that no difference of f32 in a useful range has.
            let middle = if at == 0 { 0 } else { first + (1 << (IGNORED - 1)) };
            return f64::from(f32::from_bits(middle));
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn few_values_have_the_quantiles_of_numpy() {
        let mut sketch = Sketch::new(5);
        sketch.add(&keys(&[4.0, 1.0]));
        sketch.add(&keys(&[3.0, 2.0, 10.0]));
        // numpy.quantile([1, 2, 3, 4, 10], [0, 0.5, 0.9, 1])
        let found = sketch.quantiles(&[0.0, 0.5, 0.9, 1.0]);
        for (found, expected) in found.iter().zip([1.0, 3.0, 7.6, 10.0]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert!(sketch.is_exact());
    }

    #[test]
    fn many_values_have_quantiles_within_a_bucket() {
        let mut sketch = Sketch::new(EXACT + 1);
        let values: Vec<f32> = (1..=100_000_u32).map(|at| at as f32 * 1e-7).collect();
        values.chunks(777).for_each(|part| sketch.add(&keys(part)));
        for share in [0.1, 0.5, 0.9, 0.99, 0.999] {
            let found = sketch.quantiles(&[share])[0];
            assert!((found / (share * 1e-2) - 1.0).abs() < 1e-3, "{share}: {found}");
        }
        assert!(!sketch.is_exact());
        assert_eq!(Sketch::new(EXACT + 1).quantiles(&[0.5]), [0.0]);
    }

    #[test]
    fn the_largest_values_have_a_bucket() {
        let mut sketch = Sketch::new(EXACT + 1);
        sketch.add(&keys(&[0.0, f32::MAX, 4e9]));
        assert!(sketch.quantiles(&[1.0])[0] > 3e38);
        assert_eq!(sketch.quantiles(&[0.0]), [0.0]);
    }
}
