//! The rule for files and folders that a search skips. Training and scoring share it, so that both find the same tiles in
//! a folder. A file named in an argument or a list is never skipped.

use std::ffi::OsStr;

/// Names of files and folders that operating systems and storage servers add: thumbnails, metadata, deleted files.
/// Compared ignoring ASCII case.
const SYSTEM_NAMES: [&str; 9] = [
    // macOS archives opened elsewhere: `__MACOSX/._tile.png` is no image.
    "__MACOSX",
    // Windows.
    "$RECYCLE.BIN",
    "System Volume Information",
    "Thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    // Synology: `@eaDir/tile.png/SYNOPHOTO_THUMB_M.jpg` is a thumbnail of a tile; `#recycle` holds deleted files.
    "@eaDir",
    "#recycle",
    // fsck.
    "lost+found",
];

/// Returns true if a search skips a file or folder of this name: it begins with a dot (`._tile.png`,
/// `.ipynb_checkpoints`, `.Trash-0`, `.git`), or an operating system made it (`__MACOSX`, `Thumbs.db`, `@eaDir`).
#[must_use]
pub fn is_left_out(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".") || SYSTEM_NAMES.iter().any(|system| name.eq_ignore_ascii_case(system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_names_and_names_of_the_system_are_left_out_and_others_are_not() {
        let left_out = [
            "._tile.png",
            ".ipynb_checkpoints",
            ".Trash-0",
            ".git",
            "__MACOSX",
            "thumbs.DB",
            "$Recycle.Bin",
            "System Volume Information",
            "@eaDir",
            "#recycle",
            "lost+found",
        ];
        assert!(left_out.iter().all(|name| is_left_out(OsStr::new(name))));
        let taken = [
            "tile.png",
            "_tile.png",
            "a.b",
            "MACOSX",
            "~tile.png",
            "@tile.png",
            "#1.png",
            "..png".trim_start_matches('.'),
        ];
        assert!(taken.iter().all(|name| !is_left_out(OsStr::new(name))));
    }

    #[cfg(unix)]
    #[test]
    fn a_hidden_name_that_is_not_utf8_is_left_out() {
        use std::os::unix::ffi::OsStrExt as _;
        assert!(is_left_out(OsStr::from_bytes(b"._\xff.png")));
        assert!(!is_left_out(OsStr::from_bytes(b"\xff.png")));
    }
}
