//! A look inside a trained model: which part of a tile speaks for an anomaly ([`grad_cam`]), how its latent space lies
//! ([`project`]) and what is between two tiles of it ([`interpolate`]). These are aids to the eye, not proofs: a map
//! that looks sensible does not make a decision right, and a flat picture of many dimensions hides most of them.

mod gradcam;
mod latent;

pub use gradcam::grad_cam;
pub use latent::{Projection, interpolate, project};

#[cfg(test)]
mod tests;
