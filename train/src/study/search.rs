//! Proposals for hyper-parameters. A proposal depends only on the seed, its number and the earlier trials, so that a
//! resumed study makes the same proposals. The Parzen estimator is that of the crate `tpe`.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tpe::density_estimation::DefaultEstimatorBuilder;
use tpe::{TpeOptimizer, categorical_range, histogram_estimator, parzen_estimator};

use super::config::{Parameter, Search, SearchMethod, Stopping};
use crate::config::config_error;
use crate::picture::EpochRecord;
use crate::{Error, Result};

/// Number of random trials before the estimator is used.
const INDEPENDENT: usize = 4;

/// Proposes values, and observes their results.
pub(super) struct Proposer<'a> {
    search: &'a Search,
    axes: Vec<Axis<'a>>,
    observed: usize,
}

struct Axis<'a> {
    key: &'a str,
    parameter: &'a Parameter,
    optimizer: TpeOptimizer<DefaultEstimatorBuilder>,
    range: (f64, f64),
}

/// The values of one trial.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Proposal {
    /// Positions on the axes, in the units of the estimator.
    positions: Vec<f64>,
    /// `key=value`, in the order of the keys.
    pub(super) sets: Vec<String>,
}

impl<'a> Proposer<'a> {
    pub(super) fn new(search: &'a Search) -> Result<Self> {
        let axes = search.space.iter().map(|(key, parameter)| Axis::new(key, parameter)).collect::<Result<_>>()?;
        Ok(Self { search, axes, observed: 0 })
    }

    /// Proposes values for the next trial.
    pub(super) fn propose(&mut self) -> Result<Proposal> {
        let mut random = ChaCha8Rng::seed_from_u64(self.search.seed);
        random.set_stream(self.observed as u64);
        let independent = self.search.method == SearchMethod::Random || self.observed < INDEPENDENT;
        let mut positions = Vec::with_capacity(self.axes.len());
        let mut sets = Vec::with_capacity(self.axes.len());
        for axis in &mut self.axes {
            let position = if independent {
                random.random_range(axis.range.0..axis.range.1)
            } else {
                axis.optimizer.ask(&mut random).map_err(|error| failed(axis.key, &error))?
            };
            sets.push(format!("{}={}", axis.key, axis.value(position)?));
            positions.push(position);
        }
        Ok(Proposal { positions, sets })
    }

    /// Records the validation AUROC of a proposal.
    pub(super) fn observe(&mut self, proposal: &Proposal, auroc: f64) -> Result<()> {
        for (axis, position) in self.axes.iter_mut().zip(&proposal.positions) {
            // The estimator minimises.
            axis.optimizer.tell(*position, 1.0 - auroc).map_err(|error| failed(axis.key, &error))?;
        }
        self.observed += 1;
        Ok(())
    }
}

impl<'a> Axis<'a> {
    fn new(key: &'a str, parameter: &'a Parameter) -> Result<Self> {
        let (low, high) = match (parameter.uniform, parameter.log, &parameter.choice) {
            (Some([low, high]), ..) => (low, high),
            (_, Some([low, high]), _) => (low.ln(), high.ln()),
            (.., choice) => (0.0, choice.as_ref().map_or(1, Vec::len) as f64),
        };
        let (estimator, range) = match &parameter.choice {
            Some(values) => (histogram_estimator(), categorical_range(values.len())),
            None => (parzen_estimator(), tpe::range(low, high)),
        };
        let range = range.map_err(|error| failed(key, &error))?;
        Ok(Self { key, parameter, optimizer: TpeOptimizer::new(estimator, range), range: (low, high) })
    }

    /// The YAML value at a position. Numbers have five digits, which is enough and readable.
    fn value(&self, position: f64) -> Result<String> {
        let number = |value: f64| format!("{value:.4e}").parse::<f64>().unwrap_or(value).to_string();
        match &self.parameter.choice {
            Some(values) => {
                let at = (position as usize).min(values.len() - 1);
                serde_json::to_string(&values[at]).map_err(|error| failed(self.key, &error))
            }
            None if self.parameter.log.is_some() => Ok(number(position.exp())),
            None => Ok(number(position)),
        }
    }
}

/// Some values of each searched key, as a proposal would have them: all choices, or three numbers of a range.
pub(super) fn samples(search: &Search) -> Result<Vec<(&str, Vec<String>)>> {
    let of_axis = |(key, parameter): (&'_ String, &'_ Parameter)| -> Result<Vec<String>> {
        let axis = Axis::new(key, parameter)?;
        let (low, high) = axis.range;
        let positions: Vec<f64> = match &parameter.choice {
            Some(values) => (0..values.len()).map(|at| at as f64).collect(),
            None => [0.0, 0.37, 0.93].map(|part| low + part * (high - low)).to_vec(),
        };
        positions.into_iter().map(|position| axis.value(position)).collect()
    };
    search.space.iter().map(|pair| Ok((pair.0.as_str(), of_axis(pair)?))).collect()
}

/// The values of the first trials, which do not depend on results.
pub(super) fn independent(search: &Search) -> Result<Vec<Vec<String>>> {
    let mut proposer = Proposer::new(search)?;
    let propose = |_| {
        let proposal = proposer.propose()?;
        proposer.observe(&proposal, 0.5)?;
        Ok(proposal.sets)
    };
    (0..search.trials.min(INDEPENDENT)).map(propose).collect()
}

fn failed(key: &str, error: &dyn std::fmt::Display) -> Error {
    config_error(&format!("search.space.{key}"), error.to_string())
}

/// The best validation AUROC up to and including each epoch.
pub(super) fn best_so_far(curve: &[Option<f64>]) -> Vec<f64> {
    let mut best = f64::NEG_INFINITY;
    curve
        .iter()
        .map(|value| {
            best = best.max(value.unwrap_or(f64::NEG_INFINITY));
            best
        })
        .collect()
}

/// The validation AUROC of each epoch.
pub(super) fn curve(history: &[EpochRecord]) -> Vec<Option<f64>> {
    history.iter().map(|record| record.val_auroc).collect()
}

/// Decides by the median rule whether a trial with this history continues; `before` are the curves of earlier trials.
pub(super) fn should_continue(stopping: Option<Stopping>, before: &[Vec<f64>], history: &[EpochRecord]) -> bool {
    let (Some(stopping), own) = (stopping, best_so_far(&curve(history))) else { return true };
    let epochs = own.len();
    if epochs == 0 || epochs < stopping.after_epochs {
        return true;
    }
    let mut reached: Vec<f64> = before.iter().filter_map(|curve| curve.get(epochs - 1).copied()).collect();
    if reached.len() < stopping.after_trials.max(1) {
        return true;
    }
    reached.sort_by(f64::total_cmp);
    let middle = reached.len() / 2;
    let median =
        if reached.len() % 2 == 1 { reached[middle] } else { f64::midpoint(reached[middle - 1], reached[middle]) };
    own[epochs - 1] >= median
}
