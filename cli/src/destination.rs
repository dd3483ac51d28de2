//! The target of a verb's output. It is never one of the verb's inputs, not even by another path, a link or a hard link.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use kiln_files::{FileIdentity, publish};

/// The `--out` that means standard output.
pub(crate) const STDOUT: &str = "-";

/// A path that must not be written to.
#[derive(Debug, thiserror::Error)]
#[error("{flag} {}: {reason}", path.display())]
pub(crate) struct Refused {
    /// The flag that named it.
    pub(crate) flag: &'static str,
    /// The path.
    pub(crate) path: PathBuf,
    /// The input that would be lost.
    pub(crate) reason: String,
}

type Result<T> = std::result::Result<T, Refused>;

/// A path to write to, named by the user.
pub(crate) struct Destination<'a> {
    /// The flag that named it, for errors.
    flag: &'static str,
    path: &'a Path,
    /// `None` if nothing exists at the path.
    identity: Option<FileIdentity>,
}

impl<'a> Destination<'a> {
    pub(crate) fn new(flag: &'static str, path: &'a Path) -> Self {
        Self { flag, path, identity: FileIdentity::from_path(path).ok() }
    }

    /// True if something exists at the path and could be overwritten.
    pub(crate) fn exists(&self) -> bool {
        self.identity.is_some()
    }

    /// Refuses a path that can be no file, and a write-protected file.
    pub(crate) fn can_be_written(&self) -> Result<()> {
        publish::can_be_written(self.path).map_err(|reason| self.refused(&reason.to_string()))
    }

    /// Refuses a target that is this input; `what` names the input in the error.
    pub(crate) fn is_not(&self, what: &str, input: &Path) -> Result<()> {
        if self.exists() && FileIdentity::from_path(input).ok() == self.identity {
            return Err(self.refused(&format!("is {what} {}, which would be overwritten", input.display())));
        }
        Ok(())
    }

    /// Refuses a target that standard input is read from; `what` names its content in the error.
    pub(crate) fn is_not_stdin(&self, what: &str) -> Result<()> {
        if self.exists() && stdin() == self.identity {
            return Err(self.refused(&format!("is {what} on standard input, which would be overwritten")));
        }
        Ok(())
    }

    /// True if another path names the same file, also if nothing is there yet.
    pub(crate) fn is_at(&self, other: &Path) -> bool {
        place(self.path) == place(other)
    }

    /// Refuses a target that another flag names too.
    #[cfg_attr(not(feature = "slide"), allow(dead_code))]
    pub(crate) fn is_not_target(&self, flag: &str, other: &Path) -> Result<()> {
        if self.is_at(other) {
            return Err(self.refused(&format!("{flag} names this path too")));
        }
        Ok(())
    }

