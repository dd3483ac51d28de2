//! Errors of this crate. Messages name the file, key or provider, and contain the values found and expected; errors of lower
//! layers are sources. Errors name fields of options and plans. They give no advice about a command line: a program takes
//! it from the variant and its fields.

use std::io;
use std::path::PathBuf;

use kiln_files::Fault;

use crate::library::{PluginWheelError, RuntimeWheel, UnknownWheel};
use crate::score::error::{ListingError, PartsError, TargetError};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate. [`Error::fault`] gives its category.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No ONNX Runtime library on this machine.
    #[error("no ONNX Runtime library was found (none was named; looked at: {})", searched.join(", "))]
    NoLibrary {
        /// Every place of the search.
        searched: Vec<String>,
        /// The runtime wheel that has the preferred provider.
        wheel: RuntimeWheel,
    },
    /// A library that exists and cannot be loaded.
    #[error("the ONNX Runtime library {} cannot be loaded: {reason}", path.display())]
    Library {
        /// The library.
        path: PathBuf,
        /// The whole chain of reasons.
        reason: String,
    },
    /// A file of an installed runtime wheel that has changed.
    #[error("{} is damaged: {reason}", path.display())]
    DamagedWheel {
        /// The file.
        path: PathBuf,
        /// The values found and expected.
        reason: String,
        /// The wheel with this file.
        wheel: RuntimeWheel,
    },
    /// A second library in one process: ONNX Runtime can be loaded once.
    #[error(
        "this process has loaded {} already and cannot load {} beside it; use one process for each library",
        loaded.display(), asked.display()
    )]
    AnotherLibrary {
        /// The library in use.
        loaded: PathBuf,
        /// The requested library.
        asked: PathBuf,
    },
    /// A runtime wheel that could not be installed.
    #[error("ONNX Runtime for {wheel} cannot be installed: {reason}")]
    Install {
        /// The wheel.
        wheel: RuntimeWheel,
        /// The cause.
        reason: String,
    },
    /// An unknown name of a provider.
    #[error("unknown execution provider `{name}`; known are: {}", known.join(", "))]
    UnknownProvider {
        /// The name as written.
        name: String,
        /// Every known name.
        known: Vec<&'static str>,
    },
    /// An unknown option of a provider, or an invalid value.
    #[error("provider `{provider}`: {reason}")]
    ProviderOption {
        /// The provider.
        provider: String,
        /// The option, its value, and the allowed values.
        reason: String,
    },
    /// A file that is not a list of providers.
    #[error("{}: {reason}", path.display())]
    ProviderFile {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// A setting that is malformed, or for a provider that is not listed.
    #[error("{setting}: {reason}")]
    ProviderSetting {
        /// The setting, `PROVIDER.OPTION=VALUE`.
        setting: String,
        /// The fault.
        reason: String,
    },
    /// A provider's plugin library that cannot be used.
    #[error("the library {} does not give the provider `{name}`: {reason}", library.display())]
    Plugin {
        /// The library.
        library: PathBuf,
        /// The provider's name.
        name: String,
        /// The fault.
        reason: String,
    },
    /// A plugin wheel that is missing or damaged.
    #[error(transparent)]
    PluginWheel(#[from] PluginWheelError),
    /// A provider list that is empty or names a provider twice.
    #[error("the provider list `{list}` {reason}; write for example `cuda,cpu`")]
    ProviderList {
        /// The list as written.
        list: String,
        /// The fault.
        reason: &'static str,
    },
    /// A file that is no status of a watching process.
    #[error("{}: not a status file: {reason}", path.display())]
    Status {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// An unknown name of a runtime wheel.
    #[error(transparent)]
    UnknownWheel(#[from] UnknownWheel),
    /// A provider that the loaded library was built without.
    #[error(
        "provider `{provider}` was asked for, but {} (ONNX Runtime {version}) was built with: {}",
        library.display(), built.join(", ")
    )]
    ProviderNotBuilt {
        /// The requested provider.
        provider: &'static str,
        /// The library in use.
        library: PathBuf,
        /// Its version.
        version: String,
        /// The providers that it was built with.
        built: Vec<String>,
        /// The runtime wheel that has the provider; `None` if only other builds of ONNX Runtime have it.
        wheel: Option<RuntimeWheel>,
    },
    /// A provider of the library that does not start on this machine.
    #[error(
        "provider `{provider}` was asked for, but cannot run here with {}: it needs {needs}", library.display()
    )]
    ProviderUnavailable {
        /// The requested provider.
        provider: String,
        /// The required hardware and software.
        needs: &'static str,
        /// The library in use.
        library: PathBuf,
        /// ONNX Runtime's error.
        #[source]
        source: ort::Error,
    },
    /// A provider that started, but does not run every node, without another one in the list.
    #[error("provider `{provider}` was asked for, but {found}")]
    ProviderPassedOver {
        /// The requested provider.
        provider: String,
        /// The nodes, with the providers that got them.
        found: String,
    },
    /// A list of providers that cannot run the graph.
    #[error("none of the listed providers can run this graph here: {}", reasons.join("; "))]
    NoProvider {
        /// One reason for each provider, in the order of the list.
        reasons: Vec<String>,
    },
    /// A graph that ONNX Runtime cannot load.
    #[error("{model} cannot be loaded as an ONNX graph by ONNX Runtime {version}")]
    Model {
        /// The file, or a name for a graph in memory.
        model: String,
        /// ONNX Runtime's version.
        version: String,
        /// ONNX Runtime's error.
        #[source]
        source: ort::Error,
    },
    /// A graph, its inputs or its outputs that differ from the expected ones.
    #[error("{model}: {reason}")]
    Graph {
        /// The file, or a name for a graph in memory or on a server.
        model: String,
        /// The expected and the found values.
        reason: String,
    },
    /// A failure of ONNX Runtime while running a graph.
    #[error("{model} failed while running on `{provider}`")]
    Run {
        /// The file, or a name for a graph in memory.
        model: String,
        /// The provider that ran it.
        provider: String,
        /// ONNX Runtime's error.
        #[source]
        source: ort::Error,
    },
    /// A failure of ONNX Runtime outside of any graph.
    #[error("ONNX Runtime failed while {action}")]
    Runtime {
        /// The action.
        action: &'static str,
        /// ONNX Runtime's error.
        #[source]
        source: ort::Error,
    },
    /// A folder that is not a bundle, or a bundle that is damaged.
    #[error("bundle {}: {reason}", path.display())]
    Bundle {
        /// The bundle.
        path: PathBuf,
        /// The file or key, with the values found and expected.
        reason: String,
    },
    /// Invalid golden tiles and outputs.
    #[error("golden outputs {}: {reason}", path.display())]
    Golden {
        /// The file.
        path: PathBuf,
        /// The array, with the values found and expected.
        reason: String,
    },
    /// A bundle that is not signed as it must be, or that cannot be signed; or an unusable key.
    #[cfg(feature = "sign")]
    #[error(transparent)]
    Signature(#[from] kiln_sign::Error),
    /// A field or parameter with a value that is not allowed.
    #[error("{option}: {reason}")]
    Option {
        /// The field or parameter.
        option: &'static str,
        /// The allowed values.
        reason: &'static str,
    },
    /// A list of tiles that is empty or malformed.
    #[error(transparent)]
    Listing(#[from] ListingError),
    /// A target that rows cannot be written to.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A result file that cannot be read as rows.
    #[error("{}: {reason}", path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// An invalid shard, or `auto` outside of a scheduler.
    #[error("shard {shard}: {reason}")]
    Shard {
        /// The shard as written.
        shard: String,
        /// The expected form, or the missing variable.
        reason: String,
    },
    /// Parts of a sharded scoring that do not join to the whole.
    #[error("the parts do not join: {0}")]
    Parts(PartsError),
    /// A thread or a connection that ended before its work was done. None is known to.
    #[error("{worker} ended early")]
    Ended {
        /// The thread or connection.
        worker: &'static str,
    },
    /// An unknown name of a benchmark scenario.
    #[error("unknown scenario `{name}`; known are: single_stream, multi_stream, server, offline")]
    UnknownScenario {
        /// The name.
        name: String,
    },
    /// A tile that a benchmark cannot encode or decode.
    #[error("golden tiles: {reason}")]
    BenchTile {
        /// The fault.
        reason: String,
    },
    /// A baseline of another machine.
    #[error("the baseline was measured on another machine: {before}; this is {now}")]
    OtherMachine {
        /// The machine of the baseline.
        before: String,
        /// The machine of the new report.
        now: String,
    },
    /// A baseline that cannot be compared with the new report.
    #[error("the baseline {reason}")]
    Baseline {
        /// The fault.
        reason: String,
    },
    /// A picture of a benchmark that cannot be drawn.
    #[error("the picture of the latencies: {reason}")]
    Picture {
        /// The fault.
        reason: String,
    },
    /// An error of a model server, or of the connection to it.
    #[cfg(feature = "endpoint")]
    #[error(transparent)]
    Endpoint(#[from] crate::endpoint::EndpointError),
    /// A scorer's failure at a batch.
    #[error("the batch of {tiles} tiles from {first} on has no scores")]
    Batch {
        /// The first tile of the batch, as listed.
        first: String,
        /// Number of tiles in the batch.
        tiles: usize,
        /// The scorer's error.
        #[source]
        source: Box<Error>,
    },
    /// A file or folder that cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The error of the file system.
        #[source]
        source: io::Error,
    },
    /// A file or folder that cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The error of the file system.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Error category; decides the exit status.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Parts(_) => Fault::Check,
            Self::NoLibrary { .. }
            | Self::Library { .. }
            | Self::DamagedWheel { .. }
            | Self::AnotherLibrary { .. }
            | Self::Install { .. }
            | Self::ProviderNotBuilt { .. }
            | Self::ProviderUnavailable { .. }
            | Self::ProviderPassedOver { .. }
            | Self::Plugin { .. }
            | Self::PluginWheel(_)
            | Self::NoProvider { .. }
            | Self::Run { .. }
            | Self::Runtime { .. }
            | Self::Write { .. } => Fault::Environment,
            Self::UnknownProvider { .. }
            | Self::ProviderList { .. }
            | Self::ProviderOption { .. }
            | Self::ProviderFile { .. }
            | Self::ProviderSetting { .. }
            | Self::UnknownWheel(_)
            | Self::Model { .. }
            | Self::Graph { .. }
            | Self::Bundle { .. }
            | Self::Golden { .. }
            | Self::Option { .. }
            | Self::Listing(_)
            | Self::Target(_)
            | Self::Rows { .. }
            | Self::Shard { .. }
            | Self::Ended { .. }
            | Self::UnknownScenario { .. }
            | Self::BenchTile { .. }
            | Self::OtherMachine { .. }
            | Self::Baseline { .. }
            | Self::Picture { .. }
            | Self::Status { .. }
            | Self::Read { .. } => Fault::Input,
            #[cfg(feature = "endpoint")]
            Self::Endpoint(error) => error.fault(),
            #[cfg(feature = "sign")]
            Self::Signature(error) => error.fault(),
            Self::Batch { source, .. } => source.fault(),
        }
    }
}

/// The part's error is in the message, so it is not also the source.
impl From<PartsError> for Error {
    fn from(error: PartsError) -> Self {
        Self::Parts(error)
    }
}

/// An error and all its sources on one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let reason = source.to_string().trim_end().to_owned();
        // Some libraries repeat the source in their own message.
        if !text.ends_with(&reason) {
            text = format!("{text}: {reason}");
        }
        next = source.source();
    }
    text
}
