//! The training loop and the run that it leaves. The loop is Kiln's own rather than `burn-train`'s learner because a
//! killed training must resume to the very same weights: every step draws its randomness from (seed, step) alone, and
//! a checkpoint holds weights, optimiser, history and early-stopping state together.

mod checkpoint;
mod classes;
mod evaluation;
mod finish;
mod insights;
mod observer;
mod pictures;
mod run;
mod seeds;
mod state;
mod trainer;

pub use classes::classes;
pub(crate) use evaluation::read;
pub use evaluation::{ScoredTile, score_tiles};
pub use observer::{Event, Observer, Silent};
pub use pictures::report;
pub(crate) use run::read_history;
pub use run::{Layout, Run, RunFacts, SplitFacts, ThresholdFacts};
pub(crate) use trainer::tile_tensor;
pub use trainer::{Outcome, TrainRequest, train, train_unless_stopped};
