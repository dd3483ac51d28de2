//! Execution providers by the names that users type. A provider that is asked for runs or is an error; only a list that
//! the user wrote allows another one. One file a family says what is registered and why; what a library was built with,
//! and what runs on this machine, is asked of the library itself.

mod built;
mod cpu;
mod cuda;
mod openvino;
pub mod probe;
mod tensorrt;

use std::fmt;
use std::str::FromStr;

use ort::ep::ExecutionProviderDispatch;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::library::Package;
use crate::session::SessionOptions;

pub(crate) use built::built_with;

/// An execution provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// ONNX Runtime's own kernels, in every library.
    Cpu,
    /// NVIDIA CUDA.
    Cuda,
    /// NVIDIA TensorRT.
    TensorRt,
    /// Intel OpenVINO.
    OpenVino,
}

impl ProviderKind {
    /// Every provider that Kiln knows.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Cuda, Self::TensorRt, Self::OpenVino];

    /// The name that users type.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::OpenVino => "openvino",
        }
    }

    /// The name that ONNX Runtime uses.
    #[must_use]
    pub fn onnx_name(self) -> &'static str {
        match self {
            Self::Cpu => cpu::NAME,
            Self::Cuda => cuda::NAME,
            Self::TensorRt => tensorrt::NAME,
            Self::OpenVino => openvino::NAME,
        }
    }

    /// The package whose library has this provider.
    #[must_use]
    pub fn package(self) -> Package {
        match self {
            Self::Cpu => Package::Cpu,
            Self::Cuda | Self::TensorRt => Package::Cuda,
            Self::OpenVino => Package::Openvino,
        }
    }

    /// What a machine must have beside the package.
    #[must_use]
    pub fn needs(self) -> &'static str {
        match self {
            Self::Cpu => cpu::NEEDS,
            Self::Cuda => cuda::NEEDS,
            Self::TensorRt => tensorrt::NEEDS,
            Self::OpenVino => openvino::NEEDS,
        }
    }

    /// What to register in a session; nothing for the CPU, which is always there.
    pub(crate) fn registration(self, options: &SessionOptions) -> Option<ExecutionProviderDispatch> {
        match self {
            Self::Cpu => cpu::registration(),
            Self::Cuda => Some(cuda::registration()),
            Self::TensorRt => Some(tensorrt::registration()),
            Self::OpenVino => Some(openvino::registration(options)),
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ProviderKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name.trim()))
            .ok_or_else(|| Error::UnknownProvider { name: name.to_owned() })
    }
}

/// ONNX Runtime's name of a provider as users type it; names that Kiln does not know stay as they are.
pub(crate) fn user_name(onnx_name: &str) -> String {
    let known = ProviderKind::ALL.into_iter().find(|kind| kind.onnx_name() == onnx_name);
    known.map_or_else(|| onnx_name.to_owned(), |kind| kind.name().to_owned())
}

/// Providers in the order in which the user prefers them, such as `tensorrt,cuda,cpu`.
///
/// One name is strict: it runs every node or opening the session is an error. With several, the first that works is
/// used, what it cannot run goes to those listed after it, and the session tells what was skipped and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Providers(Vec<ProviderKind>);

impl Providers {
    /// One provider, strictly.
    #[must_use]
    pub fn only(kind: ProviderKind) -> Self {
        Self(vec![kind])
    }

    /// A list in order of preference.
    ///
    /// # Errors
    /// [`Error::ProviderList`] if it is empty or names a provider twice.
    pub fn new(kinds: Vec<ProviderKind>) -> Result<Self> {
        let list = || kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(",");
        if kinds.is_empty() {
            return Err(Error::ProviderList { list: list(), reason: "is empty" });
        }
        if kinds.iter().enumerate().any(|(i, kind)| kinds[..i].contains(kind)) {
            return Err(Error::ProviderList { list: list(), reason: "names a provider twice" });
        }
        Ok(Self(kinds))
    }

    /// The providers in order of preference; at least one.
    #[must_use]
    pub fn kinds(&self) -> &[ProviderKind] {
        &self.0
    }
}

impl Default for Providers {
    fn default() -> Self {
        Self::only(ProviderKind::Cpu)
    }
}

impl fmt::Display for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|kind| kind.name()).collect();
        f.pad(&names.join(","))
    }
}

impl FromStr for Providers {
    type Err = Error;

    fn from_str(list: &str) -> Result<Self> {
        if list.trim().is_empty() {
            return Err(Error::ProviderList { list: list.to_owned(), reason: "is empty" });
        }
        Self::new(list.split(',').map(str::parse).collect::<Result<_>>()?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_the_users_order() {
        let providers: Providers = "TensorRT, cuda,cpu".parse().unwrap();
        assert_eq!(providers.kinds(), [ProviderKind::TensorRt, ProviderKind::Cuda, ProviderKind::Cpu]);
        assert_eq!(providers.to_string(), "tensorrt,cuda,cpu");
    }

    #[test]
    fn unknown_empty_and_repeated_names_are_input_errors() {
        for list in ["", "gpu", "cpu,,cuda", "cuda,cuda"] {
            let error = list.parse::<Providers>().unwrap_err();
            assert_eq!(error.fault(), kiln_tile::Fault::Input, "{list}: {error}");
        }
        assert!("gpu".parse::<Providers>().unwrap_err().to_string().contains("`gpu`"));
    }

    #[test]
    fn names_of_onnx_runtime_become_the_users_names() {
        assert_eq!(user_name("OpenVINOExecutionProvider"), "openvino");
        assert_eq!(user_name("QNNExecutionProvider"), "QNNExecutionProvider");
    }
}
