//! Reads `tiles.csv` to the entries of a data set. The format is checked by [`TileList`]; here come the rules of training:
//! labels, groups, splits, and names that a split can hold.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord};
use kiln_slide::{ListLimits, ListedPlace, TileList};
use kiln_tile::Place;

use super::columns::{FurtherColumns, is_further};
use super::dataset::{Dataset, Entry, Source};
use super::list::ListOptions;
use super::slides::{ListedSlide, SlideOptions, SlideSet, short_names};
use super::split::Split;
use super::{DataError, Result, labels, list};

/// Longest header that is searched for the column of slides, in bytes.
const HEADER: u64 = 64 << 10;
/// Columns that results of a scoring have and tile lists do not.
const RESULTS: [&str; 2] = ["score", "status"];
const CHANGED: &str = "the list changed while it was read";

/// True if a CSV file lists tiles of slides: its header has a column `slide` and no column `path`.
pub(super) fn is_slide_list(path: &Path) -> bool {
    let mut header = Vec::new();
    let read = File::open(path).and_then(|file| BufReader::new(file.take(HEADER)).read_until(b'\n', &mut header));
    let header = String::from_utf8_lossy(&header);
    let names = || header.trim_start_matches('\u{feff}').split(',').map(|name| name.trim().trim_matches('"'));
    read.is_ok() && names().any(|name| name == "slide") && !names().any(|name| name == "path")
}

/// Opens a data set of slide tiles. Tiles without a label are left out, unless `reading` has a label for them.
pub(super) fn open(root: &Path, path: &Path, options: &SlideOptions, reading: ListOptions<'_>) -> Result<Dataset> {
    let ListOptions { asked, missing_label } = reading;
    let listed = TileList::read(path, &ListLimits::default()).map_err(|error| DataError::TileList(Box::new(error)))?;
    refuse_results(path, &listed)?;
    let rows = Rows::new(path, &listed, missing_label)?;
    let Rows { entries, rows, places, slides, unlabelled, states_groups } = rows;
    if entries.is_empty() {
        let reason = if listed.is_empty() {
            "the list has a header and no rows"
        } else {
            "no row has a label; label the tiles from annotations"
        };
        return Err(DataError::NoTiles { path: path.to_owned(), reason });
    }
    require_all_or_no_splits(path, &entries)?;
    labels::check(path, &entries)?;
    let columns = further_columns(path, &listed, asked)?.select(&rows);
    let set = SlideSet::open(path, slides, places, options)?;
    let numbers = (0..entries.len()).collect();
    let source = Source::Slides { set: set.into(), numbers, groups_are_slides: !states_groups };
    Ok(Dataset { root: root.to_owned(), entries, list: Some(path.to_owned()), unlabelled, source, columns })
}

/// The values of the further columns of a list, one for each row. [`TileList`] does not keep them, so the file is read
/// again if there are some.
fn further_columns(path: &Path, listed: &TileList, asked: &[&str]) -> Result<FurtherColumns> {
    let wanted: Vec<&str> =
        listed.extra_columns().iter().map(String::as_str).filter(|name| is_further(name, asked)).collect();
    let mut columns = FurtherColumns::new(wanted.iter().copied());
    if wanted.is_empty() {
        return Ok(columns);
    }
    let wrong = |reason: String| DataError::dataset(path, reason);
    let unreadable = |error: csv::Error| wrong(error.to_string());
    let file = File::open(path).map_err(DataError::io(path))?;
    let mut reader = ReaderBuilder::new().from_reader(BufReader::new(file));
    let header = reader.headers().map_err(unreadable)?.clone();
    let mut places = Vec::new();
    for name in wanted {
        let mut found = (0..header.len()).filter(|&place| header.get(place).is_some_and(|field| is_named(field, name)));
        match (found.next(), found.next()) {
            (Some(place), None) => places.push((name, place)),
            (_, Some(_)) => return Err(wrong(format!("the column `{name}` is in the header twice"))),
            (None, None) => return Err(wrong(CHANGED.to_owned())),
        }
    }
    let mut record = StringRecord::new();
    let mut read = 0;
    while reader.read_record(&mut record).map_err(unreadable)? {
        for (name, place) in &places {
            let value = record.get(*place).map(str::trim).filter(|text| !text.is_empty());
            if let Some(problem) = value.and_then(labels::problem) {
                return Err(wrong(format!("row {}: the {name} {problem}", read + 1)));
            }
            columns.push(name, value.map(str::to_owned));
        }
        read += 1;
    }
    if read != listed.len() {
        return Err(wrong(CHANGED.to_owned()));
    }
    Ok(columns)
}

fn is_named(field: &str, name: &str) -> bool {
    field.trim_start_matches('\u{feff}').trim() == name
}

