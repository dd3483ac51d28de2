//! The training loop and the run that it leaves. The loop is Kiln's own rather than `burn-train`'s learner because a
//! killed training must resume to the very same weights: every step draws its randomness from (seed, step) alone, and
//! a checkpoint holds weights, optimiser, history and early-stopping state together.

mod calibrate;
mod checkpoint;
mod classes;
mod evaluation;
mod features;
mod finish;
mod fit;
mod insights;
mod intake;
mod observer;
mod pictures;
mod prepared;
mod run;
mod seeds;
mod seen;
mod source;
mod stage;
mod stain;
mod start;
mod state;
mod trainer;

pub use classes::classes;
pub(crate) use classes::nearest_of;
pub use evaluation::{ScoredTile, score_tiles};
pub(crate) use evaluation::{read, tile_tensor};
pub use observer::{Event, Observer, Silent};
pub use pictures::report;
pub(crate) use run::read_history;
pub use run::{Layout, Run, RunFacts, SplitFacts, ThresholdFacts};

pub use trainer::{Outcome, TrainRequest, train, train_unless_stopped};
