//! Outputs from the framework that trained the model, which the bundle must give too.

mod array;
mod csv_file;
mod npz;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kiln_tile::{SizePolicy, Tile};
use ndarray::ArrayD;

use super::ImportError;
use crate::Result;

/// A file with outputs of the framework.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceFile {
    /// `.npz`: `tile`, u8 `[n, 256, 256, 3]`, and one array of `n` rows for each output, by its name in the bundle or in the
    /// model.
    Npz(PathBuf),
    /// `.csv`: `path`, relative to the file, and `score` or `p_<class>` columns.
    Csv(PathBuf),
}

impl ReferenceFile {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Npz(path) | Self::Csv(path) => path,
        }
    }
}

/// Tiles and the framework's outputs for them.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) path: PathBuf,
    pub(super) tiles: Vec<Tile>,
    /// Name of each tile.
    pub(super) names: Vec<String>,
    /// Outputs by name, `[n, ...]`. Columns of classes have the name `p_<class>`.
    pub(super) arrays: BTreeMap<String, ArrayD<f64>>,
}

impl Reference {
    /// Reads a reference. Paths of a CSV are relative to `root`, else to the file's folder.
    pub(super) fn read(file: &ReferenceFile, root: Option<&Path>, policy: SizePolicy) -> Result<Self> {
        let reference = match file {
            ReferenceFile::Npz(path) => npz::read(path)?,
            ReferenceFile::Csv(path) => csv_file::read(path, root, policy)?,
        };
        reference.check_finite()?;
        Ok(reference)
    }

    /// Refuses values that no answer can be compared with.
    fn check_finite(&self) -> Result<(), ImportError> {
        for (name, array) in &self.arrays {
            let per_tile = (array.len() / self.tiles.len().max(1)).max(1);
            if let Some((at, value)) = array.iter().enumerate().find(|(_, value)| !value.is_finite()) {
                let tile = self.names.get(at / per_tile).map(String::as_str).unwrap_or_default();
                let name = name.escape_debug();
                let reason = format!("`{name}` is {value} for {tile}; every value of a reference must be finite");
                return Err(wrong(&self.path, reason));
            }
        }
        Ok(())
    }
}

fn wrong(path: &Path, reason: impl Into<String>) -> ImportError {
    ImportError::ReferenceFile { path: path.to_owned(), reason: reason.into() }
}
