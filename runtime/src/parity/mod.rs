//! Whether two scorers answered the same: errors of every output, and the decisions that would have come out
//! differently. It promises to say no when it cannot tell: a missing output, another shape or a value that is not finite
//! is a miss. Which scorers and which tiles are compared is the caller's affair.

mod accumulator;
mod difference;
mod golden_check;
mod stain;
mod tolerance;

pub use accumulator::{Accumulator, MAX_NAMED, ParityReport};
pub use difference::{OutputParity, compare};
pub use golden_check::{GOLDEN_BATCHES, against_golden, against_golden_within, gate_tolerances};
pub use stain::StainParity;
pub use tolerance::Tolerance;
