//! NVIDIA TensorRT: needs the `cuda` package and all that CUDA needs, and TensorRT 10 where the loader finds it. Building
//! an engine takes seconds to minutes, so engines and timings are kept in the user's cache folder, each set under a key
//! of all that an engine depends on.

use std::path::PathBuf;

use ort::ep::{ArbitrarilyConfigurableExecutionProvider as _, ExecutionProviderDispatch, TensorRT};

use super::option::{BY_KILN, OptionTable, provider_options};
use super::registration::Site;

provider_options! {
    /// Options of `tensorrt`.
    TensorRtOptions {
        /// The GPU, as CUDA numbers them.
        device_id: u32 = 0, "a number from 0", sets "device_id";
        /// Kernels in half precision may be chosen; without it, only for a variant of that precision.
        fp16: Option<bool> = None, "true or false", sets "trt_fp16_enable";
        /// Kernels in 8 bits may be chosen; without it, only for a variant of that precision.
        int8: Option<bool> = None, "true or false", sets "trt_int8_enable";
        /// The most that building an engine may take of the GPU's memory.
        workspace: Option<u64> = None, "bytes", sets "trt_max_workspace_size";
        /// The fewest nodes that are worth an engine.
        min_subgraph: u32 = 1, "a number of nodes", sets "trt_min_subgraph_size";
        /// The most rounds of dividing the graph into engines.
        max_partition_iterations: u32 = 1000, "a number", sets "trt_max_partition_iterations";
        /// Engines are kept in the cache folder, and read back the next time.
        engine_cache: bool = true, "true or false", sets "trt_engine_cache_enable";
        /// Timings of kernels are kept too, so that the next engine of any model on this GPU builds sooner.
        timing_cache: bool = true, "true or false", sets "trt_timing_cache_enable";
        /// Where engines and timings are kept; without it, `engines` in Kiln's cache folder.
        cache_dir: Option<PathBuf> = None, "a folder", sets BY_KILN;
        /// How hard the builder searches.
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
        /// The builder says what it does, at log level info.
        detailed_build_log: bool = false, "true or false", sets "trt_detailed_build_log";
        /// Kernel launches are recorded once a batch size and replayed; needs `io_binding`.
        cuda_graph: bool = false, "true or false", sets "trt_cuda_graph_enable";
        /// The whole graph with its engine becomes an EP-context model in the cache folder, and is read back the next time.
        context: bool = false, "true or false", sets BY_KILN;
        /// Tiles and outputs stay in the GPU's memory between copies that are made once, from pinned memory.
        io_binding: bool = true, "true or false", sets BY_KILN;
    }
}

impl OptionTable for TensorRtOptions {
    const TABLE: &'static [super::OptionDoc] = Self::TABLE;

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
}

impl TensorRtOptions {
    /// What is told to ONNX Runtime for one graph: the options, the folder of its engines, the batches that an engine
    /// must take.
    pub(super) fn told(&self, site: &Site<'_>) -> Vec<(&'static str, String)> {
        let mut told = self.settings();
        if let Some(engines) = site.engines {
            let (engine, timing) = (engines.folder().display(), engines.timing_folder().display());
            told.extend([("trt_engine_cache_path", engine.to_string()), ("trt_timing_cache_path", timing.to_string())]);
        }
        if let Some(profile) = site.profile {
            told.extend([
                ("trt_profile_min_shapes", profile.shape(profile.min)),
                ("trt_profile_opt_shapes", profile.shape(profile.opt)),
                ("trt_profile_max_shapes", profile.shape(profile.max)),
            ]);
        }
        told
    }
}

pub(super) fn registration(options: &TensorRtOptions, site: &Site<'_>) -> ExecutionProviderDispatch {
    let told = options.told(site).into_iter();
    told.fold(TensorRT::default(), |p, (key, value)| p.with_arbitrary_config(key, value)).build().error_on_failure()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Profile;

    #[test]
    fn an_engine_takes_every_batch_of_the_profile() {
        let profile = Profile { input: "tile".to_owned(), axes: vec![256, 256, 3], min: 1, opt: 8, max: 32 };
        let site = Site { threads: None, profile: Some(&profile), engines: None };
        let told = TensorRtOptions::default().told(&site);
        for (key, shape) in [("min", "tile:1x256x256x3"), ("opt", "tile:8x256x256x3"), ("max", "tile:32x256x256x3")] {
            assert!(told.contains(&(format!("trt_profile_{key}_shapes").as_str(), shape.to_owned())), "{told:?}");
        }
    }
}
