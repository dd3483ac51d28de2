//! Lists of tiles as CSV: `path,label[,group][,split]`, and further columns such as `centre`. Lists are untrusted input: the
//! size is limited, paths must be under the root, and every error names its line. An unknown column is an error, because a
//! mistyped `group` would silently turn a split by slide into a split by tile. [`write`] refuses entries that [`read`] would
//! not return unchanged, so that a training never ends in a `split.csv` that cannot be read.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use csv::{QuoteStyle, ReaderBuilder, StringRecord, WriterBuilder};
use kiln_files::{LineCounter, publish, read_at_most};

use super::columns::{FURTHER, FurtherColumns, is_further};
use super::dataset::Entry;
use super::split::Split;
use super::{DataError, Result, labels};

/// Largest size of a list in bytes: about half a million tiles.
const MAX_BYTES: u64 = 64 << 20;
/// Characters of an unknown column's name that are printed and compared with known names.
const MAX_SHOWN: usize = 64;
const COLUMNS: [&str; 4] = ["path", "label", "group", "split"];

/// Reads a list. Either all rows have a split, or none.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>> {
    read_with(path, ListOptions::default()).map(|(entries, _)| entries)
}

/// Columns that a list may have beside its usual ones, and may lack.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ListOptions<'a> {
    /// Names of further columns that are not in [`FURTHER`].
    pub(super) asked: &'a [&'a str],
    /// The label of rows without one; the column may be missing, too. `None`: every row needs a label.
    pub(super) missing_label: Option<&'a str>,
}

/// As [`read`], with the values of further columns.
pub(super) fn read_with(path: &Path, options: ListOptions<'_>) -> Result<(Vec<Entry>, FurtherColumns)> {
    let text = read_text(path)?;
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = ReaderBuilder::new().from_reader(text.as_bytes());
    let mut counter = LineCounter::new(text.as_bytes());
    let mut line_at = |offset: usize| counter.line_at(offset as u64).map_err(DataError::io(path));
    let line = line_at(0)?;
    let mut header = reader.headers().map_err(|error| csv_error(path, line, &error))?.clone();
    header.trim();
    let columns = Columns::find((path, line), &header, options)?;
    let mut further = FurtherColumns::new(columns.further.iter().map(|(name, _)| name.as_str()));
    let mut entries = Vec::new();
    let mut lines = HashMap::new();
    let mut record = StringRecord::new();
    loop {
        let start = offset(&reader);
        let line = line_at(start)?;
        if !reader.read_record(&mut record).map_err(|error| csv_error(path, line, &error))? {
            break;
        }
        let written = text.get(start..offset(&reader)).unwrap_or_default();
        let fields: Result<Vec<&str>, String> = record.iter().map(|field| trimmed(written, field)).collect();
        let entry = fields
            .and_then(|fields| {
                let entry = columns.entry(&fields)?;
                columns.add_further(&fields, &mut further)?;
                Ok(entry)
            })
            .map_err(|reason| at(path, line, reason))?;
        if let Some(first) = lines.insert(entry.path.clone(), line) {
            let reason = format!("`{}` is in line {first} already; remove one of the two", entry.path.display());
            return Err(at(path, line, reason));
        }
        entries.push(entry);
    }
    require_all_or_no_splits(path, &entries, &lines)?;
    Ok((entries, further))
}

fn offset<R: Read>(reader: &csv::Reader<R>) -> usize {
    usize::try_from(reader.position().byte()).unwrap_or(usize::MAX)
}

/// A field without the white space around it; quoted white space is kept. `written` is the whole row as in the file.
fn trimmed<'a>(written: &str, field: &'a str) -> Result<&'a str, String> {
    let bare = field.trim();
    if bare.len() == field.len() || written.contains(&format!("\"{}\"", field.replace('"', "\"\""))) {
        return Ok(field);
    }
    if bare.starts_with('"') {
        return Err(format!("the quote in {field:?} comes after white space; remove the white space before it"));
    }
    Ok(bare)
}

