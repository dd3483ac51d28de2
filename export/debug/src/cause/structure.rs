//! Aligns the nodes of two pieces and compares them one by one.

use burn_onnx_export::proto::NodeProto;

use super::Presence;
use super::attributes;
use super::weights;
use crate::graph::{Graph, label};
use crate::rows::{Counterparts, weight};

/// Operators that a conversion of precision adds around others. They are a cause only if there is no other.
const CONVERSIONS: [&str; 4] = ["Cast", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"];

/// A node that differs.
pub(super) struct Found {
    /// Position of the node, in the second graph unless it is missing there.
    pub(super) node: usize,
    pub(super) presence: Presence,
    pub(super) reasons: Vec<String>,
}

/// Compares the nodes of two pieces, given by their positions. Returns the node that explains a difference best.
pub(super) fn compare(
    a: &Graph,
    theirs: &[usize],
    b: &Graph,
    ours: &[usize],
    counterparts: &Counterparts,
) -> Option<Found> {
    let operators = |graph: &Graph, nodes: &[usize]| -> Vec<String> {
        nodes.iter().map(|at| graph.nodes()[*at].op_type.clone()).collect()
    };
    let steps = align(&operators(a, theirs), &operators(b, ours));
    let mut found: Vec<(u8, Found)> = Vec::new();
    for step in steps {
        match step {
            Step::Both(x, y) => {
                let (node, other) = (&b.nodes()[ours[y]], &a.nodes()[theirs[x]]);
                let reasons = differences(a, other, b, node, counterparts);
                if !reasons.is_empty() {
                    found.push((2, Found { node: ours[y], presence: Presence::Both, reasons }));
                }
            }
            Step::Changed(x, y) => {
                let (node, other) = (&b.nodes()[ours[y]], &a.nodes()[theirs[x]]);
                let mut reasons =
                    vec![format!("the operator is {}, where the reference has {}", node.op_type, other.op_type)];
                reasons.extend(operands(a, other, b, node, counterparts));
                found.push((0, Found { node: ours[y], presence: Presence::Both, reasons }));
            }
            Step::Added(y) => {
                let node = &b.nodes()[ours[y]];
                let rank = if CONVERSIONS.contains(&node.op_type.as_str()) { 3 } else { 1 };
                let reasons = vec![format!("the reference has no {} there", node.op_type)];
                found.push((rank, Found { node: ours[y], presence: Presence::Added, reasons }));
            }
            Step::Missing(x) => {
                let node = &a.nodes()[theirs[x]];
                let rank = if CONVERSIONS.contains(&node.op_type.as_str()) { 3 } else { 1 };
                let reasons = vec![format!("the candidate has no {} there", node.op_type)];
                found.push((rank, Found { node: theirs[x], presence: Presence::Missing, reasons }));
            }
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().next().map(|(_, found)| found)
}

/// One step of an alignment, by positions in the first and the second list.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Both(usize, usize),
    Changed(usize, usize),
    Added(usize),
    Missing(usize),
}

/// The alignment with the most equal operators; a missing one beside an added one counts as a changed one.
fn align(a: &[String], b: &[String]) -> Vec<Step> {
    let mut best = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for x in (0..a.len()).rev() {
        for y in (0..b.len()).rev() {
            best[x][y] = if a[x] == b[y] { best[x + 1][y + 1] + 1 } else { best[x + 1][y].max(best[x][y + 1]) };
        }
    }
    let (mut x, mut y) = (0, 0);
    let mut steps: Vec<Step> = Vec::new();
    let mut gap: (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    let close = |gap: &mut (Vec<usize>, Vec<usize>), steps: &mut Vec<Step>| {
        let pairs = gap.0.len().min(gap.1.len());
        steps.extend(gap.0[..pairs].iter().zip(&gap.1[..pairs]).map(|(x, y)| Step::Changed(*x, *y)));
        steps.extend(gap.0[pairs..].iter().map(|x| Step::Missing(*x)));
        steps.extend(gap.1[pairs..].iter().map(|y| Step::Added(*y)));
        gap.0.clear();
        gap.1.clear();
    };
    while x < a.len() || y < b.len() {
        if x < a.len() && y < b.len() && a[x] == b[y] {
            close(&mut gap, &mut steps);
            steps.push(Step::Both(x, y));
            (x, y) = (x + 1, y + 1);
        } else if y == b.len() || (x < a.len() && best[x + 1][y] >= best[x][y + 1]) {
            gap.0.push(x);
            x += 1;
        } else {
            gap.1.push(y);
            y += 1;
        }
    }
    close(&mut gap, &mut steps);
    steps
}

/// Every difference of two nodes of the same operator.
fn differences(a: &Graph, other: &NodeProto, b: &Graph, node: &NodeProto, counterparts: &Counterparts) -> Vec<String> {
    let mut reasons = attributes::differences(other, node);
    reasons.extend(operands(a, other, b, node, counterparts));
    reasons
}

/// Differences of the operands of two nodes.
fn operands(a: &Graph, other: &NodeProto, b: &Graph, node: &NodeProto, counterparts: &Counterparts) -> Vec<String> {
    let mut reasons = Vec::new();
    let count = node.input.len().max(other.input.len());
    for at in 0..count {
        let ours = node.input.get(at).map_or("", String::as_str);
        let theirs = other.input.get(at).map_or("", String::as_str);
        match (ours.is_empty(), theirs.is_empty()) {
            (true, true) => {}
            (true, false) => reasons.push(format!("it does not read `{theirs}`, which the reference reads")),
            (false, true) => reasons.push(format!("it reads `{ours}`, which the reference does not")),
            (false, false) => reasons.extend(operand(a, theirs, b, ours, counterparts)),
        }
    }
    reasons
}

fn operand(a: &Graph, theirs: &str, b: &Graph, ours: &str, counterparts: &Counterparts) -> Option<String> {
    match (b.is_constant(ours), a.is_constant(theirs)) {
        (true, true) => match (a.tensor(theirs), b.tensor(ours)) {
            (Some(before), Some(after)) => {
                let difference = weights::difference(before, after)?;
                let name = if ours == theirs {
                    format!("`{ours}`")
                } else {
                    format!("`{ours}`, where the reference has `{theirs}`,")
                };
                Some(format!("the weights {name} differ: {difference}"))
            }
            (_, None) => {
                let maker = &b.nodes()[b.maker(ours)?];
                if CONVERSIONS.contains(&maker.op_type.as_str()) {
                    return dequantised(a, theirs, b, ours);
                }
                Some(format!(
                    "the weights `{ours}` are computed by {} `{}`, and `{theirs}` is a constant",
                    maker.op_type,
                    label(maker)
                ))
            }
            (None, Some(_)) => None,
        },
        (false, false) => {
            let known = counterparts.of(ours);
            match known {
                Some(known) if known == theirs => None,
                // Values between two matched ones have no counterpart; the pieces end at matched ones.
                None if !counterparts.covers(theirs) => None,
                _ => Some(format!("it reads `{ours}`, where the reference reads `{theirs}`")),
            }
        }
        (true, false) => {
            Some(format!("it reads the constant `{ours}`, where the reference reads the value `{theirs}`"))
        }
        (false, true) => {
            Some(format!("it reads the value `{ours}`, where the reference reads the constant `{theirs}`"))
        }
    }
}

/// The factor by which dequantised weights differ from those of the reference.
fn dequantised(a: &Graph, theirs: &str, b: &Graph, ours: &str) -> Option<String> {
    let ((dims, before), (other, after)) = (weight(a, theirs)?, weight(b, ours)?);
    if dims != other {
        return None;
    }
    let dot: f64 = before.iter().zip(&after).map(|(a, b)| a * b).sum();
    let factor = dot / before.iter().map(|value| value * value).sum::<f64>();
    let rest: f64 = before.iter().zip(&after).map(|(a, b)| (b - factor * a).powi(2)).sum();
    let size: f64 = after.iter().map(|value| value * value).sum();
    let scaled = (factor - 1.0).abs() > 0.05 && rest < 0.01 * size;
    scaled.then(|| format!("the dequantised weights `{ours}` are those of the reference, scaled by {factor:.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(a: &str, b: &str) -> Vec<Step> {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        align(&words(a), &words(b))
    }

    #[test]
    fn nodes_are_aligned_by_operator() {
        assert_eq!(steps("Conv Relu", "Conv"), [Step::Both(0, 0), Step::Missing(1)]);
        assert_eq!(steps("Softmax", "Softmax Gather"), [Step::Both(0, 0), Step::Added(1)]);
        assert_eq!(steps("Relu", "LeakyRelu"), [Step::Changed(0, 0)]);
        assert_eq!(steps("Cast Div", "Gather Cast Div"), [Step::Added(0), Step::Both(0, 1), Step::Both(1, 2)]);
    }
}
