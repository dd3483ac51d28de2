//! Work on several cores. Results do not depend on the number of threads: items share nothing that is written.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use kiln_files::limits::Limits;

/// Most threads. Each may hold a decoded stored tile, which has up to 256 MiB.
const MOST: usize = 4;

/// Calls `work` once for each item, on a thread for each core. Returns when all calls have returned.
pub(crate) fn for_each<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let take = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item);
        }
    };
    thread::scope(|scope| {
        for _ in 1..Limits::here().cores.min(MOST).min(items.len()) {
            // Without a further thread this one does all: a machine at its limit is no error.
            let _ = thread::Builder::new().spawn_scoped(scope, take);
        }
        take();
    });
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn every_item_is_worked_on_once() {
        for count in [0, 1, 2, 1_000] {
            let items: Vec<usize> = (0..count).collect();
            let seen = Mutex::new(Vec::new());
            for_each(&items, |item| seen.lock().unwrap().push(*item));
            let mut seen = seen.into_inner().unwrap();
            seen.sort_unstable();
            assert_eq!(seen, items);
        }
    }
}
