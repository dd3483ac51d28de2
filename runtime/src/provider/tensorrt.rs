//! NVIDIA TensorRT: needs the `cuda` runtime wheel, CUDA's own needs, and TensorRT 10 on the loader's path. Building an
//! engine takes seconds to minutes, so engines and timings are kept in the user's cache folder, under a digest of
//! everything that an engine depends on.

use std::path::PathBuf;
use std::sync::Arc;

use ort::ep::{ExecutionProviderDispatch, TensorRT};

use super::compiled::Keeping;
use super::configured::{BoundMemory, ConfiguredProvider, SessionSetup, dispatch};
use super::option::{BY_KILN, Settings as _, provider_options};

provider_options! {
    /// Options of `tensorrt`.
    TensorRtOptions {
        /// The GPU's number in CUDA.
        device_id: u32 = 0, "a number from 0", sets "device_id";
        /// Kernels in half precision may be chosen; without it, only for a variant of that precision.
        fp16: Option<bool> = None, "true or false", sets "trt_fp16_enable";
        /// Kernels in 8 bits may be chosen; without it, only for a variant of that precision.
        int8: Option<bool> = None, "true or false", sets "trt_int8_enable";
        /// Most GPU memory that building an engine may take.
        workspace: Option<u64> = None, "bytes", sets "trt_max_workspace_size";
        /// Fewest nodes that become an engine.
        min_subgraph: u32 = 1, "a number of nodes", sets "trt_min_subgraph_size";
        /// Most rounds of dividing the graph into engines.
        max_partition_iterations: u32 = 1000, "a number", sets "trt_max_partition_iterations";
        /// Engines are kept in the cache folder, and read back the next time.
        engine_cache: bool = true, "true or false", sets "trt_engine_cache_enable";
        /// Timings of kernels are kept too, so that the next engine of any model on this GPU builds sooner.
        timing_cache: bool = true, "true or false", sets "trt_timing_cache_enable";
        /// Folder of engines and timings; without it, Kiln's cache folder.
        cache_dir: Option<PathBuf> = None, "a folder", sets BY_KILN;
        /// Effort of the builder's search.
        builder_optimization_level: u8 = 3, "0 to 5", sets "trt_builder_optimization_level";
        /// The builder guesses where it would time.
        build_heuristics: bool = false, "true or false", sets "trt_build_heuristics_enable";
        /// Weights with structured zeros use the GPU's sparse units.
        sparsity: bool = false, "true or false", sets "trt_sparsity_enable";
        /// Streams beside the main one; -1 leaves it to TensorRT.
        auxiliary_streams: i8 = -1, "-1 or a number", sets "trt_auxiliary_streams";
        /// Layer normalisation stays in single precision in a half-precision engine.
        layer_norm_fp32: bool = true, "true or false", sets "trt_layer_norm_fp32_fallback";
        /// Engines run on newer GPUs than the one that built them, some of them slower.
        hardware_compatible: bool = false, "true or false", sets "trt_engine_hw_compatible";
        /// Engines share their working memory.
        context_memory_sharing: bool = false, "true or false", sets "trt_context_memory_sharing_enable";
        /// Engines are built one after another.
        sequential_build: bool = false, "true or false", sets "trt_force_sequential_engine_build";
        /// The builder logs each step, at log level info.
        detailed_build_log: bool = false, "true or false", sets "trt_detailed_build_log";
        /// Kernel launches are recorded once a batch size and replayed; needs `io_binding`.
        cuda_graph: bool = false, "true or false", sets "trt_cuda_graph_enable";
        /// The whole graph with its engine becomes an EP-context model in the cache folder, and is read back the next time.
        context: bool = false, "true or false", sets BY_KILN;
        /// Tiles and outputs stay in the GPU's memory between copies that are made once, from pinned memory.
        io_binding: bool = true, "true or false", sets BY_KILN;
    }
}

