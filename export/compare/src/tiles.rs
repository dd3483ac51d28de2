//! The tiles of a comparison, each with its name, and the label where one is known.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kiln_runtime::score;
use kiln_tile::{Decoder, Tile, is_tile_path};
use kiln_train::data::{Dataset, SlideOptions, Split};
use kiln_train::training::Run;
use serde::{Deserialize, Serialize};

use crate::{CompareError, Result};

/// A tile's name, and its truth where known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TileInfo {
    /// The name in reports: the path relative to the data set's folder, or to the common folder of a list's files; for a tile
    /// of a slide its identity, for a golden tile `golden/N`.
    pub path: String,
    /// The label of the list or the class folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Slide, patient or source image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// The tiles of a comparison.
#[derive(Debug, Clone)]
pub struct TileSet {
    /// The origin of the tiles in words: `test split of tiles/ (240 tiles)`.
    pub source: String,
    /// The tiles, in order.
    pub tiles: Vec<TileInfo>,
    pixels: Pixels,
}

/// The place of the pixels.
#[derive(Debug, Clone)]
enum Pixels {
    /// Entries of a data set.
    Dataset { dataset: Arc<Dataset>, indices: Vec<usize> },
    /// Files.
    Files(Vec<PathBuf>),
    /// Decoded tiles, which need no decoder.
    Memory(Vec<Tile>),
    /// Unknown: every side has its answers already.
    Nowhere,
}

impl TileSet {
    /// The tiles of a folder or list. A `.csv` is a list of labelled tiles; `@FILE` is a list of files, one a line; a folder
    /// with a `tiles.csv` or with class folders is a data set; any other folder is searched for tiles, which then have no
    /// label. With `split`, only the tiles that the list assigns to it.
    ///
    /// # Errors
    /// No tiles, a list that cannot be read, a split that the list does not state.
    pub fn from_data(data: &Path, split: Option<Split>, slides: &SlideOptions) -> Result<Self> {
        if is_flat(data) {
            if split.is_some() {
                return Err(wrong(data, "it has no list, so no tile belongs to a split"));
            }
            return Self::from_listing(data);
        }
        let dataset = Arc::new(Dataset::open_with(data, slides)?);
        let indices: Vec<usize> = match split {
            None => (0..dataset.len()).collect(),
            Some(_) if dataset.entries.iter().any(|entry| entry.split.is_none()) => {
                return Err(wrong(data, "its list does not assign every tile to a split"));
            }
            Some(split) => (0..dataset.len()).filter(|at| dataset.entries[*at].split == Some(split)).collect(),
        };
        if indices.is_empty() {
            return Err(wrong(data, "no tile belongs to the split"));
        }
        let part = split.map_or_else(|| "all tiles".to_owned(), |split| format!("{split} split"));
        Ok(Self::from_dataset(dataset, indices, &part))
    }

    /// A split of a run, of its own data set or of the same one at `moved`.
    ///
    /// # Errors
    /// If the data set has moved or changed, or the split is empty.
    pub fn from_run(run: &Run, moved: Option<&Path>, split: Split) -> Result<Self> {
        let dataset = run.dataset(moved)?;
        let indices = run.indices(&dataset, split)?;
        if indices.is_empty() {
            return Err(wrong(&dataset.root, "no tile belongs to the split"));
        }
        Ok(Self::from_dataset(dataset, indices, &format!("{split} split")))
    }

    /// Decoded tiles with their names.
    pub fn from_memory(source: impl Into<String>, tiles: impl IntoIterator<Item = (String, Tile)>) -> Self {
        let (names, tiles): (Vec<_>, Vec<_>) = tiles.into_iter().unzip();
        let infos = names.into_iter().map(|path| TileInfo { path, label: None, group: None }).collect();
        Self { source: source.into(), tiles: infos, pixels: Pixels::Memory(tiles) }
    }

    /// Tiles that every side has answered already, by name.
    pub(crate) fn answered(source: impl Into<String>, tiles: Vec<TileInfo>) -> Self {
        Self { source: source.into(), tiles, pixels: Pixels::Nowhere }
    }