    /// Refuses a folder that contains anything, and a path that is no folder. An absent path is accepted.
    #[cfg_attr(not(feature = "slide"), allow(dead_code))]
    pub(crate) fn is_absent_or_empty(&self) -> Result<()> {
        if !self.exists() {
            return Ok(());
        }
        match std::fs::read_dir(self.path).map(|mut entries| entries.next().is_none()) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.refused("the folder is not empty")),
            Err(_) => Err(self.refused("exists, and is no folder that can be read")),
        }
    }

    /// Refuses a folder that contains anything but these files, and a path that is no folder. An absent path is accepted.
    pub(crate) fn holds_only(&self, files: &[&str]) -> Result<()> {
        if !self.exists() {
            return Ok(());
        }
        match first_other(self.path, files) {
            Ok(None) => Ok(()),
            Ok(Some(name)) => Err(self.refused(&format!("contains {}, which is not part of a report", name.display()))),
            Err(_) => Err(self.refused("exists, and is no folder that can be read")),
        }
    }

    /// Refuses a folder in which one of these files lies beside others, because it may be of something else: of a run, or a tile.
    /// Hidden files do not count. An absent path must be one that can be written to.
    #[cfg_attr(not(feature = "train"), allow(dead_code))]
    pub(crate) fn replaces_only(&self, files: &[&str]) -> Result<()> {
        if !self.exists() {
            let probe = self.path.join(files.first().unwrap_or(&"file"));
            return publish::can_be_written(&probe).map_err(|error| self.refused(&error.to_string()));
        }
        let found = entries(self.path).map_err(|_| self.refused("exists, and is no folder that can be read"))?;
        let (own, others): (Vec<_>, Vec<_>) = found.iter().partition(|name| files.iter().any(|file| *name == file));
        match (own.first(), others.first()) {
            (Some(own), Some(other)) => Err(self.refused(&format!(
                "contains {} beside {}, so it may be of something else, and would be replaced; name another folder",
                own.display(),
                other.display()
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses a file whose name ends otherwise: files of other kinds are not replaced by mistake.
    #[cfg_attr(not(feature = "slide"), allow(dead_code))]
    pub(crate) fn ends_with(&self, ending: &str) -> Result<()> {
        let ends = self.path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
        if ends { Ok(()) } else { Err(self.refused(&format!("the name must end with .{ending}"))) }
    }

    /// Refuses a target that is this folder or is in it.
    pub(crate) fn is_not_in(&self, what: &str, folder: &Path) -> Result<()> {
        if place(self.path).starts_with(place(folder)) {
            return Err(self.refused(&format!("is in {what} {}, which is only read", folder.display())));
        }
        self.is_not(what, folder)
    }

    /// Refuses a target inside a folder of class folders: pictures there would become tiles of a class.
    #[cfg_attr(not(feature = "train"), allow(dead_code))]
    pub(crate) fn is_not_among_tiles(&self, data: &Path) -> Result<()> {
        let class_folders = data.is_dir() && !data.join("tiles.csv").exists();
        if class_folders { self.is_not_in("the data set", data) } else { self.is_not("the data set", data) }
    }

    /// Refuses a folder that will be replaced and contains this input.
    #[cfg_attr(not(feature = "export"), allow(dead_code))]
    pub(crate) fn does_not_hold(&self, what: &str, input: &Path) -> Result<()> {
        if place(input).starts_with(place(self.path)) {
            return Err(self.refused(&format!("holds {what} {}, which would be removed", input.display())));
        }
        self.is_not(what, input)
    }

    fn refused(&self, reason: &str) -> Refused {
        Refused { flag: self.flag, path: self.path.to_owned(), reason: reason.to_owned() }
    }
}

/// The name of an entry of a folder that is none of these files, and not hidden.
pub(crate) fn first_other(folder: &Path, files: &[&str]) -> io::Result<Option<OsString>> {
    Ok(entries(folder)?.into_iter().find(|name| !files.iter().any(|file| name == file)))
}

/// The names in a folder, without hidden files: those of file managers and of network shares.
fn entries(folder: &Path) -> io::Result<Vec<OsString>> {
    let is_hidden = |name: &OsString| name.as_encoded_bytes().first() == Some(&b'.') || name == "Thumbs.db";
    let names = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name()));
    let mut names: Vec<OsString> = names.collect::<io::Result<_>>()?;
    names.retain(|name| !is_hidden(name));
    names.sort();
    Ok(names)
}

/// The file that standard input is read from; `None` if the platform does not report it.
#[cfg(unix)]
fn stdin() -> Option<FileIdentity> {
    use std::os::fd::AsFd as _;
    let opened = io::stdin().as_fd().try_clone_to_owned().ok()?;
    FileIdentity::from_file(&opened.into()).ok()
}

#[cfg(not(unix))]
fn stdin() -> Option<FileIdentity> {
    None
}

/// The path with links and `..` resolved, as far as it exists.
fn place(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = absolute.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match existing {
        Some((above, real)) => match absolute.strip_prefix(above) {
            Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
            _ => real,
        },
        None => absolute,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn folders_must_be_empty_names_must_end_right_and_no_path_is_named_twice() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let images = here.join("images");
        let is_free = || Destination::new("--images", &images).is_absent_or_empty().is_ok();
        assert!(is_free());
        fs::create_dir(&images).unwrap();
        assert!(is_free());
        fs::write(images.join("old.png"), "x").unwrap();
        assert!(!is_free());
        let holds_only = |files: &[&str]| Destination::new("--report", &images).holds_only(files).is_ok();
        assert!(holds_only(&["old.png", "new.png"]) && !holds_only(&["new.png"]));
        let file = images.join("old.png");
        assert!(Destination::new("--report", &file).holds_only(&["old.png"]).is_err());
        assert!(Destination::new("--images", &file).is_absent_or_empty().is_err());
        let target = Destination::new("--thumbnail", &file);
        assert!(target.ends_with("png").is_ok() && target.ends_with("csv").is_err());
        assert!(target.is_not_target("--out", &here.join("images/../images/old.png")).is_err());
        assert!(target.is_not_target("--out", &here.join("new/old.png")).is_ok());
    }

    #[test]
    fn a_target_is_known_by_every_spelling() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        fs::create_dir_all(here.join("bundle/inner")).unwrap();
        fs::write(here.join("bundle/model.onnx"), "x").unwrap();
        let target = |name: &str| here.join(name);
        let is_in = |name: &str| {
            Destination::new("--out", &target(name)).is_not_in("the bundle", &here.join("bundle")).is_err()
        };
        for inside in ["bundle", "bundle/model.onnx", "bundle/new.csv", "bundle/a/b.csv", "x/../bundle/new.csv"] {
            let exists_on_the_way = here.join("x");
            fs::create_dir_all(exists_on_the_way).unwrap();
            assert!(is_in(inside), "{inside}");
        }
        for outside in ["bundle.csv", "bundle2/new.csv", "scores.csv", "bundle/../new.csv"] {
            assert!(!is_in(outside), "{outside}");
        }
        let holds = |name: &str| {
            Destination::new("--out", &target(name))
                .does_not_hold("the graph", &here.join("bundle/model.onnx"))
                .is_err()
        };
        assert!(holds("bundle") && holds(".") && holds("bundle/model.onnx"));
        assert!(!holds("bundle/inner") && !holds("elsewhere"));
        let among =
            |name: &str| Destination::new("--out", &target(name)).is_not_among_tiles(&here.join("bundle")).is_err();
        assert!(among("bundle") && among("bundle/run") && !among("run"));
        fs::write(here.join("bundle/tiles.csv"), "x").unwrap();
        assert!(among("bundle") && !among("bundle/run"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(here.join("bundle"), here.join("link")).unwrap();
            assert!(is_in("link/new.csv") && holds("link"));
        }
    }
}
