//! The two stains of a tile: the colour of each in optical density, and its amount. Macenko's and Vahadane's methods find
//! the colours differently, and share the rest.

use serde::{Deserialize, Serialize};

use super::gain::gain;
use super::matrix::{Matrix, dot, unit};
use super::quantile::{medians, quantile};

/// Optical densities of haematoxylin, eosin and the residual, measured by Ruifrok and Johnston (2001); rows of length 1.
pub const RUIFROK: Matrix = [[0.650, 0.704, 0.286], [0.072, 0.990, 0.105], [0.268, 0.570, 0.776]];

/// Two stains and their amounts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StainPair {
    /// Optical density of haematoxylin and of eosin in red, green and blue; rows of length 1.
    pub stains: [[f64; 3]; 2],
    /// The 99th percentile of each stain's amount over the tissue, in optical density.
    pub most: [f64; 2],
}

/// Quantile used as the largest amount, so that a speck of dirt does not count.
const MOST_PART: f64 = 0.99;

/// Smallest squared sine of the angle between two stains, of some three degrees; closer ones cannot be distinguished.
const APART: f64 = 0.0027;

impl StainPair {
    /// Makes a pair of two colours, haematoxylin first, with their amounts in `tissue`; `None` if the two are too similar.
    pub(super) fn new(colours: [[f64; 3]; 2], tissue: &[[f64; 3]]) -> Option<Self> {
        // Haematoxylin absorbs more red.
        let [first, second] = colours.map(|colour| unit(colour.map(|value| value.max(0.0))));
        let (first, second) = (first?, second?);
        let stains = if first[0] >= second[0] { [first, second] } else { [second, first] };
        let alike = dot(&stains[0], &stains[1]);
        if 1.0 - alike * alike < APART {
            return None;
        }
        let amounts = amounts_of(&stains);
        let most = [0, 1].map(|stain| {
            let mut values: Vec<f64> = tissue.iter().map(|density| dot(density, &amounts[stain])).collect();
            quantile(&mut values, MOST_PART)
        });
        // Negative amounts are none.
        Some(Self { stains, most: most.map(|amount| amount.max(0.0)) })
    }

    /// Returns the median of each value; `None` if a colour becomes 0.
    pub(super) fn median(pairs: &[Self]) -> Option<Self> {
        let [h, e] =
            [0, 1].map(|stain| unit(medians(&pairs.iter().map(|pair| pair.stains[stain]).collect::<Vec<_>>())));
        let most = medians(&pairs.iter().map(|pair| pair.most).collect::<Vec<_>>());
        Some(Self { stains: [h?, e?], most })
    }

    /// Returns the ratio of the target's amount of each stain to this one, within [`gain`]'s limits.
    pub(super) fn gains(&self, target: &Self) -> [f64; 2] {
        [0, 1].map(|stain| gain(target.most[stain], self.most[stain]))
    }

    /// Returns the matrix from densities with these stains to densities with the target's: amounts by least squares,
    /// scaled, times the target's colours. The residual is dropped, as in Macenko's method.
    pub(super) fn towards(&self, target: &Self) -> Matrix {
        let (amounts, gains) = (amounts_of(&self.stains), self.gains(target));
        let value = |from: usize, to: usize| {
            [0, 1].map(|stain| amounts[stain][from] * gains[stain] * target.stains[stain][to]).iter().sum()
        };
        std::array::from_fn(|from| std::array::from_fn(|to| value(from, to)))
    }
}

/// Returns the pseudo-inverse of the colours. Its product with a density is the least-squares amount of each stain.
pub(super) fn amounts_of(stains: &[[f64; 3]; 2]) -> [[f64; 3]; 2] {
    let [h, e] = stains;
    let (hh, he, ee) = (dot(h, h), dot(h, e), dot(e, e));
    let determinant = (hh * ee - he * he).max(1e-12);
    let of = |own: &[f64; 3], other: &[f64; 3], of_other: f64| {
        std::array::from_fn(|channel| (own[channel] * of_other - other[channel] * he) / determinant)
    };
    [of(h, e, ee), of(e, h, hh)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_those_that_were_mixed() {
        let stains = [RUIFROK[0], RUIFROK[1]];
        let [h, e] = amounts_of(&stains);
        let mixed: [f64; 3] = std::array::from_fn(|channel| 0.7 * stains[0][channel] + 0.2 * stains[1][channel]);
        assert!((dot(&mixed, &h) - 0.7).abs() < 1e-9 && (dot(&mixed, &e) - 0.2).abs() < 1e-9);
    }

    #[test]
    fn one_stain_is_no_pair() {
        let tissue = [[0.3, 0.5, 0.2]; 10];
        assert_eq!(StainPair::new([RUIFROK[0], RUIFROK[0]], &tissue), None);
        let pair = StainPair::new([RUIFROK[1], RUIFROK[0]], &tissue);
        assert!(pair.is_some_and(|pair| pair.stains[0][0] > pair.stains[1][0]), "haematoxylin is first");
    }

    #[test]
    fn a_pair_towards_itself_keeps_what_its_stains_explain() {
        let pair = StainPair { stains: [RUIFROK[0], RUIFROK[1]], most: [1.0, 0.8] };
        let matrix = pair.towards(&pair);
        for stain in pair.stains {
            let after: [f64; 3] = std::array::from_fn(|to| (0..3).map(|from| stain[from] * matrix[from][to]).sum());
            assert!(
                after.iter().zip(stain).all(|(after, before)| (after - before).abs() < 1e-3),
                "{after:?} {stain:?}"
            );
        }
    }
}
