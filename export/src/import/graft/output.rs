//! The outputs as nodes: softmax or sigmoid, the score, and conversions to 32-bit floats.

use burn_onnx_export::proto::{AttributeProto, DataType};
use kiln_runtime::decision::{PROBABILITIES, SCORE};

use super::builder::Builder;
use crate::import::plan::{Head, Plan};
use crate::import::spec::Meaning;

/// The value in the graph of each of the model's outputs, and its element type (0 if unknown).
pub(super) type Values<'a> = &'a dyn Fn(&str) -> (String, i32);

/// Adds the nodes of every output of the bundle. Returns the names of the outputs, in order.
pub(super) fn outputs(builder: &mut Builder<'_>, plan: &Plan, values: Values<'_>) -> Vec<String> {
    let mut names = vec![SCORE.to_owned()];
    let probabilities = plan.head.as_ref().map(|head| head_nodes(builder, plan, head, values));
    match (&plan.score, probabilities) {
        (Some(score), _) => {
            let value = float(builder, "score", values(&score.output));
            let value =
                if score.negative { builder.node("Neg", "score/negative", &[&value], Vec::new()) } else { value };
            flat_to(builder, &value, SCORE);
        }
        (None, Some(probabilities)) if plan.has_probabilities() => {
            let normal: Vec<f32> =
                plan.classes.iter().map(|class| f32::from(u8::from(plan.normal_classes.contains(class)))).collect();
            let constant = builder.floats("score/normal_classes", &[normal.len(), 1], &normal);
            let sum = builder.node("MatMul", "score/normal", &[&probabilities, &constant], Vec::new());
            let sum = builder.reshape("score/flat", &sum, &[-1]);
            let one = builder.floats("score/one", &[], &[1.0]);
            builder.node_to("Sub", &[&one, &sum], SCORE.to_owned(), Vec::new());
        }
        (None, Some(probability)) => flat_to(builder, &probability, SCORE),
        // A plan has one or the other.
        (None, None) => {}
    }
    if plan.has_probabilities() {
        names.push(PROBABILITIES.to_owned());
    }
    for kept in &plan.kept {
        let (value, element) = values(&kept.output);
        if element == i32::from(DataType::Float) {
            builder.node_to("Identity", &[&value], kept.name.clone(), Vec::new());
        } else {
            let to = vec![AttributeProto::int("to", i32::from(DataType::Float).into())];
            builder.node_to("Cast", &[&value], kept.name.clone(), to);
        }
        names.push(kept.name.clone());
    }
    names
}

/// The probabilities, `[batch, classes]`; or the single probability, `[batch, 1]`, if the classes have no names.
fn head_nodes(builder: &mut Builder<'_>, plan: &Plan, head: &Head, values: Values<'_>) -> String {
    let value = float(builder, "probabilities", values(&head.output));
    let rows = builder.reshape("probabilities/rows", &value, &[-1, head.columns as i64]);
    let axis = || vec![AttributeProto::int("axis", 1)];
    let (operator, attributes) = match (head.meaning, head.columns) {
        (Meaning::Logits, 1) => ("Sigmoid", Vec::new()),
        (Meaning::Logits, _) => ("Softmax", axis()),
        (Meaning::LogProbabilities, _) => ("Exp", Vec::new()),
        _ => ("Identity", Vec::new()),
    };
    if !plan.has_probabilities() {
        return builder.node(operator, "probability", &[&rows], attributes);
    }
    if head.columns > 1 {
        builder.node_to(operator, &[&rows], PROBABILITIES.to_owned(), attributes);
        return PROBABILITIES.to_owned();
    }
    let second = builder.node(operator, "probability", &[&rows], attributes);
    let one = builder.floats("probability/one", &[], &[1.0]);
    let first = builder.node("Sub", "probability/other", &[&one, &second], Vec::new());
    builder.node_to("Concat", &[&first, &second], PROBABILITIES.to_owned(), axis());
    PROBABILITIES.to_owned()
}

fn float(builder: &mut Builder<'_>, wish: &str, (value, element): (String, i32)) -> String {
    if element == i32::from(DataType::Float) { value } else { builder.cast_to_float(&format!("{wish}/float"), &value) }
}

fn flat_to(builder: &mut Builder<'_>, value: &str, name: &str) {
    let shape = builder.integers(&format!("{name}/shape"), &[-1]);
    builder.node_to("Reshape", &[value, &shape], name.to_owned(), Vec::new());
}