/// Writes a list, whole or not at all. It has a `split` column if `splits` is given, one for each entry, and behind it those
/// of the `further` columns that every list may have.
///
/// # Errors
/// An entry that [`read`] would not return unchanged, by name; or an error of the file system.
pub(super) fn write(path: &Path, entries: &[Entry], splits: Option<&[Split]>, further: &FurtherColumns) -> Result<()> {
    entries.iter().try_for_each(|entry| check(path, entry))?;
    // White space at an edge needs quotes; by default the writer quotes only commas, quotes and line breaks.
    let edged = entries.iter().any(|entry| entry.path.to_str().is_none_or(|name| name.trim() != name));
    let style = if edged { QuoteStyle::Always } else { QuoteStyle::Necessary };
    let mut writer = WriterBuilder::new().quote_style(style).from_writer(Vec::new());
    let unwritable = |error: csv::Error| DataError::Io { path: path.to_owned(), reason: error.into() };
    let usual = if splits.is_some() { &COLUMNS[..] } else { &COLUMNS[..3] };
    let further: Vec<(&str, &[Option<String>])> =
        FURTHER.into_iter().filter_map(|name| Some((name, further.get(name)?))).collect();
    writer.write_record(usual.iter().copied().chain(further.iter().map(|(name, _)| *name))).map_err(unwritable)?;
    for (index, entry) in entries.iter().enumerate() {
        let name = entry.path.to_string_lossy();
        let mut row = vec![name.as_ref(), entry.label.as_str(), entry.group.as_deref().unwrap_or_default()];
        row.extend(splits.and_then(|splits| splits.get(index)).map(Split::name));
        row.extend(further.iter().map(|(_, values)| values.get(index).and_then(Option::as_deref).unwrap_or_default()));
        writer.write_record(row).map_err(unwritable)?;
    }
    let bytes =
        writer.into_inner().map_err(|error| DataError::Io { path: path.to_owned(), reason: error.into_error() })?;
    if bytes.len() as u64 > MAX_BYTES {
        let reason = format!("the list of {} tiles would be over {MAX_BYTES} bytes; split the data set", entries.len());
        return Err(DataError::dataset(path, reason));
    }
    publish::write_file(path, &bytes).map_err(DataError::io(path))
}

fn check(list: &Path, entry: &Entry) -> Result<()> {
    let Some(reason) = problem(entry) else { return Ok(()) };
    let name = entry.path.display().to_string();
    Err(DataError::dataset(list, format!("tile {name:?} cannot be written to a list: {reason}")))
}

/// The reason why a list cannot hold an entry.
pub(super) fn problem(entry: &Entry) -> Option<String> {
    let path = entry.path.to_str().ok_or_else(|| "the path is not UTF-8".to_owned()).and_then(without_leading_dot);
    let label = named("label", &entry.label);
    let group = entry.group.as_deref().map_or(Ok(String::new()), |group| named("group", group));
    path.and(label.map(PathBuf::from)).and(group.map(PathBuf::from)).err()
}

fn read_text(path: &Path) -> Result<String> {
    let metadata = std::fs::metadata(path).map_err(DataError::io(path))?;
    if !metadata.is_file() {
        return Err(DataError::dataset(path, "not a regular file"));
    }
    let bytes = File::open(path).and_then(|file| read_at_most(file, MAX_BYTES)).map_err(DataError::io(path))?;
    let Some(bytes) = bytes else {
        return Err(DataError::dataset(path, format!("the list is over {MAX_BYTES} bytes; split the data set")));
    };
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        match LineCounter::new(error.as_bytes()).line_at(valid as u64) {
            Ok(line) => at(path, line, "not UTF-8; save the list as UTF-8"),
            Err(error) => DataError::io(path)(error),
        }
    })
}

fn at(path: &Path, line: u64, reason: impl Into<String>) -> DataError {
    DataError::List { path: path.to_owned(), line, reason: reason.into() }
}

fn csv_error(path: &Path, line: u64, error: &csv::Error) -> DataError {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            at(path, line, format!("{len} fields, but the header has {expected_len}"))
        }
        _ => at(path, line, error.to_string()),
    }
}

fn require_all_or_no_splits(path: &Path, entries: &[Entry], lines: &HashMap<PathBuf, u64>) -> Result<()> {
    let with = entries.iter().filter(|entry| entry.split.is_some()).count();
    match entries.iter().find(|entry| entry.split.is_none()) {
        Some(entry) if with > 0 => {
            let line = lines.get(&entry.path).copied().unwrap_or_default();
            Err(at(path, line, format!("no split, but {with} other rows have one; give all rows a split, or none")))
        }
        _ => Ok(()),
    }
}

/// Index of each column in a record.
struct Columns<'a> {
    path: usize,
    label: Option<usize>,
    /// The label of rows without one.
    missing_label: Option<&'a str>,
    group: Option<usize>,
    split: Option<usize>,
    /// Further columns by name.
    further: Vec<(String, usize)>,
}

