//! Intel OpenVINO, on the CPU: the `openvino` package brings all that it needs and runs on any x86-64.

use ort::ep::{ExecutionProviderDispatch, OpenVINO};

use crate::session::SessionOptions;

pub(super) const NAME: &str = "OpenVINOExecutionProvider";
pub(super) const NEEDS: &str = "an x86-64 CPU and a graph whose nodes OpenVINO takes";

/// `ACCURACY` keeps the graph's own precision: left alone, OpenVINO may compute in bf16 where the CPU has it.
pub(super) fn registration(options: &SessionOptions) -> ExecutionProviderDispatch {
    let provider = OpenVINO::default().with_device_type("CPU").with_precision("ACCURACY");
    let provider = match options.threads {
        Some(threads) => provider.with_num_threads(threads),
        None => provider,
    };
    provider.build().error_on_failure()
}
