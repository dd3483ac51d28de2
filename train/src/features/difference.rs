//! The comparison of features with burn's.

use super::TileVectors;

/// The largest difference of a feature from burn's, as a part of the largest feature. Both sides compute in f32 with sums in
/// another order, which moves single values of a map by some 1e-6 of that; half precision moves them by 1e-4 and more.
pub const TOLERANCE: f64 = 1e-5;

/// The largest difference, as a part of the largest value of `expected`: of whole tiles or of patches, whichever is larger.
/// Infinite if a value is missing or not a number.
pub(crate) fn difference(found: &TileVectors, expected: &TileVectors) -> f64 {
    let whole = largest(&found.features, &expected.features);
    match (&found.patches, &expected.patches) {
        (None, None) => whole,
        (Some(found), Some(expected)) => whole.max(largest(found, expected)),
        _ => f64::INFINITY,
    }
}

fn largest(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let scale = expected.iter().map(|value| f64::from(value.abs())).fold(0.0, f64::max);
    let apart = |(found, expected): (&f32, &f32)| (f64::from(*found) - f64::from(*expected)).abs();
    let most = found
        .iter()
        .zip(expected)
        .map(apart)
        .fold(0.0, |most, one| if one > most || one.is_nan() { one } else { most });
    match most {
        0.0 => 0.0,
        most if most.is_nan() || scale == 0.0 => f64::INFINITY,
        most => most / scale,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(features: &[f32]) -> TileVectors {
        TileVectors { features: features.to_vec(), patches: None }
    }

    #[test]
    fn a_difference_is_relative_to_the_size_of_the_features() {
        let expected = whole(&[1.0, -3.0, 0.0, -2.0]);
        assert!((difference(&whole(&[1.0, -3.0, 0.3, -2.1]), &expected) - 0.1).abs() < 1e-6);
        assert_eq!(difference(&expected, &expected), 0.0);
    }

    #[test]
    fn what_cannot_be_compared_is_infinitely_far_away() {
        let expected = whole(&[1.0, 2.0]);
        let found = [whole(&[1.0]), whole(&[1.0, f32::NAN]), whole(&[f32::NAN, 2.0])];
        assert!(found.iter().all(|found| difference(found, &expected).is_infinite()));
        let patches = TileVectors { patches: Some(vec![1.0]), ..expected.clone() };
        assert!(difference(&expected, &patches).is_infinite() && difference(&patches, &expected).is_infinite());
        assert!(difference(&whole(&[0.0, 1e-9]), &whole(&[0.0, 0.0])).is_infinite());
    }

    #[test]
    fn patches_count_as_whole_tiles_do() {
        let tile = |patch| TileVectors { features: vec![1.0], patches: Some(vec![patch, 1.0]) };
        assert!(difference(&tile(1.1), &tile(1.0)) > 0.09);
    }
}
