//! The functions of OpenSlide 4 that Kiln calls. Associated images are not among them: labels and macro images show names
//! of patients, so their pixels are never read.

use std::error::Error as _;
use std::ffi::{c_char, c_void};
use std::mem::ManuallyDrop;
use std::path::Path;

use kiln_files::shared_library::loader_reason;
use libloading::Library;

/// An open slide, opaque.
pub(super) type Osr = c_void;
/// A tile cache, opaque.
pub(super) type Cache = c_void;
/// A NULL-terminated array of strings.
pub(super) type Strings = *const *const c_char;

/// Loads a library for the rest of the process: GLib, which is inside, cannot be unloaded.
///
/// # Safety
/// The file must be a library whose initialisers may run.
///
/// # Errors
/// The loader's message.
pub(super) unsafe fn open_library(path: &Path) -> Result<ManuallyDrop<Library>, String> {
    // SAFETY: passed on to the caller.
    let library = unsafe { Library::new(path) };
    let message = |error: libloading::Error| error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let library = library.map_err(|error| loader_reason(&message(error)))?;
    Ok(ManuallyDrop::new(library))
}

macro_rules! api {
    ($($(#[$doc:meta])* $field:ident = $symbol:literal : fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// Pointers into the loaded library, which is never unloaded.
        #[derive(Debug, Clone, Copy)]
        pub(super) struct Api {
            $($(#[$doc])* pub(super) $field: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Api {
            /// Loads the library and finds its functions.
            ///
            /// # Safety
            /// The file must be an OpenSlide library, whose initialisers run.
            ///
            /// # Errors
            /// The loader's message, or the function that is missing.
            pub(super) unsafe fn load(path: &Path) -> Result<Self, String> {
                // SAFETY: passed on to the caller.
                let library = unsafe { open_library(path) }?;
                Ok(Self {
                    $($field: {
                        // SAFETY: the symbol has this signature in openslide.h of every version that exports it.
                        let symbol = unsafe {
                            library.get::<unsafe extern "C" fn($($argument),*) $(-> $result)?>($symbol.as_bytes())
                        };
                        *symbol.map_err(|_| format!("it does not export {}", $symbol))?
                    },)*
                })
            }
        }
    };
}

api! {
    /// Opens a slide; NULL if no format recognises the file.
    open = "openslide_open": fn(*const c_char) -> *mut Osr;
    /// Closes a slide; no other call may be running on it.
    close = "openslide_close": fn(*mut Osr);
    /// The error that ended the slide's use, or NULL.
    get_error = "openslide_get_error": fn(*mut Osr) -> *const c_char;
    /// Number of levels, -1 after an error.
    get_level_count = "openslide_get_level_count": fn(*mut Osr) -> i32;
    /// Size of a level, -1 after an error.
    get_level_dimensions = "openslide_get_level_dimensions": fn(*mut Osr, i32, *mut i64, *mut i64);
    /// Downsample of a level, -1 after an error.
    get_level_downsample = "openslide_get_level_downsample": fn(*mut Osr, i32) -> f64;
    /// Premultiplied ARGB pixels; x and y in level 0.
    read_region = "openslide_read_region": fn(*mut Osr, *mut u32, i64, i64, i32, i64, i64);
    /// Names of properties.
    get_property_names = "openslide_get_property_names": fn(*mut Osr) -> Strings;
    /// Value of a property, or NULL.
    get_property_value = "openslide_get_property_value": fn(*mut Osr, *const c_char) -> *const c_char;
    /// Names of associated images.
    get_associated_image_names = "openslide_get_associated_image_names": fn(*mut Osr) -> Strings;
    /// Size of an associated image.
    get_associated_image_dimensions =
        "openslide_get_associated_image_dimensions": fn(*mut Osr, *const c_char, *mut i64, *mut i64);
    /// Length of the ICC profile in bytes, 0 if there is none, -1 after an error.
    get_icc_profile_size = "openslide_get_icc_profile_size": fn(*mut Osr) -> i64;
    /// Makes a tile cache of a capacity in bytes.
    cache_create = "openslide_cache_create": fn(usize) -> *mut Cache;
    /// Makes a slide use a cache.
    set_cache = "openslide_set_cache": fn(*mut Osr, *mut Cache);
    /// Gives up the program's reference to a cache; slides keep theirs.
    cache_release = "openslide_cache_release": fn(*mut Cache);
}
