//! The bundle's outputs from the model's own, computed in 64-bit floats without a graph.

use std::collections::BTreeMap;

use kiln_runtime::Outputs;
use kiln_runtime::decision::{PROBABILITIES, SCORE};
use ndarray::{Array1, Array2, ArrayD};

use super::plan::{Head, Plan};
use super::spec::Meaning;
use super::untouched::Raw;

/// Score, probabilities and kept outputs of `tiles` tiles.
pub(super) fn answers(plan: &Plan, raw: &Raw, tiles: usize) -> Outputs {
    let mut arrays: BTreeMap<String, ArrayD<f32>> = BTreeMap::new();
    let probabilities =
        plan.head.as_ref().and_then(|head| Some(probabilities(plan, head, raw.get(&head.output)?, tiles)));
    let score = match &plan.score {
        Some(score) => raw
            .get(&score.output)
            .map(|array| array.iter().map(|value| if score.negative { -value } else { *value }).collect::<Vec<f32>>()),
        None => probabilities.as_ref().map(|rows| rows.iter().map(|row| score_of(plan, row) as f32).collect()),
    };
    if let Some(score) = score {
        arrays.insert(SCORE.to_owned(), Array1::from(score).into_dyn());
    }
    if let Some(rows) = probabilities.filter(|_| plan.has_probabilities()) {
        let columns = rows.first().map_or(0, Vec::len);
        let values = rows.into_iter().flatten().map(|value| value as f32).collect();
        if let Ok(array) = Array2::from_shape_vec((tiles, columns), values) {
            arrays.insert(PROBABILITIES.to_owned(), array.into_dyn());
        }
    }
    for kept in &plan.kept {
        if let Some(array) = raw.get(&kept.output) {
            arrays.insert(kept.name.clone(), array.clone());
        }
    }
    Outputs { batch: tiles, arrays }
}

/// The probabilities of each tile.
fn probabilities(plan: &Plan, head: &Head, array: &ArrayD<f32>, tiles: usize) -> Vec<Vec<f64>> {
    let values: Vec<f64> = array.iter().map(|value| f64::from(*value)).collect();
    let row = |row: &[f64]| {
        let row = match (head.meaning, row) {
            (Meaning::Logits, [logit]) => vec![sigmoid(*logit)],
            (Meaning::Logits, row) => softmax(row),
            (Meaning::LogProbabilities, row) => row.iter().map(|value| value.exp()).collect(),
            (_, row) => row.to_vec(),
        };
        match row.as_slice() {
            [second] if plan.has_probabilities() => vec![1.0 - second, *second],
            _ => row,
        }
    };
    values.chunks((values.len() / tiles.max(1)).max(1)).map(row).collect()
}

/// One less the probabilities of normal classes; or the only probability.
fn score_of(plan: &Plan, row: &[f64]) -> f64 {
    if !plan.has_probabilities() {
        return row.first().copied().unwrap_or(f64::NAN);
    }
    let normal = plan.classes.iter().zip(row).filter(|(class, _)| plan.normal_classes.contains(class));
    1.0 - normal.map(|(_, probability)| probability).sum::<f64>()
}

/// Softmax of one row.
pub(super) fn softmax(row: &[f64]) -> Vec<f64> {
    let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = row.iter().map(|value| (value - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// The logistic function.
pub(super) fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}
