//! The placement of nodes on providers. `ort` has no wrapper for this call yet, so it is made through the C API; it works
//! only for sessions that were opened with [`RECORD`] set to `1`.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::ptr;

use ort::AsPointer as _;
use ort::sys::{OrtEpAssignedNode, OrtEpAssignedSubgraph, OrtStatusPtr};
use serde::Serialize;

use crate::provider::user_name;

/// The session entry that makes ONNX Runtime record the placement.
pub(super) const RECORD: &str = "session.record_ep_graph_assignment_info";

/// A node and its provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlacedNode {
    /// Provider, by the name that users type.
    pub provider: String,
    /// Name in the graph, after the optimisations for every provider; may be empty.
    pub name: String,
    /// ONNX operator, such as `Conv`.
    pub operator: String,
}

/// The number of nodes by provider.
pub(super) fn count(placed: &[PlacedNode]) -> BTreeMap<String, usize> {
    placed.iter().fold(BTreeMap::new(), |mut nodes, node| {
        *nodes.entry(node.provider.clone()).or_default() += 1;
        nodes
    })
}

/// Reads the placement of the session's nodes from ONNX Runtime.
pub(super) fn placement(session: &ort::session::Session) -> ort::Result<Vec<PlacedNode>> {
    let mut subgraphs: *const *const OrtEpAssignedSubgraph = ptr::null();
    let mut count = 0;
    // SAFETY: the session is alive and the out-pointers are valid; what they receive belongs to the session.
    checked(unsafe {
        (ort::api().Session_GetEpGraphAssignmentInfo)(session.ptr(), &raw mut subgraphs, &raw mut count)
    })?;
    let mut placed = Vec::new();
    for i in 0..count {
        // SAFETY: the array holds `count` pointers to subgraphs that live as long as the session.
        unsafe { add_nodes(*subgraphs.add(i), &mut placed)? };
    }
    Ok(placed)
}

/// # Safety
/// `subgraph` comes from a live session.
unsafe fn add_nodes(subgraph: *const OrtEpAssignedSubgraph, placed: &mut Vec<PlacedNode>) -> ort::Result<()> {
    let api = ort::api();
    // SAFETY: as promised by the caller; strings are NUL-terminated and belong to the session.
    let provider = unsafe { text(|out| (api.EpAssignedSubgraph_GetEpName)(subgraph, out))? };
    let provider = user_name(&provider);
    let mut nodes: *const *const OrtEpAssignedNode = ptr::null();
    let mut count = 0;
    // SAFETY: as above.
    checked(unsafe { (api.EpAssignedSubgraph_GetNodes)(subgraph, &raw mut nodes, &raw mut count) })?;
    for i in 0..count {
        // SAFETY: the array holds `count` pointers to nodes that live as long as the session.
        let (name, operator) = unsafe {
            let node = *nodes.add(i);
            let name = text(|out| (api.EpAssignedNode_GetName)(node, out))?;
            (name, text(|out| (api.EpAssignedNode_GetOperatorType)(node, out))?)
        };
        placed.push(PlacedNode { provider: provider.clone(), name, operator });
    }
    Ok(())
}

/// # Safety
/// `get` writes a pointer to a NUL-terminated string, or returns an error.
unsafe fn text(get: impl FnOnce(*mut *const c_char) -> OrtStatusPtr) -> ort::Result<String> {
    let mut string: *const c_char = ptr::null();
    checked(get(&raw mut string))?;
    if string.is_null() {
        return Ok(String::new());
    }
    // SAFETY: as promised by the caller.
    Ok(unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned())
}

fn checked(status: OrtStatusPtr) -> ort::Result<()> {
    // SAFETY: the status comes straight from ONNX Runtime and is given up here.
    unsafe { ort::Error::result_from_status(status) }
}