/// Refuses the results of a scoring: the labels in them are a model's decisions.
fn refuse_results(path: &Path, listed: &TileList) -> Result<()> {
    let is_result = |name: &&String| RESULTS.contains(&name.as_str()) || name.starts_with("prob_");
    let Some(column) = listed.extra_columns().iter().find(is_result) else { return Ok(()) };
    let reason = format!(
        "the column `{column}` is of results of a scoring, whose labels are decisions of a model; use the list that \
         annotations labelled, or remove the column if the labels are true"
    );
    Err(DataError::List { path: path.to_owned(), line: 1, reason })
}

/// The labelled rows of a list, with the slides that they need.
#[derive(Default)]
struct Rows {
    entries: Vec<Entry>,
    /// Row of the list of each entry.
    rows: Vec<usize>,
    /// Slide by its number in `slides`, and place, of each entry.
    places: Vec<(u32, Place)>,
    slides: Vec<ListedSlide>,
    unlabelled: usize,
    /// A row has a group.
    states_groups: bool,
}

impl Rows {
    fn new(path: &Path, listed: &TileList, missing: Option<&str>) -> Result<Self> {
        let texts: Vec<&str> = listed.slides().collect();
        let paths: Vec<PathBuf> = texts.iter().map(|text| listed.slide_path(text)).collect();
        let names = short_names(&paths).map_err(|(one, other)| {
            let (one, other) = (labels::shown(texts[one]), labels::shown(texts[other]));
            DataError::dataset(path, format!("the slides {one} and {other} are one file; use one spelling"))
        })?;
        // Slides whose tiles are all unlabelled are not needed, and need not be readable.
        let mut used: Vec<Option<u32>> = vec![None; texts.len()];
        let mut rows = Self::default();
        let tiles = (0..listed.len()).filter_map(|row| Some((row, listed.get(row)?, listed.slide_of(row)?)));
        for (row, tile, slide) in tiles {
            let Some(label) = tile.label.or(missing) else {
                rows.unlabelled += 1;
                continue;
            };
            let number = match used[slide] {
                Some(number) => number,
                None => {
                    let number = u32::try_from(rows.slides.len()).unwrap_or(u32::MAX);
                    let (name, path) = (names[slide].clone(), paths[slide].clone());
                    rows.slides.push(ListedSlide { name, path, side: tile.place.width });
                    *used[slide].insert(number)
                }
            };
            rows.states_groups |= tile.group.is_some();
            rows.entries.push(entry(path, &tile, label, &names[slide])?);
            rows.rows.push(row);
            rows.places.push((number, tile.place));
        }
        Ok(rows)
    }
}

fn entry(path: &Path, tile: &ListedPlace<'_>, label: &str, slide: &str) -> Result<Entry> {
    let name = format!("{slide}#{}", tile.place);
    let wrong = |reason: String| DataError::dataset(path, format!("tile {}: {reason}", labels::shown(&name)));
    let split = tile.split.map(str::parse::<Split>).transpose().map_err(&wrong)?;
    let group = Some(tile.group.unwrap_or(slide).to_owned());
    let entry = Entry { path: PathBuf::from(&name), label: label.to_owned(), group, split };
    match list::problem(&entry) {
        Some(reason) => Err(wrong(reason)),
        None => Ok(entry),
    }
}

fn require_all_or_no_splits(path: &Path, entries: &[Entry]) -> Result<()> {
    let with = entries.iter().filter(|entry| entry.split.is_some()).count();
    match entries.iter().find(|entry| entry.split.is_none()) {
        Some(entry) if with > 0 => {
            let tile = labels::shown(&entry.path.to_string_lossy());
            let reason = format!(
                "tile {tile} has no split, but {with} other labelled tiles have one; give all a split, or none"
            );
            Err(DataError::dataset(path, reason))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn columns(text: &str, asked: &[&str]) -> Result<FurtherColumns> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiles.csv");
        std::fs::write(&path, text).unwrap();
        let listed = TileList::read(&path, &ListLimits::default()).unwrap();
        further_columns(&path, &listed, asked)
    }

    #[test]
    fn further_columns_have_a_value_for_each_row() {
        let text =
            "\u{feff}centre,slide,minx,miny,width,height,lab,other\nnorth,a.svs,0,0,64,64,x,1\n,a.svs,64,0,64,64,,2\n";
        let owned = |text: &str| Some(text.to_owned());
        let found = columns(text, &["lab"]).unwrap();
        assert_eq!(found.get("centre").unwrap(), [owned("north"), None]);
        assert_eq!(found.get("lab").unwrap(), [owned("x"), None]);
        assert_eq!(found.select(&[1, 0]).get("centre").unwrap(), [None, owned("north")]);
        assert!(found.get("other").is_none());
        assert_eq!(columns(text, &[]).unwrap().names().collect::<Vec<_>>(), ["centre"]);
        let twice = "slide,minx,miny,width,height,centre,centre\na.svs,0,0,64,64,x,y\n";
        assert!(columns(twice, &[]).unwrap_err().to_string().contains("`centre` is in the header twice"));
    }
}
