//! The place of a report: a folder with `report.json` and `report.md`, or one JSON file.

use std::io;
use std::path::Path;

use kiln_files::publish;
use kiln_runtime::Error;

use crate::destination::Destination;

/// The files of a report in a folder.
const FILES: [&str; 2] = ["report.json", "report.md"];

/// The path that `--report` names: a file if it ends with `.json`, else a folder.
pub(in crate::verbs::doctor) struct Target<'a> {
    path: &'a Path,
    is_file: bool,
}

impl<'a> Target<'a> {
    pub(in crate::verbs::doctor) fn new(path: &'a Path) -> Self {
        Self { path, is_file: path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) }
    }

    pub(super) fn path(&self) -> &Path {
        self.path
    }

    /// Refuses, before minutes of work, a target that is part of the bundle, that contains anything but an earlier report, or
    /// that cannot be written. Leaves no files.
    pub(in crate::verbs::doctor) fn check(&self, bundle: &Path) -> anyhow::Result<()> {
        let target = Destination::new("--report", self.path);
        target.is_not_in("the bundle", bundle)?;
        if !self.is_file {
            target.holds_only(&FILES)?;
        }
        // A scratch file in the folder if it exists, else beside it.
        let is_folder = target.exists() && !self.is_file;
        let tried = if is_folder { self.path.join(FILES[0]) } else { self.path.to_owned() };
        publish::scratch_file(&tried).map_err(|source| self.cannot_write(source))?;
        Ok(())
    }

    /// Writes the report, replacing an earlier one.
    pub(super) fn write(&self, json: &[u8], markdown: &str) -> Result<(), Error> {
        let written = if self.is_file { publish::write_file(self.path, json) } else { self.folder(json, markdown) };
        written.map_err(|source| self.cannot_write(source))
    }

    /// Writes each file whole. The folder stays, because the working folder and a volume of a container cannot be replaced.
    fn folder(&self, json: &[u8], markdown: &str) -> io::Result<()> {
        let [json_file, page] = FILES.map(|name| self.path.join(name));
        publish::write_file(&json_file, json)?;
        publish::write_file(&page, markdown.as_bytes())
    }

    fn cannot_write(&self, source: io::Error) -> Error {
        Error::Write { path: self.path.to_owned(), source }
    }
}
