//! Hypotheses about values: classes in another order, a function more or less, a factor, a limit, coarse steps.

use std::collections::BTreeSet;

use kiln_runtime::decision::PROBABILITIES;

use super::fit::{Paired, percent, ratio, rms};
use super::{Cause, Evidence, Finding};
use crate::difference::OutputDifference;

/// The largest share of a difference that a hypothesis without a parameter may leave.
const LEFT: f64 = 0.1;

/// The largest share that a hypothesis with parameters may leave; fitted parameters always remove something.
const LEFT_OF_FIT: f64 = 0.03;

/// The most classes whose order is searched.
const CLASSES: usize = 64;

/// Functions between the sides: `candidate = function(reference)`.
type Function = (&'static str, fn(f64) -> f64);

const FUNCTIONS: [Function; 8] = [
    ("1 minus the reference: the other side of a two-class score", |a| 1.0 - a),
    ("the negative of the reference: a sign", |a| -a),
    ("the sigmoid of the reference: a sigmoid more than the reference", |a| 1.0 / (1.0 + (-a).exp())),
    ("the logit of the reference: a sigmoid less than the reference", |a| (a / (1.0 - a)).ln()),
    ("the exponential of the reference", f64::exp),
    ("the logarithm of the reference", f64::ln),
    ("the square of the reference", |a| a * a),
    ("the square root of the reference", f64::sqrt),
];

/// Classes in another order.
pub(super) fn classes(evidence: &Evidence<'_>, output: &OutputDifference) -> Option<Finding> {
    let rows = evidence.rows.map(|rows| rows.rows_of(&output.name));
    let [Some((width, a)), Some((other, b))] = rows else { return None };
    if width != other || !(2..=CLASSES).contains(&width) || output.shape.len() != 1 {
        return None;
    }
    let column = |values: &'_ [f32], at: usize| -> Vec<f64> {
        values.iter().skip(at).step_by(width).map(|value| f64::from(*value)).collect()
    };
    let (of_a, of_b): (Vec<_>, Vec<_>) = (0..width).map(|at| (column(a, at), column(b, at))).unzip();
    let between = |a: &[f64], b: &[f64]| rms(a.iter().copied().zip(b.iter().copied()));
    let nearest = |b: &Vec<f64>| {
        (0..width).min_by(|one, other| between(&of_a[*one], b).total_cmp(&between(&of_a[*other], b))).unwrap_or(0)
    };
    let order: Vec<usize> = of_b.iter().map(nearest).collect();
    let distinct: BTreeSet<usize> = order.iter().copied().collect();
    if distinct.len() < width || order.iter().enumerate().all(|(at, class)| at == *class) {
        return None;
    }
    let after =
        order.iter().enumerate().map(|(at, class)| between(&of_a[*class], &of_b[at]).powi(2)).sum::<f64>().sqrt();
    let before = (0..width).map(|at| between(&of_a[at], &of_b[at]).powi(2)).sum::<f64>().sqrt();
    let left = ratio(after, before);
    if left > LEFT {
        return None;
    }
    let moved: Vec<usize> = (0..width).filter(|at| order[*at] != *at).collect();
    let name = |class: usize| {
        let known = evidence.facts.iter().find_map(|facts| facts.classes.get(class));
        known.filter(|_| output.name == PROBABILITIES).map_or_else(String::new, |name| format!(" ({name})"))
    };
    let text = match moved.as_slice() {
        [one, two] => {
            format!("output `{}`: classes {one}{} and {two}{} are swapped", output.name, name(*one), name(*two))
        }
        _ => format!(
            "output `{}`: its {width} classes are in another order: the candidate's are the reference's {order:?}",
            output.name
        ),
    };
    Some(Finding::new(Cause::ClassesSwapped, Some(&output.name), text).explains(left))
}

/// A function more or less.
pub(super) fn function(evidence: &Evidence<'_>, output: &OutputDifference, paired: &Paired) -> Option<Finding> {
    if let Some(found) = softmax(evidence, output) {
        return Some(found);
    }
    let tried = FUNCTIONS.iter().map(|(words, function)| (*words, paired.left(function)));
    let (words, left) = tried.filter(|(_, left)| *left < LEFT).min_by(|a, b| a.1.total_cmp(&b.1))?;
    let text = format!("output `{}`: the candidate is {words} (explains {})", output.name, percent(left));
    Some(Finding::new(Cause::Function, Some(&output.name), text).explains(left))
}

