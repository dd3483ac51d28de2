//! Findings that are no errors but need a look: a model behind a wrong preprocessing still gives numbers.

use kiln_runtime::Outputs;
use kiln_runtime::decision::{PROBABILITIES, SCORE};

use super::plan::Plan;

/// Scores of which all differ by less than this are taken for equal.
const EQUAL: f32 = 1e-6;

/// A probability this close to 0 or 1 is saturated.
const SATURATED: f32 = 1e-6;

/// The warnings about answers on a few tiles.
pub(super) fn warnings(plan: &Plan, answers: &Outputs, has_reference: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    let scores: Vec<f32> = answers.arrays.get(SCORE).map(|array| array.iter().copied().collect()).unwrap_or_default();
    let (least, most) = scores.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, m), s| (l.min(*s), m.max(*s)));
    if scores.len() > 1 && most - least < EQUAL {
        let tiles = scores.len();
        warnings
            .push(format!("all {tiles} tiles score {least:.6}; are range, mean and deviation those of the training?"));
    }
    if let Some(probabilities) = answers.arrays.get(PROBABILITIES)
        && probabilities.iter().all(|value| *value < SATURATED || *value > 1.0 - SATURATED)
    {
        warnings.push(
            "every probability is 0 or 1; are range, mean and deviation those of the training, and were these logits?"
                .to_owned(),
        );
    }
    if !has_reference {
        let head = plan.head.as_ref().map(|head| format!(" `{}` was taken for {}.", head.output, head.meaning));
        warnings.push(format!(
            "no reference was given, so nothing shows that range, channel order, mean and deviation are those of the \
             training.{}",
            head.unwrap_or_default()
        ));
    }
    warnings
}