    /// Entries of a data set; `part` is their name in reports.
    fn from_dataset(dataset: Arc<Dataset>, indices: Vec<usize>, part: &str) -> Self {
        let info = |at: &usize| {
            let entry = &dataset.entries[*at];
            TileInfo {
                path: entry.path.to_string_lossy().replace('\\', "/"),
                label: Some(entry.label.clone()),
                group: entry.group.clone(),
            }
        };
        let tiles: Vec<TileInfo> = indices.iter().map(info).collect();
        // The folder's name alone: a report is sent to others.
        let root = dataset.root.canonicalize().unwrap_or_else(|_| dataset.root.clone());
        let name = root.file_name().map_or_else(|| "the data set".into(), |name| name.to_string_lossy().into_owned());
        Self { source: format!("{part} of {name}"), tiles, pixels: Pixels::Dataset { dataset, indices } }
    }

    fn from_listing(data: &Path) -> Result<Self> {
        let listed = score::list(&[data.to_owned()], &mut io::empty())?;
        let files: Vec<PathBuf> = listed.into_iter().map(|tile| tile.path).collect();
        let whole: Vec<PathBuf> = files.iter().map(|file| absolute(file)).collect();
        // Names of folders of this machine are left out, so that another one has the same names.
        let root = if score::list_file(data).is_some() { common_folder(&whole) } else { absolute(data) };
        let info = |path: &PathBuf| {
            let name = path.strip_prefix(&root).unwrap_or(path);
            TileInfo { path: name.to_string_lossy().replace('\\', "/"), label: None, group: None }
        };
        let tiles = whole.iter().map(info).collect();
        let name = data.file_name().map_or_else(|| "the folder".into(), |name| name.to_string_lossy().into_owned());
        Ok(Self { source: format!("files of {name}"), tiles, pixels: Pixels::Files(files) })
    }

    /// Number of tiles.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tiles.len()
    }

    /// True if there are no tiles.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tiles.is_empty()
    }

    /// True if tiles can be read.
    #[must_use]
    pub fn has_pixels(&self) -> bool {
        !matches!(self.pixels, Pixels::Nowhere)
    }

    /// True if the tiles are decoded, so that no decoder changes them.
    pub(crate) fn is_decoded(&self) -> bool {
        matches!(self.pixels, Pixels::Memory(_))
    }

    /// The files of the tiles, so that a report replaces none of them.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        match &self.pixels {
            Pixels::Dataset { dataset, .. } => dataset.files(),
            Pixels::Files(files) => files.clone(),
            Pixels::Memory(_) | Pixels::Nowhere => Vec::new(),
        }
    }

    /// Reads a tile, or returns the reason why there is none.
    pub(crate) fn read(&self, index: usize, decoder: &Decoder) -> Result<Tile, String> {
        let missing = || Err("the pixels of this tile are not known".to_owned());
        match &self.pixels {
            Pixels::Dataset { dataset, indices } => match indices.get(index) {
                Some(at) => dataset.tile(*at, decoder).map_err(|error| kiln_runtime::chain(&error)),
                None => missing(),
            },
            Pixels::Files(files) => match files.get(index) {
                Some(file) => decoder.decode_file(file).map_err(|error| error.to_string()),
                None => missing(),
            },
            Pixels::Memory(tiles) => tiles.get(index).cloned().map_or_else(missing, Ok),
            Pixels::Nowhere => missing(),
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The deepest folder that all files are below.
fn common_folder(files: &[PathBuf]) -> PathBuf {
    let mut common = files.first().and_then(|file| file.parent()).unwrap_or(Path::new("")).to_owned();
    while !files.iter().all(|file| file.starts_with(&common)) && common.pop() {}
    common
}

/// True for `@FILE`, and for a folder that holds tiles itself and has no list: tiles without labels.
fn is_flat(data: &Path) -> bool {
    if score::list_file(data).is_some() {
        return true;
    }
    if data.join("tiles.csv").is_file() {
        return false;
    }
    let Ok(entries) = fs::read_dir(data) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        is_tile_path(&path) && path.is_file() && !kiln_tile::is_left_out(&entry.file_name())
    })
}

