//! Three-by-three matrices: as many dyes as channels.

pub(super) type Matrix = [[f32; 3]; 3];

/// Rows of `a` through `b`.
pub(super) fn product(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|row| std::array::from_fn(|column| (0..3).map(|k| a[row][k] * b[k][column]).sum()))
}

/// By cofactors; `None` if two dyes are the same.
pub(super) fn inverse(m: &Matrix) -> Option<Matrix> {
    let minor = |row: usize, column: usize| {
        let (r, s) = ((row + 1) % 3, (row + 2) % 3);
        let (c, d) = ((column + 1) % 3, (column + 2) % 3);
        m[r][c] * m[s][d] - m[r][d] * m[s][c]
    };
    let determinant: f32 = (0..3).map(|column| m[0][column] * minor(0, column)).sum();
    if determinant.abs() < 1e-6 {
        return None;
    }
    Some(std::array::from_fn(|row| std::array::from_fn(|column| minor(column, row) / determinant)))
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
                assert!((value - f32::from(u8::from(row == column))).abs() < 1e-4, "{row} {column} {value}");
            }
        }
        assert_eq!(super::inverse(&[[1.0, 2.0, 3.0]; 3]), None);
    }
}
