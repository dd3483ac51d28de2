//! One open handle of OpenSlide. A handle is dead after its first error: every later call on it fails too.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::path::Path;
use std::ptr::NonNull;

use kiln_files::text::one_line;

use super::api::{Osr, Strings};
use super::header::{self, Header, MAX_LEVELS, MAX_PROPERTIES, MAX_VALUE};
use super::library::Library;
use crate::error::SlideError;
use crate::level::AssociatedImage;

/// A rectangle of level pixels for one call of OpenSlide, at most [`MAX_BLOCK`] a side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) level: i32,
    /// Upper left corner in level-0 pixels.
    pub(super) x: i64,
    pub(super) y: i64,
    /// Size in pixels of the level.
    pub(super) width: usize,
    pub(super) height: usize,
}

/// Largest side of a block. OpenSlide splits reads of more than 4,096 pixels at coordinates that are rounded down, off the
/// grid of the level.
pub(super) const MAX_BLOCK: usize = 4_096;

/// An open slide.
#[derive(Debug)]
pub(super) struct Handle {
    osr: NonNull<Osr>,
    library: Library,
}

// SAFETY: OpenSlide promises that a handle can be used by several threads at once without locks; it is closed by its last
// owner alone.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    /// Opens a slide and makes it use the library's cache.
    pub(super) fn open(path: &Path, library: &Library) -> Result<Self, SlideError> {
        let name = c_path(path)?;
        // SAFETY: the path is NUL-terminated.
        let osr = NonNull::new(unsafe { (library.api().open)(name.as_ptr()) })
            .ok_or_else(|| SlideError::Unsupported { path: path.to_owned(), version: library.version().to_owned() })?;
        let handle = Self { osr, library: library.clone() };
        if let Some(reason) = handle.error() {
            return Err(SlideError::Damaged { path: path.to_owned(), reason });
        }
        // SAFETY: both were made by this library and are alive.
        unsafe { (library.api().set_cache)(osr.as_ptr(), library.cache().as_ptr()) };
        Ok(handle)
    }

    /// The error that made this handle dead.
    pub(super) fn error(&self) -> Option<String> {
        // SAFETY: the handle is alive; the string lives as long as the handle.
        let text = unsafe { text((self.library.api().get_error)(self.osr.as_ptr())) };
        text.map(|text| one_line(&text).into_owned())
    }

    /// Reads a block of premultiplied ARGB pixels into `pixels`, which is resized.
    pub(super) fn read(&self, block: Block, pixels: &mut Vec<u32>) -> Result<(), String> {
        debug_assert!(block.width <= MAX_BLOCK && block.height <= MAX_BLOCK);
        pixels.clear();
        pixels.resize(block.width * block.height, 0);
        let (width, height) = (block.width as i64, block.height as i64);
        // SAFETY: the buffer holds width x height pixels, and the handle is alive.
        unsafe {
            let read_region = self.library.api().read_region;
            read_region(self.osr.as_ptr(), pixels.as_mut_ptr(), block.x, block.y, block.level, width, height);
        }
        self.error().map_or(Ok(()), Err)
    }

    /// The facts of the slide, checked against the limits.
    pub(super) fn header(&self, path: &Path) -> Result<Header, SlideError> {
        let geometry = |what| SlideError::Geometry { path: path.to_owned(), what };
        let (api, osr) = (self.library.api(), self.osr.as_ptr());
        // SAFETY: the handle is alive.
        let count = unsafe { (api.get_level_count)(osr) };
        if count > MAX_LEVELS {
            return Err(geometry(format!("{count} levels, over the limit of {MAX_LEVELS}")));
        }
        let level = |at| {
            let (mut width, mut height) = (-1, -1);
            // SAFETY: the handle is alive, and the numbers outlive the call.
            let downsample = unsafe {
                (api.get_level_dimensions)(osr, at, &raw mut width, &raw mut height);
                (api.get_level_downsample)(osr, at)
            };
            header::level(at, width, height, downsample)
        };
        let levels = (0..count).map(level).collect::<Result<_, _>>().map_err(geometry)?;
        // SAFETY: the handle is alive.
        let icc = unsafe { (api.get_icc_profile_size)(osr) };
        let header = Header {
            levels,
            properties: self.properties(),
            associated: self.associated(),
            icc_bytes: u64::try_from(icc).ok().filter(|bytes| *bytes > 0),
        };
        if let Some(reason) = self.error() {
            return Err(SlideError::Damaged { path: path.to_owned(), reason });
        }
        header.check().map_err(geometry)?;
        Ok(header)
    }

    fn properties(&self) -> BTreeMap<String, String> {
        let (api, osr) = (self.library.api(), self.osr.as_ptr());
        let value = |name: CString| {
            // SAFETY: the handle is alive, the name NUL-terminated; the value lives as long as the handle.
            let value = unsafe { text((api.get_property_value)(osr, name.as_ptr())) };
            Some((name.to_string_lossy().into_owned(), cut(value?)))
        };
        // SAFETY: the handle is alive, and so are its names.
        let names = unsafe { strings((api.get_property_names)(osr), MAX_PROPERTIES) };
        names.into_iter().filter_map(value).collect()
    }

    /// Names and sizes; the pixels are never read.
    fn associated(&self) -> Vec<AssociatedImage> {
        let (api, osr) = (self.library.api(), self.osr.as_ptr());
        let image = |name: CString| {
            let (mut width, mut height) = (-1, -1);
            // SAFETY: the handle is alive, the name NUL-terminated, and the numbers outlive the call.
            unsafe {
                (api.get_associated_image_dimensions)(osr, name.as_ptr(), &raw mut width, &raw mut height);
            }
            AssociatedImage {
                name: name.to_string_lossy().into_owned(),
                width: u64::try_from(width).unwrap_or(0),
                height: u64::try_from(height).unwrap_or(0),
            }
        };
        // SAFETY: the handle is alive, and so are its names.
        let names = unsafe { strings((api.get_associated_image_names)(osr), MAX_PROPERTIES) };
        names.into_iter().map(image).collect()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: this is the last owner, so no call is running on the handle.
        unsafe { (self.library.api().close)(self.osr.as_ptr()) };
    }
}

fn c_path(path: &Path) -> Result<CString, SlideError> {
    #[cfg(unix)]
    let bytes = {
        use std::os::unix::ffi::OsStrExt as _;
        path.as_os_str().as_bytes().to_vec()
    };
    #[cfg(not(unix))]
    let bytes = path.to_string_lossy().into_owned().into_bytes();
    CString::new(bytes).map_err(|error| SlideError::Io { path: path.to_owned(), source: error.into() })
}

/// A copy of a C string with invalid UTF-8 replaced.
///
/// # Safety
/// Null, or a NUL-terminated string that is alive during the call.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: passed on to the caller.
    Some(unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

/// Copies of the first `most` strings.
///
/// # Safety
/// Null, or a NULL-terminated array of strings that is alive during the call.
unsafe fn strings(array: Strings, most: usize) -> Vec<CString> {
    let mut found = Vec::new();
    if array.is_null() {
        return found;
    }
    for at in 0..most {
        // SAFETY: the array is not longer than its terminating NULL, at which the loop ends.
        let pointer = unsafe { *array.add(at) };
        if pointer.is_null() {
            break;
        }
        // SAFETY: an element of the array.
        found.push(unsafe { CStr::from_ptr(pointer) }.to_owned());
    }
    found
}

/// The value, cut at a character if it is longer than the limit.
fn cut(mut value: String) -> String {
    if value.len() > MAX_VALUE {
        value.truncate(value.floor_char_boundary(MAX_VALUE));
    }
    value
}
