//! The errors of opening a slide and of its resolution.

use std::io;
use std::path::PathBuf;

use kiln_files::Fault;

/// The reason why a slide could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SlideError {
    /// The file could not be opened or read: it does not exist, for example.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The slide.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A pipe, a device, or a folder without DICOM files.
    #[error("{}: {found}, expected a slide file or a folder of DICOM files", .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// The kind of thing at the path.
        found: &'static str,
    },
    /// An empty file.
    #[error("{}: the file is empty", .path.display())]
    Empty {
        /// The slide.
        path: PathBuf,
    },
    /// A folder with several DICOM series.
    #[error("{}: the folder holds {series} DICOM series; name one file of the wanted series", .path.display())]
    SeveralSeries {
        /// The folder.
        path: PathBuf,
        /// Number of series.
        series: usize,
    },
    /// No format of OpenSlide's recognises the file.
    #[error(
        "{}: OpenSlide {version} recognises no slide format; convert the slide to a tiled pyramidal TIFF", .path.display()
    )]
    Unsupported {
        /// The slide.
        path: PathBuf,
        /// OpenSlide's version.
        version: String,
    },
    /// OpenSlide recognises the format and refuses the file.
    #[error("{}: the slide cannot be opened: {reason}", .path.display())]
    Damaged {
        /// The slide.
        path: PathBuf,
        /// OpenSlide's reason, on one line.
        reason: String,
    },
    /// OpenSlide refuses the file, and the TIFF's header names parts beyond the end of the file.
    #[error("{}: the slide cannot be opened, and the file seems to be cut short: {reason}", .path.display())]
    CutShort {
        /// The slide.
        path: PathBuf,
        /// The sign of it.
        reason: String,
    },
    /// Sizes, levels or tiles that no real slide has.
    #[error("{}: {what}", .path.display())]
    Geometry {
        /// The slide.
        path: PathBuf,
        /// The refused quantity with its value and limit.
        what: String,
    },
    /// The child process that examined the slide was killed by a signal, or ended with an unknown status.
    #[error("{}: examining the slide ended the process that did it ({how}): the file is damaged or hostile", .path.display())]
    Crashed {
        /// The slide.
        path: PathBuf,
        /// The signal or status.
        how: String,
    },
    /// The child process that examined the slide did not end in time.
    #[error(
        "{}: examining the slide took more than {seconds} s of processor time: the file is damaged or hostile",
        .path.display()
    )]
    TimedOut {
        /// The slide.
        path: PathBuf,
        /// The limit in seconds of processor time.
        seconds: u64,
    },
    /// The child process that examined the slide waited for its file, or for the processor, until the end.
    #[error("{}: examining the slide did not end within {seconds} s: the storage may not answer", .path.display())]
    NoAnswer {
        /// The slide.
        path: PathBuf,
        /// The limit in seconds by the clock.
        seconds: u64,
    },
    /// The child process refused the slide.
    #[error("{reason}")]
    Refused {
        /// The slide.
        path: PathBuf,
        /// The child's message, which names the slide.
        reason: String,
    },
}

impl SlideError {
    /// Returns a short stable name of the reason, for tables and counts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => "not_found",
            Self::Unsupported { .. } => "unsupported",
            Self::SeveralSeries { .. } => "several_series",
            Self::Crashed { .. } | Self::TimedOut { .. } => "hostile",
            Self::Geometry { .. } => "too_large",
            Self::Io { .. }
            | Self::NotAFile { .. }
            | Self::Empty { .. }
            | Self::Damaged { .. }
            | Self::CutShort { .. }
            | Self::NoAnswer { .. }
            | Self::Refused { .. } => "unreadable",
        }
    }

    /// Returns the error category: always wrong input.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}

/// The reason why the resolution of a slide is not known. It is never guessed from the magnification.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ResolutionError {
    /// The slide states no resolution.
    #[error("{}: the slide states no resolution ({found}); give its µm/px", .path.display())]
    Missing {
        /// The slide.
        path: PathBuf,
        /// The properties that were looked for, and unusable values.
        found: String,
    },
    /// A value that no microscope slide has.
    #[error(
        "{}: {x:.4} x {y:.4} µm/px from {from}, expected 0.05 to 20 µm/px; give the slide's µm/px", .path.display()
    )]
    Absurd {
        /// The slide.
        path: PathBuf,
        /// µm/px along x.
        x: f64,
        /// µm/px along y.
        y: f64,
        /// The source of the value.
        from: String,
    },
    /// Pixels that are not square.
    #[error(
        "{}: {x:.4} µm/px along x and {y:.4} along y from {from}, more than 1 % apart; give the slide's µm/px if its pixels \
         are square", .path.display()
    )]
    Anisotropic {
        /// The slide.
        path: PathBuf,
        /// µm/px along x.
        x: f64,
        /// µm/px along y.
        y: f64,
        /// The source of the values.
        from: String,
    },
    /// An override outside the accepted range.
    #[error("{value} µm/px, expected 0.05 to 20 µm/px")]
    Override {
        /// The given value.
        value: f64,
    },
}

impl ResolutionError {
    /// Returns a short stable name of the reason, for tables and counts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "no_mpp",
            Self::Absurd { .. } | Self::Override { .. } => "absurd_mpp",
            Self::Anisotropic { .. } => "anisotropic_mpp",
        }
    }

    /// Returns the error category: always wrong input.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}
