//! What can go wrong between a bundle and its scores, and whose turn it is then. Messages name the file, the key or the
//! provider, say what was found, and end with what to do; reasons from below stand in the error's source.

use std::io;
use std::path::PathBuf;

use kiln_files::Fault;

use crate::library::{RuntimeWheel, UnknownWheel};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate. [`Error::fault`] tells the kinds apart.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No ONNX Runtime anywhere.
    #[error(
        "no ONNX Runtime library was found (looked at: {}); type `kiln runtime install {wheel}`, or name a library with \
         --onnxruntime PATH",
        searched.join(", ")
    )]
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
    /// A file of an installed runtime wheel has changed.
    #[error(
        "{} is damaged: {reason}; type `kiln runtime install {wheel}` to get it again", path.display()
    )]
    DamagedWheel {
        /// The file.
        path: PathBuf,
        /// The values found and expected.
        reason: String,
        /// The wheel that it belongs to.
        wheel: RuntimeWheel,
    },
    /// ONNX Runtime can be loaded once in a process.
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
    /// A runtime wheel could not be installed.
    #[error("ONNX Runtime for {wheel} cannot be installed: {reason}")]
    Install {
        /// The wheel.
        wheel: RuntimeWheel,
        /// The cause, and what to do.
        reason: String,
    },
    /// A name that is no provider.
    #[error("unknown execution provider `{name}`; known are: {}", known.join(", "))]
    UnknownProvider {
        /// The name as written.
        name: String,
        /// Every name that is known.
        known: Vec<&'static str>,
    },
    /// An option that the provider does not have, or a value that the option does not take.
    #[error("provider `{provider}`: {reason}")]
    ProviderOption {
        /// The provider.
        provider: String,
        /// The option, its value, and the values that it takes.
        reason: String,
    },
    /// A provider's own library that cannot be used.
    #[error("the library {} does not give the provider `{name}`: {reason}", library.display())]
    Plugin {
        /// The library.
        library: PathBuf,
        /// The provider's name.
        name: String,
        /// What was found.
        reason: String,
    },
    /// A provider list that is empty or names a provider twice.
    #[error("the provider list `{list}` {reason}; write for example `cuda,cpu`")]
    ProviderList {
        /// The list as written.
        list: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A name that is no runtime wheel.
    #[error(transparent)]
    UnknownWheel(#[from] UnknownWheel),
    /// The loaded library was built without the provider.
    #[error(
        "provider `{provider}` was asked for, but {} (ONNX Runtime {version}) was built with: {}; {hint}",
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
        /// The way to get a library with the provider.
        hint: String,
    },
    /// The library has the provider, which does not start on this machine.
    #[error(
        "provider `{provider}` was asked for, but cannot run here with {}: it needs {needs}; `kiln doctor` shows what can \
         run, and a list such as `{provider},cpu` allows a fallback",
        library.display()
    )]
    ProviderUnavailable {
        /// The requested provider.
        provider: String,
        /// The hardware and software that it needs.
        needs: &'static str,
        /// The library in use.
        library: PathBuf,
        /// What ONNX Runtime said.
        #[source]
        source: ort::Error,
    },
    /// The provider started, and nodes went to providers that the user did not list.
    #[error(
        "provider `{provider}` was asked for, but {found}; a list such as `{provider},cpu` allows other providers to \
         take what it cannot run"
    )]
    ProviderPassedOver {
        /// The requested provider.
        provider: String,
        /// The nodes, with the providers that got them.
        found: String,
    },
    /// None of the listed providers can run the graph.
    #[error("none of the listed providers can run this graph here: {}", reasons.join("; "))]
    NoProvider {
        /// One reason a provider, in the order of the list.
        reasons: Vec<String>,
    },
    /// The graph cannot be loaded.
    #[error("{model} cannot be loaded as an ONNX graph by ONNX Runtime {version}")]
    Model {
        /// The file, or what the bytes are.
        model: String,
        /// ONNX Runtime's version.
        version: String,
        /// What ONNX Runtime said.
        #[source]
        source: ort::Error,
    },
    /// The graph does not take, or does not give, what was asked.
    #[error("{model}: {reason}")]
    Graph {
        /// The file, or what the bytes are.
        model: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// ONNX Runtime failed while running the graph.
    #[error("{model} failed while running on `{provider}`")]
    Run {
        /// The file, or what the bytes are.
        model: String,
        /// The provider that ran it.
        provider: String,
        /// What ONNX Runtime said.
        #[source]
        source: ort::Error,
    },
    /// ONNX Runtime itself failed, outside of any graph.
    #[error("ONNX Runtime failed while {action}")]
    Runtime {
        /// What was being done.
        action: &'static str,
        /// What ONNX Runtime said.
        #[source]
        source: ort::Error,
    },
    /// A bundle that is not one, or not whole.
    #[error("bundle {}: {reason}", path.display())]
    Bundle {
        /// The bundle.
        path: PathBuf,
        /// Which file or key, what was found, what was expected.
        reason: String,
    },
    /// Golden tiles and outputs that are not what a bundle holds.
    #[error("golden outputs {}: {reason}", path.display())]
    Golden {
        /// The file.
        path: PathBuf,
        /// Which array, what was found, what was expected.
        reason: String,
    },
    /// Something that was named to be scored, measured or written and cannot be.
    #[error("{argument}: {reason}")]
    Argument {
        /// The input, option or target as the caller wrote it.
        argument: String,
        /// What was found, and what to do.
        reason: String,
    },
    /// A model server, or the connection to it.
    #[cfg(feature = "endpoint")]
    #[error(transparent)]
    Endpoint(#[from] crate::endpoint::EndpointError),
    /// A scorer failed at a batch whose tiles are known.
    #[error("the batch of {tiles} tiles from {first} on has no scores")]
    Batch {
        /// The first tile of the batch, as listed.
        first: String,
        /// Tiles in the batch.
        tiles: usize,
        /// Why the scorer failed.
        #[source]
        source: Box<Error>,
    },
    /// Parts of a sharded scoring that do not join to the whole.
    #[error("the parts do not join: {reason}")]
    Parts {
        /// Which part, and what is wrong with it.
        reason: String,
    },
    /// A file or folder that cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// A file or folder that cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Whose turn it is: the caller's input, the machine, or a check that did not hold.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Parts { .. } => Fault::Check,
            Self::NoLibrary { .. }
            | Self::Library { .. }
            | Self::DamagedWheel { .. }
            | Self::AnotherLibrary { .. }
            | Self::Install { .. }
            | Self::ProviderNotBuilt { .. }
            | Self::ProviderUnavailable { .. }
            | Self::ProviderPassedOver { .. }
            | Self::Plugin { .. }
            | Self::NoProvider { .. }
            | Self::Run { .. }
            | Self::Runtime { .. }
            | Self::Write { .. } => Fault::Environment,
            Self::UnknownProvider { .. }
            | Self::ProviderList { .. }
            | Self::ProviderOption { .. }
            | Self::UnknownWheel(_)
            | Self::Model { .. }
            | Self::Graph { .. }
            | Self::Bundle { .. }
            | Self::Golden { .. }
            | Self::Argument { .. }
            | Self::Read { .. } => Fault::Input,
            #[cfg(feature = "endpoint")]
            Self::Endpoint(error) => error.fault(),
            Self::Batch { source, .. } => source.fault(),
        }
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
