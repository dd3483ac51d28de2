//! A model server as a scorer: a bundle that Triton, KServe, OpenVINO Model Server or MLServer serves is checked, scored
//! and measured over the Open Inference Protocol v2, by HTTP with binary tensors or by gRPC.
//!
//! Guarantees: nothing is sent before the server's metadata agree with the bundle's manifest; no answer is used before its
//! names, element types, shapes and sizes are checked; an inference that may have been lost is sent again until a time
//! limit, which is safe because inferences change nothing on the server. Left to others: the choice of tiles
//! ([`score`](crate::score)) and the comparison of answers ([`parity`](crate::parity)).
//!
//! Source: Open Inference Protocol v2 (KServe), and Triton's extensions `binary_tensor_data`, `model_configuration` and
//! `statistics`.

mod answer;
mod client;
mod connection;
mod contract;
mod error;
mod failure;
pub(crate) mod fuzzing;
mod golden;
mod grpc;
mod http;
mod json;
mod message;
mod metadata;
mod options;
mod retry;
mod server;
mod statistics;
mod tls;
mod transport;
mod url;

pub use client::Endpoint;
pub use error::EndpointError;
pub use golden::check_golden;
pub use metadata::{ModelMetadata, ServerMetadata, TensorMetadata};
pub use options::{EndpointOptions, TOKEN_VARIABLE, Token};
pub use server::Served;
pub use statistics::Statistics;
pub use url::{EndpointUrl, Scheme};

pub use crate::server_times::ServerTimes;
