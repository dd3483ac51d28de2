//! The place of a report: a folder with `report.json` and `report.md`, or one JSON file.

use std::io;
use std::path::{Path, PathBuf};

use kiln_files::publish;
use kiln_runtime::Error;

use crate::destination::Destination;

/// The files of a report in a folder.
const FILES: [&str; 2] = ["report.json", "report.md"];

/// The path that `--report` names: a file if it ends with `.json`, else a folder.
pub(in crate::verbs::doctor) struct Target {
    path: PathBuf,
    is_file: bool,
}

impl Target {
    /// A folder is kept without a separator or a dot at the end of its name: a folder that does not exist yet cannot be
    /// made by such a name on every system.
    pub(in crate::verbs::doctor) fn new(path: &Path) -> Self {
        let is_file = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let path = if is_file { path.to_owned() } else { path.components().collect() };
        Self { path, is_file }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses, before minutes of work, a target that is part of the bundle, that contains anything but an earlier report, or
    /// that cannot be written. Leaves no files.
    pub(in crate::verbs::doctor) fn check(&self, bundle: &Path) -> anyhow::Result<()> {
        let target = Destination::new("--report", &self.path);
        target.is_not_in("the bundle", bundle)?;
        if !self.is_file {
            target.holds_only(&FILES)?;
        }
        // A scratch file in the folder if it exists, else beside it.
        let is_folder = target.exists() && !self.is_file;
        let tried = if is_folder { self.path.join(FILES[0]) } else { self.path.clone() };
        publish::scratch_file(&tried).map_err(|source| self.cannot_write(source))?;
        Ok(())
    }

    /// Writes the report, replacing an earlier one.
    pub(super) fn write(&self, json: &[u8], markdown: &str) -> Result<(), Error> {
        let written = if self.is_file { publish::write_file(&self.path, json) } else { self.folder(json, markdown) };
        written.map_err(|source| self.cannot_write(source))
    }

    /// Writes each file whole. The folder stays, because the working folder and a volume of a container cannot be replaced.
    fn folder(&self, json: &[u8], markdown: &str) -> io::Result<()> {
        let [json_file, page] = FILES.map(|name| self.path.join(name));
        publish::write_file(&json_file, json)?;
        publish::write_file(&page, markdown.as_bytes())
    }

    fn cannot_write(&self, source: io::Error) -> Error {
        Error::Write { path: self.path.clone(), source }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_may_be_named_with_a_separator_or_a_dot_at_its_end_whether_it_exists_or_not() {
        for name in ["gpu", "gpu/", "new/gpu//", "new/gpu/."] {
            let here = tempfile::tempdir().unwrap();
            let bundle = here.path().join("bundle");
            let path = here.path().join(name);
            let target = Target::new(&path);
            target.check(&bundle).unwrap();
            assert!(!path.exists(), "{name}: the check leaves no files");
            target.write(b"{}", "page").unwrap();
            target.check(&bundle).unwrap();
            assert!(path.join("report.json").is_file() && path.join("report.md").is_file(), "{name}");
            let file = here.path().join("gpu.json/");
            assert!(Target::new(&file).check(&bundle).is_err(), "a name that ends with .json is a file");
        }
    }
}
