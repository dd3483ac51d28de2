//! Reads a reference from a table: `path`, and `score` or `p_<class>` columns, the columns of `kiln score`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use kiln_files::LineCounter;
use kiln_tile::SizePolicy;
use ndarray::{Array1, ArrayD};

use super::{Reference, wrong};
use crate::Result;
use crate::import::tiles::read_files;

/// The most rows that are read: their tiles take 2 GB.
const MOST: usize = 10_000;

pub(super) fn read(path: &Path, root: Option<&Path>, policy: SizePolicy) -> Result<Reference> {
    let failed = |error: csv::Error| wrong(path, error.to_string());
    let mut table = csv::Reader::from_path(path).map_err(failed)?;
    let header = table.headers().map_err(failed)?.clone();
    let place = |name: &str| header.iter().position(|column| column.trim() == name);
    let paths_at = place("path").ok_or_else(|| wrong(path, "no column `path` in the header"))?;
    let wanted = |name: &str| name == "score" || name.starts_with("p_");
    let columns: Vec<(usize, String)> = header
        .iter()
        .enumerate()
        .map(|(at, name)| (at, name.trim().to_owned()))
        .filter(|(_, name)| wanted(name))
        .collect();
    if columns.is_empty() {
        return Err(wrong(path, "no column `score` or `p_<class>` in the header").into());
    }
    let mut paths = Vec::new();
    let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let io = |error: std::io::Error| wrong(path, error.to_string());
    let mut counter = LineCounter::new(BufReader::new(File::open(path).map_err(io)?));
    let mut record = csv::StringRecord::new();
    for row in 0.. {
        let line = counter.line_at(table.position().byte()).map_err(io)?;
        if !table.read_record(&mut record).map_err(failed)? {
            break;
        }
        if row == MOST {
            return Err(wrong(path, format!("more than {MOST} rows; a few hundred tiles suffice")).into());
        }
        paths.push(record.get(paths_at).unwrap_or_default().to_owned());
        for (at, name) in &columns {
            let text = record.get(*at).unwrap_or_default().trim();
            let value = text.parse::<f64>();
            let value =
                value.map_err(|_| wrong(path, format!("line {line}: `{name}` is `{text}`, which is no number")))?;
            values.entry(name.clone()).or_default().push(value);
        }
    }
    if paths.is_empty() {
        return Err(wrong(path, "no rows below the header").into());
    }
    let folder = match (root, path.parent()) {
        (Some(root), _) => root,
        (None, Some(folder)) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let tiles = read_files(folder, &paths, policy)?;
    let arrays: BTreeMap<String, ArrayD<f64>> =
        values.into_iter().map(|(name, column)| (name, Array1::from(column).into_dyn())).collect();
    Ok(Reference { path: path.to_owned(), tiles, names: paths, arrays })
}
