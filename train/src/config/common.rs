//! Checks of the keys that a training and a pre-training share.

use super::training::Schedule;
use super::value::{not_negative, positive};

/// Values of keys with the same name and the same range in both configurations.
pub(crate) struct CommonKeys<'a> {
    /// `training.epochs`.
    pub(crate) epochs: u64,
    /// `training.learning_rate`.
    pub(crate) learning_rate: f64,
    /// `training.weight_decay`.
    pub(crate) weight_decay: f64,
    /// `training.schedule`.
    pub(crate) schedule: &'a Schedule,
    /// `data.workers`.
    pub(crate) workers: usize,
    /// `data.slides.mpp_override`.
    pub(crate) mpp_override: Option<f64>,
    /// `data.micrometres_per_pixel`.
    pub(crate) micrometres_per_pixel: Option<f64>,
}

/// The first problem with the resolution of tiles or of slides, beginning with its key.
pub(crate) fn resolution_problem(micrometres_per_pixel: Option<f64>, mpp_override: Option<f64>) -> Option<String> {
    let keys = [("data.slides.mpp_override", mpp_override), ("data.micrometres_per_pixel", micrometres_per_pixel)];
    let wrong = keys.into_iter().find(|(_, value)| !value.is_none_or(positive));
    wrong.map(|(key, _)| format!("{key}: must be over 0, and at most 1000000"))
}

impl CommonKeys<'_> {
    /// The first problem, beginning with its key.
    pub(crate) fn problem(&self) -> Option<String> {
        let checks = [
            ((1..=1_000_000).contains(&self.epochs), "training.epochs: must be 1 to 1000000"),
            (self.workers <= 1024, "data.workers: must be at most 1024"),
            (positive(self.learning_rate), "training.learning_rate: must be over 0, and at most 1000000"),
            (not_negative(self.weight_decay), "training.weight_decay: must be 0 to 1000000"),
            (self.schedule.is_sound(), "training.schedule.minimum: must be in [0, 1]"),
        ];
        let problem = checks.into_iter().find(|(holds, _)| !holds).map(|(_, problem)| problem.to_owned());
        problem.or_else(|| resolution_problem(self.micrometres_per_pixel, self.mpp_override))
    }
}
