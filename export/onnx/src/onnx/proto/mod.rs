//! The ONNX messages (`onnx.proto`, IR version 13) as [`prost`] types: all of them, with all of their fields, so that a
//! model of any origin can be read, changed and written without a loss. Names and field numbers follow the ONNX standard.
//!
//! ```
//! use burn_onnx_export::proto::{GraphProto, ModelProto, Message as _};
//!
//! let graph = GraphProto { name: "empty".to_owned(), ..GraphProto::default() };
//! let model = ModelProto { ir_version: 10, graph: Some(graph), ..ModelProto::default() };
//! let read = ModelProto::decode(model.encode_to_vec().as_slice())?;
//! assert_eq!(read, model);
//! # Ok::<(), prost::DecodeError>(())
//! ```

mod attribute;
mod data_type;
mod device;
mod external;
mod function;
mod graph;
mod model;
mod tensor;
mod types;

pub use attribute::{AttributeProto, AttributeType};
pub use data_type::DataType;
pub use device::{
    DeviceConfigurationProto, IntIntListEntryProto, NodeDeviceConfigurationProto, ShardedDimProto, ShardingSpecProto,
    SimpleShardedDim, SimpleShardedDimProto,
};
pub use external::{ExternalData, ExternalError, ExternalRange};
pub use function::FunctionProto;
pub use graph::{GraphProto, NodeProto, TensorAnnotation, ValueInfoProto};
pub use model::{ModelProto, OperatorSetIdProto, StringStringEntryProto, TrainingInfoProto};
/// Reading and writing of messages.
pub use prost::Message;
pub use tensor::{DataLocation, Segment, SparseTensorProto, TensorProto};
pub use types::{
    Dimension, DimensionProto, MapTypeProto, OpaqueTypeProto, OptionalTypeProto, SequenceTypeProto, TensorShapeProto,
    TensorTypeProto, TypeProto,
};
