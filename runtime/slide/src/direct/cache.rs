//! A cache of decoded TIFF tiles, shared by threads and slides. A TIFF tile of 512 pixels shows parts of four tiles of
//! 256; without the cache it would be decoded four times. The cache is bounded in bytes, and threads that need the same
//! tile at the same time decode it once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use kiln_files::limits::Limits;

/// Number of a slide, its level and its tile.
pub(super) type Key = (u64, u32, usize);

type Slot = Arc<Mutex<Option<Arc<Vec<u8>>>>>;

/// Decoded tiles, at most a given number of bytes. The oldest are dropped first.
#[derive(Debug)]
pub struct TileCache {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    slots: HashMap<Key, Slot>,
    /// Keys and their bytes, the oldest first.
    order: VecDeque<(Key, usize)>,
    bytes: usize,
}

impl Default for TileCache {
    /// 64 MiB: 85 tiles of 512 pixels. Less where the process has little memory.
    fn default() -> Self {
        Self::new(Limits::here().cache_bytes(64 << 20))
    }
}

impl TileCache {
    /// Makes a cache of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default() }
    }

    /// Returns the tile if it is in the cache. A tile that another thread is decoding is waited for.
    pub(super) fn get(&self, key: Key) -> Option<Arc<Vec<u8>>> {
        let slot = Arc::clone(lock(&self.state).slots.get(&key)?);
        let tile = lock(&slot);
        tile.clone()
    }

    /// Returns the tile; decodes it if it is not in the cache. It has `bytes` bytes. An error is not kept: the next read
    /// returns it again.
    pub(super) fn get_or_decode<E>(
        &self,
        key: Key,
        bytes: usize,
        decode: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Arc<Vec<u8>>, E> {
        let slot = self.slot(key, bytes);
        let mut tile = lock(&slot);
        if let Some(tile) = &*tile {
            return Ok(Arc::clone(tile));
        }
        let decoded = Arc::new(decode()?);
        *tile = Some(Arc::clone(&decoded));
        Ok(decoded)
    }

    fn slot(&self, key: Key, bytes: usize) -> Slot {
        let mut state = lock(&self.state);
        if let Some(slot) = state.slots.get(&key) {
            return Arc::clone(slot);
        }
        let slot = Slot::default();
        if bytes > self.limit {
            return slot;
        }
        while state.bytes + bytes > self.limit {
            let Some((oldest, bytes)) = state.order.pop_front() else { break };
            state.slots.remove(&oldest);
            state.bytes -= bytes;
        }
        state.slots.insert(key, Arc::clone(&slot));
        state.order.push_back((key, bytes));
        state.bytes += bytes;
        slot
    }

    /// Drops the tiles of a slide.
    pub(super) fn forget(&self, slide: u64) {
        let mut state = lock(&self.state);
        let State { slots, order, bytes } = &mut *state;
        order.retain(|(key, size)| {
            let keep = key.0 != slide;
            if !keep {
                slots.remove(key);
                *bytes -= size;
            }
            keep
        });
    }
}

/// A thread that panicked leaves no half-written tile: a slot is set at once.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tile(cache: &TileCache, index: usize, bytes: usize) -> bool {
        let mut decoded = false;
        let decode = || {
            decoded = true;
            Ok::<_, ()>(vec![index as u8; bytes])
        };
        assert_eq!(cache.get_or_decode((0, 0, index), bytes, decode).unwrap()[0], index as u8);
        decoded
    }

    #[test]
    fn the_oldest_tiles_are_dropped_and_the_limit_holds() {
        let cache = TileCache::new(300);
        assert!((0..3).all(|index| tile(&cache, index, 100)));
        assert!((0..3).all(|index| !tile(&cache, index, 100)));
        assert!(tile(&cache, 3, 100) && tile(&cache, 0, 100));
        assert_eq!(lock(&cache.state).bytes, 300);
        // Larger than the whole cache: decoded each time.
        assert!(tile(&cache, 9, 301) && tile(&cache, 9, 301));
        cache.forget(0);
        let state = lock(&cache.state);
        assert_eq!((state.bytes, state.slots.len()), (0, 0));
    }

    #[test]
    fn an_error_is_not_kept() {
        let cache = TileCache::new(300);
        assert_eq!(cache.get_or_decode((0, 0, 1), 100, || Err("damaged")), Err("damaged"));
        assert!(cache.get((0, 0, 1)).is_none());
        assert!(tile(&cache, 1, 100) && !tile(&cache, 1, 100));
    }

    #[test]
    fn threads_decode_a_tile_once() {
        let (cache, decoded) = (TileCache::new(1000), std::sync::atomic::AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let decode = || {
                        decoded.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        std::thread::sleep(std::time::Duration::from_millis(20));
                        Ok::<_, ()>(vec![7; 100])
                    };
                    assert_eq!(cache.get_or_decode((1, 0, 5), 100, decode).unwrap()[..], [7; 100]);
                });
            }
        });
        assert_eq!(decoded.into_inner(), 1);
    }
}
