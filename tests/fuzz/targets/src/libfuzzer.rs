//! The targets under libFuzzer: `fuzz_targets/NAME.rs` starts and runs one of them.

use std::path::Path;
use std::sync::OnceLock;

use kiln_files::is_of_library;

use crate::corpus::write_corpus;
use crate::registry::target;
use crate::target::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

/// Writes the seeds of the target to the corpus folder that libFuzzer reads, below the project's folder.
pub fn begin(name: &str, project: &str) {
    let target = target(name).expect("a target of this name");
    write_corpus(&target, Path::new(project));
    TARGET.get_or_init(|| target);
    // libFuzzer's own hook aborts at every panic. One of a dependency that is caught is no finding.
    let abort = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        if is_of_library(&place) {
            eprintln!("panicked at {place}: {}", panic.payload_as_str().unwrap_or_default());
        } else {
            abort(panic);
        }
    }));
}

/// Runs the target.
pub fn run(bytes: &[u8]) {
    (TARGET.get().expect("begin() comes first").run)(bytes);
}
