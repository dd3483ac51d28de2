//! The training loop and the run that it writes. The loop is written here, not taken from `burn-train`, because a resumed
//! training must give exactly the same weights: the randomness of every step follows from (seed, step) alone, and a
//! checkpoint holds weights, optimiser, history and early-stopping state together.

mod average;
mod captions;
mod checkpoint;
mod classes;
mod colour;
mod evaluation;
mod facts;
mod feature_choice;
mod features;
mod finish;
mod gallery;
mod history;
mod insights;
mod latent_use;
mod layout;
mod loaders;
mod observer;
mod open;
mod optimizer;
mod pictures;
mod prepared;
mod request;
mod run;
mod seeds;
mod seen;
mod source;
mod stage;
mod stain;
mod start;
mod state;
mod tile_pipeline;
mod train;
mod trainer;
mod truth;
mod unchanged;

pub(crate) use checkpoint::state as run_state;
pub use classes::classes;
pub use evaluation::{ScoredTile, TileColour, score_tiles};
pub use facts::{RunFacts, SplitFacts, ThresholdFacts};
pub(crate) use history::read_history;
pub use layout::Layout;
pub use observer::{Event, Observer, Silent};
pub(crate) use open::require_resolution;
pub(crate) use optimizer::adam;
pub use pictures::report;
pub(crate) use prepared::{check_parts, check_splits, same_configuration};
pub use request::{Outcome, TrainRequest};
pub use run::Run;
pub(crate) use seeds::{Purpose, seed};
pub(crate) use seen::refuse_tested;
pub use train::{train, train_unless_stopped};
