//! Inputs of `kiln score` and `kiln merge`: lists of files, and files that can be no tile.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::bail;
use kiln_runtime::score::{self, Separator};
use kiln_tile::ImageFormat;

/// The separator of names in lists: NUL with `--null`, which is refused if no input is a list. `named` names an input in the
/// error.
pub(super) fn separator(null: bool, inputs: &[PathBuf], named: &str) -> anyhow::Result<Separator> {
    let is_list = |input: &PathBuf| input.as_os_str() == score::STDIN || score::list_file(input).is_some();
    match (null, inputs.iter().any(is_list)) {
        (false, _) => Ok(Separator::Line),
        (true, true) => Ok(Separator::Null),
        (true, false) => bail!(
            "--null is for lists, and no {named} is one\nhint: leave it out, or give a list: @FILE, or - for stdin"
        ),
    }
}

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
