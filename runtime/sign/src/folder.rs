//! The files of a folder that is signed or verified: all of them, below all of its folders, except ignored paths. Links and
//! devices are refused, as the Python package does by default: a link's target is not in the folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::SIGNATURE;
use crate::error::Error;
use crate::statement::FILES_LIMIT;

/// Paths of git that the format leaves out.
const GIT: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];

/// The reason why a folder has no list of files.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The file system's error.
    Read(PathBuf, io::Error),
    /// A file that cannot be signed.
    Refused(String),
}

impl Fault {
    /// The error; `refused` makes that of a file that cannot be signed.
    pub(crate) fn into_error(self, refused: impl FnOnce(String) -> Error) -> Error {
        match self {
            Self::Read(path, source) => Error::Read { path, source },
            Self::Refused(reason) => refused(reason),
        }
    }
}

/// The paths that a signature leaves out: itself, a signature in its usual place, files of git.
pub(crate) fn ignored(folder: &Path, signature: &Path) -> Vec<String> {
    let own = inside(folder, signature).filter(|path| path != SIGNATURE);
    own.into_iter().chain([SIGNATURE.to_owned()]).chain(GIT.map(str::to_owned)).collect()
}

/// The path of a file relative to the folder that it is in.
pub(crate) fn inside(folder: &Path, file: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = parent.canonicalize().ok()?.join(file.file_name()?);
    let parts = file.strip_prefix(folder).ok()?.components().map(|part| part.as_os_str().to_str());
    Some(parts.collect::<Option<Vec<_>>>()?.join("/"))
}

/// The relative paths of all files, with `/` between their parts.
pub(crate) fn list(folder: &Path, ignored: &[String]) -> Result<Vec<String>, Fault> {
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    while let Some(place) = open.pop() {
        let path = folder.join(&place);
        let entries = fs::read_dir(&path).map_err(|error| Fault::Read(path.clone(), error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Fault::Read(path.clone(), error))?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return Err(Fault::Refused(format!("the name of {} is not UTF-8", entry.path().display())));
            };
            let name = if place.is_empty() { name.to_owned() } else { format!("{place}/{name}") };
            if ignored.iter().any(|path| Path::new(&name).starts_with(path)) {
                continue;
            }
            let kind = entry.file_type().map_err(|error| Fault::Read(entry.path(), error))?;
            if kind.is_dir() {
                open.push(name);
            } else if kind.is_file() {
                found.push(name);
            } else {
                let kind = if kind.is_symlink() { "a link" } else { "not a regular file" };
                return Err(Fault::Refused(format!("`{name}` is {kind}")));
            }
            if found.len() + open.len() > FILES_LIMIT {
                return Err(Fault::Refused(format!("it has more than {FILES_LIMIT} files and folders")));
            }
        }
    }
    Ok(found)
}
