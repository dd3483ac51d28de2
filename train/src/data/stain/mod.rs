//! Stain augmentation of training tiles ([`StainJitter`]). Stain colours and stain normalisation are in
//! [`kiln_tile::stain`].

mod jitter;

pub use jitter::StainJitter;
pub(crate) use jitter::restain;
