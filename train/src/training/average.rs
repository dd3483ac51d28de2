//! The exponential moving average of a model's weights over the steps of a training (Polyak and Juditsky, 1992, with a
//! constant weight for the newest). Validation, the best epoch and the run use it; the next step does not.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

use crate::model::Zoo;

/// The average so far. Weights that do not learn are not part of it.
pub(super) struct Average {
    decay: f64,
    weights: HashMap<ParamId, Tensor<1>>,
}

impl Average {
    /// An average that keeps `decay` of itself in a step, at most. It begins as the weights of `zoo`, a model that learns.
    pub(super) fn new(decay: f64, zoo: &Zoo) -> Self {
        let mut average = Self { decay, weights: HashMap::new() };
        zoo.visit(&mut Step { average: &mut average, keep: 0.0 });
        average
    }

    /// Adds the weights of `zoo` after `steps` steps, from 1. In the first steps the average keeps less of itself, because
    /// it would consist of the weights before the training.
    pub(super) fn add(&mut self, zoo: &Zoo, steps: u64) {
        let steps = steps as f64;
        let keep = self.decay.min(steps / (steps + 9.0));
        zoo.visit(&mut Step { average: self, keep });
    }

    /// `zoo`, in inference mode, with the averaged weights. Its running figures remain, and fit weights that it no longer has.
    pub(super) fn applied(&self, zoo: Zoo) -> Zoo {
        zoo.map(&mut Apply { average: self })
    }
}

/// One step of the average.
struct Step<'a> {
    average: &'a mut Average,
    keep: f64,
}

impl ModuleVisitor for Step<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_require_grad() {
            return;
        }
        let tensor = param.val().inner();
        let count = tensor.shape().num_elements();
        let now = tensor.reshape([count]);
        let average = match self.average.weights.remove(&param.id) {
            Some(before) => now.clone() + (before - now) * self.keep,
            None => now,
        };
        self.average.weights.insert(param.id, average);
    }
}

struct Apply<'a> {
    average: &'a Average,
}

impl ModuleMapper for Apply<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let average = self.average.weights.get(&id).map(|average| average.clone().reshape(tensor.shape()));
        Param::from_mapped_value(id, average.unwrap_or(tensor), mapper)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use burn::tensor::Device;

    use super::*;
    use crate::model::ModelConfig;

    /// The value of every weight that learns set to `value`.
    struct Fill(f32);

    impl ModuleMapper for Fill {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| (tensor.inner().zeros_like() + self.0).autodiff().require_grad())
        }
    }

    /// The smallest and the largest weight.
    #[derive(Default)]
    struct Range(Vec<f32>);

    impl ModuleVisitor for Range {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.extend(param.val().into_data().convert::<f32>().iter::<f32>());
        }
    }

    fn weights(zoo: &Zoo) -> Vec<f32> {
        let mut range = Range::default();
        zoo.visit(&mut range);
        range.0
    }

    #[test]
    fn the_average_keeps_its_part_and_less_in_the_first_steps() {
        let config: ModelConfig = serde_yaml::from_str("{kind: cnn, filters: [2], head: pooled, dense: []}").unwrap();
        let zoo = Zoo::new(&config, 2, 1, &Device::flex().autodiff());
        let at = |value| zoo.clone().map(&mut Fill(value));
        let mut average = Average::new(0.5, &at(1.0));
        let mut expected = 1.0;
        for (value, steps) in [(2.0, 1), (4.0, 2), (0.0, 1000)] {
            average.add(&at(value), steps);
            let keep = (steps as f32 / (steps as f32 + 9.0)).min(0.5);
            expected = keep * expected + (1.0 - keep) * value;
            // The running figures of the normalisation, two of each kind, do not learn.
            let found = weights(&average.applied(at(value).valid()));
            let (learn, rest): (Vec<f32>, Vec<f32>) = found.iter().partition(|found| (*found - expected).abs() < 1e-6);
            assert!(learn.len() > 50 && rest.len() == 4 && rest.iter().all(|found| *found == value), "{found:?}");
        }
    }

    #[test]
    fn weights_that_do_not_learn_stay_what_they_are() {
        let config: ModelConfig = serde_yaml::from_str("{kind: cnn, filters: [2], head: pooled, dense: []}").unwrap();
        let zoo = Zoo::new(&config, 2, 1, &Device::flex().autodiff()).no_grad();
        let other = Zoo::new(&config, 2, 2, &Device::flex().autodiff());
        let average = Average::new(0.9, &zoo);
        assert_eq!(weights(&average.applied(other.valid())), weights(&other.valid()));
    }
}
