//! Three-by-three matrices: as many stains as channels. Row vectors are multiplied from the left.

/// Rows of three values.
pub type Matrix = [[f64; 3]; 3];

/// Returns the product `a` x `b`.
#[must_use]
pub fn product(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|row| std::array::from_fn(|column| (0..3).map(|k| a[row][k] * b[k][column]).sum()))
}

/// Returns the transpose.
#[must_use]
pub fn transposed(m: &Matrix) -> Matrix {
    std::array::from_fn(|row| std::array::from_fn(|column| m[column][row]))
}

/// Returns the inverse, by cofactors; `None` for a singular matrix.
#[must_use]
pub fn inverse(m: &Matrix) -> Option<Matrix> {
    let minor = |row: usize, column: usize| {
        let (r, s) = ((row + 1) % 3, (row + 2) % 3);
        let (c, d) = ((column + 1) % 3, (column + 2) % 3);
        m[r][c] * m[s][d] - m[r][d] * m[s][c]
    };
    let determinant: f64 = (0..3).map(|column| m[0][column] * minor(0, column)).sum();
    if determinant.abs() < 1e-6 {
        return None;
    }
    Some(std::array::from_fn(|row| std::array::from_fn(|column| minor(column, row) / determinant)))
}

/// Returns the dot product.
pub(super) fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Scales a vector to length 1; `None` if its length is nearly 0.
pub(super) fn unit(vector: [f64; 3]) -> Option<[f64; 3]> {
    let length = dot(&vector, &vector).sqrt();
    (length > 1e-9).then(|| vector.map(|value| value / length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_changes_nothing() {
        let matrix = [[0.65, 0.7, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]];
        let Some(inverse) = inverse(&matrix) else { panic!("it has one") };
        for (row, values) in product(&matrix, &inverse).iter().enumerate() {
            for (column, value) in values.iter().enumerate() {
                assert!((value - f64::from(u8::from(row == column))).abs() < 1e-9, "{row} {column} {value}");
            }
        }
        assert_eq!(super::inverse(&[[1.0, 2.0, 3.0]; 3]), None);
        assert_eq!(transposed(&transposed(&matrix)), matrix);
    }
}