/// A softmax over the last axis that one side has and the other lacks.
fn softmax(evidence: &Evidence<'_>, output: &OutputDifference) -> Option<Finding> {
    let rows = evidence.rows.map(|rows| rows.rows_of(&output.name));
    let [Some((width, a)), Some((other, b))] = rows else { return None };
    if width != other || width < 2 || output.shape.len() != 1 {
        return None;
    }
    let pairs = |a: &[f32], b: &[f32]| {
        let of = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
        rms(of(a).into_iter().zip(of(b)))
    };
    let soft = |values: &[f32]| -> Vec<f32> { values.chunks_exact(width).flat_map(softmax_row).collect() };
    let before = pairs(a, b);
    // The softmax squeezes differences, so it is compared with the difference of the squeezed values.
    let more = ratio(pairs(&soft(a), b), before);
    let less = ratio(pairs(a, &soft(b)), before);
    let (words, left) = match (more < LEFT, less < LEFT) {
        (true, _) => ("the softmax of the reference: a softmax more than the reference", more),
        (_, true) => ("a softmax less than the reference: the reference is the softmax of the candidate", less),
        _ => return None,
    };
    let text = format!("output `{}`: the candidate is {words} (explains {})", output.name, percent(left));
    Some(Finding::new(Cause::Function, Some(&output.name), text).explains(left))
}

fn softmax_row(row: &[f32]) -> Vec<f32> {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = row.iter().map(|value| (value - most).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// A factor, an offset, or both, by least squares.
pub(super) fn scaled(output: &OutputDifference, paired: &Paired) -> Option<Finding> {
    let n = paired.a.len().max(1) as f64;
    let sum = |values: &[f64]| values.iter().sum::<f64>();
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let square = product(&paired.a, &paired.a);
    if square <= 0.0 || paired.a.len() < 3 {
        return None;
    }
    let factor = product(&paired.a, &paired.b) / square;
    let offset = (sum(&paired.b) - sum(&paired.a)) / n;
    let (mean_a, mean_b) = (sum(&paired.a) / n, sum(&paired.b) / n);
    let variance = square / n - mean_a * mean_a;
    let slope = (product(&paired.a, &paired.b) / n - mean_a * mean_b) / variance;
    let shift = mean_b - slope * mean_a;
    let by_factor = (paired.left(|a| factor * a), format!("the reference scaled by {}", number(factor)));
    let by_offset = (paired.left(|a| a + offset), format!("the reference plus {}", number(offset)));
    let by_both = (
        paired.left(|a| slope * a + shift),
        format!("the reference scaled by {} plus {}", number(slope), number(shift)),
    );
    let (left, words) = [by_factor, by_offset, by_both].into_iter().find(|(left, _)| *left < LEFT_OF_FIT)?;
    let text = format!("output `{}`: the candidate is {words} (explains {})", output.name, percent(left));
    Some(Finding::new(Cause::Scaled, Some(&output.name), text).explains(left))
}

/// A fitted number; close to one that is usual, it is that.
fn number(value: f64) -> String {
    const USUAL: [(f64, &str); 8] = [
        (2.0, "2.0"),
        (0.5, "0.5"),
        (255.0, "255"),
        (1.0 / 255.0, "1/255"),
        (256.0, "256"),
        (1.0 / 256.0, "1/256"),
        (3.0, "3.0"),
        (1.0 / 3.0, "1/3"),
    ];
    let usual = USUAL.iter().find(|(usual, _)| (value / usual - 1.0).abs() < 2e-4);
    usual.map_or_else(|| format!("{value:.4}"), |(_, words)| (*words).to_owned())
}

/// Values that end at a limit that the reference's exceed.
pub(super) fn saturated(output: &OutputDifference, paired: &Paired) -> Option<Finding> {
    let n = paired.b.len();
    let high = paired.b.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let low = paired.b.iter().copied().fold(f64::INFINITY, f64::min);
    let at = |limit: f64| paired.b.iter().filter(|value| **value == limit).count() as f64 / n.max(1) as f64;
    let (at_high, at_low) = (at(high), at(low));
    let left = paired.left(|a| a.clamp(low, high));
    if n < 20 || left > LEFT || at_high.max(at_low) < 0.01 {
        return None;
    }
    let (limit, share) = if at_high >= at_low { (high, at_high) } else { (low, at_low) };
    let text = format!(
        "output `{}`: the candidate saturates: {:.1} % of its values are {}, which the reference exceeds (explains {})",
        output.name,
        100.0 * share,
        number(limit),
        percent(left)
    );
    Some(Finding::new(Cause::Saturated, Some(&output.name), text).explains(left))
}

/// Few distinct values where the reference has many.
pub(super) fn quantised(output: &OutputDifference, paired: &Paired) -> Option<Finding> {
    let distinct = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<BTreeSet<u64>>();
    let (of_a, of_b) = (distinct(&paired.a), distinct(&paired.b));
    if of_b.len() > 256 || of_a.len() < 10 * of_b.len() || of_b.len() < 2 {
        return None;
    }
    let mut levels: Vec<f64> = of_b.into_iter().map(f64::from_bits).collect();
    levels.sort_by(f64::total_cmp);
    let step = (levels[levels.len() - 1] - levels[0]) / (levels.len() - 1) as f64;
    if paired.rms() > step {
        return None;
    }
    let text = format!(
        "output `{}`: the candidate takes {} distinct values, about {step:.2e} apart, where the reference takes {}: coarse \
         quantisation",
        output.name,
        levels.len(),
        of_a.len()
    );
    Some(Finding::new(Cause::Quantised, Some(&output.name), text))
}
