//! The checks of a model before anything is computed: operators, opset, input and outputs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use burn_onnx_export::proto::{DataType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto};

use super::{DeclaredInput, DeclaredOutput, for_each_node, type_name};
use crate::import::ImportError;

/// The oldest opset in which the operators of the preprocessing have their present meaning (broadcasting came with 7).
const OLDEST: i64 = 7;

/// The opset that is added to a model without standard operators.
const USUAL: i64 = 17;

/// Domains that every ONNX Runtime has, beside the standard one.
const KNOWN: [&str; 5] =
    ["ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc", "ai.onnx.preview.training"];

/// Refuses operators of a domain that is neither ONNX Runtime's nor defined by the model.
pub(super) fn operators(path: &Path, model: &ModelProto) -> Result<(), ImportError> {
    let defined: BTreeSet<(&str, &str)> =
        model.functions.iter().map(|function| (function.domain.as_str(), function.name.as_str())).collect();
    let mut unknown: BTreeMap<(String, String), String> = BTreeMap::new();
    for_each_node(model, &mut |node: &NodeProto| {
        let (domain, operator) = (node.domain.as_str(), node.op_type.as_str());
        if !node.is_standard() && !KNOWN.contains(&domain) && !defined.contains(&(domain, operator)) {
            unknown.entry((domain.to_owned(), operator.to_owned())).or_insert_with(|| node.name.clone());
        }
    });
    if unknown.is_empty() {
        return Ok(());
    }
    let named = |((domain, operator), node): ((String, String), String)| {
        let (domain, operator, node) = (domain.escape_debug(), operator.escape_debug(), node.escape_debug());
        format!("{domain}::{operator} (node `{node}`)")
    };
    Err(ImportError::CustomOperator { path: path.to_owned(), operators: unknown.into_iter().map(named).collect() })
}

/// The opset of the standard operators; added if the model has only others.
pub(super) fn opset(path: &Path, model: &mut ModelProto) -> Result<i64, ImportError> {
    match model.opset("") {
        Some(version) if version < OLDEST => Err(ImportError::Opset { path: path.to_owned(), version }),
        Some(version) => Ok(version),
        None => {
            model.opset_import.push(OperatorSetIdProto::standard(USUAL));
            Ok(USUAL)
        }
    }
}

/// Names of the constants of a graph.
pub(super) fn constants(graph: &GraphProto) -> BTreeSet<String> {
    let sparse = graph.sparse_initializer.iter().filter_map(|sparse| sparse.values.as_ref());
    graph.initializer.iter().chain(sparse).map(|tensor| tensor.name.clone()).collect()
}

/// The only input. It must be a tensor.
pub(super) fn input(path: &Path, graph: &GraphProto) -> Result<DeclaredInput, ImportError> {
    let [port] = graph.input.as_slice() else {
        let inputs = graph.input.iter().map(described).collect();
        return Err(ImportError::Inputs { path: path.to_owned(), inputs });
    };
    let Some(tensor) = port.tensor_type() else {
        let reason = format!("is {}; a tile model takes a tensor of pixels", type_name(port));
        return Err(ImportError::Input { path: path.to_owned(), input: port.name.clone(), reason });
    };
    // A size of 0 or below is how some exporters write an unknown one.
    let size = |size: Option<i64>| size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0);
    let dims = port.dims().map(|dims| dims.iter().map(|dim| size(dim.dim_value())).collect());
    Ok(DeclaredInput { name: port.name.clone(), element: tensor.elem_type, dims })
}

/// `image: float32 [?, 3, 224, 224]`.
fn described(port: &ValueInfoProto) -> String {
    let dims = port.dims().map(|dims| {
        let size = |dim: &burn_onnx_export::proto::DimensionProto| match (dim.dim_value(), dim.dim_param()) {
            (Some(size), _) => size.to_string(),
            (None, Some(name)) => name.to_owned(),
            (None, None) => "?".to_owned(),
        };
        format!(" [{}]", dims.iter().map(size).collect::<Vec<_>>().join(", "))
    });
    format!("`{}`: {}{}", port.name.escape_debug(), type_name(port), dims.unwrap_or_default())
}

/// An output that is a tensor of numbers, or the reason why it is left out.
pub(super) fn output(port: &ValueInfoProto) -> Result<DeclaredOutput, String> {
    let element = match (&port.r#type, port.tensor_type()) {
        (None, _) => 0,
        (Some(_), Some(tensor)) => tensor.elem_type,
        (Some(_), None) => return Err(format!("it is {}", type_name(port))),
    };
    // Floats, integers and booleans; an undefined type is inferred by ONNX Runtime.
    let is_usable = |kind: DataType| match kind {
        DataType::Undefined => true,
        DataType::String => false,
        kind => kind.name().is_some(),
    };
    match DataType::from_code(element).is_some_and(is_usable) {
        true => Ok(DeclaredOutput { name: port.name.clone(), element }),
        false => Err(format!("it is {}", type_name(port))),
    }
}
