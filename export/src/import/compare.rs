//! Comparison of a model's answers with a reference.

use ndarray::{ArrayD, Axis};

use kiln_runtime::Outputs;
use kiln_runtime::decision::PROBABILITIES;

use super::ImportError;
use super::plan::Plan;
use super::reference::Reference;
use super::untouched::Raw;

/// Prefix of the columns of classes.
const CLASS: &str = "p_";

/// The difference of one array of a reference.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ReferenceOutput {
    /// Name in the reference.
    pub name: String,
    /// Largest absolute difference.
    pub max_abs: f64,
    /// Mean absolute difference.
    pub mean_abs: f64,
    /// The largest difference allowed.
    pub tolerance: f64,
    /// The unit of the tolerance: the output's largest value if that is above 1, else 1.
    #[serde(skip)]
    pub(super) unit: f64,
    /// The tile with the largest difference, by its name.
    pub worst_tile: String,
}

impl ReferenceOutput {
    /// True if the difference is allowed. One that is not finite never is.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.max_abs.is_finite() && self.max_abs <= self.tolerance
    }

    /// The miss in words.
    pub(super) fn missed(&self) -> String {
        let Self { name, max_abs, worst_tile, tolerance, .. } = self;
        if max_abs.is_finite() {
            return format!("{name}: largest difference {max_abs:.2e} on {worst_tile}, tolerance {tolerance:.0e}");
        }
        format!("{name}: NaN or infinite on {worst_tile}")
    }
}

/// Compares the answers for the first `tiles` tiles with every array of the reference.
///
/// # Errors
/// [`ImportError::ReferenceFile`] if an array is no output of the model, or has another shape.
pub(super) fn compare(
    reference: &Reference,
    plan: &Plan,
    answers: &Outputs,
    raw: &Raw,
    tolerance: f64,
) -> Result<Vec<ReferenceOutput>, ImportError> {
    let tiles = answers.batch;
    let mut found = Vec::new();
    for (name, expected) in &reference.arrays {
        let wrong = |reason: String| ImportError::ReferenceFile { path: reference.path.clone(), reason };
        let Some(array) = answer(name, plan, answers, raw) else {
            let mut known: Vec<&str> = answers.arrays.keys().chain(raw.keys()).map(String::as_str).collect();
            known.sort_unstable();
            known.dedup();
            let shown = name.escape_debug();
            return Err(wrong(format!("`{shown}` is no output of the model; it has {}", known.join(", "))));
        };
        let per_tile = array.len() / tiles.max(1);
        let expected_per_tile = expected.len() / expected.shape().first().copied().unwrap_or(1).max(1);
        if per_tile != expected_per_tile {
            let (shape, other) = (expected.shape(), array.shape());
            return Err(wrong(format!(
                "`{name}` has the shape {shape:?}, but the model gives {other:?} for {tiles} tiles"
            )));
        }
        found.push(difference(name, reference, expected, &array, tolerance));
    }
    Ok(found)
}

/// The answers to an array of a reference: an output of the bundle, a column of its probabilities, or an output of the
/// model.
pub(super) fn answer(name: &str, plan: &Plan, answers: &Outputs, raw: &Raw) -> Option<ArrayD<f32>> {
    if let Some(array) = answers.arrays.get(name) {
        return Some(array.clone());
    }
    if let Some(class) = name.strip_prefix(CLASS)
        && let Some(at) = plan.classes.iter().position(|known| known == class)
    {
        return Some(answers.arrays.get(PROBABILITIES)?.index_axis(Axis(1), at).to_owned());
    }
    raw.get(name).cloned()
}

fn difference(
    name: &str,
    reference: &Reference,
    expected: &ArrayD<f64>,
    found: &ArrayD<f32>,
    tolerance: f64,
) -> ReferenceOutput {
    let per_tile = (expected.len() / expected.shape().first().copied().unwrap_or(1).max(1)).max(1);
    let (mut max_abs, mut sum, mut most, mut worst) = (0.0_f64, 0.0, 1.0_f64, 0);
    for (at, (expected, found)) in expected.iter().zip(found).enumerate() {
        let difference = (expected - f64::from(*found)).abs();
        // A value that is not finite is never right, even on both sides.
        let difference = if difference.is_nan() { f64::INFINITY } else { difference };
        if difference > max_abs {
            (max_abs, worst) = (difference, at / per_tile);
        }
        sum += difference;
        if expected.is_finite() {
            most = most.max(expected.abs());
        }
    }
    ReferenceOutput {
        name: name.to_owned(),
        max_abs,
        mean_abs: sum / found.len().max(1) as f64,
        tolerance: tolerance * most,
        unit: most,
        worst_tile: reference.names.get(worst).cloned().unwrap_or_default(),
    }
}
