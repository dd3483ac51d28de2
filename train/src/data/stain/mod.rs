//! Stains: what haematoxylin and eosin do to light, and what differs between laboratories. Here are the variations of a
//! training tile that follow from it ([`StainJitter`]); the colours of the dyes, and what takes the differences away, are
//! in [`kiln_tile::stain`].

mod jitter;

pub use jitter::StainJitter;
pub(crate) use jitter::restain;
