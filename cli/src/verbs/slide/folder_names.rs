//! Names of folders for the results of slides.

use std::collections::HashSet;
use std::path::Path;

/// Gives each slide a folder name that no other slide has, also where names in capitals and small letters are equal.
#[derive(Debug, Default)]
pub(super) struct FolderNames {
    /// Taken names in lower case.
    taken: HashSet<String>,
}

impl FolderNames {
    /// The name of a slide's folder: that of its file without the ending, with a number if another slide has it. Slides
    /// named in the same order get the same names.
    pub(super) fn name(&mut self, slide: &Path) -> String {
        let stem = slide.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (mut name, mut number) = (stem.clone(), 1_u64);
        while !self.taken.insert(name.to_lowercase()) {
            number += 1;
            name = format!("{stem}-{number}");
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_numbered_in_the_order_of_the_slides() {
        let mut names = FolderNames::default();
        let name = |names: &mut FolderNames, slide: &str| names.name(Path::new(slide));
        assert_eq!(name(&mut names, "d/1/x.tif"), "x");
        assert_eq!(name(&mut names, "d/2/x.tif"), "x-2");
        assert_eq!(name(&mut names, "d/3/x-2.svs"), "x-2-2");
        assert_eq!(name(&mut names, "d/3/X.svs"), "X-3");
        assert_eq!(name(&mut names, "d/3/y.svs"), "y");
    }
}
