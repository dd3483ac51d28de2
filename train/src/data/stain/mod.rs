//! Stains: what haematoxylin and eosin do to light, and what differs between laboratories. Here are the variations of a
//! training tile that follow from it ([`StainJitter`]).

mod jitter;
mod matrix;
mod optical;

pub use jitter::StainJitter;
pub(crate) use jitter::restain;
