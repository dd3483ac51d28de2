//! Hints for errors about slides.

use std::error::Error;

use kiln_files::text::escaped;
use kiln_slide::openslide::LibraryError;
use kiln_slide::{
    AnnotationError, AnnotationProblem, GridError, PlanError, ResolutionError, SlideError, TilingError,
    is_unsupported_slide,
};

/// The flag or command that solves the problem.
pub(super) fn slide(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<LibraryError>() {
        let hint = match error {
            LibraryError::Install { .. } => "name a library with --openslide PATH",
            _ if !kiln_slide::openslide::is_pinned_here() => "name a library with --openslide PATH",
            LibraryError::Damaged { .. } => "type `kiln runtime install openslide` to get it again",
            _ => "type `kiln runtime install openslide`, or name a library with --openslide PATH",
        };
        return Some(hint.to_owned());
    }
    if let Some(error) = error.downcast_ref::<ResolutionError>() {
        return resolution(error);
    }
    if let Some(error) = error.downcast_ref::<SlideError>() {
        return match error {
            SlideError::Unsupported { path, .. } if !kiln_tile::is_tile_path(path) && !is_unsupported_slide(path) => {
                Some("to score image files as tiles, name them with a tile's ending".to_owned())
            }
            SlideError::CutShort { .. } => {
                Some("copy the slide again, and compare both files with `sha256sum`".to_owned())
            }
            _ => None,
        };
    }
    if let Some(error) = error.downcast_ref::<AnnotationError>() {
        return annotation(&error.problem);
    }
    if let Some(error) = error.downcast_ref::<AnnotationProblem>() {
        return annotation(error);
    }
    match error.downcast_ref::<TilingError>()? {
        TilingError::Resolution(error) => resolution(error),
        TilingError::Plan { source: PlanError::TooCoarse { .. }, .. } => {
            Some("--upsample enlarges the tiles of this slide; the model has not seen such tiles".to_owned())
        }
        TilingError::Name { .. } => Some("rename the file or its folder".to_owned()),
        TilingError::Grid { source: GridError::Overlap { .. }, .. } => Some("set it with --overlap".to_owned()),
        _ => None,
    }
}

fn resolution(error: &ResolutionError) -> Option<String> {
    match error {
        ResolutionError::Override { .. } => None,
        _ => Some("if you know it, state it with --mpp-override UM (µm/px of level 0)".to_owned()),
    }
}

fn annotation(problem: &AnnotationProblem) -> Option<String> {
    match problem {
        AnnotationProblem::UnknownGroups { .. } => {
            Some("state its meaning with --group NAME=tumour, NAME=normal or NAME=ignore".to_owned())
        }
        AnnotationProblem::NoArea { group } => Some(format!("--group \"{}=ignore\" leaves it out", escaped(group))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_opened_has_the_hint_of_its_kind() {
        let unsupported = |path: &str| slide(&SlideError::Unsupported { path: path.into(), version: String::new() });
        assert!(unsupported("tile.dat").is_some_and(|hint| hint.contains("a tile's ending")));
        for path in ["a.tif", "a.PNG", "a.czi"] {
            assert_eq!(unsupported(path), None, "{path}");
        }
        let cut = SlideError::CutShort { path: "a.tif".into(), reason: String::new() };
        assert!(slide(&cut).is_some_and(|hint| hint.contains("copy the slide again")));
        let missing = ResolutionError::Missing { path: "a.tif".into(), found: String::new() };
        assert!(slide(&missing).is_some_and(|hint| hint.contains("--mpp-override")));
    }
}
