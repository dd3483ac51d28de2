//! The `parameters` of a configuration: the values that a client needs to turn a score into a decision, and the model's
//! origin. `GET v2/models/NAME/config` returns them. The backend ignores keys that it does not know.

use kiln_runtime::bundle::{read_names, write_names};

use super::Disagreement;
use super::message::{ModelConfig, ModelParameter, ParametersEntry};
use crate::graph::ServedGraph;
use crate::repository::{RECORD, Record};
use crate::source::Source;

/// Keys of Kiln's begin with this.
const PREFIX: &str = "kiln.";
const CLASSES: &str = "kiln.classes";
const NORMAL_CLASSES: &str = "kiln.normal_classes";

/// Every parameter of Kiln's, by key; an empty value is not written.
type Values = [(&'static str, String); 5];

/// The parameters of a model that is packaged.
pub(super) fn parameters(source: &Source) -> Vec<ParametersEntry> {
    let manifest = &source.bundle.manifest;
    let values = values(
        manifest.threshold.value,
        &manifest.classes,
        &manifest.normal_classes,
        &source.variant.precision,
        &manifest.provenance.weights_sha256,
    );
    let entry = |(key, value): (&str, String)| ParametersEntry {
        key: key.to_owned(),
        value: Some(ModelParameter { string_value: value }),
    };
    values.into_iter().filter(|(_, value)| !value.is_empty()).map(entry).collect()
}

fn values(threshold: f64, classes: &[String], normal: &[String], precision: &str, weights_sha256: &str) -> Values {
    let names = |names: &[String]| if names.is_empty() { String::new() } else { write_names(names) };
    [
        ("kiln.threshold", threshold.to_string()),
        (CLASSES, names(classes)),
        (NORMAL_CLASSES, names(normal)),
        ("kiln.precision", precision.to_owned()),
        ("kiln.weights_sha256", weights_sha256.to_owned()),
    ]
}

/// Compares Kiln's parameters with the record of the version that is served, and the normal classes, which the record does
/// not hold, with the graph's metadata. Other parameters are the administrator's.
///
/// # Errors
/// The first parameter that differs, is missing, appears twice or is not one of Kiln's.
pub(super) fn parameters_agree(config: &ModelConfig, record: &Record, graph: &ServedGraph) -> Result<(), Disagreement> {
    let field = |key: &str| format!("parameters[{}]", key.escape_debug());
    let normal = graph.metadata.get(NORMAL_CLASSES).map(|text| read_names(text));
    let expected = values(
        record.threshold.value,
        &record.classes,
        normal.as_deref().unwrap_or_default(),
        &record.precision,
        &record.origin.weights_sha256,
    );
    let own = config.parameters.iter().filter(|entry| entry.key.starts_with(PREFIX));
    if let Some(entry) = own.clone().find(|entry| expected.iter().all(|(key, _)| entry.key != *key)) {
        return Err((field(&entry.key), "is no parameter that Kiln writes".to_owned()));
    }
    for (key, value) in &expected {
        let entries: Vec<&ParametersEntry> = own.clone().filter(|entry| entry.key == *key).collect();
        if entries.len() > 1 {
            return Err((field(key), "appears twice".to_owned()));
        }
        if *key == NORMAL_CLASSES && normal.is_none() {
            continue;
        }
        let found = entries.first().and_then(|entry| entry.value.as_ref()).map_or("", |value| &value.string_value);
        if found != value && !lists_the_same(key, found, value) {
            let place = if *key == NORMAL_CLASSES { "the graph" } else { RECORD };
            return Err((field(key), format!("is `{}`; {place} has `{value}`", found.escape_debug())));
        }
    }
    Ok(())
}

/// Returns true for names that an earlier release joined by commas.
fn lists_the_same(key: &str, found: &str, value: &str) -> bool {
    [CLASSES, NORMAL_CLASSES].contains(&key) && !found.is_empty() && write_names(&read_names(found)) == value
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::text::parse;
    use super::*;
    use crate::graph::BatchRule;

    fn record() -> Record {
        let record = json!({
            "schema": 1, "target": "triton", "model": "cnn", "version": 1, "precision": "fp32", "graph": "model.onnx",
            "inputs": [], "outputs": [], "classes": ["benign", "tumour"],
            "threshold": {"value": 0.5, "rule": "max_f1", "chosen_on": "validation split"},
            "origin": {"kiln": "0.1.0", "manifest_sha256": "", "weights_sha256": "ab"},
            "files": [], "beside": [],
        });
        serde_json::from_value(record).unwrap()
    }

    fn compared(parameters: &[(&str, &str)], normal: Option<&str>) -> Result<(), Disagreement> {
        let entry = |(key, value): &(&str, &str)| {
            format!("parameters {{ key: \"{key}\" value {{ string_value: '{value}' }} }}\n")
        };
        let config = parse(&parameters.iter().map(entry).collect::<String>()).unwrap();
        let metadata: BTreeMap<_, _> =
            normal.map(|text| (NORMAL_CLASSES.to_owned(), text.to_owned())).into_iter().collect();
        let graph = ServedGraph { inputs: vec![], outputs: vec![], batch: BatchRule::Symbolic, metadata };
        parameters_agree(&config, &record(), &graph)
    }

    #[test]
    fn every_parameter_of_kilns_is_compared_and_others_are_not() {
        let whole = [
            ("kiln.threshold", "0.5"),
            ("kiln.classes", r#"["benign","tumour"]"#),
            ("kiln.normal_classes", r#"["benign"]"#),
            ("kiln.precision", "fp32"),
            ("kiln.weights_sha256", "ab"),
            ("mine", "1"),
        ];
        let normal = Some(r#"["benign"]"#);
        assert_eq!(compared(&whole, normal), Ok(()));
        assert_eq!(compared(&whole, None), Ok(()), "graphs of other origins have no metadata of Kiln's");
        let mut joined = whole;
        joined[1].1 = "benign,tumour";
        assert_eq!(compared(&joined, normal), Ok(()), "earlier releases joined names by commas");
        for at in 0..5 {
            let key = whole[at].0;
            let field = format!("parameters[{key}]");
            let mut changed = whole;
            changed[at].1 = "other";
            assert_eq!(compared(&changed, normal).unwrap_err().0, field);
            let mut missing = whole.to_vec();
            missing.remove(at);
            assert_eq!(compared(&missing, normal).unwrap_err().0, field);
            let twice = [&whole[..], &whole[at..=at]].concat();
            assert_eq!(compared(&twice, normal).unwrap_err(), (field, "appears twice".to_owned()));
        }
        let unknown = [&whole[..], &[("kiln.limit", "1")]].concat();
        assert_eq!(compared(&unknown, normal).unwrap_err().0, "parameters[kiln.limit]");
    }
}
