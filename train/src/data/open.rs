//! Opens a data set from a list or from class folders. Reads names, not pixels: a tile that cannot be decoded is reported
//! by the code that decodes it.

use std::fs;
use std::path::{Path, PathBuf};

use kiln_tile::{is_left_out, is_tile_path};

use super::dataset::{Dataset, Entry};
use super::list::ListOptions;
use super::slides::SlideOptions;
use super::{DataError, Result, labels, list, slide_list};

/// Name of the list in a data folder.
const LIST_NAME: &str = "tiles.csv";
/// The label of tiles that have none, in [`Dataset::open_unlabelled`].
pub(super) const UNLABELLED: &str = "unlabelled";
/// Folders nested deeper than this are probably a link to a parent folder.
const MAX_DEPTH: usize = 16;

impl Dataset {
    /// Opens a data set: a `.csv` list of files (`path,label[,group][,split]`, paths relative to the list), a `.csv` list of
    /// tiles of slides (`slide,minx,miny,width,height,label,…`), a folder with a `tiles.csv` (that list is used), or a folder
    /// with one subfolder for each class, searched recursively. Hidden files and files of the operating system are
    /// skipped, as in scoring: see [`is_left_out`].
    ///
    /// # Errors
    /// No tiles, an invalid line of the list, a path that leaves the root, or an error of the file system. Two labels
    /// that a reader would confuse, a folder whose name is not that of a class (`masks`, `train`), and a name that a CSV
    /// row cannot hold.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use kiln_train::data::Dataset;
    ///
    /// let folder = std::env::temp_dir().join(format!("kiln-open-{}", std::process::id()));
    /// for (number, label) in [(0, "benign"), (1, "tumour")] {
    ///     std::fs::create_dir_all(folder.join(label))?;
    ///     // An empty file is enough: names are read here, pixels later.
    ///     std::fs::write(folder.join(label).join(format!("{number}.png")), b"")?;
    /// }
    /// let dataset = Dataset::open(&folder)?;
    /// assert_eq!(dataset.labels(), ["benign", "tumour"]);
    /// assert_eq!(dataset.file(1), Some(folder.join("tumour/1.png")));
    /// # std::fs::remove_dir_all(&folder).ok();
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, &SlideOptions::default())
    }

    /// As [`Dataset::open`], with options for slides. Every slide is opened once.
    ///
    /// # Errors
    /// As [`Dataset::open`]. For tiles of slides: no OpenSlide, a slide that cannot be opened or has no resolution, places
    /// of another resolution than the options state.
    pub fn open_with(path: &Path, options: &SlideOptions) -> Result<Self> {
        Self::open_with_columns(path, options, &[])
    }

    /// As [`Dataset::open_with`]; the list may also have the further columns `asked`, beside `centre` and `scanner`, which
    /// every list may have. [`Dataset::column`] returns their values.
    ///
    /// # Errors
    /// As [`Dataset::open_with`].
    pub fn open_with_columns(path: &Path, options: &SlideOptions, asked: &[&str]) -> Result<Self> {
        let metadata = fs::metadata(path).map_err(DataError::io(path))?;
        if metadata.is_dir() && !path.join(LIST_NAME).is_file() {
            return from_class_folders(path);
        }
        opened_list(path, metadata.is_dir(), options, ListOptions { asked, ..ListOptions::default() })
    }

    /// As [`Dataset::open_with`], for learning without labels: tiles without a label have the label `unlabelled`. The column
    /// `label` of a list may be missing, and a folder may have tiles directly in it, beside those of its subfolders.
    ///
    /// # Errors
    /// As [`Dataset::open_with`].
    pub fn open_unlabelled(path: &Path, options: &SlideOptions) -> Result<Self> {
        let metadata = fs::metadata(path).map_err(DataError::io(path))?;
        if metadata.is_dir() && !path.join(LIST_NAME).is_file() {
            let direct = tiles_directly_in(path)?;
            let mut entries = match class_folders(path) {
                Err(DataError::NoTiles { .. }) if !direct.is_empty() => Vec::new(),
                entries => entries?,
            };
            entries.extend(direct);
            return Ok(Self::from_files(path.to_owned(), entries, None));
        }
        let unlabelled = ListOptions { missing_label: Some(UNLABELLED), ..ListOptions::default() };
        opened_list(path, metadata.is_dir(), options, unlabelled)
    }
}

/// Opens the list in a folder, or a list by its own path.
fn opened_list(path: &Path, is_folder: bool, options: &SlideOptions, reading: ListOptions<'_>) -> Result<Dataset> {
    if is_folder {
        return from_list(path, &path.join(LIST_NAME), options, reading);
    }
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
        let root = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return from_list(root, path, options, reading);
    }
    Err(DataError::dataset(
        path,
        "neither a folder nor a .csv list; give a folder with one subfolder per class, or a list",
    ))
}

fn from_list(root: &Path, list: &Path, options: &SlideOptions, reading: ListOptions<'_>) -> Result<Dataset> {
    if slide_list::is_slide_list(list) {
        return slide_list::open(root, list, options, reading);
    }
    let (entries, columns) = list::read_with(list, reading)?;
    if entries.is_empty() {
        return Err(DataError::NoTiles { path: list.to_owned(), reason: "the list has a header and no rows" });
    }
    labels::check(list, &entries)?;
    Ok(Dataset { columns, ..Dataset::from_files(root.to_owned(), entries, Some(list.to_owned())) })
}

/// The tiles in a folder itself, without those of its subfolders.
fn tiles_directly_in(folder: &Path) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for name in sorted_names(folder)? {
        let path = PathBuf::from(name);
        if !is_tile_path(&path) || folder.join(&path).is_dir() {
            continue;
        }
        if let Some(problem) = labels::path_problem(&path) {
            return Err(DataError::dataset(folder, problem));
        }
        entries.push(Entry { path, label: UNLABELLED.to_owned(), group: None, split: None });
    }
    Ok(entries)
}

fn from_class_folders(root: &Path) -> Result<Dataset> {
    Ok(Dataset::from_files(root.to_owned(), class_folders(root)?, None))
}

/// The tiles of class folders.
fn class_folders(root: &Path) -> Result<Vec<Entry>> {
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
        let reason = "expected one subfolder per class with PNG, JPEG, TIFF, BMP or WebP files, or a tiles.csv";
        return Err(DataError::NoTiles { path: root.to_owned(), reason });
    }
    labels::check(root, &entries)?;
    Ok(entries)
}

/// The reason why a tile of a class folder cannot be used.
fn refused(root: &Path, tile: &Path) -> Option<String> {
    labels::folder_problem(root, tile).or_else(|| labels::path_problem(tile))
}

fn collect(root: &Path, folder: &Path, depth: usize, tiles: &mut Vec<PathBuf>) -> Result<()> {
    if depth > MAX_DEPTH {
        let reason = format!("folders nested deeper than {MAX_DEPTH}; is there a link to a parent folder?");
        return Err(DataError::dataset(&root.join(folder), reason));
    }
    for name in sorted_names(&root.join(folder))? {
        let path = folder.join(name);
        let full = root.join(&path);
        if full.is_dir() {
            collect(root, &path, depth + 1, tiles)?;
        } else if is_tile_path(&path) {
            // A dangling link or a pipe named `.png` is kept, and later reported as an unreadable tile.
            tiles.push(path);
        }
    }
    Ok(())
}

/// The names in a folder, sorted, without those that [`is_left_out`] skips. A name that is not UTF-8 is an error: a list
/// cannot hold it.
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
