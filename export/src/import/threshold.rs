//! The threshold: stated, chosen on labelled tiles, or the middle of a probability.

use std::collections::BTreeSet;

use kiln_runtime::bundle::manifest::Threshold;
use kiln_runtime::decision::SCORE;
use kiln_train::data::{NORMAL_LABELS, shown};
use kiln_train::metrics::{Scored, ThresholdRule, auroc};

use super::ImportError;
use super::answers::answers;
use super::plan::Plan;
use super::spec::{Input, Spec, ThresholdSpec};
use super::tiles::Data;
use super::untouched::Untouched;
use crate::Result;

/// The most labelled tiles that a threshold is chosen on.
const MOST: usize = 512;

/// The same for a rate, which takes more tiles the nearer it is to 1.
const MOST_FOR_RATE: usize = 4096;

/// The threshold of the bundle.
pub(super) fn resolve(
    spec: &Spec,
    plan: &Plan,
    data: Option<&Data>,
    untouched: &mut Untouched,
    input: &Input,
) -> Result<Threshold> {
    let stated = |value: f64, rule: &str, chosen_on: &str| Threshold {
        value,
        rule: rule.to_owned(),
        chosen_on: chosen_on.to_owned(),
    };
    match spec.threshold {
        Some(ThresholdSpec::Value(value)) if value.is_finite() => Ok(stated(value, "stated", "stated at import")),
        Some(ThresholdSpec::Value(value)) => {
            Err(ImportError::spec("threshold", format!("{value} is not a finite number")).into())
        }
        Some(ThresholdSpec::Rule(rule)) => {
            let data = data.ok_or_else(|| {
                ImportError::spec(
                    "threshold",
                    format!("`{rule}` needs labelled tiles; give a data set, or state a number"),
                )
            })?;
            chosen(rule, plan, data, untouched, input)
        }
        None if plan.score.is_none() => Ok(stated(0.5, "default", "no data: the middle of a probability")),
        // anomalib normalises its scores so that its own threshold is at 0.5.
        None if plan.score.as_ref().is_some_and(|score| score.output.eq_ignore_ascii_case("pred_score")) => {
            Ok(stated(0.5, "default", "no data: anomalib normalises its scores to a threshold of 0.5"))
        }
        None => {
            let reason =
                "the score has no natural threshold; state a number, or a rule such as max_f1 with labelled tiles";
            Err(ImportError::spec("threshold", reason).into())
        }
    }
}

/// The best threshold on labelled tiles.
fn chosen(
    rule: ThresholdRule,
    plan: &Plan,
    data: &Data,
    untouched: &mut Untouched,
    input: &Input,
) -> Result<Threshold> {
    let most = match rule {
        ThresholdRule::MaxF1 | ThresholdRule::Youden => MOST,
        ThresholdRule::Sensitivity(_) | ThresholdRule::Specificity(_) => MOST_FOR_RATE,
    };
    let scored = scored(plan, data, most, untouched, input)?;
    let value = rule.choose(&scored).map_err(|error| ImportError::spec("threshold", error.to_string()))?;
    let auroc = auroc(&scored).map(|auroc| format!(", AUROC {auroc:.3}")).unwrap_or_default();
    Ok(Threshold {
        value,
        rule: rule.to_string(),
        chosen_on: format!("{} labelled tiles at import{auroc}", scored.len()),
    })
}

/// Scores and truth of labelled tiles.
fn scored(plan: &Plan, data: &Data, most: usize, untouched: &mut Untouched, input: &Input) -> Result<Vec<Scored>> {
    let chosen = data.some(most);
    check_labels(plan, data, &chosen)?;
    let mut scored = Vec::with_capacity(chosen.len());
    for index in &chosen {
        let tile = data.tile(*index)?;
        let raw = untouched.run(std::slice::from_ref(&tile), input)?;
        let score = answers(plan, &raw, 1).arrays.get(SCORE).and_then(|array| array.first().copied());
        let entry = &data.dataset.entries[*index];
        scored.push(Scored {
            score: f64::from(score.unwrap_or(f32::NAN)),
            anomalous: plan.truth(&entry.label) != Some(false),
            group: data.dataset.group_name(*index),
        });
    }
    Ok(scored)
}

/// Refuses labels that are neither a class nor a usual name of normal tiles.
fn check_labels(plan: &Plan, data: &Data, chosen: &[usize]) -> Result<(), ImportError> {
    let labels: BTreeSet<&str> = chosen.iter().map(|index| data.dataset.entries[*index].label.as_str()).collect();
    let unknown: Vec<String> = labels.into_iter().filter(|label| plan.truth(label).is_none()).map(shown).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let reason = format!(
        "labels that are no class of the model ({}) and no usual name of normal tiles ({}): {}; rename them, or leave these \
         tiles out",
        plan.classes.join(", "),
        NORMAL_LABELS.join(", "),
        unknown.join(", ")
    );
    Err(ImportError::spec(data.dataset.root.display().to_string(), reason))
}
