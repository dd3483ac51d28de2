//! The messages and fields of Triton's model configuration that Kiln writes or compares. The whole schema is in
//! `proto/model_config.txtpb`; a test compares these types with it. Members of a `oneof` are optional fields here, which is
//! the same on the wire.

use prost::{Enumeration, Message};

use crate::element::Element;

/// `ModelConfig`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelConfig {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) platform: String,
    #[prost(message, optional, tag = "3")]
    pub(crate) version_policy: Option<ModelVersionPolicy>,
    #[prost(int32, optional, tag = "4")]
    pub(crate) max_batch_size: Option<i32>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) input: Vec<ModelInput>,
    #[prost(message, repeated, tag = "6")]
    pub(crate) output: Vec<ModelOutput>,
    #[prost(message, repeated, tag = "7")]
    pub(crate) instance_group: Vec<ModelInstanceGroup>,
    #[prost(string, tag = "8")]
    pub(crate) default_model_filename: String,
    #[prost(message, optional, tag = "11")]
    pub(crate) dynamic_batching: Option<ModelDynamicBatching>,
    #[prost(message, optional, tag = "12")]
    pub(crate) optimization: Option<ModelOptimizationPolicy>,
    #[prost(message, repeated, tag = "14")]
    pub(crate) parameters: Vec<ParametersEntry>,
    #[prost(message, repeated, tag = "16")]
    pub(crate) model_warmup: Vec<ModelWarmup>,
    #[prost(string, tag = "17")]
    pub(crate) backend: String,
}

/// `ModelVersionPolicy`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelVersionPolicy {
    #[prost(message, optional, tag = "1")]
    pub(crate) latest: Option<Latest>,
}

/// `ModelVersionPolicy.Latest`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Latest {
    #[prost(uint32, tag = "1")]
    pub(crate) num_versions: u32,
}

/// `ModelInput`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelInput {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(enumeration = "DataType", tag = "2")]
    pub(crate) data_type: i32,
    #[prost(int64, repeated, tag = "4")]
    pub(crate) dims: Vec<i64>,
    #[prost(message, optional, tag = "5")]
    pub(crate) reshape: Option<ModelTensorReshape>,
}

/// `ModelOutput`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelOutput {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(enumeration = "DataType", tag = "2")]
    pub(crate) data_type: i32,
    #[prost(int64, repeated, tag = "3")]
    pub(crate) dims: Vec<i64>,
    #[prost(string, tag = "4")]
    pub(crate) label_filename: String,
    #[prost(message, optional, tag = "5")]
    pub(crate) reshape: Option<ModelTensorReshape>,
}

/// `ModelTensorReshape`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelTensorReshape {
    #[prost(int64, repeated, tag = "1")]
    pub(crate) shape: Vec<i64>,
}

/// `ModelInstanceGroup`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelInstanceGroup {
    #[prost(int32, tag = "2")]
    pub(crate) count: i32,
    #[prost(enumeration = "InstanceKind", tag = "4")]
    pub(crate) kind: i32,
}

/// `ModelDynamicBatching`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelDynamicBatching {
    #[prost(uint64, tag = "2")]
    pub(crate) max_queue_delay_microseconds: u64,
}

/// `ModelOptimizationPolicy`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelOptimizationPolicy {
    #[prost(message, optional, tag = "4")]
    pub(crate) execution_accelerators: Option<ExecutionAccelerators>,
}

/// `ModelOptimizationPolicy.ExecutionAccelerators`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExecutionAccelerators {
    #[prost(message, repeated, tag = "1")]
    pub(crate) gpu_execution_accelerator: Vec<Accelerator>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) cpu_execution_accelerator: Vec<Accelerator>,
}

/// `ModelOptimizationPolicy.ExecutionAccelerators.Accelerator`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Accelerator {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) parameters: Vec<AcceleratorEntry>,
}

/// `ModelOptimizationPolicy.ExecutionAccelerators.Accelerator.ParametersEntry`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AcceleratorEntry {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

/// `ModelConfig.ParametersEntry`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ParametersEntry {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) value: Option<ModelParameter>,
}

/// `ModelParameter`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelParameter {
    #[prost(string, tag = "1")]
    pub(crate) string_value: String,
}

/// `ModelWarmup`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelWarmup {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(uint32, tag = "2")]
    pub(crate) batch_size: u32,
    #[prost(message, repeated, tag = "3")]
    pub(crate) inputs: Vec<WarmupEntry>,
}

/// `ModelWarmup.InputsEntry`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WarmupEntry {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) value: Option<WarmupInput>,
}

/// `ModelWarmup.Input`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WarmupInput {
    #[prost(enumeration = "DataType", tag = "1")]
    pub(crate) data_type: i32,
    #[prost(int64, repeated, tag = "2")]
    pub(crate) dims: Vec<i64>,
    #[prost(string, optional, tag = "5")]
    pub(crate) input_data_file: Option<String>,
}

/// `ModelInstanceGroup.Kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum InstanceKind {
    Auto = 0,
    Gpu = 1,
    Cpu = 2,
    Model = 3,
}

/// `DataType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum DataType {
    Invalid = 0,
    Bool = 1,
    Uint8 = 2,
    Uint16 = 3,
    Uint32 = 4,
    Uint64 = 5,
    Int8 = 6,
    Int16 = 7,
    Int32 = 8,
    Int64 = 9,
    Fp16 = 10,
    Fp32 = 11,
    Fp64 = 12,
    String = 13,
    Bf16 = 14,
}

impl DataType {
    /// Triton's name: `TYPE_FP32`.
    pub(crate) fn triton_name(self) -> String {
        format!("TYPE_{self:?}").to_uppercase()
    }
}

impl From<Element> for DataType {
    fn from(element: Element) -> Self {
        match element {
            Element::Bool => Self::Bool,
            Element::Uint8 => Self::Uint8,
            Element::Uint16 => Self::Uint16,
            Element::Uint32 => Self::Uint32,
            Element::Uint64 => Self::Uint64,
            Element::Int8 => Self::Int8,
            Element::Int16 => Self::Int16,
            Element::Int32 => Self::Int32,
            Element::Int64 => Self::Int64,
            Element::Float16 => Self::Fp16,
            Element::Float32 => Self::Fp32,
            Element::Float64 => Self::Fp64,
            Element::String => Self::String,
            Element::Bfloat16 => Self::Bf16,
        }
    }
}
