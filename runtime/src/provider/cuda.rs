//! NVIDIA CUDA: needs the `cuda` package, an NVIDIA driver, and CUDA 13 with cuDNN 9 where the loader finds them.

use ort::ep::{CUDA, ExecutionProviderDispatch};

pub(super) const NAME: &str = "CUDAExecutionProvider";
pub(super) const NEEDS: &str = "an NVIDIA GPU with its driver, CUDA 13 and cuDNN 9";

/// TF32 is off: its 10 bits of mantissa would move scores by more than parity allows.
pub(super) fn registration() -> ExecutionProviderDispatch {
    CUDA::default().with_tf32(false).build().error_on_failure()
}
