//! Comparison of two scorers' outputs: the error of every output, and the decisions that would change. Guarantee: doubt is
//! a miss, be it a missing output, another shape or a value that is not finite. The caller chooses scorers and tiles.

mod accumulator;
mod difference;
mod golden_check;
mod stain;
mod tolerance;

pub use accumulator::{Accumulator, MAX_NAMED, ParityReport};
pub use difference::{OutputParity, RELATIVE_FLOOR, compare, cosine};
pub use golden_check::{
    GATE_MARGIN, GATE_REASON, GOLDEN_BATCHES, against_golden, against_golden_within, gate_differences, gate_tolerances,
};
pub use stain::StainParity;
pub use tolerance::Tolerance;
