//! NVIDIA TensorRT: needs the `cuda` package and all that CUDA needs, and TensorRT 10 where the loader finds it.

use ort::ep::{ExecutionProviderDispatch, TensorRT};

pub(super) const NAME: &str = "TensorrtExecutionProvider";

pub(super) fn registration() -> ExecutionProviderDispatch {
    TensorRT::default().build().error_on_failure()
}
