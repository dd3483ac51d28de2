//! The keys of a `vae`.

use kiln_tile::SIDE;
use serde::{Deserialize, Serialize};

use crate::config::value::not_negative;
use crate::model::LatentForm;
use crate::model::ModelSettings;

/// The variational autoencoder: two strided convolutions, dense mean and log-variance, and their mirror image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VaeConfig {
    /// Filters of the two convolutions.
    pub filters: [usize; 2],
    /// Stride of each convolution. 2 is usual and gives 101 million weights; 4 gives 6 million.
    pub stride: usize,
    /// Dimensions of the latent space; of a map, at each of its places.
    pub latent: usize,
    /// The latent space: one vector or a map.
    pub latent_form: LatentForm,
    /// Weight of the KL divergence: twice the variance that the bound takes pixels to have around the reconstruction. 1, the
    /// usual weight, is a variance of 1/2, which is far over that of tissue (about 0.01) and turns off the dimensions of a
    /// map.
    pub beta: f64,
    /// Epochs over which that weight grows from 0, so that the decoder learns to use the latent space first.
    pub beta_warmup_epochs: u64,
    /// `false` makes a plain autoencoder: a point instead of the latent Gaussian, no noise and no divergence.
    pub variational: bool,
}

impl Default for VaeConfig {
    fn default() -> Self {
        Self {
            filters: [32, 64],
            stride: 2,
            latent: 128,
            latent_form: LatentForm::Vector,
            beta: 1.0,
            beta_warmup_epochs: 0,
            variational: true,
        }
    }
}

impl ModelSettings for VaeConfig {
    fn problem(&self) -> Option<String> {
        if ![2, 4, 8].contains(&self.stride) {
            return Some(format!("model.stride: {} is not 2, 4 or 8", self.stride));
        }
        if self.latent == 0 || self.filters.contains(&0) {
            return Some("model: latent and filters must be over 0".to_owned());
        }
        (!not_negative(self.beta)).then(|| "model.beta: must be 0 to 1000000".to_owned())
    }

    fn estimated_weights(&self) -> f64 {
        let stride = self.stride.max(1) as f64;
        self.latent_form.estimated_weights(3, self.filters, self.latent, f64::from(SIDE) / (stride * stride))
    }

    fn output_meaning(&self, output: &str, _fitted_score: bool) -> &'static str {
        match output {
            "score" => {
                "higher is more anomalous: mean squared error in 0..1 units plus beta times the KL divergence, a pixel value"
            }
            _ => crate::model::Scores::meaning(output),
        }
    }

    fn beta_warmup_epochs(&self) -> u64 {
        self.beta_warmup_epochs
    }

    fn unused_keys(&self) -> Vec<&'static str> {
        let usual = Self::default();
        let keys = [
            (self.beta != usual.beta, "model.beta has no effect with model.variational=false: there is no divergence"),
            (
                self.beta_warmup_epochs != usual.beta_warmup_epochs,
                "model.beta_warmup_epochs has no effect with model.variational=false: there is no divergence",
            ),
        ];
        keys.into_iter().filter(|(is_set, _)| *is_set && !self.variational).map(|(_, reason)| reason).collect()
    }
}
