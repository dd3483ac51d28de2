//! Loading ONNX Runtime while slides are examined: neither needs the other.

use std::thread;

use kiln_runtime::library;

use super::args::Args;
use crate::output::Output;

/// Runs `work` while another thread checks and loads ONNX Runtime, unless the model of a server scores. An error of loading
/// is left to the first caller that needs the library, who loads it again: errors come in the order of the steps.
pub(super) fn while_loading<T>(args: &Args, out: &Output, work: impl FnOnce() -> T) -> T {
    #[cfg(feature = "endpoint")]
    let scores_here = !args.endpoint.is_named();
    #[cfg(not(feature = "endpoint"))]
    let scores_here = true;
    let providers = args.provider.providers().ok().filter(|_| scores_here);
    let named = out.onnxruntime.as_deref();
    thread::scope(|scope| {
        if let Some(providers) = &providers {
            let load = move || library::find_for(named, providers).and_then(|found| library::load(&found)).is_ok();
            // Without a further thread the library is loaded later.
            let _ = thread::Builder::new().spawn_scoped(scope, load);
        }
        work()
    })
}
