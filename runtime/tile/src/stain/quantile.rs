//! Order statistics.

/// Returns the quantile `part` (0 to 1) by nearest rank; 0 for no values. Reorders the values.
pub(super) fn quantile(values: &mut [f64], part: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let rank = ((values.len() - 1) as f64 * part).round() as usize;
    *values.select_nth_unstable_by(rank, f64::total_cmp).1
}

/// Returns the median of each column.
pub(super) fn medians<const N: usize>(rows: &[[f64; N]]) -> [f64; N] {
    std::array::from_fn(|place| quantile(&mut rows.iter().map(|row| row[place]).collect::<Vec<f64>>(), 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let mut values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!([0.0, 0.5, 1.0].map(|part| quantile(&mut values, part)), [1.0, 3.0, 5.0]);
        assert_eq!(quantile(&mut [], 0.5), 0.0);
        assert_eq!(medians(&[[1.0, 9.0], [3.0, 7.0], [2.0, 8.0]]), [2.0, 8.0]);
    }
}
