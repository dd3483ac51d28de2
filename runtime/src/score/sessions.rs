//! Sessions side by side, and the threads of each. On a CPU several sessions of one thread beat one
//! session of several: no operator waits for its slowest thread, and decoding fills the gaps. A device has one session.

use std::iter::once_with;
use std::path::Path;
use std::thread;

use crate::library::Runtime;
use crate::provider::{ProviderKind, Providers};
use crate::scorer::threads_ended;
use crate::session::{Session, SessionOptions};
use crate::{DecisionRule, Result};

/// Sessions side by side on a CPU, at most: each holds the weights.
pub const MAX_STREAMS: usize = 4;

/// Memory of a session for each tile of its batch, in bytes. A further session took 33 to 66 MiB at batches of 8 (two small
/// models on a CPU); rounded up.
const BYTES_A_TILE: u64 = 9 << 20;

/// Sessions and the threads of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Sessions side by side.
    pub streams: usize,
    /// Threads of each.
    pub threads: usize,
}

impl Layout {
    /// The layout for `threads` in all and this many batches: every session has at least one batch.
    #[must_use]
    pub fn new(providers: &Providers, threads: usize, batches: usize) -> Self {
        let only_cpu = providers.kinds().all(|kind| kind == ProviderKind::Cpu);
        let streams = if only_cpu { threads.min(MAX_STREAMS).min(batches).max(1) } else { 1 };
        Self::of(streams, threads)
    }

    /// The layout with as few sessions as half of `memory` bytes has room for, and at least one. Each session holds the
    /// weights twice, as read and as the kernels want them, and the values of a batch. `None` is memory without a limit.
    #[must_use]
    pub fn within(self, memory: Option<u64>, model_bytes: u64, batch: usize) -> Self {
        let Some(memory) = memory else { return self };
        let session = model_bytes.saturating_mul(2).saturating_add(BYTES_A_TILE.saturating_mul(batch as u64));
        let room = usize::try_from(memory / 2 / session.max(1)).unwrap_or(usize::MAX);
        Self::of(self.streams.min(room).max(1), self.threads * self.streams)
    }

    fn of(streams: usize, threads: usize) -> Self {
        Self { streams, threads: (threads / streams).max(1) }
    }
}

/// Opens the sessions side by side, which compute the outputs that rows need.
///
/// # Errors
/// As [`Session::open`], of the first session that cannot be opened.
pub fn open_sessions(
    runtime: &'static Runtime,
    model: &Path,
    options: &SessionOptions,
    layout: Layout,
    rule: &DecisionRule,
) -> Result<Vec<Session>> {
    let options = SessionOptions {
        threads: Some(layout.threads),
        // Threads that spin between operators take the cores from those that decode: a quarter slower on two cores.
        spinning: false,
        ..options.clone()
    };
    let session = || -> Result<Session> {
        let mut session = Session::open(runtime, model, &options)?;
        session.select_outputs(rule.outputs())?;
        Ok(session)
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..layout.streams).map(|_| scope.spawn(session)).collect();
        let first = once_with(session);
        first.chain(others.into_iter().map(|other| other.join().unwrap_or_else(|_| Err(threads_ended())))).collect()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_has_a_session_for_each_thread_and_a_device_has_one() {
        let layout = |list: &str, threads, batches| Layout::new(&list.parse().unwrap(), threads, batches);
        assert_eq!(layout("cpu", 2, 100), Layout { streams: 2, threads: 1 });
        assert_eq!(layout("cpu", 16, 100), Layout { streams: 4, threads: 4 });
        assert_eq!(layout("cpu", 4, 1), Layout { streams: 1, threads: 4 });
        assert_eq!(layout("cuda,cpu", 8, 100), Layout { streams: 1, threads: 8 });
    }

    #[test]
    fn little_memory_has_fewer_sessions_of_more_threads() {
        let whole = Layout { streams: 4, threads: 2 };
        let within = |memory: u64, model: u64| whole.within(Some(memory), model << 20, 8);
        assert_eq!(whole.within(None, 1 << 40, 8), whole);
        assert_eq!(within(16 << 30, 100), whole);
        assert_eq!(within(512 << 20, 1), Layout { streams: 3, threads: 2 });
        assert_eq!(within(512 << 20, 50), Layout { streams: 1, threads: 8 });
        assert_eq!(within(1, u64::MAX >> 20), Layout { streams: 1, threads: 8 });
    }
}
