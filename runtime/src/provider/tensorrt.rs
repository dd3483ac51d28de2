//! NVIDIA TensorRT: needs the `cuda` package and all that CUDA needs, and TensorRT 10 where the loader finds it.

use ort::ep::{ExecutionProviderDispatch, TensorRT};

pub(super) const NAME: &str = "TensorrtExecutionProvider";
pub(super) const NEEDS: &str = "an NVIDIA GPU with its driver, CUDA 13, cuDNN 9 and TensorRT 10";

pub(super) fn registration() -> ExecutionProviderDispatch {
    TensorRT::default().build().error_on_failure()
}
