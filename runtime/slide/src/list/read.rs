//! Reading of tile lists, as a stream: only the rows are kept.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Take};
use std::path::Path;
use std::str::FromStr;

use csv::{ReaderBuilder, StringRecord};
use kiln_files::LineCounter;

use super::columns::{COLUMNS, Columns, REQUIRED};
use super::names::Names;
use super::{ABSENT, ListError, MAX_COORDINATE, MAX_SIDE, Row, TileList};

/// Characters of a wrong value that are printed.
const MAX_SHOWN: usize = 64;

/// Limits for a tile list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListLimits {
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Number of tiles.
    pub tiles: usize,
}

impl Default for ListLimits {
    /// 4 GiB and 20 million tiles: about a thousand slides.
    fn default() -> Self {
        Self { bytes: 4 << 30, tiles: 20_000_000 }
    }
}

/// A wrong value: its column, and the fault.
type Wrong = (Option<&'static str>, String);

impl TileList {
    /// True if the first line of a file has the columns of a tile list. Nothing else is read.
    #[must_use]
    pub fn is_list(path: &Path) -> bool {
        let header = first_line(path).map(|line| header_of(&line));
        header.is_some_and(|header| ["slide", "minx", "miny"].iter().all(|name| has(&header, name)))
    }

    /// The fault of a first line that has most of the required columns of a tile list, but not all, or with other separators.
    /// `None` for a list, and for any other file.
    #[must_use]
    pub fn header_fault(path: &Path) -> Option<ListError> {
        let line = first_line(path)?;
        let plain = |name: &str| name.trim().trim_matches('"').trim().to_lowercase();
        let names: Vec<String> = line.split([',', ';', '\t']).map(plain).collect();
        let required = &COLUMNS[..REQUIRED];
        if required.iter().filter(|column| names.iter().any(|name| name == *column)).count() * 2 <= REQUIRED {
            return None;
        }
        let reason = Columns::find(&header_of(&line)).err()?;
        Some(ListError::Header { path: path.to_owned(), reason })
    }

    /// Reads a list. All places must be squares, equal within a slide, because tiles of different sizes would have different
    /// resolutions; a place may occur once in a slide. Lines may end in CRLF, and the file may begin with a byte order mark.
    ///
    /// # Errors
    /// A file that cannot be read or is over a limit, missing or misspelt columns, or a wrong row.
    pub fn read(path: &Path, limits: &ListLimits) -> Result<Self, ListError> {
        let io = |error| ListError::Io { path: path.to_owned(), error };
        let metadata = path.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(io(std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a regular file")));
        }
        let too_large = |what, limit| ListError::TooLarge { path: path.to_owned(), what, limit };
        if metadata.len() > limits.bytes {
            return Err(too_large("bytes", limits.bytes));
        }
        Reading::new(path, opened(path, limits).map_err(io)?)?.list(path, limits)
    }
}

/// The text of a file behind its byte order mark. The file may grow after its size was read, so the limit bounds the read
/// itself.
fn opened(path: &Path, limits: &ListLimits) -> io::Result<BufReader<Take<File>>> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?.take(limits.bytes));
    if file.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        file.consume(3);
    }
    Ok(file)
}

/// The first line of a file without a byte order mark; `None` if it cannot be read.
fn first_line(path: &Path) -> Option<String> {
    let mut line = Vec::new();
    BufReader::new(File::open(path).ok()?.take(4_096)).read_until(b'\n', &mut line).ok()?;
    Some(String::from_utf8_lossy(&line).trim_start_matches('\u{feff}').to_owned())
}

/// The columns of a first line, which may be quoted.
fn header_of(line: &str) -> StringRecord {
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
    // A line that is no CSV has no columns.
    reader.records().next().and_then(Result::ok).unwrap_or_default()
}

fn has(header: &StringRecord, column: &str) -> bool {
    header.iter().any(|name| name.trim() == column)
}

