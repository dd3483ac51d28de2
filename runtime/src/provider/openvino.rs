//! Intel OpenVINO: the `openvino` runtime wheel has all its libraries and runs on any x86-64 CPU; Intel GPUs and NPUs need
//! their own drivers.

use ort::ep::{ExecutionProviderDispatch, OpenVINO};

use super::compiled::Keeping;
use super::configured::{ConfiguredProvider, SessionSetup, dispatch};
use super::option::{BY_KILN, Settings as _, provider_options, words};

words! {
    /// Precision of the computation.
    OpenVinoPrecision {
        /// The graph's own: without it, OpenVINO may compute in bf16 on CPUs that support it.
        Accuracy = "accuracy", "ACCURACY";
        /// Single precision.
        Fp32 = "fp32", "FP32";
        /// Half precision; for GPUs and NPUs.
        Fp16 = "fp16", "FP16";
    }
}

provider_options! {
    /// Options of `openvino`.
    OpenVinoOptions {
        /// Device: `CPU`, `GPU`, `GPU.1`, `NPU`, or a list such as `HETERO:GPU,CPU`, `AUTO:NPU,CPU`.
        device: String = "CPU".to_owned(), "CPU, GPU, GPU.N, NPU, or HETERO:, MULTI:, AUTO: and a list", sets "device_type";
        /// Precision of the computation.
        precision: OpenVinoPrecision = OpenVinoPrecision::Accuracy, "accuracy, fp32 or fp16", sets "precision";
        /// Threads; without it, those of the session.
        threads: Option<u32> = None, "a number from 1", sets "num_of_threads";
        /// Batches that run side by side.
        streams: Option<u32> = None, "a number from 1 to 255", sets "num_streams";
        /// Compiled graphs are kept in the user's cache folder, and read back the next time.
        compiled_cache: bool = false, "true or false", sets BY_KILN;
    }
}

impl ConfiguredProvider for OpenVinoOptions {
    fn check(&self) -> Result<(), String> {
        if !is_device(&self.device) {
            let known = "CPU, GPU, GPU.0, NPU, HETERO:GPU,CPU, MULTI:…, AUTO:…";
            return Err(format!("`device` is `{}`; it takes for example {known}", self.device));
        }
        if self.threads == Some(0) || self.streams.is_some_and(|streams| !(1..=255).contains(&streams)) {
            return Err("`threads` and `streams` are at least 1, `streams` at most 255".to_owned());
        }
        Ok(())
    }

    fn registration(&self, setup: &SessionSetup<'_>) -> Option<ExecutionProviderDispatch> {
        let mut settings = self.settings();
        if let (None, Some(threads)) = (self.threads, setup.threads) {
            settings.push(("num_of_threads", threads.to_string()));
        }
        if let (true, Some(compiled)) = (self.compiled_cache, setup.compiled) {
            settings.push(("cache_dir", compiled.folder().display().to_string()));
        }
        Some(dispatch(OpenVINO::default(), settings))
    }

    fn keeps_compiled(&self) -> Option<Keeping> {
        self.compiled_cache.then_some(Keeping { root: None, tensorrt: None, depends_on_threads: true })
    }
}

/// A device, or a way of choosing among several.
fn is_device(text: &str) -> bool {
    let one = |name: &str| {
        let (kind, number) = name.split_once('.').unwrap_or((name, "0"));
        ["CPU", "GPU", "NPU"].contains(&kind) && number.parse::<u8>().is_ok()
    };
    match text.split_once(':') {
        Some((way, list)) => ["HETERO", "MULTI", "AUTO"].contains(&way) && list.split(',').all(one),
        None => text == "AUTO" || one(text),
    }
}

#[cfg(test)]
mod tests {
    use super::is_device;

    #[test]
    fn devices_are_known_by_their_form() {
        assert!(["CPU", "GPU.1", "NPU", "HETERO:GPU,CPU", "AUTO", "AUTO:NPU,CPU"].into_iter().all(is_device));
        assert!(!["cpu", "TPU", "GPU.x", "HETERO:", "HETERO:TPU"].into_iter().any(is_device));
    }
}
