//! The reason why a slide, or one of its levels, is not decoded directly.

/// The reason why OpenSlide reads a level instead of the direct reader. Such a level is not faulty: OpenSlide reads it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDirect {
    /// Of this vendor's files, OpenSlide's levels are not plain TIFF directories.
    #[error("slides of the vendor `{0}` are not plain tiled TIFFs")]
    Vendor(String),
    /// Neither TIFF nor BigTIFF.
    #[error("not a TIFF")]
    NotTiff,
    /// The structure of the TIFF is damaged or unusual.
    #[error("the structure of the TIFF is damaged or unusual: {0}")]
    Structure(String),
    /// No directory has the size of the level, or several have.
    #[error("{found} TIFF directories fit the level of {width} x {height} pixels, expected 1")]
    Directories {
        /// Number of directories that fit.
        found: usize,
        /// Width of the level in pixels.
        width: u64,
        /// Height of the level in pixels.
        height: u64,
    },
    /// A storage layout that the direct reader does not decode.
    #[error("{0}")]
    Layout(String),
    /// OpenSlide draws missing tiles of this vendor from another level.
    #[error("tiles are missing, which OpenSlide draws from another level")]
    DrawnFromAnotherLevel,
    /// The pixels of a tile are not those of OpenSlide.
    #[error("the pixels of a tile differ from OpenSlide's by up to {0} levels")]
    Differs(u8),
    /// No tile could be compared with OpenSlide's pixels.
    #[error("no tile could be compared with OpenSlide's pixels")]
    NotCompared,
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Io(String),
}

pub(super) fn structure(reason: impl Into<String>) -> NotDirect {
    NotDirect::Structure(reason.into())
}

pub(super) fn layout(reason: impl Into<String>) -> NotDirect {
    NotDirect::Layout(reason.into())
}

impl From<std::io::Error> for NotDirect {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => structure("it refers to data after the end of the file"),
            _ => Self::Io(error.to_string()),
        }
    }
}
