//! Lowers burn operations to ONNX nodes. There is one file for each family of operations, listed in [`lower_operation`], and
//! [`blocks`] has the blocks that families share. A lowering is a few lines over [`Context`]; it bridges the differences
//! between burn and ONNX, and a comment describes each.

mod activation;
mod base;
mod blocks;
mod boolean;
mod context;
mod conv;
mod create;
mod divide;
mod float;
mod index;
mod int;
mod layer;
mod numeric;
mod pool;
mod power;
mod reduce;
mod refused;
mod resize;
mod scan;
mod slice;
mod sort;

use std::collections::{BTreeMap, HashMap};

use burn::backend::capture::TensorId;
use burn::backend::ir::OperationIr;

pub(crate) use context::Choices;
use context::{Context, Lowered, Refusal, refuse};
pub use refused::not_expressible;

use crate::capture::kind;
use crate::error::{Error, Result, Unsupported};
use crate::graph::{Graph, Origin, ValueId, passes};
use crate::symbolic::Size;
use crate::trace::Trace;

/// Lowers a whole trace. Returns the graph, and the value of each recorded tensor. Operations that cannot be lowered are all reported at once.
pub(crate) fn lower<'n>(
    mut trace: Trace,
    inputs: impl Iterator<Item = (&'n str, Vec<Size>)>,
    choices: Choices,
) -> Result<(Graph, HashMap<TensorId, ValueId>)> {
    let values = std::mem::take(&mut trace.base.values);
    let weights = std::mem::take(&mut trace.base.weights);
    let mut context = Context::new(&trace, values, weights, choices);
    context.inputs(inputs)?;
    let mut unsupported = Vec::new();
    for (index, operation) in trace.base.operations.iter().enumerate() {
        let owned = operation.inputs().any(|tensor| trace.base.parameters.contains_key(&tensor.id));
        context.begin(index, origin(&trace, index, operation, owned));
        match lower_operation(&mut context, operation) {
            Ok(()) => {}
            Err(Refusal::Unsupported(reason)) => {
                let module = trace.modules.path(index).to_owned();
                unsupported.push(Unsupported { index, kind: kind(operation), module, reason });
                // Refused operations get results of the right type, so that later operations can be checked too.
                operation.outputs().for_each(|out| context.placeholder(out));
            }
            Err(Refusal::Ambiguous) => return Err(ambiguous(&trace, index, operation)),
        }
    }
    if !unsupported.is_empty() {
        return Err(Error::Unsupported(unsupported));
    }
    context.outputs()?;
    let (mut graph, bound) = context.finish();
    let missing = passes::kernels::insert_casts(&mut graph, choices.opset);
    let without = missing.into_iter().map(|one| without_kernel(&graph, &one)).collect::<Vec<_>>();
    if without.is_empty() { Ok((graph, bound)) } else { Err(Error::Unsupported(without)) }
}

/// The refusal of a node. Origins are numbered like operations, and the outputs come after them.
fn without_kernel(graph: &Graph, missing: &passes::kernels::Missing) -> Unsupported {
    let origin = &graph.origins[missing.origin];
    let reason = format!(
        "ONNX Runtime's CPU provider has no kernel of {} for {:?}; use 32 bits there",
        missing.op, missing.element
    );
    Unsupported { index: missing.origin, kind: origin.kind.clone(), module: origin.module.clone(), reason }
}

/// Lowers an operation with the file of its family.
fn lower_operation(context: &mut Context<'_>, operation: &OperationIr) -> Lowered {
    match operation {
        OperationIr::BaseFloat(op) | OperationIr::BaseInt(op) | OperationIr::BaseBool(op) => base::lower(context, op),
        OperationIr::NumericFloat(_, op) | OperationIr::NumericInt(_, op) => numeric::lower(context, op),
        OperationIr::Float(_, op) => float::lower(context, op),
        OperationIr::Int(op) => int::lower(context, op),
        OperationIr::Bool(op) => boolean::lower(context, op),
        OperationIr::Activation(op) => activation::lower(context, op),
        OperationIr::Module(op) => layer::lower(context, op),
        OperationIr::Init(_) | OperationIr::Drop(_) => Ok(()),
        OperationIr::Custom(op) => refuse(format!("`{}`: {}", op.id, refused::CUSTOM)),
        OperationIr::Distributed(_) => refuse(refused::DISTRIBUTED),
    }
}

fn origin(trace: &Trace, index: usize, operation: &OperationIr, owned: bool) -> Origin {
    let module = trace.modules.path(index).to_owned();
    let types: &BTreeMap<String, String> = &trace.base.types;
    let module_type = types.get(&module).cloned().unwrap_or_default();
    Origin { kind: kind(operation), module, module_type, owned }
}

fn ambiguous(trace: &Trace, index: usize, operation: &OperationIr) -> Error {
    let shape = |one: &OperationIr| one.outputs().next().map(|out| out.shape.to_vec()).unwrap_or_default();
    let shapes = trace.variants(index).map(shape).collect();
    Error::Ambiguous { index, kind: kind(operation), module: trace.modules.path(index).to_owned(), shapes }
}
