//! Weights of classes in the loss.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{self, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::data::shown;
use crate::model::{Classes, nearest_of};

/// The weights that are accepted: sums and products of them are far from the limits of f32.
const RANGE: RangeInclusive<f32> = 1e-6..=1e6;

/// The weight of a tile in the cross-entropy, by class.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ClassWeights {
    /// By a rule.
    Rule(WeightRule),
    /// By label; 1 for labels that are not named.
    Given(BTreeMap<String, f32>),
}

/// A rule that computes class weights from the tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightRule {
    /// Inverse frequency of the class among an epoch's tiles, 1 on average over the tiles: `n / (classes * n_class)`.
    Balanced,
}

impl ClassWeights {
    /// The weights of `classes`, `[classes]`, for an epoch with `counts` tiles of each.
    ///
    /// # Errors
    /// A label that no tile has.
    pub(crate) fn resolved(&self, classes: &Classes, counts: &[usize]) -> Result<Vec<f32>, String> {
        match self {
            Self::Rule(WeightRule::Balanced) => Ok(balanced(classes.names.len(), counts)),
            Self::Given(weights) => {
                if let Some(unknown) = weights.keys().find(|label| classes.number(label).is_none()) {
                    let nearest = nearest_of(unknown, &classes.names);
                    return Err(format!("no tile has the label {}; {nearest}", shown(unknown)));
                }
                Ok(classes.names.iter().map(|label| weights.get(label).copied().unwrap_or(1.0)).collect())
            }
        }
    }

    /// The first weight that is out of its range.
    pub(super) fn problem(&self) -> Option<String> {
        let Self::Given(weights) = self else { return None };
        let wrong = weights.iter().find(|(_, weight)| !RANGE.contains(*weight));
        wrong.map(|(label, weight)| format!("training.class_weights.{label}: {weight} is not in 0.000001..=1000000"))
    }
}

impl<'de> Deserialize<'de> for ClassWeights {
    /// By hand, because an untagged enum reads a label as YAML types it: the label `0` would be a number, and of two
    /// equal labels the last would win.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WeightsVisitor)
    }
}

struct WeightsVisitor;

impl<'de> Visitor<'de> for WeightsVisitor {
    type Value = ClassWeights;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("`balanced`, or a weight for labels, such as {benign: 1.0, tumour: 4.0}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ClassWeights, E> {
        if text == "balanced" {
            return Ok(ClassWeights::Rule(WeightRule::Balanced));
        }
        Err(E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ClassWeights, A::Error> {
        let mut weights = BTreeMap::new();
        while let Some((label, weight)) = map.next_entry::<String, f32>()? {
            if weights.contains_key(&label) {
                return Err(de::Error::custom(format!("the label {} is listed twice", shown(&label))));
            }
            weights.insert(label, weight);
        }
        Ok(ClassWeights::Given(weights))
    }
}

fn balanced(classes: usize, counts: &[usize]) -> Vec<f32> {
    let (all, present) =
        (counts.iter().sum::<usize>() as f32, counts.iter().filter(|count| **count > 0).count() as f32);
    let count = |class: usize| counts.get(class).copied().filter(|count| *count > 0);
    (0..classes).map(|class| count(class).map_or(1.0, |count| all / (present * count as f32))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::Config;

    fn classes() -> Classes {
        Classes { names: ["benign", "tumour", "necrosis"].map(str::to_owned).to_vec(), normal: 1 }
    }

    fn weights(text: &str) -> ClassWeights {
        serde_yaml::from_str(text).unwrap()
    }

    #[test]
    fn balanced_classes_count_the_same_together_and_a_tile_counts_1_on_average() {
        let counts = [80, 15, 5];
        let found = weights("balanced").resolved(&classes(), &counts).unwrap();
        let together: Vec<f32> = found.iter().zip(counts).map(|(weight, count)| weight * count as f32).collect();
        assert!(together.iter().all(|sum| (sum - 100.0 / 3.0).abs() < 1e-3), "{together:?}");
        // A class without a tile takes no part.
        assert_eq!(weights("balanced").resolved(&classes(), &[50, 50]).unwrap(), [1.0; 3]);
    }

    #[test]
    fn given_weights_are_of_labels_that_there_are() {
        assert_eq!(weights("{tumour: 4.0}").resolved(&classes(), &[]).unwrap(), [1.0, 4.0, 1.0]);
        let error = weights("{tumor: 4.0}").resolved(&classes(), &[]).unwrap_err();
        assert!(error.contains("`tumor`") && error.contains("nearest label is `tumour`"), "{error}");
    }

    fn refused(text: &str) -> String {
        Config::parse(text, "x.yaml", &[]).expect_err("is wrong").to_string()
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_key() {
        let cnn = "name: x\nmodel: {kind: cnn}\n";
        for (rest, words) in [
            ("training: {class_weights: equal}", "expected `balanced`"),
            ("training: {class_weights: {a: -1.0}}", "training.class_weights.a: -1"),
            ("training: {class_weights: {a: 1.0, b: 1e38}}", "training.class_weights.b: 1"),
            ("training: {class_weights: {a: 1e-40}}", "is not in 0.000001..=1000000"),
            ("data: {synthesis: {cut_paste: 3.0}}", "data.synthesis.cut_paste"),
            ("data: {synthesis: {cutpaste: 1.0}}", "did you mean `cut_paste`"),
        ] {
            let error = refused(&format!("{cnn}{rest}\n"));
            assert!(error.contains(words), "{error}");
        }
        let error = refused("name: x\nmodel: {kind: vae}\ndata: {oversampling: true}\n");
        assert!(error.contains("data.oversampling: a vae learns from normal tiles alone"), "{error}");
        let error = refused("name: x\nmodel: {kind: transfer}\ndata: {synthesis: {generated: 0.5}}\n");
        assert!(error.contains("model.frozen=false"), "{error}");
    }
}
