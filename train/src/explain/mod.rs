//! Explanations of a trained model: the evidence for an anomaly in a tile ([`grad_cam`]), a map of the latent space
//! ([`project`]) and interpolations between two tiles ([`interpolate`]). They illustrate and do not prove: a plausible map
//! does not make a decision correct, and two dimensions hide most of a latent space.

mod gradcam;
mod latent;

pub use gradcam::grad_cam;
pub(crate) use latent::is_bounded;
pub use latent::{Projection, interpolate, project};

#[cfg(test)]
mod tests;
