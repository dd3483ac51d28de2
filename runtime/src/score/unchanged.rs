//! Comparison of tiles with those that were scored, by the digests of their bytes, on several threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use kiln_files::FileDigest;
use kiln_tile::TileError;

/// A tile now, compared with the tile that was scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    /// The very bytes.
    Same,
    /// Other bytes, or a file that cannot be read.
    Changed,
    /// No such file.
    Missing,
}

/// Compares the digests of tiles' bytes now with those of the bytes that were scored, in the order given.
pub(super) fn compare<T: Copy + Sync>(
    tiles: &[(T, FileDigest)],
    digest: &(dyn Fn(T) -> Result<FileDigest, TileError> + Sync),
    workers: usize,
    on_tile: &(dyn Fn() + Sync),
) -> Vec<Compared> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((tile, scored)) = tiles.get(at) else { return found };
            found.push((at, now(digest(*tile), *scored)));
            on_tile();
        }
    };
    // A thread that ended early leaves its tiles as changed, which is scored again and never wrong.
    let mut all = vec![Compared::Changed; tiles.len()];
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers.clamp(1, tiles.len().max(1))).map(|_| scope.spawn(work)).collect();
        for found in threads.into_iter().filter_map(|thread| thread.join().ok()) {
            found.into_iter().for_each(|(at, one)| all[at] = one);
        }
    });
    all
}

fn now(digest: Result<FileDigest, TileError>, scored: FileDigest) -> Compared {
    match digest {
        Ok(digest) if digest == scored => Compared::Same,
        Err(TileError::NotFound) => Compared::Missing,
        _ => Compared::Changed,
    }
}
