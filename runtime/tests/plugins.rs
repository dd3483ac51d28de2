//! A provider that an installed plugin brings: one word selects it, and it runs or is refused with the reason.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use kiln_files::Fault;
use kiln_runtime::session::probe;
use kiln_runtime::{Error, PluginWheel, ProviderKind, chain};

#[test]
fn the_webgpu_plugin_runs_a_node_or_the_error_states_that_there_is_no_device() {
    let installed = match PluginWheel::WebGpu.install(&mut |step| eprintln!("{step}")) {
        Ok(library) => library,
        Err(error) => {
            eprintln!("skipped: {}", chain(&error));
            return;
        }
    };
    assert_eq!(PluginWheel::WebGpu.installed(), Some(installed.clone()));
    PluginWheel::WebGpu.check().unwrap();
    match probe(common::runtime(), ProviderKind::WebGpu) {
        Ok(()) => eprintln!("webgpu runs here"),
        Err(error) => {
            assert_eq!(error.fault(), Fault::Environment);
            let Error::Plugin { library, reason, .. } = &error else { panic!("{error}") };
            assert_eq!(library, &installed);
            assert!(
                reason.contains("no device on this machine") && reason.contains("CPUExecutionProvider"),
                "{reason}"
            );
        }
    }
    // What the failed attempt left behind does no harm.
    probe(common::runtime(), ProviderKind::Cpu).unwrap();
}