impl ConfiguredProvider for TensorRtOptions {
    fn check(&self) -> Result<(), String> {
        if self.cuda_graph && !self.io_binding {
            return Err(
                "`cuda_graph` needs `io_binding`: a recorded launch reads and writes fixed addresses".to_owned()
            );
        }
        if self.builder_optimization_level > 5 {
            let level = self.builder_optimization_level;
            return Err(format!("`builder_optimization_level` is {level}; it goes from 0 to 5"));
        }
        Ok(())
    }

    fn registration(&self, setup: &SessionSetup<'_>) -> Option<ExecutionProviderDispatch> {
        Some(dispatch(TensorRT::default(), self.settings_for(setup)))
    }

    fn keeps_compiled(&self) -> Option<Keeping> {
        (self.engine_cache || self.timing_cache || self.context).then(|| Keeping {
            root: self.cache_dir.clone(),
            tensorrt: version(),
            depends_on_threads: false,
        })
    }

    /// TensorRT alone: OpenVINO 1.24.1 writes an EP-context model for its CPU and cannot read it back, and has its own
    /// cache of compiled graphs.
    fn writes_context(&self) -> bool {
        self.context
    }

    fn io_binding(&self) -> Option<BoundMemory> {
        BoundMemory::cuda(self.device_id, self.io_binding, self.cuda_graph)
    }

    fn for_precision(&self, precision: &str) -> Option<Arc<dyn ConfiguredProvider>> {
        let mut options = self.clone();
        options.fp16.get_or_insert(precision == "fp16");
        options.int8.get_or_insert(precision == "int8");
        Some(Arc::new(options))
    }
}

impl TensorRtOptions {
    /// The settings for one graph: the options, the folder of its engines, the batches that an engine must accept.
    fn settings_for(&self, setup: &SessionSetup<'_>) -> Vec<(&str, String)> {
        let mut settings = self.settings();
        if let Some(compiled) = setup.compiled {
            let (engine, timing) = (compiled.folder().display(), compiled.timing_folder().display());
            settings
                .extend([("trt_engine_cache_path", engine.to_string()), ("trt_timing_cache_path", timing.to_string())]);
        }
        if let Some(profile) = setup.shape_profile {
            settings.extend([
                ("trt_profile_min_shapes", profile.shape(profile.min)),
                ("trt_profile_opt_shapes", profile.shape(profile.opt)),
                ("trt_profile_max_shapes", profile.shape(profile.max)),
            ]);
        }
        settings
    }
}

/// The version of the TensorRT that ONNX Runtime's provider is linked to; none if the loader does not find it.
fn version() -> Option<String> {
    // SAFETY: loading runs the library's initialisers; ONNX Runtime is about to load the same library.
    let library = unsafe { libloading::Library::new("libnvinfer.so.10") }.ok()?;
    // SAFETY: TensorRT 10 exports this function with this signature (NvInferRuntime.h).
    let version = unsafe { library.get::<unsafe extern "C" fn() -> i32>(b"getInferLibVersion") }.ok()?;
    // SAFETY: it takes nothing and returns 10000 times the major version plus 100 times the minor plus the patch.
    let number = unsafe { version() };
    std::mem::forget(library);
    Some(format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::ShapeProfile;

    #[test]
    fn an_engine_takes_every_batch_of_the_shape_profile() {
        let profile = ShapeProfile { input: "tile".to_owned(), axes: vec![256, 256, 3], min: 1, opt: 8, max: 32 };
        let setup = SessionSetup { threads: None, shape_profile: Some(&profile), compiled: None };
        let options = TensorRtOptions::default();
        let settings = options.settings_for(&setup);
        for (key, shape) in [("min", "tile:1x256x256x3"), ("opt", "tile:8x256x256x3"), ("max", "tile:32x256x256x3")] {
            assert!(
                settings.contains(&(format!("trt_profile_{key}_shapes").as_str(), shape.to_owned())),
                "{settings:?}"
            );
        }
    }
}
