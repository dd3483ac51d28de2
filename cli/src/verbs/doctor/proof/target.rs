//! The place of a report: a folder with `report.json` and `report.md`, or one JSON file.

use std::fs;
use std::io;
use std::path::Path;

use kiln_files::publish::{self, Staged};
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
    /// that cannot be written.
    pub(in crate::verbs::doctor) fn check(&self, bundle: &Path) -> anyhow::Result<()> {
        let target = Destination::new("--report", self.path);
        target.is_not_in("the bundle", bundle)?;
        let tried = if self.is_file {
            publish::scratch_file(self.path).map(drop)
        } else {
            target.does_not_hold("the bundle", bundle)?;
            target.holds_only(&FILES)?;
            Staged::beside(self.path).map(drop)
        };
        Ok(tried.map_err(|source| self.cannot_write(source))?)
    }

    /// Writes the report, replacing an earlier one.
    pub(super) fn write(&self, json: &[u8], markdown: &str) -> Result<(), Error> {
        let written = if self.is_file { publish::write_file(self.path, json) } else { self.folder(json, markdown) };
        written.map_err(|source| self.cannot_write(source))
    }

    fn folder(&self, json: &[u8], markdown: &str) -> io::Result<()> {
        let staged = Staged::beside(self.path)?;
        let [json_file, page] = FILES.map(|name| staged.path().join(name));
        fs::write(json_file, json)?;
        fs::write(page, markdown)?;
        staged.publish(true)
    }

    fn cannot_write(&self, source: io::Error) -> Error {
        Error::Write { path: self.path.to_owned(), source }
    }
}