/// A list that is being read.
struct Reading<R> {
    rows: csv::Reader<R>,
    columns: Columns,
    list: TileList,
    /// Line of each row.
    lines: Vec<u32>,
    /// Width of the places and line of the first of each slide.
    sides: Vec<(u32, u64)>,
}

impl<R: Read> Reading<R> {
    fn new(path: &Path, file: R) -> Result<Self, ListError> {
        let mut rows = ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(file);
        let header = rows.headers().map_err(|error| csv_error(path, 1, error))?;
        let columns = Columns::find(header).map_err(|reason| ListError::Header { path: path.to_owned(), reason })?;
        let folder = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
        let list = TileList {
            folder,
            slides: Names::default(),
            labels: Names::default(),
            groups: Names::default(),
            splits: Names::default(),
            rows: Vec::new(),
            extra: columns.extra.clone(),
        };
        Ok(Self { rows, columns, list, lines: Vec::new(), sides: Vec::new() })
    }

    fn list(mut self, path: &Path, limits: &ListLimits) -> Result<TileList, ListError> {
        let mut record = StringRecord::new();
        // By another handle, because the reader of rows counts blank lines as a part of the row behind them.
        let mut counter = LineCounter::new(opened(path, limits).map_err(failed(path))?);
        loop {
            let line = counter.line_at(self.rows.position().byte()).map_err(failed(path))?;
            if !self.rows.read_record(&mut record).map_err(|error| csv_error(path, line, error))? {
                break;
            }
            if self.list.len() >= limits.tiles {
                return Err(ListError::TooLarge { path: path.to_owned(), what: "tiles", limit: limits.tiles as u64 });
            }
            let row = self.row(&record, line).map_err(|(column, reason)| row_error(path, line, column, reason))?;
            self.list.rows.push(row);
            self.lines.push(u32::try_from(line).unwrap_or(u32::MAX));
        }
        self.list.rows.shrink_to_fit();
        match self.repeated() {
            Some((first, second)) => {
                let reason = format!("this place is in line {first} already; remove one of the two");
                Err(row_error(path, second.into(), None, reason))
            }
            None => Ok(self.list),
        }
    }

    fn row(&mut self, record: &StringRecord, line: u64) -> Result<Row, Wrong> {
        let slide = self.text(record, "slide").ok_or((Some("slide"), "it is empty".to_owned()))?;
        if slide.contains('\0') {
            return Err((Some("slide"), "a path cannot contain a NUL character".to_owned()));
        }
        let coordinate = |column| {
            let value: i64 = required(self.field(record, column), column, "a whole number")?;
            let range = -MAX_COORDINATE..=MAX_COORDINATE;
            if range.contains(&value) { Ok(value) } else { Err((Some(column), format!("{value} is out of range"))) }
        };
        let (minx, miny) = (coordinate("minx")?, coordinate("miny")?);
        let side = |column| {
            let value: u32 = required(self.field(record, column), column, "a whole number of at least 1")?;
            let fits = (1..=MAX_SIDE).contains(&value);
            if fits { Ok(value) } else { Err((Some(column), format!("{value} is out of range, 1 to {MAX_SIDE}"))) }
        };
        let (width, height) = (side("width")?, side("height")?);
        if width != height {
            let reason = format!("the height is {height} and the width {width}; the places of tiles are squares");
            return Err((Some("height"), reason));
        }
        let level = match self.field(record, "level") {
            "" => ABSENT,
            text => {
                let level: u32 = required(text, "level", "a whole number")?;
                if level > 64 {
                    return Err((Some("level"), format!("{level} is out of range, 0 to 64")));
                } else {
                    level
                }
            }
        };
        let share = |column| match self.field(record, column) {
            "" => Ok(f32::NAN),
            text => {
                let value: f32 = text.parse().map_err(|_| wrong(column, text, "a number from 0 to 1"))?;
                let fits = (0.0..=1.0).contains(&value);
                if fits { Ok(value) } else { Err(wrong(column, text, "a number from 0 to 1")) }
            }
        };
        let (tissue, tumour) = (share("tissue_fraction")?, share("tumour_fraction")?);
        let [label, group, split] = ["label", "group", "split"].map(|column| self.text(record, column).map(str::trim));
        let list = &mut self.list;
        let number = |names: &mut Names, name: Option<&str>, column| match name.filter(|name| !name.is_empty()) {
            None => Ok(ABSENT),
            Some(name) => names.number(name).ok_or((Some(column), "too many different names".to_owned())),
        };
        let slide = number(&mut list.slides, Some(slide), "slide")?;
        match self.sides.get(slide as usize) {
            None => self.sides.push((width, line)),
            Some((side, _)) if *side == width => {}
            Some((side, first)) => {
                let reason = format!(
                    "{width}, but the places of this slide are {side} wide since line {first}; the tiles of a slide have one size"
                );
                return Err((Some("width"), reason));
            }
        }
        let label = number(&mut list.labels, label, "label")?;
        let group = number(&mut list.groups, group, "group")?;
        let split = number(&mut list.splits, split, "split")?;
        Ok(Row { minx, miny, side: width, slide, label, group, split, level, tissue, tumour })
    }

