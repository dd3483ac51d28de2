//! The ONNX side: protobuf messages and the finished model. The same graph always gives the same bytes. Nothing here
//! changes the graph.

mod decode;
mod encode;
mod external;
mod model;
mod parts;
pub mod proto;
mod write;

pub use model::OnnxModel;