fn wrong(data: &Path, reason: &str) -> CompareError {
    CompareError::Tiles { origin: data.display().to_string(), reason: reason.to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use kiln_tile::TILE_BYTES;

    use super::*;

    fn draw(path: &Path, grey: u8) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_pixel(256, 256, image::Rgb([grey; 3])).save(path).unwrap();
    }

    #[test]
    fn a_folder_is_a_data_set_or_plain_tiles() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        draw(&at("flat/b10.png"), 1);
        draw(&at("flat/b9.png"), 2);
        draw(&at("classes/benign/a.png"), 3);
        draw(&at("classes/tumour/b.png"), 4);
        let flat = TileSet::from_data(&at("flat"), None, &SlideOptions::default()).unwrap();
        let names: Vec<_> = flat.tiles.iter().map(|tile| (tile.path.as_str(), tile.label.as_deref())).collect();
        assert_eq!(names, [("b9.png", None), ("b10.png", None)]);
        assert_eq!(flat.read(0, &Decoder::default()).unwrap().pixels()[0], 2);
        let classes = TileSet::from_data(&at("classes"), None, &SlideOptions::default()).unwrap();
        assert_eq!(classes.tiles[1].path, "tumour/b.png");
        assert_eq!(classes.tiles[1].label.as_deref(), Some("tumour"));
        assert!(classes.source.starts_with("all tiles of classes"), "{}", classes.source);
        for (data, split) in [("flat", Some(Split::Test)), ("classes", Some(Split::Test)), ("nowhere", None)] {
            assert!(TileSet::from_data(&at(data), split, &SlideOptions::default()).is_err(), "{data}");
        }
    }

    #[test]
    fn tiles_of_a_list_have_the_same_names_wherever_their_folder_is() {
        let names = || {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            let files = [at("tiles/a/x.png"), at("tiles/b/y.png"), at("tiles/a/x.png")];
            files.iter().for_each(|file| draw(file, 1));
            let list: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
            fs::write(at("list.txt"), list).unwrap();
            let data = PathBuf::from(format!("@{}", at("list.txt").display()));
            let tiles = TileSet::from_data(&data, None, &SlideOptions::default()).unwrap().tiles;
            tiles.into_iter().map(|tile| tile.path).collect::<Vec<_>>()
        };
        let first = names();
        assert_eq!(first[..2], ["a/x.png", "b/y.png"]);
        assert_eq!(first, names());
    }

    #[test]
    fn a_split_of_a_list_is_the_split_alone() {
        let folder = tempfile::tempdir().unwrap();
        draw(&folder.path().join("a.png"), 1);
        draw(&folder.path().join("b.png"), 2);
        fs::write(folder.path().join("tiles.csv"), "path,label,split\na.png,benign,train\nb.png,tumour,test\n")
            .unwrap();
        let test = TileSet::from_data(folder.path(), Some(Split::Test), &SlideOptions::default()).unwrap();
        assert_eq!((test.len(), test.tiles[0].path.as_str()), (1, "b.png"));
        let error = TileSet::from_data(folder.path(), Some(Split::Val), &SlideOptions::default()).unwrap_err();
        assert!(error.to_string().contains("no tile belongs"), "{error}");
    }

    #[test]
    fn a_tile_that_cannot_be_read_has_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        draw(&folder.path().join("a.png"), 1);
        fs::write(folder.path().join("b.png"), "no picture").unwrap();
        let tiles = TileSet::from_data(folder.path(), None, &SlideOptions::default()).unwrap();
        assert!(tiles.read(0, &Decoder::default()).is_ok());
        assert!(tiles.read(1, &Decoder::default()).is_err());
        let grey = Tile::from_pixels(vec![7; TILE_BYTES]).unwrap();
        let memory = TileSet::from_memory("memory", [("one".to_owned(), grey)]);
        assert!(memory.read(0, &Decoder::default()).is_ok() && memory.read(1, &Decoder::default()).is_err());
        assert!(TileSet::answered("nothing", Vec::new()).read(0, &Decoder::default()).is_err());
    }
}
