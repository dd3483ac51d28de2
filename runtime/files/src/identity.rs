//! Whether two paths lead to one file, by any spelling, symbolic link or hard link.

use std::io;
use std::path::Path;

/// What a path leads to. Two paths that lead to one file have equal identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileIdentity(
    /// Device and inode.
    #[cfg(unix)]
    (u64, u64),
    /// The path without links. Hard links are not seen.
    #[cfg(not(unix))]
    std::path::PathBuf,
);

impl FileIdentity {
    /// The identity of the file or folder that `path` leads to. Opens nothing: a pipe is not waited for.
    ///
    /// # Errors
    /// The file system's error, such as `NotFound`.
    pub fn of(path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let metadata = std::fs::metadata(path)?;
            Ok(Self((metadata.dev(), metadata.ino())))
        }
        #[cfg(not(unix))]
        path.canonicalize().map(Self)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_file_has_one_identity_by_every_path() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        std::fs::create_dir(here.join("a")).unwrap();
        std::fs::write(here.join("tile.png"), "x").unwrap();
        std::fs::write(here.join("other.png"), "x").unwrap();
        let identity = |name: &str| FileIdentity::of(&here.join(name)).unwrap();
        assert_eq!(identity("tile.png"), identity("a/../tile.png"));
        assert_ne!(identity("tile.png"), identity("other.png"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("tile.png", here.join("link")).unwrap();
            std::fs::hard_link(here.join("tile.png"), here.join("hard")).unwrap();
            assert_eq!(identity("tile.png"), identity("link"));
            assert_eq!(identity("tile.png"), identity("hard"));
        }
        assert_eq!(FileIdentity::of(&here.join("missing")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