    /// A field as text; `None` if it is absent or empty.
    fn text<'a>(&self, record: &'a StringRecord, column: &str) -> Option<&'a str> {
        self.columns.position(column).and_then(|position| record.get(position)).filter(|text| !text.trim().is_empty())
    }

    /// A field without the white space around it.
    fn field<'a>(&self, record: &'a StringRecord, column: &str) -> &'a str {
        self.text(record, column).unwrap_or_default().trim()
    }

    /// The lines of the first place that occurs twice.
    fn repeated(&self) -> Option<(u32, u32)> {
        let rows = &self.list.rows;
        let key = |index: &u32| {
            let row = &rows[*index as usize];
            (row.slide, row.miny, row.minx)
        };
        // Lists are usually sorted as written; then nothing needs to be compared twice.
        let mut order: Vec<u32> = (0..u32::try_from(rows.len()).unwrap_or(u32::MAX)).collect();
        order.sort_by_key(key);
        let pairs = order.windows(2).filter(|pair| key(&pair[0]) == key(&pair[1]));
        pairs.map(|pair| (self.lines[pair[0] as usize], self.lines[pair[1] as usize])).min_by_key(|(_, line)| *line)
    }
}

/// A whole number. Tables saved by pandas may have it as `512.0`.
fn required<T: FromStr>(text: &str, column: &'static str, expected: &str) -> Result<T, Wrong> {
    let whole = text.split_once('.').filter(|(_, part)| part.bytes().all(|byte| byte == b'0'));
    let digits = whole.map_or(text, |(whole, _)| whole);
    digits.parse().map_err(|_| wrong(column, text, expected))
}

fn wrong(column: &'static str, text: &str, expected: &str) -> Wrong {
    let reason = match text {
        "" => format!("it is empty, expected {expected}"),
        text => {
            let shown: String = kiln_files::text::escaped(text).chars().take(MAX_SHOWN).collect();
            format!("`{shown}` is not {expected}")
        }
    };
    (Some(column), reason)
}

fn row_error(path: &Path, line: u64, column: Option<&str>, reason: String) -> ListError {
    ListError::Row { path: path.to_owned(), line, column: column.map(str::to_owned), reason }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> ListError + use<> {
    let path = path.to_owned();
    move |error| ListError::Io { path: path.clone(), error }
}

fn csv_error(path: &Path, line: u64, error: csv::Error) -> ListError {
    let reason = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields, but the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "not UTF-8; save the list as UTF-8".to_owned(),
        _ => error.to_string(),
    };
    match error.into_kind() {
        csv::ErrorKind::Io(error) => ListError::Io { path: path.to_owned(), error },
        _ => row_error(path, line, None, reason),
    }
}
