//! What a data set holds: tiles with a label, perhaps a group, perhaps a split. Reads names, not pixels; a tile that
//! cannot be decoded is found by whoever decodes it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kiln_tile::{is_left_out, is_tile_path};

use super::split::Split;
use super::{DataError, Result, labels, list};

/// The list that a data folder may hold.
const LIST_NAME: &str = "tiles.csv";
/// Folders nested deeper than this are taken for a link that leads back.
const MAX_DEPTH: usize = 16;

/// One tile of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the data set's root, with no `..` in it.
    pub path: PathBuf,
    /// The class by name.
    pub label: String,
    /// The slide, patient or source image that the tile is from, if known.
    pub group: Option<String>,
    /// The split that the list assigns, if it does.
    pub split: Option<Split>,
}

/// Labelled tiles under one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The folder that the paths are relative to.
    pub root: PathBuf,
    /// In the order of the list; sorted by path where there is no list.
    pub entries: Vec<Entry>,
    /// The CSV list that was read, if there was one.
    pub list: Option<PathBuf>,
}

impl Dataset {
    /// Opens a data set: a `.csv` list (`path,label[,group][,split]`, paths relative to the list), a folder that holds
    /// `tiles.csv` (that list is used), or a folder with one subfolder a class, searched recursively. Hidden files and
    /// folders and those of the operating system are left out, as scoring leaves them out: see [`is_left_out`].
    ///
    /// # Errors
    /// No tiles, a line of the list that is wrong, a path that climbs out of the root, or what the file system said.
    /// Two labels that a reader would take for one, a folder that is no class by its name (`masks`, `train`), and a name
    /// that a CSV row cannot carry.
    pub fn open(path: &Path) -> Result<Self> {
        let metadata = fs::metadata(path).map_err(DataError::io(path))?;
        let list = path.join(LIST_NAME);
        if metadata.is_dir() && !list.is_file() {
            return from_class_folders(path);
        }
        if metadata.is_dir() {
            return from_list(path, &list);
        }
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
            let root = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            return from_list(root, path);
        }
        Err(DataError::dataset(
            path,
            "neither a folder nor a .csv list; give a folder with one subfolder a class, or a list",
        ))
    }

    /// The labels, sorted.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        let labels: BTreeSet<&str> = self.entries.iter().map(|entry| entry.label.as_str()).collect();
        labels.into_iter().map(str::to_owned).collect()
    }

    /// Where tile `index` lies.
    ///
    /// # Panics
    /// If `index` is not below [`Dataset::len`].
    #[must_use]
    pub fn full_path(&self, index: usize) -> PathBuf {
        self.root.join(&self.entries[index].path)
    }

    /// The number of tiles.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no tiles. [`Dataset::open`] gives no such data set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The name that a tile's group goes by: its group, or its own path where groups are unknown.
    #[must_use]
    pub fn group_name(&self, index: usize) -> String {
        let entry = &self.entries[index];
        entry.group.clone().unwrap_or_else(|| entry.path.to_string_lossy().into_owned())
    }
}

fn from_list(root: &Path, list: &Path) -> Result<Dataset> {
    let entries = list::read(list)?;
    if entries.is_empty() {
        return Err(DataError::dataset(list, "the list holds a header and no tiles"));
    }
    labels::check(list, &entries)?;
    Ok(Dataset { root: root.to_owned(), entries, list: Some(list.to_owned()) })
}

fn from_class_folders(root: &Path) -> Result<Dataset> {
    let mut entries = Vec::new();
    for name in sorted_names(root)? {
        let folder = root.join(&name);
        if !folder.is_dir() {
            continue;
        }
        let mut tiles = Vec::new();
        collect(root, Path::new(&name), 0, &mut tiles)?;
        if let Some(problem) = tiles.iter().find_map(|tile| refused(root, tile)) {
            return Err(DataError::dataset(root, problem));
        }
        entries.extend(tiles.into_iter().map(|path| Entry { path, label: name.clone(), group: None, split: None }));
    }
    if entries.is_empty() {
        let reason = "no tiles: expected one subfolder a class with PNG, JPEG, TIFF, BMP or WebP files, or a tiles.csv";
        return Err(DataError::dataset(root, reason));
    }
    labels::check(root, &entries)?;
    Ok(Dataset { root: root.to_owned(), entries, list: None })
}

fn refused(root: &Path, tile: &Path) -> Option<String> {
    labels::folder_problem(root, tile).or_else(|| labels::path_problem(tile))
}

fn collect(root: &Path, folder: &Path, depth: usize, tiles: &mut Vec<PathBuf>) -> Result<()> {
    if depth > MAX_DEPTH {
        let reason = format!("folders nested deeper than {MAX_DEPTH}; does a link lead back?");
        return Err(DataError::dataset(&root.join(folder), reason));
    }
    for name in sorted_names(&root.join(folder))? {
        let path = folder.join(name);
        let full = root.join(&path);
        if full.is_dir() {
            collect(root, &path, depth + 1, tiles)?;
        } else if is_tile_path(&path) {
            // Kept whatever it is: a dangling link or a pipe named `.png` is then reported as an unreadable tile.
            tiles.push(path);
        }
    }
    Ok(())
}

/// The names in a folder, sorted, without those that [`is_left_out`] leaves out. A name that is not UTF-8 cannot stand in
/// a list, so it is refused here, by name.
fn sorted_names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for item in fs::read_dir(folder).map_err(DataError::io(folder))? {
        let name = item.map_err(DataError::io(folder))?.file_name();
        if is_left_out(&name) {
            continue;
        }
        match name.to_str() {
            Some(name) => names.push(name.to_owned()),
            None => {
                let reason = format!("the file name {} is not UTF-8; rename it", name.display());
                return Err(DataError::dataset(folder, reason));
            }
        }
    }
    names.sort_unstable();
    Ok(names)
}
