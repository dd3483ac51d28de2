//! The CPU provider is in every session, after all others. It is never registered by name: doing so through `ort` would
//! switch its memory arena off, which costs up to 40 % at batch 8.

use ort::ep::ExecutionProviderDispatch;

pub(super) const NAME: &str = "CPUExecutionProvider";
pub(super) const NEEDS: &str = "no more than the library";

pub(super) fn registration() -> Option<ExecutionProviderDispatch> {
    None
}
