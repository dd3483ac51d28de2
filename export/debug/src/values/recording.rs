//! burn's own values: the recording behind an exported graph, executed operation by operation on burn's CPU backend. Every
//! tensor is kept, even after its last use in the recording.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use burn::backend::ir::{IrVisitorMut, OperationIr, TensorIr, TensorStatus};
use burn::tensor::TensorData;
use burn_flex::{Flex, FlexDevice};
use burn_onnx_export::Recorded;
use burn_router::TensorInterpreter;

use super::{Execution, Values};
use crate::array::{from_burn, to_burn};
use crate::error::{DebugError, Result};

/// A recording, ready to be executed at its recorded sizes.
pub(crate) struct Recording {
    recorded: Recorded,
    /// Operations that keep every tensor.
    operations: Vec<OperationIr>,
    constants: Vec<(burn::backend::capture::TensorId, TensorData)>,
}

impl Recording {
    /// Copies the parameters out of the module.
    pub(crate) fn new(recorded: Recorded) -> Result<Self> {
        let constants = recorded.constants().collect::<burn_onnx_export::Result<Vec<_>>>()?;
        let kept =
            recorded.operations().iter().filter(|one| !matches!(one, OperationIr::Drop(_) | OperationIr::Init(_)));
        let mut operations: Vec<OperationIr> = kept.cloned().collect();
        operations.iter_mut().for_each(|operation| operation.visit_mut(&mut KeepAll));
        Ok(Self { recorded, operations, constants })
    }

    /// The number of rows of the first input's first axis that the recording was made with.
    pub(crate) fn batch(&self) -> Option<usize> {
        let (name, _) = self.recorded.inputs().next()?;
        self.recorded.tensor(name)?.shape.iter().next().copied()
    }
}

/// Marks every tensor as one that is read again, so that no operation takes it away.
struct KeepAll;

impl IrVisitorMut for KeepAll {
    fn visit_tensor_mut(&mut self, tensor: &mut TensorIr) {
        tensor.status = TensorStatus::ReadOnly;
    }
}

impl Execution for Recording {
    fn run(&mut self, inputs: &Values) -> Result<Values> {
        let mut interpreter = TensorInterpreter::<Flex>::new(FlexDevice);
        for (id, data) in &self.constants {
            interpreter.register_tensor_data_id(*id, data.clone());
        }
        let mut values = Values::new();
        for (name, id) in self.recorded.inputs() {
            let wrong = |reason: String| DebugError::Inputs { reason };
            let array = inputs.get(name).ok_or_else(|| wrong(format!("`{name}` was not given")))?;
            let Some(tensor) = self.recorded.tensor(name) else { continue };
            if tensor.shape.as_slice() != array.shape() {
                let (wanted, given) = (tensor.shape.to_vec(), array.shape());
                return Err(wrong(format!("`{name}` is {given:?}, and burn was recorded with {wanted:?}")));
            }
            interpreter.register_tensor_data_id(id, to_burn(array, tensor.dtype));
        }
        for (index, operation) in self.operations.iter().enumerate() {
            kiln_files::caught(|| interpreter.register_op(operation.clone()))
                .map_err(|reason| DebugError::Recording { index, kind: Recorded::kind(operation), reason })?;
        }
        for (name, tensor) in self.recorded.values() {
            let tensor = TensorIr { status: TensorStatus::ReadOnly, ..tensor.clone() };
            let data = kiln_files::caught(|| read(&mut interpreter, tensor)).map_err(|reason| {
                DebugError::Recording { index: self.operations.len(), kind: format!("reading `{name}`"), reason }
            })??;
            values.extend(from_burn(&data).map(|array| (name.to_owned(), array)));
        }
        Ok(values)
    }
}

/// Copies a tensor out of the interpreter. The CPU backend computes at once, so its futures are ready.
fn read(interpreter: &mut TensorInterpreter<Flex>, tensor: TensorIr) -> Result<TensorData> {
    let failed = |reason: String| DebugError::Recording { index: 0, kind: "reading a tensor".to_owned(), reason };
    let mut future = pin!(interpreter.read_tensor_async(tensor));
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(data)) => Ok(data),
        Poll::Ready(Err(error)) => Err(failed(format!("{error:?}"))),
        Poll::Pending => Err(failed("the backend has not computed it".to_owned())),
    }
}
