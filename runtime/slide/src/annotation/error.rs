//! The error of annotations.

use std::io;
use std::path::PathBuf;

use kiln_files::Fault;

/// An annotation file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct AnnotationError {
    /// Path of the file.
    pub path: PathBuf,
    /// The fault.
    #[source]
    pub problem: AnnotationProblem,
}

/// A fault of an annotation file.
#[derive(Debug, thiserror::Error)]
pub enum AnnotationProblem {
    /// Reading the file failed.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A folder, a pipe or a device.
    #[error("not a regular file")]
    NotAFile,
    /// The file or its content is over a limit.
    #[error("more than {limit} {what}; raise the limit if the file is trusted, or export fewer objects")]
    TooLarge {
        /// The unit of the limit: `bytes`, `points`, `polygons`, or `nested elements`.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// Text that is not UTF-8.
    #[error("{0}; save the file as UTF-8")]
    Encoding(String),
    /// Neither ASAP's XML nor GeoJSON.
    #[error("{0}; expected the XML of ASAP (`ASAP_Annotations`) or GeoJSON as exported by QuPath")]
    Format(String),
    /// A syntax error, or a wrong value.
    #[error("line {line}: {reason}")]
    Content {
        /// Line, from 1.
        line: u64,
        /// The fault.
        reason: String,
    },
    /// Groups that are neither tumour nor not tumour by any rule.
    #[error(
        "unknown {}: {}; state for each whether it is tumour, not tumour or to be ignored (known are {known})",
        if names.len() == 1 { "group" } else { "groups" }, listed(names)
    )]
    UnknownGroups {
        /// The names, with the number of polygons of each.
        names: Vec<(String, usize)>,
        /// The known names.
        known: String,
    },
    /// Tumour that is marked without an area: by points, lines or detections alone. Its tiles would be labelled normal.
    #[error(
        "tumour is marked by objects without an area (of the group `{}`) and by no polygon, so no tile can be labelled; \
         draw outlines, or state that this group is to be ignored",
        kiln_files::text::escaped(group)
    )]
    NoArea {
        /// The group of the first object.
        group: String,
    },
    /// Polygons of another slide, or in other coordinates.
    #[error(
        "{outside} of {points} points are outside the slide of {} x {} px: x is {:.0} to {:.0}, y is {:.0} to {:.0}; the \
         annotations belong to another slide, or their coordinates are not level-0 pixels from the top left corner",
        slide.0, slide.1, x[0], x[1], y[0], y[1]
    )]
    Outside {
        /// Number of points outside.
        outside: usize,
        /// Number of points.
        points: usize,
        /// Width and height of level 0.
        slide: (u64, u64),
        /// Least and greatest abscissa.
        x: [f64; 2],
        /// Least and greatest ordinate.
        y: [f64; 2],
    },
}

impl AnnotationError {
    /// Returns the error category: always wrong input.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}

/// At most twenty names, safe to print.
fn listed(names: &[(String, usize)]) -> String {
    let shown = names.iter().take(20).map(|(name, count)| {
        let name: String = kiln_files::text::escaped(name).chars().take(64).collect();
        format!("`{name}` ({count} {})", if *count == 1 { "polygon" } else { "polygons" })
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if names.len() > 20 {
        text += &format!(" and {} more", names.len() - 20);
    }
    text
}
