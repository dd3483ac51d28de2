//! A slide that many threads read. After an error the handle is dead, so it is replaced: one bad tile costs the reads that
//! touch it, and no other.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::ahead::Ahead;
use super::grid;
use super::handle::{Block, Handle, MAX_BLOCK};
use super::header::Header;
use super::library::Library;
use super::pixels;
use super::recover;
use crate::error::SlideError;
use crate::level::Level;
use crate::region::{ReadError, Region};

/// Rows and columns of a level that are read in one call. With the margin of [`grid`] they stay below [`MAX_BLOCK`].
const STEP: i64 = 2_048;

/// An open slide with its facts.
#[derive(Debug)]
pub(crate) struct SharedHandle {
    path: PathBuf,
    library: Library,
    current: RwLock<Arc<Handle>>,
    header: Header,
}

/// The part of a read within the level: half-open ranges of level pixels.
#[derive(Debug, Clone, Copy)]
struct Window {
    left: i64,
    top: i64,
    right: i64,
    bottom: i64,
    /// Set if stored tiles are decoded ahead of each block.
    ahead: Option<Ahead>,
}

impl SharedHandle {
    pub(crate) fn open(path: &Path, library: &Library) -> Result<Self, SlideError> {
        let handle = Handle::open(path, library)?;
        let header = handle.header(path)?;
        Ok(Self { path: path.to_owned(), library: library.clone(), current: RwLock::new(Arc::new(handle)), header })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// True if every pixel of the level can be read unchanged. False where OpenSlide interpolates, because the downsample
    /// is not whole; pixels are then recovered, at most a few levels of 255 off.
    pub(crate) fn is_exact(&self, level: &Level) -> bool {
        // Starts are exact everywhere if they are at the far end, where the rounding of the downsample has grown most,
        // and at a position in between.
        let far = i64::try_from(level.width.max(level.height)).unwrap_or(i64::MAX);
        [far / 2, far / 2 + 1, far * 2 / 3, far - 1].iter().all(|&at| grid::start(at, level.downsample).is_exact())
    }

    /// Reads a rectangle in whole pixels of a level. A failure is that of these pixels: a handle that another read has
    /// killed is replaced, and the read repeated. With `on_threads`, several threads decode the stored tiles first: for a
    /// caller that reads on one thread.
    pub(crate) fn read(
        &self,
        level: u32,
        (x, y): (i64, i64),
        (width, height): (u32, u32),
        background: [u8; 3],
        on_threads: bool,
    ) -> Result<Region, ReadError> {
        let mut region = Region::blank(width, height, background)?;
        let levels = &self.header.levels;
        let count = u32::try_from(levels.len()).unwrap_or(u32::MAX);
        let (Some(found), Ok(number)) = (levels.get(level as usize), i32::try_from(level)) else {
            return Err(ReadError::NoLevel { level, levels: count });
        };
        let Some(window) = Window::on(found, (x, y), (width, height)) else { return Ok(region) };
        let handle = self.current()?;
        let mut read = |handle: &Handle, ahead| {
            region.data_pixels = 0;
            Window { ahead, ..window }.read(handle, number, found.downsample, (x, y), background, &mut region)
        };
        let stored = self.header.tile(level as usize).filter(|_| on_threads);
        if read(&handle, Ahead::new(found, stored, self.library.cache_bytes())).is_err() {
            // Another thread may have met a bad tile. Nobody else uses a new handle, so its error is that of this read.
            let fresh = self.reopen()?;
            read(&fresh, None).map_err(ReadError::Damaged)?;
            self.replace(&handle, fresh);
        }
        Ok(region)
    }

    /// A handle that was alive just now.
    fn current(&self) -> Result<Arc<Handle>, ReadError> {
        let handle = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        if handle.error().is_none() {
            return Ok(handle);
        }
        let fresh = self.reopen()?;
        Ok(self.replace(&handle, fresh))
    }

    /// Puts `fresh` in the place of `dead`, unless another thread has done so. Returns the handle in use.
    fn replace(&self, dead: &Arc<Handle>, fresh: Handle) -> Arc<Handle> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, dead) {
            *current = Arc::new(fresh);
        }
        Arc::clone(&current)
    }

    /// A new handle of the same slide.
    fn reopen(&self) -> Result<Handle, ReadError> {
        let failed = |error: SlideError| match error {
            SlideError::Io { source, .. } => ReadError::Io(source),
            SlideError::Damaged { reason, .. } => ReadError::Damaged(reason),
            _ => ReadError::Changed,
        };
        let handle = Handle::open(&self.path, &self.library).map_err(failed)?;
        let header = handle.header(&self.path).map_err(failed)?;
        if header.levels != self.header.levels {
            return Err(ReadError::Changed);
        }
        Ok(handle)
    }
}

impl Window {
    /// The part of a rectangle within a level, if any.
    fn on(level: &Level, (x, y): (i64, i64), (width, height): (u32, u32)) -> Option<Self> {
        let side = |side: u64| i64::try_from(side).unwrap_or(i64::MAX);
        let window = Self {
            left: x.max(0),
            top: y.max(0),
            right: x.saturating_add(i64::from(width)).min(side(level.width)),
            bottom: y.saturating_add(i64::from(height)).min(side(level.height)),
            ahead: None,
        };
        (window.left < window.right && window.top < window.bottom).then_some(window)
    }

    /// Reads the window into a region whose upper left pixel is `origin`.
    fn read(
        self,
        handle: &Handle,
        level: i32,
        downsample: f64,
        origin: (i64, i64),
        background: [u8; 3],
        region: &mut Region,
    ) -> Result<(), String> {
        let mut argb = Vec::new();
        for top in steps(self.top, self.bottom) {
            let rows = grid::start(top, downsample);
            let bottom = (top + STEP).min(self.bottom);
            for left in steps(self.left, self.right) {
                let columns = grid::start(left, downsample);
                let right = (left + STEP).min(self.right);
                if let Some(ahead) = &self.ahead {
                    ahead.decode(handle, level, left..right, top..bottom);
                }
                let width = length(right + columns.padding() - columns.level);
                let height = length(bottom + rows.padding() - rows.level);
                handle.read(Block { level, x: columns.slide, y: rows.slide, width, height }, &mut argb)?;
                if columns.padding() + rows.padding() > 0 {
                    recover::recover(&mut argb, width, columns.blending(), rows.blending());
                }
                let (skipped, taken) = (length(left - columns.level), length(right - left));
                for row in top..bottom {
                    let from = length(row - rows.level) * width + skipped;
                    let to = length(row - origin.1) * region.width as usize + length(left - origin.0);
                    let rgb = &mut region.rgb[to * 3..(to + taken) * 3];
                    region.data_pixels += pixels::compose(&argb[from..from + taken], background, rgb);
                }
            }
        }
        Ok(())
    }
}

fn steps(from: i64, to: i64) -> impl Iterator<Item = i64> {
    (from..to).step_by(STEP as usize)
}

/// A length inside a region or a block, which is not negative and small.
fn length(pixels: i64) -> usize {
    usize::try_from(pixels).unwrap_or(0)
}

const _: () = assert!((STEP + grid::MARGIN + grid::PADDING) as usize <= MAX_BLOCK);
