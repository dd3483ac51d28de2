//! Readers of untrusted bytes without the sockets that the bytes come from, for the fuzz targets in `tests/fuzz`. Not part
//! of the public interface: anything here may change in any release.

#[cfg(feature = "endpoint")]
pub use crate::endpoint::fuzzing::{Documents, grpc_answer, grpc_documents, http_answer, http_documents};
pub use crate::score::fuzzing::rows;
