//! Execution providers by the names that users type. A provider that is asked for runs or is an error; only a list that
//! the user wrote allows another one. One table says which there are, one file a family says what its options are and
//! what is registered; what a library was built with, and what runs on this machine, is asked of the library itself.

mod built;
mod cpu;
mod cuda;
mod engines;
mod gpu;
mod kind;
mod list;
mod openvino;
mod option;
mod other;
mod plugin;
pub mod probe;
pub(crate) mod registration;
mod tensorrt;

pub use cpu::CpuOptions;
pub use cuda::{ArenaExtend, ConvSearch, CudaOptions};
pub use engines::{EngineIdentity, Engines};
pub use gpu::{nvidia_driver, nvidia_gpus};
pub use kind::ProviderKind;
pub use list::{Provider, ProviderOptions, Providers};
pub use openvino::{OpenVinoOptions, OpenVinoPrecision};
pub use option::OptionDoc;
pub use other::PassThrough;
pub use plugin::PluginOptions;
pub use tensorrt::TensorRtOptions;

pub(crate) use built::built_with;
pub(crate) use engines::{ModelBytes, engines};
pub(crate) use kind::user_name;
pub(crate) use plugin::register as register_plugin;

/// The typed options of a provider, one row each; empty where options are passed through.
#[must_use]
pub fn options_of(kind: ProviderKind) -> &'static [OptionDoc] {
    match kind {
        ProviderKind::Cpu => CpuOptions::TABLE,
        ProviderKind::Cuda => CudaOptions::TABLE,
        ProviderKind::TensorRt => TensorRtOptions::TABLE,
        ProviderKind::OpenVino => OpenVinoOptions::TABLE,
        _ => &[],
    }
}

/// The keys of ONNX Runtime that are passed through to a provider without typed options.
#[must_use]
pub fn passed_through(kind: ProviderKind) -> &'static [&'static str] {
    other::keys(kind)
}
