//! The decision rule of a bundle: its threshold and class names, applied in one place, so that scoring, verification and
//! evaluation cannot put a tile on different sides.

use crate::bundle::manifest::Manifest;

/// Label of a tile at or above the threshold, if the model has no anomalous class.
pub const ANOMALOUS: &str = "anomalous";
/// Label of a tile below the threshold, if the model has no normal class.
pub const NORMAL: &str = "normal";

/// The output that every model has: a number for each tile, higher for more anomalous ones.
pub const SCORE: &str = "score";
/// The output of a model with classes: the probability of each class, in the order of the manifest.
pub const PROBABILITIES: &str = "probabilities";

/// The decision rule of a bundle: `score >= threshold` is anomalous.
///
/// ```
/// use kiln_runtime::DecisionRule;
///
/// let classes = ["benign", "tumour", "necrosis"].map(str::to_owned);
/// let rule = DecisionRule::new(0.2, classes.to_vec(), &["benign".to_owned()]);
/// assert!(rule.is_anomalous(0.2));
/// // The most probable class of the anomalous side, although `benign` is the most probable of all.
/// assert_eq!(rule.label(0.3, &[0.7, 0.2, 0.1]), "tumour");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRule {
    threshold: f64,
    classes: Vec<String>,
    normal: Vec<bool>,
}

impl DecisionRule {
    /// The rule of a manifest.
    #[must_use]
    pub fn from_manifest(manifest: &Manifest) -> Self {
        Self::new(manifest.threshold.value, manifest.classes.clone(), &manifest.normal_classes)
    }

    /// A rule with this threshold. `classes` are in the order of `probabilities`; `normal` are the classes that count as
    /// normal.
    #[must_use]
    pub fn new(threshold: f64, classes: Vec<String>, normal: &[String]) -> Self {
        let normal = classes.iter().map(|class| normal.contains(class)).collect();
        Self { threshold, classes, normal }
    }

    /// The threshold at or above which a tile is anomalous.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Class names in the order of `probabilities`; empty if the model has none.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The outputs that a decision needs: [`SCORE`], and [`PROBABILITIES`] if the model has classes.
    #[must_use]
    pub fn outputs(&self) -> &'static [&'static str] {
        if self.classes.is_empty() { &[SCORE] } else { &[SCORE, PROBABILITIES] }
    }

    /// Returns true for a score at or above the threshold.
    #[must_use]
    pub fn is_anomalous(&self, score: f32) -> bool {
        f64::from(score) >= self.threshold
    }

    /// The name of the anomalous side: its class if there is exactly one, else [`ANOMALOUS`].
    #[must_use]
    pub fn anomalous_label(&self) -> &str {
        self.only_class(false).unwrap_or(ANOMALOUS)
    }

    /// The name of the normal side: its class if there is exactly one, else [`NORMAL`].
    #[must_use]
    pub fn normal_label(&self) -> &str {
        self.only_class(true).unwrap_or(NORMAL)
    }

    fn only_class(&self, normal: bool) -> Option<&str> {
        let mut classes = self.classes.iter().zip(&self.normal).filter(|(_, side)| **side == normal);
        let (class, _) = classes.next()?;
        classes.next().is_none().then_some(class.as_str())
    }

    /// The label of a tile: the most probable class *on its side of the threshold*, so that label and threshold never
    /// contradict each other; [`ANOMALOUS`] or [`NORMAL`] if the model has no class on that side.
    #[must_use]
    pub fn label(&self, score: f32, probabilities: &[f32]) -> &str {
        let anomalous = self.is_anomalous(score);
        let of_that_side =
            self.normal.iter().zip(probabilities).enumerate().filter(|(_, (normal, _))| **normal != anomalous);
        let best = of_that_side.fold(None, |best: Option<(usize, f32)>, (index, (_, probability))| match best {
            Some((_, highest)) if highest >= *probability => best,
            _ => Some((index, *probability)),
        });
        let fallback = if anomalous { ANOMALOUS } else { NORMAL };
        best.and_then(|(index, _)| self.classes.get(index)).map_or(fallback, String::as_str)
    }
}

/// The index of the most probable class: the lowest among the highest values; `None` if there are none.
pub fn most_probable(probabilities: impl IntoIterator<Item = f32>) -> Option<usize> {
    let classes = probabilities.into_iter().enumerate();
    let best = classes.reduce(|best, other| if other.1 > best.1 { other } else { best });
    best.map(|(class, _)| class)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_threshold_itself_is_anomalous() {
        let rule = DecisionRule::new(0.5, vec![], &[]);
        assert!(rule.is_anomalous(0.5));
        assert_eq!(rule.label(0.5, &[]), ANOMALOUS);
        assert_eq!(rule.label(0.499, &[]), NORMAL);
    }

    #[test]
    fn a_label_never_contradicts_the_threshold() {
        let rule = DecisionRule::new(0.2, names(&["benign", "tumour"]), &names(&["benign"]));
        assert_eq!(rule.label(0.3, &[0.7, 0.3]), "tumour");
        assert_eq!(rule.label(0.1, &[0.9, 0.1]), "benign");
    }

    #[test]
    fn of_several_classes_of_one_side_the_most_probable_is_named() {
        let rule = DecisionRule::new(0.5, names(&["stroma", "tumour", "necrosis"]), &names(&["stroma"]));
        assert_eq!(rule.label(0.8, &[0.2, 0.3, 0.5]), "necrosis");
        assert_eq!(rule.label(0.8, &[0.2, 0.4, 0.4]), "tumour");
    }

    #[test]
    fn of_equal_probabilities_the_first_class_is_taken() {
        assert_eq!(most_probable([0.2, 0.4, 0.4]), Some(1));
        assert_eq!(most_probable([]), None);
    }

    #[test]
    fn a_side_without_classes_has_a_plain_word() {
        let rule = DecisionRule::new(0.5, names(&["benign"]), &names(&["benign"]));
        assert_eq!(rule.label(0.9, &[1.0]), ANOMALOUS);
    }
}
