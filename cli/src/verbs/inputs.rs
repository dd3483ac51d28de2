//! Inputs of `kiln score` and `kiln merge`: lists of files, and files that can be no tile.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use kiln_tile::ImageFormat;

/// True for a file that can be read and whose first bytes are not an image's. An image may have any name.
pub(super) fn is_no_image(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(32).read_to_end(&mut head));
    read.is_ok() && ImageFormat::of(&head).is_none()
}

/// True for a file that may have a score: an image, a slide, or a file that cannot be read.
pub(super) fn may_have_a_score(path: &Path) -> bool {
    #[cfg(feature = "slide")]
    let is_slide = kiln_slide::is_slide(path);
    #[cfg(not(feature = "slide"))]
    let is_slide = false;
    is_slide || !is_no_image(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn rows_have_no_score_and_images_do_whatever_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("scores.csv"), "path,score,label,status\n").unwrap();
        fs::write(at("scores.parquet"), "PAR1").unwrap();
        fs::write(at("tile.csv"), b"\x89PNG\r\n\x1a\n").unwrap();
        assert!(!may_have_a_score(&at("scores.csv")) && !may_have_a_score(&at("scores.parquet")));
        assert!(may_have_a_score(&at("tile.csv")) && may_have_a_score(&at("missing.csv")));
        #[cfg(feature = "slide")]
        {
            fs::write(at("slide.mrxs"), "[GENERAL]\n").unwrap();
            assert!(may_have_a_score(&at("slide.mrxs")));
        }
    }
}
