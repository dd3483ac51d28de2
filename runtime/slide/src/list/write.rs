//! Writing of tile lists: row by row to a scratch file, which replaces the list when it is complete.

use std::collections::HashMap;
use std::io::{self, BufWriter};
use std::path::{Component, Path, PathBuf};

use csv::Writer;
use kiln_files::publish;
use tempfile::NamedTempFile;

use super::columns::COLUMNS;
use super::{ListError, ListedPlace, MAX_COORDINATE, MAX_SIDE};

/// Writes a tile list. Rows are checked as the reader checks them, except that repeated places are not noticed. Dropped
/// without [`Self::finish`], nothing remains.
#[derive(Debug)]
pub struct TileListWriter {
    path: PathBuf,
    rows: Writer<BufWriter<NamedTempFile>>,
    sides: HashMap<String, u32>,
    tiles: u64,
}

impl TileListWriter {
    /// Begins a list at `path`, which keeps its old content until [`Self::finish`].
    ///
    /// # Errors
    /// The file system's error.
    pub fn create(path: &Path) -> Result<Self, ListError> {
        let scratch = publish::scratch_file(path).map_err(|error| ListError::Io { path: path.to_owned(), error })?;
        let mut rows = Writer::from_writer(BufWriter::with_capacity(1 << 16, scratch));
        let header = rows.write_record(COLUMNS);
        let writer = Self { path: path.to_owned(), rows, sides: HashMap::new(), tiles: 0 };
        header.map_err(|error| writer.csv(error))?;
        Ok(writer)
    }

    /// Adds a tile. Fractions are written with six decimals.
    ///
    /// # Errors
    /// A tile that could not be read back, or the file system's error.
    pub fn write(&mut self, tile: &ListedPlace<'_>) -> Result<(), ListError> {
        if let Err((column, reason)) = self.check(tile) {
            let (path, line) = (self.path.clone(), self.tiles + 2);
            return Err(ListError::Row { path, line, column: Some(column.to_owned()), reason });
        }
        let place = tile.place;
        let whole = [place.minx, place.miny, place.width.into(), place.height.into()].map(|value| value.to_string());
        let level = tile.level.map(|level| level.to_string()).unwrap_or_default();
        let share = |value: Option<f64>| value.map(|value| format!("{value:.6}")).unwrap_or_default();
        let shares = [tile.tissue_fraction, tile.tumour_fraction].map(share);
        let names = [tile.label, tile.group, tile.split].map(Option::unwrap_or_default);
        let row = std::iter::once(tile.slide).chain(whole.iter().map(String::as_str)).chain(names);
        let row = row.chain([level.as_str(), &shares[0], &shares[1]]);
        self.rows.write_record(row).map_err(|error| self.csv(error))?;
        self.tiles += 1;
        Ok(())
    }

    /// Completes the list and puts it in place. Returns the number of tiles.
    ///
    /// # Errors
    /// The file system's error; the old list is then unchanged.
    pub fn finish(self) -> Result<u64, ListError> {
        let Self { path, rows, tiles, .. } = self;
        let io = |error| ListError::Io { path: path.clone(), error };
        let buffer = rows.into_inner().map_err(|error| io(error.into_error()))?;
        let scratch = buffer.into_inner().map_err(|error| io(error.into_error()))?;
        publish::publish_file(scratch, &path).map_err(io)?;
        Ok(tiles)
    }

    fn check(&mut self, tile: &ListedPlace<'_>) -> Result<(), (&'static str, String)> {
        if tile.slide.trim().is_empty() || tile.slide.contains('\0') {
            return Err(("slide", format!("{:?} is not a path", tile.slide)));
        }
        for (column, value) in [("minx", tile.place.minx), ("miny", tile.place.miny)] {
            if !(-MAX_COORDINATE..=MAX_COORDINATE).contains(&value) {
                return Err((column, format!("{value} is out of range")));
            }
        }
        let (width, height) = (tile.place.width, tile.place.height);
        if width != height || !(1..=MAX_SIDE).contains(&width) {
            return Err(("width", format!("{width} x {height} is not a square of 1 to {MAX_SIDE} pixels")));
        }
        match self.sides.get(tile.slide) {
            None => drop(self.sides.insert(tile.slide.to_owned(), width)),
            Some(side) if *side == width => {}
            Some(side) => return Err(("width", format!("{width}, but other places of this slide are {side} wide"))),
        }
        for (column, name) in [("label", tile.label), ("group", tile.group), ("split", tile.split)] {
            if name.is_some_and(|name| name.is_empty() || name.trim() != name) {
                return Err((column, format!("{name:?} is empty or has white space at an end")));
            }
        }
        if tile.level.is_some_and(|level| level > 64) {
            return Err(("level", "out of range, 0 to 64".to_owned()));
        }
        for (column, share) in [("tissue_fraction", tile.tissue_fraction), ("tumour_fraction", tile.tumour_fraction)] {
            if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
                return Err((column, format!("{share:?} is not from 0 to 1")));
            }
        }
        Ok(())
    }

    fn csv(&self, error: csv::Error) -> ListError {
        ListError::Io { path: self.path.clone(), error: error.into() }
    }
}

/// The text that names a slide in the list at `list`: an absolute path stays, and a relative one becomes relative to the
/// folder of the list, so that the list can be moved together with the slides. A path that would lead elsewhere from that
/// folder, because a link is on the way, becomes absolute.
///
/// # Errors
/// `InvalidInput` if the path is not UTF-8, or the current folder cannot be determined.
pub fn slide_reference(slide: &Path, list: &Path) -> io::Result<String> {
    let text = |path: &Path| {
        let text = path.to_str().map(str::to_owned);
        text.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("{}: the path is not UTF-8", path.display()))
        })
    };
    if slide.is_absolute() {
        return text(slide);
    }
    let folder = std::path::absolute(list.parent().unwrap_or_else(|| Path::new("")).join("."))?;
    let real_folder = without_links(&folder);
    let absolute = std::path::absolute(slide)?;
    let Ok(real_slide) = absolute.canonicalize() else {
        return text(&relative(&normal(&absolute), &normal(&folder)));
    };
    let leads_to_slide = |reference: &PathBuf| {
        let found = normal(&real_folder.join(reference)).canonicalize();
        found.is_ok_and(|found| found == real_slide)
    };
    // The file keeps its own name, also if it is a link.
    let in_real_folder =
        absolute.parent().map(without_links).zip(absolute.file_name()).map(|(real, name)| real.join(name));
    let by_folders = relative(&normal(&absolute), &normal(&folder));
    let by_real_folders = in_real_folder.iter().map(|real| relative(real, &real_folder));
    match std::iter::once(by_folders).chain(by_real_folders).find(leads_to_slide) {
        Some(reference) => text(&reference),
        None => text(in_real_folder.as_deref().unwrap_or(&real_slide)),
    }
}

/// The path from one absolute folder to a file.
fn relative(file: &Path, folder: &Path) -> PathBuf {
    let common = file.components().zip(folder.components()).take_while(|(one, other)| one == other).count();
    let up = folder.components().skip(common).map(|_| Component::ParentDir);
    up.chain(file.components().skip(common)).collect()
}

/// An absolute path without links, `.` and `..`; a part that does not exist stays.
fn without_links(path: &Path) -> PathBuf {
    let existing = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match existing {
        Some((above, real)) => normal(&real.join(path.strip_prefix(above).unwrap_or(Path::new("")))),
        None => normal(path),
    }
}

/// An absolute path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            component => normal.push(component),
        }
    }
    normal
}
