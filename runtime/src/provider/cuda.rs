//! NVIDIA CUDA: needs the `cuda` runtime wheel, an NVIDIA driver, and CUDA 13 with cuDNN 9 on the loader's path.

use ort::ep::{CUDA, ExecutionProviderDispatch};

use super::configured::{BoundMemory, ConfiguredProvider, SessionSetup, dispatch};
use super::option::{BY_KILN, Settings as _, provider_options, words};

words! {
    /// cuDNN's search for the algorithm of a convolution.
    ConvSearch {
        /// Every algorithm is timed at the first run of a shape: slow then, fastest after.
        Exhaustive = "exhaustive", "EXHAUSTIVE";
        /// cuDNN's own guess.
        Heuristic = "heuristic", "HEURISTIC";
        /// Always implicit precomputed GEMM: starts at once, up to four times slower after.
        Default = "default", "DEFAULT";
    }
}

words! {
    /// Growth of the arena.
    ArenaExtend {
        /// By powers of two.
        NextPowerOfTwo = "next_power_of_two", "kNextPowerOfTwo";
        /// By the requested size.
        SameAsRequested = "same_as_requested", "kSameAsRequested";
    }
}

provider_options! {
    /// Options of `cuda`.
    CudaOptions {
        /// The GPU's number in CUDA.
        device_id: u32 = 0, "a number from 0", sets "device_id";
        /// Largest size of the arena; cuDNN's own workspace comes on top.
        memory_limit: Option<u64> = None, "bytes", sets "gpu_mem_limit";
        /// Growth of the arena.
        arena_extend: ArenaExtend = ArenaExtend::NextPowerOfTwo, "next_power_of_two or same_as_requested",
            sets "arena_extend_strategy";
        /// Search for the algorithm of each convolution.
        conv_search: ConvSearch = ConvSearch::Exhaustive, "exhaustive, heuristic or default", sets "cudnn_conv_algo_search";
        /// The search may use all free memory of the GPU.
        conv_max_workspace: bool = true, "true or false", sets "cudnn_conv_use_max_workspace";
        /// Products in TensorFloat-32. Off, unlike in ONNX Runtime: 10 bits of mantissa move scores by more than parity allows.
        tf32: bool = false, "true or false", sets "use_tf32";
        /// Kernel launches are recorded once a batch size and replayed; needs `io_binding`.
        cuda_graph: bool = false, "true or false", sets "enable_cuda_graph";
        /// Convolutions in NHWC layout, which tensor cores prefer.
        prefer_nhwc: bool = false, "true or false", sets "prefer_nhwc";
        /// A convolution and its bias are one kernel.
        fuse_conv_bias: bool = false, "true or false", sets "fuse_conv_bias";
        /// Tiles and outputs stay in the GPU's memory between copies that are made once, from pinned memory.
        io_binding: bool = true, "true or false", sets BY_KILN;
    }
}

impl ConfiguredProvider for CudaOptions {
    fn check(&self) -> Result<(), String> {
        if self.cuda_graph && !self.io_binding {
            return Err(
                "`cuda_graph` needs `io_binding`: a recorded launch reads and writes fixed addresses".to_owned()
            );
        }
        Ok(())
    }

    fn registration(&self, _setup: &SessionSetup<'_>) -> Option<ExecutionProviderDispatch> {
        Some(dispatch(CUDA::default(), self.settings()))
    }

    fn io_binding(&self) -> Option<BoundMemory> {
        BoundMemory::cuda(self.device_id, self.io_binding, self.cuda_graph)
    }
}
