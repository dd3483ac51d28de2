//! Slides by their files: one file is one slide, by every path and link.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use kiln_slide::SlideIdentity;

/// Slides that were named, numbered in the order of their first names.
#[derive(Default)]
pub(in crate::verbs) struct KnownSlides {
    slides: Vec<Known>,
    by_path: HashMap<PathBuf, usize>,
    by_identity: HashMap<SlideIdentity, usize>,
}

/// A slide that was named.
pub(in crate::verbs) struct Known {
    /// The path by which it was named first.
    pub(in crate::verbs) path: PathBuf,
    /// False for a missing file, which has no other name.
    pub(in crate::verbs) exists: bool,
    /// It was named more than once.
    pub(in crate::verbs) is_repeated: bool,
}

impl KnownSlides {
    /// The number of slides.
    pub(in crate::verbs) fn len(&self) -> usize {
        self.slides.len()
    }

    /// The slide of a number.
    pub(in crate::verbs) fn get(&self, number: usize) -> Option<&Known> {
        self.slides.get(number)
    }

    /// True if a path leads to one of the slides.
    pub(in crate::verbs) fn contains(&self, path: &Path) -> bool {
        let is_known = || SlideIdentity::from_path(path).is_ok_and(|found| self.by_identity.contains_key(&found));
        !self.slides.is_empty() && (self.by_path.contains_key(path) || is_known())
    }

    /// The number of a slide, which is new if no earlier path leads to its file.
    pub(in crate::verbs) fn number(&mut self, path: &Path) -> usize {
        let identity = if self.by_path.contains_key(path) { None } else { SlideIdentity::from_path(path).ok() };
        let known = self.by_path.get(path).or_else(|| self.by_identity.get(identity.as_ref()?)).copied();
        let number = known.unwrap_or(self.slides.len());
        match self.slides.get_mut(number) {
            Some(slide) => slide.is_repeated = true,
            None => {
                self.slides.push(Known { path: path.to_owned(), exists: identity.is_some(), is_repeated: false });
                self.by_identity.extend(identity.map(|identity| (identity, number)));
            }
        }
        self.by_path.insert(path.to_owned(), number);
        number
    }
}
