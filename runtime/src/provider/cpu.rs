//! The CPU provider is in every session, after all others. It is registered by name only to switch its arena off, since
//! every registration through `ort` does that, at up to 40 % of the speed at batch 8.

use ort::ep::{CPU, ExecutionProviderDispatch};

use super::configured::{BoundMemory, ConfiguredProvider, Memory, SessionSetup};
use super::option::{BY_KILN, provider_options};

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

impl ConfiguredProvider for CpuOptions {
    fn registration(&self, _setup: &SessionSetup<'_>) -> Option<ExecutionProviderDispatch> {
        (!self.arena).then(|| CPU::default().with_arena_allocator(false).build())
    }

    fn flushes_to_zero(&self) -> bool {
        self.flush_to_zero
    }

    fn io_binding(&self) -> Option<BoundMemory> {
        self.io_binding.then_some(BoundMemory { memory: Memory::Host, cuda_graph: false })
    }
}
