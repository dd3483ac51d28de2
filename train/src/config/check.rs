//! Checks that types cannot make: ranges, and keys that contradict each other.

use kiln_tile::SIDE;

use super::Config;
use super::common::CommonKeys;
use super::labels::labels_problem;
use super::subgroup::SubgroupKey;
use super::value::not_negative;
use crate::model::Part;

/// Largest number of weights of a model: 4 GB, without Adam's moments.
const MAX_WEIGHTS: f64 = 1e9;

impl Config {
    /// The first problem, beginning with its key.
    pub(super) fn problem(&self) -> Option<String> {
        let split = &self.data.split;
        let sum = split.train + split.val + split.test;
        let training = &self.training;
        let named = !["", ".", ".."].contains(&self.name.as_str())
            && self.name.len() <= 200
            && self.name.trim() == self.name
            && !self.name.contains(|letter: char| letter == '/' || letter == '\\' || letter.is_control());
        let checks = [
            (named, "name: must be a plain name without slashes, of at most 200 bytes".to_owned()),
            ((sum - 1.0).abs() < 1e-6, format!("data.split: the fractions add up to {sum}, not 1")),
            (split.train.min(split.val).min(split.test) > 0.0, "data.split: every fraction must be over 0".to_owned()),
            (training.batch >= 2, "training.batch: must be at least 2 (batch normalisation needs a batch)".to_owned()),
            (training.batch <= 65_536, "training.batch: must be at most 65536".to_owned()),
            (
                training.early_stopping.is_none_or(|stopping| stopping.patience > 0),
                "training.early_stopping.patience: must be at least 1; null instead of the mapping never stops"
                    .to_owned(),
            ),
            (
                training.early_stopping.is_none_or(|stopping| not_negative(stopping.min_delta)),
                "training.early_stopping.min_delta: must be 0 to 1000000".to_owned(),
            ),
            (
                training.ema_decay.is_none_or(|decay| decay > 0.0 && decay < 1.0),
                "training.ema_decay: must be over 0 and under 1, such as 0.999; null for none".to_owned(),
            ),
            ((0.0..1.0).contains(&training.label_smoothing), "training.label_smoothing: must be in [0, 1)".to_owned()),
            (
                (100..=1_000_000).contains(&self.bootstrap_resamples),
                "bootstrap_resamples: must be 100 to 1000000".to_owned(),
            ),
        ];
        let problem = checks.into_iter().find(|(holds, _)| !holds).map(|(_, problem)| problem);
        let common = CommonKeys {
            epochs: training.epochs,
            learning_rate: training.learning_rate,
            weight_decay: training.weight_decay,
            schedule: &training.schedule,
            workers: self.data.workers,
            mpp_override: self.data.slides.mpp_override,
            micrometres_per_pixel: self.data.micrometres_per_pixel,
        };
        problem
            .or_else(|| common.problem())
            .or_else(|| labels_problem(self.data.normal_classes.as_deref()))
            .or_else(|| self.model_problem())
            .or_else(|| self.average_problem())
            .or_else(|| self.crop_problem())
            .or_else(|| self.stage_problem())
            .or_else(|| self.data.augmentation.as_ref()?.check().err().map(|error| error.to_string()))
            .or_else(|| self.imbalance_problem())
            .or_else(|| Some(format!("subgroups: {}", SubgroupKey::problem_of(&self.subgroups)?)))
    }

    /// Keys that are set and that this model does not use, each with the reason. They are no errors, because one file
    /// with all of its keys serves several models by a change of one of them.
    #[must_use]
    pub fn unused_keys(&self) -> Vec<String> {
        let smooths = self.training.label_smoothing > 0.0 && !self.model.has_classes();
        let kind = self.model.kind();
        let smoothing = smooths.then(|| format!("training.label_smoothing has no effect: a {kind} has no classes"));
        self.model.settings().unused_keys().into_iter().map(str::to_owned).chain(smoothing).collect()
    }

    fn stage_problem(&self) -> Option<String> {
        let (alone, all) = (self.model.settings().classifier_epochs(), self.training.epochs);
        let problem =
            || format!("model.classifier_epochs: {alone} of training.epochs={all} leave none for both together");
        (alone >= all).then(problem)
    }

    fn average_problem(&self) -> Option<String> {
        let averages = self.training.ema_decay.is_some() && self.model.settings().learns_in_one_pass();
        let kind = self.model.kind();
        averages.then(|| format!("training.ema_decay: a {kind} learns in one pass and has no steps to average over"))
    }

    fn crop_problem(&self) -> Option<String> {
        let crop = self.training.crop?;
        let settings = self.model.settings();
        let first = if settings.classifier_epochs() > 0 { Part::Classifier } else { Part::Whole };
        let Some(step) = settings.window_step(first) else {
            let reason = "training.crop: this model needs whole tiles; windows need a cnn with `head: pooled` and, in a \
                          hybrid, a first stage (model.classifier_epochs)";
            return Some(reason.to_owned());
        };
        if step > SIDE as usize {
            let reason = "training.crop: at this model.side no window has a whole number of pixels; leave it null";
            return Some(reason.to_owned());
        }
        let fits = crop >= 32 && crop <= SIDE as usize && crop.is_multiple_of(step);
        (!fits).then(|| format!("training.crop: {crop} is not a multiple of {step} in 32..=256"))
    }

    fn model_problem(&self) -> Option<String> {
        let settings = self.model.settings();
        settings.problem().or_else(|| {
            let weights = settings.estimated_weights();
            (weights > MAX_WEIGHTS).then(|| {
                format!(
                    "model: filters, dense layers, latent dimensions and entries of banks come to {weights:.1e} weights; \
                     at most {MAX_WEIGHTS:.0e}"
                )
            })
        })
    }

    /// Balancing of classes that the model cannot use.
    fn imbalance_problem(&self) -> Option<String> {
        let (data, training) = (&self.data, &self.training);
        let synthesis = !data.synthesis.is_off();
        let asked = [
            ("training.class_weights", training.class_weights.is_some()),
            ("data.oversampling", data.oversampling),
            ("data.synthesis", synthesis),
        ];
        let asked = asked.into_iter().find(|(_, asked)| *asked).map(|(key, _)| key);
        if let (Some(key), false) = (asked, self.model.has_classes()) {
            let kind = self.model.kind();
            return Some(format!("{key}: a {kind} learns from normal tiles alone and balances no classes"));
        }
        if synthesis && self.model.settings().learns_from_features() {
            let reason = "data.synthesis: a frozen backbone learns from features of the tiles as they are; set \
                          model.frozen=false, or use data.oversampling or training.class_weights";
            return Some(reason.to_owned());
        }
        if let Err(error) = data.synthesis.check() {
            return Some(error.to_string());
        }
        training.class_weights.as_ref().and_then(|weights| weights.problem())
    }
}
