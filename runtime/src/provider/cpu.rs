//! The CPU provider is in every session, after all others. It is registered by name only where its arena is to be off:
//! doing so through `ort` is what switches the arena off, which costs up to 40 % at batch 8.

use ort::ep::{CPU, ExecutionProviderDispatch};

use super::option::{BY_KILN, OptionTable, provider_options};

provider_options! {
    /// Options of `cpu`. Threads and spinning are options of the session.
    CpuOptions {
        /// Memory of a run is kept for the next one. Off, memory falls between runs, and a run takes up to 40 % longer.
        arena: bool = true, "true or false", sets "CPU arena";
        /// Numbers too small for full precision are zero: quicker on some CPUs where activations fade out.
        flush_to_zero: bool = false, "true or false", sets "session.set_denormal_as_zero";
        /// Tiles are copied into memory that is bound to the session once, as on a GPU. Gains nothing on a CPU.
        io_binding: bool = false, "true or false", sets BY_KILN;
    }
}

impl OptionTable for CpuOptions {
    const TABLE: &'static [super::OptionDoc] = Self::TABLE;
}

pub(super) fn registration(options: &CpuOptions) -> Option<ExecutionProviderDispatch> {
    (!options.arena).then(|| CPU::default().with_arena_allocator(false).build().error_on_failure())
}
