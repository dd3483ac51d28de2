//! File identity, to find two paths that lead to one file by another spelling, a symbolic link or a hard link.

use std::io;
use std::path::Path;

/// Identity of the file or folder that a path leads to. Two paths to one file have equal identities.
///
/// ```
/// use std::path::Path;
/// use kiln_files::FileIdentity;
///
/// assert_eq!(FileIdentity::from_path(Path::new("."))?, FileIdentity::from_path(Path::new("./."))?);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileIdentity(
    /// Device and inode.
    #[cfg(unix)]
    (u64, u64),
    /// The path without links. Hard links are not recognised.
    #[cfg(not(unix))]
    std::path::PathBuf,
);

impl FileIdentity {
    /// Returns the identity of the file or folder that `path` leads to. Does not open it, so it never waits for a pipe.
    ///
    /// # Errors
    /// The file system's error, such as `NotFound`.
    pub fn from_path(path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        {
            std::fs::metadata(path).map(|metadata| Self::new(&metadata))
        }
        #[cfg(not(unix))]
        path.canonicalize().map(Self)
    }

    /// Returns the identity of an open file.
    ///
    /// # Errors
    /// The file system's error.
    #[cfg(unix)]
    pub fn from_file(file: &std::fs::File) -> io::Result<Self> {
        file.metadata().map(|metadata| Self::new(&metadata))
    }

    #[cfg(unix)]
    fn new(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self((metadata.dev(), metadata.ino()))
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
        let identity = |name: &str| FileIdentity::from_path(&here.join(name)).unwrap();
        assert_eq!(identity("tile.png"), identity("a/../tile.png"));
        assert_ne!(identity("tile.png"), identity("other.png"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("tile.png", here.join("link")).unwrap();
            std::fs::hard_link(here.join("tile.png"), here.join("hard")).unwrap();
            assert_eq!(identity("tile.png"), identity("link"));
            assert_eq!(identity("tile.png"), identity("hard"));
            let opened = FileIdentity::from_file(&std::fs::File::open(here.join("tile.png")).unwrap());
            assert_eq!(identity("tile.png"), opened.unwrap());
        }
        assert_eq!(FileIdentity::from_path(&here.join("missing")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
