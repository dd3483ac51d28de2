//! The error type of this crate. Each message names the file, the key or the tile, and the cause.

use std::io;
use std::path::{Path, PathBuf};

use kiln_files::Fault;

use crate::config::explain;
use crate::data::{LabelKind, Split};

/// An error between a configuration and a trained run or study.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration is invalid.
    #[error("{origin}: {reason}")]
    Config {
        /// The file, the change or the key.
        origin: String,
        /// The problem, and how to solve it.
        reason: String,
    },
    /// No data set is given, neither in the request nor in the configuration.
    #[error("data.path: no data set is named")]
    NoData,
    /// The data set does not exist or cannot be reached.
    #[error("data set {}: {reason}", path.display())]
    DataPath {
        /// The path.
        path: PathBuf,
        /// The cause. It is part of the message, and therefore not a source.
        reason: io::Error,
    },
    /// The data set is invalid.
    #[error(transparent)]
    Data(#[from] crate::data::DataError),
    /// A split lacks normal or anomalous tiles.
    #[error("split {split}: no {} tile among its {tiles}", missing.name())]
    SplitLacks {
        /// The split.
        split: Split,
        /// Number of its tiles.
        tiles: usize,
        /// The kind that no tile has.
        missing: LabelKind,
    },
    /// A metric cannot be computed.
    #[error(transparent)]
    Metrics(#[from] crate::metrics::MetricsError),
    /// Figures over lesions cannot be computed.
    #[error(transparent)]
    Lesions(#[from] kiln_slide::lesion::LesionError),
    /// A picture cannot be drawn or written.
    #[error(transparent)]
    Picture(#[from] crate::picture::PictureError),
    /// The run folder is invalid.
    #[error("run {}: {reason}", path.display())]
    Run {
        /// The run's folder.
        path: PathBuf,
        /// The problem, and how to solve it.
        reason: String,
    },
    /// The folder for a new run exists already.
    #[error("run {}: exists already", path.display())]
    RunExists {
        /// The folder.
        path: PathBuf,
    },
    /// The folder whose training is to be resumed has other files and no training.
    #[error("run {}: has files, but no training that could be resumed", path.display())]
    NothingToResume {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is not a run.
    #[error("run {}: is not a run: run.json is missing", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// The training of the run is not finished.
    #[error("run {}: training is not finished", path.display())]
    RunUnfinished {
        /// The run's folder.
        path: PathBuf,
    },
    /// An observer stopped the training.
    #[error("run {}: was stopped after epoch {epochs}", path.display())]
    RunStopped {
        /// The run's folder.
        path: PathBuf,
        /// Number of finished epochs.
        epochs: usize,
    },
    /// The run was started with another configuration.
    #[error("run {}: was begun with another `{key}` (see its config.yaml)", path.display())]
    OtherConfiguration {
        /// The run's folder.
        path: PathBuf,
        /// The first key that differs.
        key: String,
    },
    /// The run was started on other tiles.
    #[error("run {}: was begun on other tiles: their pixels, labels or groups have changed", path.display())]
    OtherTiles {
        /// The run's folder.
        path: PathBuf,
    },
    /// The tiles of a complete run have changed.
    #[error(
        "run {}: the tiles of its data set {} have changed since the training: their files, labels or groups",
        path.display(), data.display()
    )]
    TilesChanged {
        /// The run's folder.
        path: PathBuf,
        /// The data set's folder or list.
        data: PathBuf,
    },
    /// The run was started with another split.
    #[error("run {}: was begun with another split (see its split.csv)", path.display())]
    OtherSplit {
        /// The run's folder.
        path: PathBuf,
    },
    /// The run or the study was started with the tiles in another order.
    #[error("{what} {}: was begun with the rows of the list in another order (see {})", path.display(), order.display())]
    OtherOrder {
        /// `run` or `study`.
        what: &'static str,
        /// The folder.
        path: PathBuf,
        /// The file with the order that it was started with.
        order: PathBuf,
    },
    /// The folder for a new study exists already, without a study.
    #[error("study {}: the folder exists already and holds no study", path.display())]
    NotAStudy {
        /// The folder.
        path: PathBuf,
    },
    /// The folder has a study of other tiles, or of another split of them.
    #[error("study {}: was begun on other tiles, or with another `data` or `split` (see its study.yaml)", path.display())]
    OtherStudy {
        /// The study's folder.
        path: PathBuf,
    },
    /// Another process uses the folder.
    #[error("{}: another {process} is at work in this folder", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// `training` or `study`.
        process: &'static str,
    },
    /// A file of weights is invalid.
    #[error("weights {}: {reason}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// The problem, and how to solve it.
        reason: String,
    },
    /// A file does not have the weights of the configured backbone.
    #[error("weights {}: no weights of {backbone}: {reason}", path.display())]
    OtherBackbone {
        /// The file.
        path: PathBuf,
        /// The configured backbone.
        backbone: String,
        /// The cause.
        reason: String,
    },
    /// The weights of the backbone were learnt from tiles that are in the test split.
    #[error(
        "weights {weights}: have learnt from {tiles} of the test tiles, such as {}, so the figures would be too good",
        first.display()
    )]
    SeenByWeights {
        /// The file.
        weights: String,
        /// Number of these tiles.
        tiles: usize,
        /// One of them.
        first: PathBuf,
    },
    /// The model of a run has no backbone.
    #[error("{}: a model of kind `{kind}` without a pretrained backbone has no weights for another model", path.display())]
    NoBackbone {
        /// The run.
        path: PathBuf,
        /// Kind of its model.
        kind: &'static str,
    },
    /// The backbone of a run did not learn.
    #[error("{}: its backbone did not learn, so its weights are those that config.yaml names", path.display())]
    UnchangedBackbone {
        /// The run.
        path: PathBuf,
    },
    /// A file has only the first stages of the configured backbone.
    #[error(
        "weights {}: has the first {stages} stages of {backbone}, and the configuration uses stage {needed}",
        path.display()
    )]
    ShallowWeights {
        /// The file.
        path: PathBuf,
        /// The backbone.
        backbone: String,
        /// Number of stages in the file.
        stages: usize,
        /// The deepest stage of the configuration.
        needed: usize,
    },
    /// A model of a study cannot be trained.
    #[error("model `{model}` of the study: {}", with_sources(cause))]
    OfModel {
        /// The model.
        model: String,
        /// The cause.
        cause: Box<Error>,
    },
    /// A model of a study cannot be trained with a value of the search.
    #[error("model `{model}` of the study: search.space.{key}: {value}: {}", with_sources(cause))]
    OfSearch {
        /// The model.
        model: String,
        /// The searched key.
        key: String,
        /// The value.
        value: String,
        /// The cause.
        cause: Box<Error>,
    },
    /// The training of a trial of a study failed.
    #[error("trial `{trial}` of the study: {}", with_sources(cause))]
    OfTrial {
        /// The trial.
        trial: String,
        /// The cause.
        cause: Box<Error>,
    },
    /// Trials of a study were begun with other settings than its models have now.
    #[error("study {}: {count} of its trials were begun with other settings: {trials}", path.display())]
    OtherTrials {
        /// The study's folder.
        path: PathBuf,
        /// Number of these trials.
        count: usize,
        /// Some of them, each with the key that differs.
        trials: String,
    },
    /// The file for new weights exists already.
    #[error("weights {}: exists already", path.display())]
    WeightsExist {
        /// The file.
        path: PathBuf,
    },
    /// No published weights are pinned for a backbone.
    #[error("weights of {backbone} cannot be fetched: none are pinned")]
    NotPublished {
        /// The backbone.
        backbone: String,
    },
    /// A download failed.
    #[error("{what} cannot be fetched: {reason}")]
    Fetch {
        /// The requested file.
        what: String,
        /// The problem, and how to solve it.
        reason: String,
    },
    /// The features of a frozen backbone cannot be computed by the training's backend.
    #[error("features of the frozen backbone cannot be computed")]
    Features {
        /// Error category.
        fault: Fault,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The features of the training's backend are not burn's.
    #[error(
        "features of the frozen backbone by {by} differ from burn's by {found:.1e} of the largest; at most \
         {:.0e} is allowed",
        crate::features::TOLERANCE
    )]
    FeaturesDiffer {
        /// Identity of the extractor.
        by: String,
        /// The largest difference.
        found: f64,
    },
    /// A resumed training began with features of another program.
    #[error("the training began with features by {began}, and here they would be by {now}: the weights would differ")]
    OtherFeatures {
        /// Identity of the extractor that it began with.
        began: String,
        /// Identity of the present one.
        now: String,
    },
    /// The loss is not a finite number.
    #[error("training stopped at epoch {epoch}, step {step}: {reason}")]
    Diverged {
        /// Epoch, from 1.
        epoch: u64,
        /// Step since the start of training, from 1.
        step: u64,
        /// The problem, and how to solve it.
        reason: String,
    },
    /// The file system reported an error.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl Error {
    /// Error category; decides the exit status.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Data(error) => error.fault(),
            Self::Metrics(error) => error.fault(),
            Self::Picture(error) => error.fault(),
            Self::Lesions(error) => error.fault(),
            Self::OfModel { cause, .. } | Self::OfSearch { cause, .. } | Self::OfTrial { cause, .. } => cause.fault(),
            Self::Diverged { .. } | Self::FeaturesDiffer { .. } => Fault::Check,
            Self::Features { fault, .. } => *fault,
            Self::Fetch { .. } | Self::NotPublished { .. } | Self::OtherFeatures { .. } => Fault::Environment,
            Self::Io { source, .. } if source.kind() != io::ErrorKind::NotFound => Fault::Environment,
            Self::Config { .. }
            | Self::NoData
            | Self::DataPath { .. }
            | Self::SplitLacks { .. }
            | Self::Run { .. }
            | Self::RunExists { .. }
            | Self::NotARun { .. }
            | Self::NothingToResume { .. }
            | Self::RunUnfinished { .. }
            | Self::RunStopped { .. }
            | Self::OtherConfiguration { .. }
            | Self::OtherTiles { .. }
            | Self::TilesChanged { .. }
            | Self::OtherSplit { .. }
            | Self::OtherOrder { .. }
            | Self::NotAStudy { .. }
            | Self::OtherStudy { .. }
            | Self::OtherTrials { .. }
            | Self::InUse { .. }
            | Self::Weights { .. }
            | Self::OtherBackbone { .. }
            | Self::ShallowWeights { .. }
            | Self::SeenByWeights { .. }
            | Self::NoBackbone { .. }
            | Self::UnchangedBackbone { .. }
            | Self::WeightsExist { .. }
            | Self::Io { .. } => Fault::Input,
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn run(path: &Path, reason: impl Into<String>) -> Self {
        Self::Run { path: path.to_owned(), reason: reason.into() }
    }

    /// The error of a JSON file that cannot be read, with `advice`.
    pub(crate) fn damaged(path: &Path, file: &str, error: &serde_json::Error, advice: &str) -> Self {
        Self::run(path, format!("{file} is damaged ({}); {advice}", explain(&error.to_string())))
    }
}

/// The message of an error with those of its sources.
fn with_sources(error: &Error) -> String {
    let sources = std::iter::successors(std::error::Error::source(error), |error| error.source());
    sources.fold(error.to_string(), |message, source| format!("{message}: {source}"))
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
