//! A study: models, seeds, ablations, folds and a search over hyper-parameters, from one file, with one report. Promises
//! that every model is measured on the same tiles and beside the same baselines, that nothing is chosen on test tiles,
//! that a trial which is finished never runs again, and that a study which was killed ends in the very figures of one
//! that was not: whatever depends on the clock stands apart from them. The training itself is [`crate::training`]'s.

mod bench;
mod config;
mod folds;
mod layout;
mod markdown;
mod page;
mod results;
mod run;
mod search;
mod tables;
mod times;
mod trial;
mod variant;

pub use config::{
    Ablation, Change, ConfigSource, Parameter, Search, SearchMethod, Stopping, StudyConfig, StudyData, StudyModel,
    StudySplit,
};
pub use layout::StudyLayout;
pub use results::{Entry, FoldFacts, Results, Role, SearchResult, SearchTrial, TrialFigures};
pub use run::{StudyEvent, StudyRequest, study};
pub use times::{EntryTimes, Times};

#[cfg(test)]
mod tests;
