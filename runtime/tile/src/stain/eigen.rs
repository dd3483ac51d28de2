//! Eigenvectors of symmetric three-by-three matrices by Jacobi rotations: for so small a matrix they are exact to the last
//! digits after a few sweeps, and need no library.

use super::matrix::Matrix;

/// Sweeps over the three off-diagonal elements. Convergence is quadratic: five suffice for doubles.
const SWEEPS: usize = 12;

/// Returns the eigenvalues, largest first, each with its eigenvector of length 1.
pub(super) fn symmetric(mut m: Matrix) -> [(f64, [f64; 3]); 3] {
    let mut vectors: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    for _ in 0..SWEEPS {
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            rotate(&mut m, &mut vectors, p, q);
        }
    }
    let mut pairs: [(f64, [f64; 3]); 3] = std::array::from_fn(|at| (m[at][at], vectors.map(|row| row[at])));
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    pairs
}

/// Rotates in the plane of `p` and `q` so that their off-diagonal element becomes 0.
fn rotate(m: &mut Matrix, vectors: &mut Matrix, p: usize, q: usize) {
    if m[p][q].abs() < f64::MIN_POSITIVE {
        return;
    }
    let theta = (m[q][q] - m[p][p]) / (2.0 * m[p][q]);
    let t = theta.signum() / (theta.abs() + theta.mul_add(theta, 1.0).sqrt());
    let c = 1.0 / t.mul_add(t, 1.0).sqrt();
    let s = t * c;
    for row in m.iter_mut() {
        (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
    }
    let (above, below) = (m[p], m[q]);
    m[p] = std::array::from_fn(|at| c * above[at] - s * below[at]);
    m[q] = std::array::from_fn(|at| s * above[at] + c * below[at]);
    for row in vectors {
        (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::matrix::dot;
    use super::*;

    #[test]
    fn a_matrix_stretches_its_eigenvectors() {
        let matrix = [[4.0, 1.0, -2.0], [1.0, 2.0, 0.5], [-2.0, 0.5, 3.0]];
        let pairs = symmetric(matrix);
        assert!(pairs[0].0 >= pairs[1].0 && pairs[1].0 >= pairs[2].0);
        for (value, vector) in pairs {
            assert!((dot(&vector, &vector) - 1.0).abs() < 1e-12);
            for (row, own) in matrix.iter().zip(vector) {
                assert!((dot(row, &vector) - value * own).abs() < 1e-12, "{pairs:?}");
            }
        }
        let still = symmetric([[1.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 2.0]]);
        assert_eq!(still.map(|(value, _)| value), [3.0, 2.0, 1.0]);
    }
}
