//! From a provider and its options to what `ort` registers in a session.

use ort::ep::ExecutionProviderDispatch;

use super::engines::Engines;
use super::{Provider, ProviderKind, ProviderOptions, cpu, cuda, openvino, other, tensorrt};
use crate::session::Profile;

/// What a registration may depend on beside the provider's own options.
pub(crate) struct Site<'a> {
    /// Threads of the session.
    pub(crate) threads: Option<usize>,
    /// Batches that the session is to take.
    pub(crate) profile: Option<&'a Profile>,
    /// Where compiled engines of this graph are kept.
    pub(crate) engines: Option<&'a Engines>,
}

/// What to register, or the reason why not; nothing for the CPU, which is always there, and for a plugin, which is
/// registered by its devices.
pub(crate) fn registration(provider: &Provider, site: &Site<'_>) -> Option<ExecutionProviderDispatch> {
    match provider.options() {
        ProviderOptions::Cpu(options) => cpu::registration(options),
        ProviderOptions::Cuda(options) => Some(cuda::registration(options)),
        ProviderOptions::TensorRt(options) => Some(tensorrt::registration(options, site)),
        ProviderOptions::OpenVino(options) => Some(openvino::registration(options, site)),
        ProviderOptions::Plugin(_) => None,
        ProviderOptions::Other(options) => Some(other::registration(provider.kind(), options)),
    }
}

/// Whether the provider keeps anything compiled between sessions.
pub(crate) fn keeps_engines(provider: &Provider) -> bool {
    match provider.options() {
        ProviderOptions::TensorRt(options) => options.engine_cache || options.timing_cache || options.context,
        ProviderOptions::OpenVino(options) => options.compiled_cache,
        _ => false,
    }
}

/// Whether the graph is to be compiled into an EP-context model. TensorRT alone: OpenVINO 1.24.1 writes one for its CPU
/// and cannot read it back, and has its own cache of compiled graphs.
pub(crate) fn wants_context(provider: &Provider) -> bool {
    matches!(provider.options(), ProviderOptions::TensorRt(options) if options.context)
}

/// Whether denormal numbers are to be zero, which the whole session decides.
pub(crate) fn flushes_to_zero(provider: &Provider) -> bool {
    matches!(provider.options(), ProviderOptions::Cpu(options) if options.flush_to_zero)
}

/// Whether the provider is ONNX Runtime's own for the CPU.
pub(crate) fn is_cpu(provider: &Provider) -> bool {
    provider.kind() == ProviderKind::Cpu
}
