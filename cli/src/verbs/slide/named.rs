//! The slides that arguments name: files, and folders that are searched.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use kiln_slide::{SlideSearch, is_slide, is_unsupported_slide, slides_in};

use super::known::KnownSlides;
use crate::output::Output;

/// An argument that may name slides: a file or a folder.
pub(in crate::verbs) struct SlideArgument {
    /// The path.
    pub(in crate::verbs) path: PathBuf,
    /// The slides of the folder, if it was searched before.
    found: Option<SlideSearch>,
}

impl SlideArgument {
    /// A folder is searched when its slides are needed.
    pub(in crate::verbs) fn new(path: PathBuf) -> Self {
        Self { path, found: None }
    }

    /// A folder is searched at once. One that cannot be read names no slides.
    pub(in crate::verbs) fn searched(path: PathBuf) -> Self {
        let found = if path.is_dir() { slides_in(&path).ok() } else { None };
        Self { path, found }
    }

    /// True for a slide, or a searched folder that contains slides. A slide that cannot be read counts, so that it is not
    /// scored as a tile.
    pub(in crate::verbs) fn names_slides(&self) -> bool {
        let Some(found) = &self.found else {
            return !self.path.is_dir() && (is_slide(&self.path) || is_unsupported_slide(&self.path));
        };
        let unreadable = !found.unsupported.is_empty() || !found.cut_short.is_empty();
        !found.slides.is_empty() || unreadable && found.images.is_empty() && found.strips.is_empty()
    }
}

/// The slides of arguments. Files that are left out of folders are named in notes, and so is a slide that is named again.
pub(super) fn slides(arguments: &[PathBuf], out: &Output) -> anyhow::Result<Vec<PathBuf>> {
    let arguments: Vec<_> = arguments.iter().cloned().map(SlideArgument::new).collect();
    slides_of(&arguments, out)
}

/// [`slides`], of folders that may have been searched before.
pub(in crate::verbs) fn slides_of(arguments: &[SlideArgument], out: &Output) -> anyhow::Result<Vec<PathBuf>> {
    let mut slides = Vec::new();
    for SlideArgument { path, found } in arguments {
        let searched;
        let found = match found {
            Some(found) => found,
            None if path.is_dir() => {
                searched = slides_in(path).with_context(|| format!("cannot read {}", path.display()))?;
                &searched
            }
            None => {
                slides.push(path.clone());
                continue;
            }
        };
        let notes = left_out(found);
        if found.slides.is_empty() && found.cut_short.is_empty() {
            let reason = notes.first().map_or_else(String::new, |note| format!("; {note}"));
            bail!("{}: no slide in this folder{reason}", path.display());
        }
        for note in notes {
            out.note(format_args!("{}: {note}", path.display()));
        }
        slides.extend_from_slice(&found.slides);
        // Opening these reports how they are damaged.
        slides.extend_from_slice(&found.cut_short);
    }
    let (slides, repeated) = distinct(slides);
    for (slide, first) in repeated {
        out.note(format_args!("{}: the same slide as {}; it is read once", slide.display(), first.display()));
    }
    Ok(slides)
}

/// The files that a search left out, one text for each kind.
fn left_out(found: &SlideSearch) -> Vec<String> {
    let mut notes = Vec::new();
    if !found.unsupported.is_empty() {
        let reason = "OpenSlide does not read this format; convert them to tiled pyramidal TIFFs";
        notes.push(format!("slides left out: {}; {reason}", found.unsupported));
    }
    if !found.strips.is_empty() {
        let reason = "they are as large as slides, but stored in strips; convert them to tiled pyramidal TIFFs";
        notes.push(format!("TIFF files left out: {}; {reason}", found.strips));
    }
    if !found.images.is_empty() {
        let reason = "they are no slides; name them in another run";
        notes.push(format!("image files left out: {}; {reason}", found.images));
    }
    if !found.results.is_empty() {
        notes.push(format!("heat maps left out: {}; Kiln wrote them", found.results));
    }
    notes
}

/// The slides without repetitions, in order; and each repetition with the path that stays. A path that does not exist stays,
/// since opening it is an error.
fn distinct(slides: Vec<PathBuf>) -> (Vec<PathBuf>, Vec<(PathBuf, PathBuf)>) {
    let (mut kept, mut repeated) = (Vec::new(), Vec::new());
    let mut known = KnownSlides::default();
    for slide in slides {
        let count = known.len();
        let number = known.number(&slide);
        match known.get(number).filter(|first| number < count && first.exists) {
            Some(first) => repeated.push((slide, first.path.clone())),
            None => kept.push(slide),
        }
    }
    (kept, repeated)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_slide_that_is_named_twice_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["a.tif", "b.tif"] {
            fs::write(at(name), name).unwrap();
        }
        let named = ["a.tif", "missing.tif", "b.tif", "./a.tif", "missing.tif"].map(at).to_vec();
        let (kept, repeated) = distinct(named);
        assert_eq!(kept, ["a.tif", "missing.tif", "b.tif", "missing.tif"].map(at));
        assert_eq!(repeated, [(at("./a.tif"), at("a.tif"))]);
    }

    #[test]
    fn files_left_out_of_a_folder_are_named() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.png", "b.czi"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let notes = left_out(&slides_in(folder.path()).unwrap());
        assert_eq!(notes.len(), 2);
        assert!(notes[0].contains("b.czi") && notes[1].contains("a.png"), "{notes:?}");
        let names_slides = || SlideArgument::searched(folder.path().to_owned()).names_slides();
        assert!(!names_slides(), "a folder of images");
        fs::remove_file(folder.path().join("a.png")).unwrap();
        assert!(names_slides(), "nothing but a slide that cannot be read");
    }
}
