//! The ONNX side: element types, protobuf messages, and the finished model. Promises that the same graph always gives
//! the same bytes; it decides nothing about the graph.

mod element;
mod encode;
mod external;
mod model;
pub mod proto;
mod write;

pub(crate) use element::{Element, narrowed, scalar_bytes};
pub(crate) use encode::{Header, Initializer, attribute, described, encode};
pub use model::OnnxModel;
pub(crate) use write::Parts;