impl<'a> Columns<'a> {
    fn find((list, line): (&Path, u64), header: &StringRecord, options: ListOptions<'a>) -> Result<Self> {
        let ListOptions { asked, missing_label } = options;
        let mut found = [None; 4];
        let mut further: Vec<(String, usize)> = Vec::new();
        let twice = |name: &str| at(list, line, format!("the column `{name}` is in the header twice"));
        if let Some(separator) = header.get(0).filter(|_| header.len() == 1).and_then(other_separator) {
            let reason = format!("the header is separated by {separator}; columns are separated by commas");
            return Err(at(list, line, reason));
        }
        for (index, name) in header.iter().enumerate() {
            let Some(column) = COLUMNS.iter().position(|column| *column == name) else {
                if is_further(name, asked) {
                    if further.iter().any(|(other, _)| other == name) {
                        return Err(twice(name));
                    }
                    further.push((name.to_owned(), index));
                    continue;
                }
                return Err(at(list, line, unknown_column(name)));
            };
            if found[column].replace(index).is_some() {
                return Err(twice(name));
            }
        }
        let [path, label, group, split] = found;
        let missing =
            |name| at(list, line, format!("the header has no column `{name}`; expected path,label[,group][,split]"));
        let path = path.ok_or_else(|| missing("path"))?;
        if label.is_none() && missing_label.is_none() {
            return Err(missing("label"));
        }
        Ok(Self { path, label, missing_label, group, split, further })
    }

    /// Adds the further values of a row to their columns.
    fn add_further(&self, record: &[&str], columns: &mut FurtherColumns) -> Result<(), String> {
        for (name, index) in &self.further {
            let field = record.get(*index).copied().filter(|text| !text.is_empty());
            columns.push(name, field.map(|text| named(name, text)).transpose()?);
        }
        Ok(())
    }

    fn entry(&self, record: &[&str]) -> Result<Entry, String> {
        let field =
            |index: Option<usize>| index.and_then(|index| record.get(index).copied()).filter(|text| !text.is_empty());
        let path = contained(field(Some(self.path)).ok_or("the path is empty")?)?;
        let label = named("label", field(self.label).or(self.missing_label).ok_or("the label is empty")?)?;
        let group = field(self.group).map(|text| named("group", text)).transpose()?;
        let split = field(self.split).map(str::parse).transpose()?;
        Ok(Entry { path, label, group, split })
    }
}

fn unknown_column(name: &str) -> String {
    // The name is untrusted: it may be as long as the list, with any characters.
    let name: String = name.escape_debug().take(MAX_SHOWN).collect();
    let known: Vec<&str> = COLUMNS.into_iter().chain(FURTHER).collect();
    let nearest = known.iter().min_by_key(|column| strsim::levenshtein(column, &name)).unwrap_or(&"path");
    format!("unknown column `{name}`, nearest `{nearest}`; known: {}", known.join(", "))
}

/// The separator of a header without commas.
fn other_separator(header: &str) -> Option<&'static str> {
    let separators = [(';', "semicolons (`;`)"), ('\t', "tabs")];
    separators.into_iter().find(|(separator, _)| header.contains(*separator)).map(|(_, name)| name)
}

/// A relative path without `..`, in its shortest form, so that `a/./b` and `a/b` are the same tile.
fn contained(text: &str) -> Result<PathBuf, String> {
    if let Some(problem) = labels::path_problem(Path::new(text)) {
        return Err(problem);
    }
    let mut path = PathBuf::new();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            _ => {
                return Err(format!("`{text}` is outside the list's folder; paths are relative to it, without `..`"));
            }
        }
    }
    if path.as_os_str().is_empty() { Err(format!("`{text}` names no file")) } else { Ok(path) }
}

/// As [`contained`], but refuses a leading `./`: `./a` would be read back as `a`, which is another path. (`a//b` and `a/b` are
/// equal paths.)
fn without_leading_dot(text: &str) -> Result<PathBuf, String> {
    let path = contained(text)?;
    if path == Path::new(text) {
        Ok(path)
    } else {
        Err(format!("`{text}` begins with `./`; name it `{}`", path.display()))
    }
}

