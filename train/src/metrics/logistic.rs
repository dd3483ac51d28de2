//! The logistic regression of the colour baseline and of a hybrid's score, by `linfa-logistic`.

use linfa::traits::Fit;
use linfa_logistic::LogisticRegression;
use ndarray_of_linfa::{Array1, Array2};

use super::MetricsError;

/// Weights and intercept for standardised features, `[tiles, features]`, with an L2 penalty of 1 (`C = 1` in
/// scikit-learn's terms).
///
/// # Errors
/// One class only, or a fit that failed.
pub(crate) fn logistic(features: Array2<f64>, anomalous: &[bool]) -> Result<(Vec<f64>, f64), MetricsError> {
    let targets = Array1::from(anomalous.to_vec());
    let fitted = LogisticRegression::default()
        .alpha(1.0)
        .gradient_tolerance(1e-6)
        .max_iterations(1000)
        .fit(&linfa::Dataset::new(features, targets))?;
    // linfa-logistic 0.8 calls the class with more rows positive, whatever its name.
    let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
    Ok((fitted.params().iter().map(|weight| sign * weight).collect(), sign * fitted.intercept()))
}
