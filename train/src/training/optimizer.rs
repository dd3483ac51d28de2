//! The optimiser of trainings and pre-trainings.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::{AdamConfig, ModuleOptimizer};

/// Adam with this weight decay; 0 for none.
pub(crate) fn adam(weight_decay: f64) -> ModuleOptimizer {
    let adam = AdamConfig::new().with_epsilon(1e-8);
    let decay = WeightDecayConfig::new(weight_decay as f32);
    if weight_decay > 0.0 { adam.with_weight_decay(Some(decay)).init() } else { adam.init() }
}
