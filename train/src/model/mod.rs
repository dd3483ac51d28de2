//! The model zoo. Each model is a burn module that takes tiles as they are decoded (u8, `[batch, 256, 256, 3]`), so
//! that scaling and layout are part of the model and cannot be got wrong downstream. Shapes and losses follow the
//! paper; what a model answers is [`Scores`], with the names that the exported graph gives them.

pub mod backbone;
mod cnn;
mod combination;
mod decoder;
mod encoder;
mod front;
mod hybrid;
mod identity;
mod levels;
mod loss;
pub(crate) mod maps;
mod memory_bank;
mod reinhard;
mod scores;
mod standard;
mod transfer;
mod vae;
mod zoo;

pub use cnn::{Classifier, Cnn, Features};
pub use combination::{Combination, PARTS, Weights};
pub use decoder::Decoder;
pub use encoder::{Encoder, Latent};
pub use front::Front;
pub use hybrid::{Encoded, Hybrid};
pub use levels::Levels;
pub(crate) use levels::prepare;
pub use loss::{Loss, LossOptions, Part};
pub(crate) use memory_bank::Bank;
pub use memory_bank::MemoryBank;
pub use scores::Scores;
pub(crate) use standard::Standard;
pub use transfer::Transfer;
pub use vae::Vae;
pub use zoo::{Classes, Zoo};

use burn::module::Module;

/// A module whose parameters are drawn, each under the identity that its path implies.
pub(crate) fn materialised<M: Module>(module: M) -> M {
    identity::by_path(module.materialize())
}
