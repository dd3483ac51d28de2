//! Labels in a configuration.

use serde::Deserialize;
use serde_yaml::Value;

use super::class_weights::ClassWeights;
use crate::data::shown;

/// The keys whose values are labels. YAML reads `0`, `1.50` or `true` as another type than text, and would write them back
/// in another form; labels keep their spelling.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Labelled {
    data: LabelledData,
    training: LabelledTraining,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct LabelledData {
    normal_classes: Option<Vec<String>>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct LabelledTraining {
    class_weights: Option<ClassWeights>,
}

impl Labelled {
    /// The labels in the value of the override `key=text`.
    pub(super) fn from_set(key: &str, text: &str) -> Option<Self> {
        let labels = match key {
            "data" => Self { data: serde_yaml::from_str(text).ok()?, ..Self::default() },
            "data.normal_classes" => {
                Self { data: LabelledData { normal_classes: serde_yaml::from_str(text).ok()? }, ..Self::default() }
            }
            "training" => Self { training: serde_yaml::from_str(text).ok()?, ..Self::default() },
            "training.class_weights" => Self {
                training: LabelledTraining { class_weights: serde_yaml::from_str(text).ok()? },
                ..Self::default()
            },
            _ => return None,
        };
        Some(labels)
    }

    pub(super) fn write_to(self, root: &mut Value) {
        let place = |root: &mut Value, section: &str, key: &str, value: Value| {
            if let Some(place) = root.get_mut(section).and_then(|section| section.get_mut(key)) {
                *place = value;
            }
        };
        if let Some(labels) = self.data.normal_classes {
            place(root, "data", "normal_classes", labels.into());
        }
        if let Some(Ok(weights)) = self.training.class_weights.map(serde_yaml::to_value) {
            place(root, "training", "class_weights", weights);
        }
    }
}

/// The first problem with `data.normal_classes` that shows without the tiles.
pub(crate) fn labels_problem(labels: Option<&[String]>) -> Option<String> {
    let labels = labels?;
    if labels.is_empty() {
        return Some("data.normal_classes: name at least one label, or null".to_owned());
    }
    if labels.iter().any(|label| label.trim().is_empty()) {
        return Some("data.normal_classes: a label is empty".to_owned());
    }
    let twice = labels.iter().enumerate().find(|(at, label)| labels[..*at].contains(label));
    twice.map(|(_, label)| format!("data.normal_classes: the label {} is listed twice", shown(label)))
}
