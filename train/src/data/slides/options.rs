//! Options for reading the tiles of slides.

use std::path::PathBuf;

/// Options for reading the tiles of slides. For a data set of image files, nothing of it matters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SlideOptions {
    /// Resolution of the tiles in µm/px. The places of the list must agree with it within 1 %. `None` for the resolution
    /// that the places of the first slide have.
    pub micrometres_per_pixel: Option<f64>,
    /// Resolution of level 0 in µm/px, for slides that state none; it replaces the stated one.
    pub mpp_override: Option<f64>,
    /// Enlarges tiles of slides whose level 0 is coarser than the tiles.
    pub upsample: bool,
    /// The OpenSlide library; `None` for the installed one, else the system's.
    pub openslide: Option<PathBuf>,
}
