//! Fallible work on all cores, with the error that the same work in order would have ended with.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// `work` of each of `0..len`, in order. Rayon's own collecting returns the error that came first in time, which names
/// another tile or slide from run to run.
///
/// # Errors
/// The one of the lowest number that fails. Numbers above it are not begun once it is known.
pub(crate) fn try_map<R: Send, E: Send>(len: usize, work: impl Fn(usize) -> Result<R, E> + Sync) -> Result<Vec<R>, E> {
    let failed = AtomicUsize::new(len);
    let attempt = |index: usize| {
        if index > failed.load(Ordering::Relaxed) {
            return None;
        }
        let result = work(index);
        if result.is_err() {
            failed.fetch_min(index, Ordering::Relaxed);
        }
        Some(result)
    };
    // Only numbers above an error are skipped, so no result in front of the first error is missing.
    (0..len).into_par_iter().map(attempt).collect::<Vec<_>>().into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_are_in_order() {
        assert_eq!(try_map(100, |index| Ok::<_, ()>(index * 2)), Ok((0..100).map(|index| index * 2).collect()));
        assert_eq!(try_map(0, Err::<(), _>), Ok(vec![]));
    }

    #[test]
    fn the_first_error_in_order_is_returned_even_if_it_comes_last_in_time() {
        for _ in 0..20 {
            let slow_first = |index: usize| {
                thread::sleep(Duration::from_millis(if index == 3 { 20 } else { 0 }));
                if index < 3 { Ok(()) } else { Err(index) }
            };
            assert_eq!(try_map(64, slow_first), Err(3));
        }
    }
}
