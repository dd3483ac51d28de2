//! A study: models, seeds, ablations, folds, held-out centres and a search over hyper-parameters, from one file, with one report.
//! Guarantees that every model is evaluated on the same tiles and with the same baselines, that nothing is chosen on test
//! tiles, that a finished trial never runs again, and that a study that was killed and continued has the same results as
//! an uninterrupted one (times are reported separately). Training is left to [`crate::training`].

mod baselines;
mod by_centre;
mod config;
mod folds;
mod held_out;
mod layout;
mod markdown;
mod page;
mod request;
mod results;
mod run;
mod search;
mod setup;
mod summary;
mod tables;
mod times;
mod trial;
mod variant;

pub use by_centre::{ByCentre, CentreFigures, CentreMean};
pub use config::{
    Ablation, Change, ConfigSource, Parameter, Search, SearchMethod, Stopping, StudyConfig, StudyData, StudyModel,
    StudySplit,
};
pub use held_out::{Centre, HeldOut};
pub use layout::StudyLayout;
pub use request::StudyRequest;
pub use results::{Entry, FoldSizes, Results, Role, SearchResult, SearchTrial, TrialMetrics};
pub use run::{StudyEvent, run};
pub use times::{EntryTimes, Times};

#[cfg(test)]
mod tests;