fn named(what: &str, text: &str) -> Result<String, String> {
    let problem = if what == "label" { labels::label_problem(text) } else { labels::problem(text) };
    match problem {
        Some(problem) => Err(format!("the {what} {problem}")),
        None => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn refusal(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("tiles.csv");
        std::fs::write(&list, text).unwrap();
        read(&list).unwrap_err().to_string()
    }

    #[test]
    fn a_separator_that_is_no_comma_is_named() {
        for (text, words) in [
            ("path;label;group\na.png;benign;s1\n", "line 1: the header is separated by semicolons (`;`)"),
            ("\u{feff}\"path\";\"label\"\n\"a.png\";\"benign\"\n", "separated by semicolons"),
            ("path\tlabel\na.png\tbenign\n", "line 1: the header is separated by tabs"),
        ] {
            let message = refusal(text);
            assert!(message.contains(words) && message.contains("separated by commas"), "{text:?}: {message}");
        }
        assert!(refusal("path,label,a;b\n").contains("unknown column `a;b`"));
    }

    #[test]
    fn lines_are_counted_with_blank_ones_and_whatever_ends_them() {
        for end in ["\n", "\r\n", "\r"] {
            let said = |lines: &[&str]| refusal(&lines.join(end));
            let few = said(&["path,label", "a.png,benign", "", "", "b.png", ""]);
            assert!(few.contains("line 5: 1 fields"), "{end:?}: {few}");
            let twice = said(&["", "path,label", "a.png,benign", "", "a.png,benign"]);
            assert!(twice.contains("line 5: `a.png` is in line 3 already"), "{end:?}: {twice}");
            let header = said(&["", "", "path,lable", "a.png,benign"]);
            assert!(header.contains("line 3: unknown column"), "{end:?}: {header}");
        }
    }

    #[test]
    fn a_further_column_is_known_or_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("tiles.csv");
        let text = "path,centre,label,laboratory\na.png,north,benign,one\nb.png,,benign,two\n";
        std::fs::write(&list, text).unwrap();
        assert!(read(&list).unwrap_err().to_string().contains("unknown column `laboratory`"));
        let (entries, columns) =
            read_with(&list, ListOptions { asked: &["laboratory"], ..ListOptions::default() }).unwrap();
        let owned = |text: &str| Some(text.to_owned());
        assert_eq!(entries.len(), 2);
        assert_eq!(columns.get("centre").unwrap(), [owned("north"), None]);
        assert_eq!(columns.get("laboratory").unwrap(), [owned("one"), owned("two")]);
        assert_eq!(columns.select(&[1]).get("laboratory").unwrap(), [owned("two")]);
        assert!(refusal("path,label,centre,centre\na.png,benign,x,y\n").contains("is in the header twice"));
        assert!(refusal("path,label,center\na.png,benign,x\n").contains("nearest `centre`"));
        assert!(refusal("path,label,centre\na.png,benign,\"x \"\n").contains("line 2: the centre"));
    }

    #[test]
    fn columns_that_every_list_may_have_are_written_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("tiles.csv");
        let text = "path,label,laboratory,scanner,centre\na.png,benign,one,\"P1000, new\",north\nb.png,benign,two,,\n";
        std::fs::write(&list, text).unwrap();
        let asked = ListOptions { asked: &["laboratory"], ..ListOptions::default() };
        let (entries, columns) = read_with(&list, asked).unwrap();
        let written = folder.path().join("split.csv");
        write(&written, &entries, Some(&[Split::Val, Split::Test]), &columns).unwrap();
        assert!(std::fs::read_to_string(&written).unwrap().starts_with("path,label,group,split,centre,scanner\n"));
        let (again, found) = read_with(&written, ListOptions::default()).unwrap();
        let names: Vec<&str> = found.names().collect();
        assert_eq!(names, ["centre", "scanner"], "a column that must be asked for would make the file unreadable");
        assert!(names.into_iter().all(|name| found.get(name) == columns.get(name)));
        assert_eq!(again.iter().map(|entry| entry.split).collect::<Vec<_>>(), [Some(Split::Val), Some(Split::Test)]);
        write(&written, &entries, None, &FurtherColumns::default()).unwrap();
        assert!(std::fs::read_to_string(&written).unwrap().starts_with("path,label,group\n"));
    }

    #[test]
    fn a_label_for_a_missing_value_is_refused() {
        for label in ["nan", "NaN", "NAN"] {
            let message = refusal(&format!("path,label\na.png,{label}\n"));
            assert!(
                message.contains(&format!("line 2: the label `{label}` usually means a missing value")),
                "{message}"
            );
        }
    }
}
