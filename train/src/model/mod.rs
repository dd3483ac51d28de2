//! The models. Each kind has a folder with its settings, its burn module and the meaning of its outputs; the list below
//! makes it known to the rest of Kiln. A module takes decoded tiles (u8, `[batch, 256, 256, 3]`), so scaling and layout
//! are part of the model and cannot go wrong downstream. Architectures and losses follow the paper. The result of a model
//! is [`Scores`], with the names of the exported graph's outputs.
//!
//! `docs/adding-a-model.md` adds a kind step by step.
//!
//! A model from a configuration, and its scores for one grey tile:
//!
//! ```
//! use burn::module::Module;
//! use burn::tensor::{DType, Device, Tensor, TensorData};
//! use kiln_train::Config;
//! use kiln_train::model::Zoo;
//!
//! let text = "name: small\nmodel: {kind: cnn, filters: [4, 4], head: pooled, dense: []}\n";
//! let config = Config::parse(text, "small.yaml", &[])?;
//! let device = Device::flex();
//! let model = Zoo::new(&config.model, 2, 42, &device).valid();
//!
//! let pixels = TensorData::new(vec![128_u8; 256 * 256 * 3], [1, 256, 256, 3]);
//! let tile = Tensor::from_data(pixels, (&device, DType::U8));
//! let scores = model.score(tile, 1);
//! assert_eq!(scores.score.dims(), [1]);
//! assert_eq!(scores.probabilities.map(|values| values.dims()), Some([1, 2]));
//! # Ok::<(), kiln_train::Error>(())
//! ```

use std::sync::{Mutex, PoisonError};

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

// The kinds: one folder and one row of the list each.
mod cnn;
mod hybrid;
mod memory_bank;
mod transfer;
mod vae;

pub use cnn::{Classifier, Cnn, CnnConfig, Features, Head};
pub use hybrid::{Hybrid, HybridConfig, HybridScore, Reconstruct};
pub use memory_bank::{BankConfig, MemoryBank, MemoryBankConfig, MixtureConfig, PatchBankConfig};
pub use transfer::{Frozen, Transfer, TransferConfig};
pub use vae::{Vae, VaeConfig};

zoo::models! {
    /// A convolutional classifier.
    Cnn(CnnConfig),
    /// A variational autoencoder, trained on normal tiles only.
    Vae(VaeConfig),
    /// A classifier whose feature maps feed a variational autoencoder.
    Hybrid(HybridConfig),
    /// A classifier on a pretrained backbone.
    Transfer(TransferConfig),
    /// Distances from normal tiles in the features of a pretrained backbone.
    MemoryBank(MemoryBankConfig),
}

// Parts that several kinds share.
mod autoencoder;
pub mod backbone;
mod classes;
mod convolution;
pub(crate) mod identity;
mod kind;
mod loss;
pub(crate) mod maps;
mod moments;
mod pooling;
mod preprocessing;
mod scores;
mod standard;
pub(crate) mod tensors;
mod test_time;
mod zoo;

pub use autoencoder::{Decoder, Encoder, Latent, LatentForm};
use backbone::{Backbone, FrozenBackbone};
pub use classes::Classes;
pub(crate) use classes::{listed, nearest_of};
pub use kind::{ClassifiedMaps, FeatureModel, FitTiles, ModelSettings, ModelVisitor, OnePass, TileModel};
pub use loss::{Loss, LossOptions, Part};
pub(crate) use pooling::means;
pub use pooling::{Pooling, Statistic};
pub use preprocessing::{PixelValues, Preprocessing};
pub(crate) use preprocessing::{Reduction, prepare};
pub use scores::{OutputTensor, Scores};
pub(crate) use standard::Standard;
pub use test_time::TestTimeAugmentation;

/// Held while parameters are drawn: burn has one generator of random numbers for the process, and models that are drawn at the
/// same time would divide its numbers between them.
static DRAWING: Mutex<()> = Mutex::new(());

/// A module whose parameters are drawn, each under the identity that its path implies.
pub(crate) fn materialised<M: Module>(module: M) -> M {
    let _drawing = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
    identity::by_path(module.materialize())
}

/// As [`materialised`], with numbers from `seed`: the same seed gives the same parameters, whatever other threads draw.
pub(crate) fn drawn<M: Module>(seed: u64, device: &Device, module: impl FnOnce() -> M) -> M {
    let _drawing = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(seed);
    identity::by_path(module().materialize())
}

#[cfg(test)]
pub(crate) mod testing;
