//! Differences of attributes.

use std::collections::BTreeSet;

use burn_onnx_export::proto::{AttributeProto, AttributeType, NodeProto};

/// Each attribute in which the second node differs from the first.
pub(super) fn differences(reference: &NodeProto, node: &NodeProto) -> Vec<String> {
    let names: BTreeSet<&str> =
        reference.attribute.iter().chain(&node.attribute).map(|attribute| attribute.name.as_str()).collect();
    let mut reasons = Vec::new();
    for name in names {
        match (reference.attribute(name), node.attribute(name)) {
            (Some(before), Some(after)) if !same(before, after) => {
                reasons.push(format!("{name} is {}, where the reference has {}", text(after), text(before)));
            }
            (Some(before), None) => {
                reasons.push(format!("{name} is not set, where the reference has {}", text(before)));
            }
            (None, Some(after)) => reasons.push(format!("{name} is {}, which the reference does not set", text(after))),
            _ => {}
        }
    }
    reasons
}

fn same(a: &AttributeProto, b: &AttributeProto) -> bool {
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    a.r#type == b.r#type
        && (a.f().to_bits(), a.i(), a.s(), &a.ints, &a.strings) == (b.f().to_bits(), b.i(), b.s(), &b.ints, &b.strings)
        && bits(&a.floats) == bits(&b.floats)
        && (&a.t, &a.g) == (&b.t, &b.g)
}

/// The value of an attribute in words.
fn text(attribute: &AttributeProto) -> String {
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match AttributeType::try_from(attribute.r#type) {
        Ok(AttributeType::Float) => attribute.f().to_string(),
        Ok(AttributeType::Int) => attribute.i().to_string(),
        Ok(AttributeType::String) => format!("`{}`", words(attribute.s())),
        Ok(AttributeType::Floats) => format!("{:?}", attribute.floats),
        Ok(AttributeType::Ints) => format!("{:?}", attribute.ints),
        Ok(AttributeType::Strings) => {
            format!("{:?}", attribute.strings.iter().map(|one| words(one)).collect::<Vec<_>>())
        }
        Ok(AttributeType::Tensor) => "another tensor".to_owned(),
        Ok(AttributeType::Graph) => "another subgraph".to_owned(),
        _ => "another value".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(name: &str, f: f32) -> NodeProto {
        NodeProto { attribute: vec![AttributeProto::float(name, f)], ..Default::default() }
    }

    #[test]
    fn an_epsilon_is_named_with_both_numbers() {
        let found = differences(&float("epsilon", 1e-5), &float("epsilon", 1e-3));
        assert_eq!(found, ["epsilon is 0.001, where the reference has 0.00001"]);
        assert!(differences(&float("epsilon", 1e-5), &float("epsilon", 1e-5)).is_empty());
        let unset = differences(&float("epsilon", 1e-5), &NodeProto::default());
        assert_eq!(unset, ["epsilon is not set, where the reference has 0.00001"]);
    }
}
