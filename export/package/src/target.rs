//! The servers that Kiln packages for, by name.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// A server that Kiln packages for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// NVIDIA Triton Inference Server: a model repository.
    Triton,
    /// KServe on Kubernetes: a Triton model repository and the manifests that serve it.
    Kserve,
    /// OpenVINO Model Server: version folders and `config.json`.
    Ovms,
}

impl Target {
    /// Every target with its name.
    pub const ALL: [(&'static str, Self); 3] =
        [("triton", Self::Triton), ("kserve", Self::Kserve), ("ovms", Self::Ovms)];

    /// The folder of the server package that holds the models' folders; empty if it is the server package itself.
    #[must_use]
    pub fn models_folder(self) -> &'static str {
        match self {
            Self::Triton => "",
            Self::Kserve => "repository",
            Self::Ovms => "models",
        }
    }

    /// Every target's name, separated by commas: `triton, kserve, ovms`.
    #[must_use]
    pub fn names() -> String {
        Self::ALL.map(|(name, _)| name).join(", ")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(_, target)| target == self).map_or("", |(name, _)| name))
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Self::ALL.iter().find(|(name, _)| *name == text);
        known
            .map(|(_, target)| *target)
            .ok_or_else(|| Error::UnknownTarget { name: text.to_owned(), known: Self::names() })
    }
}
