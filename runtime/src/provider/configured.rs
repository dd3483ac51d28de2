//! An execution provider with its options set: what it registers in a session and what it needs of one.

use std::fmt;
use std::sync::Arc;

use ort::ep::{ArbitrarilyConfigurableExecutionProvider, ExecutionProviderDispatch};

use super::compiled::{CompiledGraphs, Keeping};
use super::option::Settings;
use super::plugin_library::PluginLibrary;
use super::shape_profile::ShapeProfile;

/// An execution provider with its options. The defaults suit a provider that needs nothing but its registration.
pub(crate) trait ConfiguredProvider: Settings + fmt::Debug + Send + Sync {
    /// Checks the values beyond their types, alone and together.
    ///
    /// # Errors
    /// The option, its value, and the values that it takes.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// The registration for a session. None for the CPU, which every session has, and for a plugin, whose library
    /// registers it.
    fn registration(&self, setup: &SessionSetup<'_>) -> Option<ExecutionProviderDispatch>;

    /// The library that brings the provider, if it is not part of the loaded ONNX Runtime.
    fn own_library(&self) -> Option<&PluginLibrary> {
        None
    }

    /// The compiled graphs that the provider keeps between sessions; none if it keeps nothing.
    fn keeps_compiled(&self) -> Option<Keeping> {
        None
    }

    /// Writes the compiled graph as an EP-context model and opens that from then on.
    fn writes_context(&self) -> bool {
        false
    }

    /// Sets denormal numbers to zero in the whole session.
    fn flushes_to_zero(&self) -> bool {
        false
    }

    /// The memory to bind tiles and outputs to, if they are to be bound.
    fn io_binding(&self) -> Option<BoundMemory> {
        None
    }

    /// The same provider for a graph of this precision, if that changes an option that the user left open.
    fn for_precision(&self, _precision: &str) -> Option<Arc<dyn ConfiguredProvider>> {
        None
    }
}

/// The properties of a session that a registration may depend on.
pub(crate) struct SessionSetup<'a> {
    /// Threads of the session.
    pub(crate) threads: Option<usize>,
    /// Batches of the session.
    pub(crate) shape_profile: Option<&'a ShapeProfile>,
    /// Folder of the compiled graphs.
    pub(crate) compiled: Option<&'a CompiledGraphs>,
}

/// Memory that tiles and outputs are bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BoundMemory {
    /// The device's memory.
    pub(crate) memory: Memory,
    /// Kernel launches are recorded as a CUDA graph for each batch size.
    pub(crate) cuda_graph: bool,
}

impl BoundMemory {
    /// The memory of an NVIDIA GPU; `None` without `io_binding`.
    pub(super) fn cuda(device: u32, io_binding: bool, cuda_graph: bool) -> Option<Self> {
        io_binding.then_some(Self { memory: Memory::Cuda { device }, cuda_graph })
    }
}

/// The memory of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// Memory of an NVIDIA GPU, with pinned memory on the host.
    Cuda {
        /// The GPU's number in CUDA.
        device: u32,
    },
    /// Host memory on both sides: for testing without a GPU.
    Host,
}

/// A provider of ort with these settings.
pub(super) fn dispatch<P>(
    provider: P,
    settings: impl IntoIterator<Item = (impl ToString, impl ToString)>,
) -> ExecutionProviderDispatch
where
    P: ArbitrarilyConfigurableExecutionProvider + Into<ExecutionProviderDispatch>,
{
    settings.into_iter().fold(provider, |provider, (key, value)| provider.with_arbitrary_config(key, value)).into()
}
