//! The model: a graph with its opsets, functions and metadata.

use prost::Message;

use super::{DeviceConfigurationProto, FunctionProto, GraphProto};

/// A model: a graph, the opsets that it needs, and metadata.
#[derive(Clone, PartialEq, Message)]
pub struct ModelProto {
    /// Version of the file format.
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    /// Name of the program that wrote the model.
    #[prost(string, tag = "2")]
    pub producer_name: String,
    /// Version of that program.
    #[prost(string, tag = "3")]
    pub producer_version: String,
    /// Name space of the model.
    #[prost(string, tag = "4")]
    pub domain: String,
    /// Version of the graph.
    #[prost(int64, tag = "5")]
    pub model_version: i64,
    /// Description.
    #[prost(string, tag = "6")]
    pub doc_string: String,
    /// The computation.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    /// Operator sets that the graph needs.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
    /// Arbitrary key-value pairs.
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringStringEntryProto>,
    /// Graphs for training.
    #[prost(message, repeated, tag = "20")]
    pub training_info: Vec<TrainingInfoProto>,
    /// Operators that the model defines itself.
    #[prost(message, repeated, tag = "25")]
    pub functions: Vec<FunctionProto>,
    /// Configurations for several devices.
    #[prost(message, repeated, tag = "26")]
    pub configuration: Vec<DeviceConfigurationProto>,
}

impl ModelProto {
    /// The version of the operator set of a domain that the model imports. The domains `""` and `ai.onnx` both name the
    /// standard operators.
    #[must_use]
    pub fn opset(&self, domain: &str) -> Option<i64> {
        let is_same =
            |import: &&OperatorSetIdProto| import.domain == domain || (import.is_standard() && is_standard(domain));
        self.opset_import.iter().find(is_same).map(|import| import.version)
    }
}

/// True for the two names of the domain of the standard operators.
pub(super) fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// An operator set and its version.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct OperatorSetIdProto {
    /// Domain; empty for the standard operators.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// Version, such as 18.
    #[prost(int64, tag = "2")]
    pub version: i64,
}

impl OperatorSetIdProto {
    /// A version of the standard operators.
    #[must_use]
    pub fn standard(version: i64) -> Self {
        Self { domain: String::new(), version }
    }

    /// True for the standard operators.
    #[must_use]
    pub fn is_standard(&self) -> bool {
        is_standard(&self.domain)
    }
}

/// A key and its value.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct StringStringEntryProto {
    /// The key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// The value.
    #[prost(string, tag = "2")]
    pub value: String,
}

impl StringStringEntryProto {
    /// An entry.
    #[must_use]
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// Graphs for training.
#[derive(Clone, PartialEq, Message)]
pub struct TrainingInfoProto {
    /// Computes the initial values of training variables.
    #[prost(message, optional, tag = "1")]
    pub initialization: Option<GraphProto>,
    /// One step of training.
    #[prost(message, optional, tag = "2")]
    pub algorithm: Option<GraphProto>,
    /// Initializers that an output of `initialization` sets.
    #[prost(message, repeated, tag = "3")]
    pub initialization_binding: Vec<StringStringEntryProto>,
    /// Initializers that an output of `algorithm` sets.
    #[prost(message, repeated, tag = "4")]
    pub update_binding: Vec<StringStringEntryProto>,
}
