//! The columns of a result file: their names and kinds, the cells of a row, and a row from its cells. Formats know nothing
//! else of a row.

use std::borrow::Cow;

use kiln_files::text::one_line;
use kiln_tile::{Place, SlideTile};

use super::ScoreRow;

/// Columns of image files.
const FILES: [Column; 4] = [
    Column::required("path", Kind::Text),
    Column::optional("score", Kind::Float),
    Column::optional("label", Kind::Text),
    Column::required("status", Kind::Text),
];

/// Columns of tiles of slides before the probabilities; the first five are WSInfer's.
const SLIDES: [Column; 8] = [
    Column::required("slide", Kind::Text),
    Column::required("minx", Kind::Integer),
    Column::required("miny", Kind::Integer),
    Column::required("width", Kind::Integer),
    Column::required("height", Kind::Integer),
    Column::optional("score", Kind::Float),
    Column::optional("label", Kind::Text),
    Column::required("status", Kind::Text),
];

/// Columns of tiles of slides after the probabilities.
const SLIDES_END: [Column; 3] = [
    Column::optional("level", Kind::Integer),
    Column::optional("tissue_fraction", Kind::Float),
    Column::optional("tumour_fraction", Kind::Float),
];

/// The kind of value in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// UTF-8 text.
    Text,
    /// 32-bit floating point.
    Float,
    /// 64-bit integer.
    Integer,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// Its name in headers, keys and schemas.
    pub(super) name: Cow<'static, str>,
    /// The kind of its values.
    pub(super) kind: Kind,
    /// True if every row has a value.
    pub(super) required: bool,
}

impl Column {
    const fn required(name: &'static str, kind: Kind) -> Self {
        Self { name: Cow::Borrowed(name), kind, required: true }
    }

    const fn optional(name: &'static str, kind: Kind) -> Self {
        Self { name: Cow::Borrowed(name), kind, required: false }
    }
}

/// A value in a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'a> {
    /// No value.
    Empty,
    /// A value of a column of [`Kind::Text`].
    Text(Cow<'a, str>),
    /// A value of a column of [`Kind::Float`].
    Float(f32),
    /// A value of a column of [`Kind::Integer`].
    Integer(i64),
}

impl Cell<'_> {
    /// The value that `text` holds for a column of `kind`; empty text is no value.
    pub(super) fn parse(text: &str, kind: Kind) -> Result<Cell<'_>, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("`{text}`: {error}");
        Ok(match kind {
            _ if text.is_empty() => Cell::Empty,
            Kind::Text => Cell::Text(Cow::Borrowed(text)),
            Kind::Float => Cell::Float(text.parse().map_err(|error| wrong(&error))?),
            Kind::Integer => Cell::Integer(text.parse().map_err(|error| wrong(&error))?),
        })
    }
}

/// The columns of a result file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    columns: Vec<Column>,
    of_slides: bool,
    classes: Vec<String>,
}

impl Columns {
    /// The columns for image files: `path`, `score`, `label`, `status`, then `p_<class>` for each class of the model.
    #[must_use]
    pub fn for_files(classes: &[String]) -> Self {
        let columns = FILES.into_iter().chain(probabilities("p", classes)).collect();
        Self { columns, of_slides: false, classes: classes.to_vec() }
    }

    /// The columns for tiles of slides: `slide`, `minx`, `miny`, `width`, `height` (level-0 pixels), `score`, `label`,
    /// `status`, then `prob_<class>` for each class, `level`, `tissue_fraction` and `tumour_fraction`.
    #[must_use]
    pub fn for_slides(classes: &[String]) -> Self {
        let columns = SLIDES.into_iter().chain(probabilities("prob", classes)).chain(SLIDES_END).collect();
        Self { columns, of_slides: true, classes: classes.to_vec() }
    }

    /// The model's classes, in the order of the columns of probabilities.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// True for tiles of slides, false for image files.
    #[must_use]
    pub fn are_of_slides(&self) -> bool {
        self.of_slides
    }

    pub(super) fn as_slice(&self) -> &[Column] {
        &self.columns
    }

    /// The names in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_ref())
    }

    /// The cells of a row, one for each column.
    pub(super) fn cells<'a>(&self, row: &'a ScoreRow) -> Vec<Cell<'a>> {
        let text = |text: &'a str| Cell::Text(Cow::Borrowed(text));
        let float = |number: Option<f32>| number.map_or(Cell::Empty, Cell::Float);
        let integer = |number: Option<i64>| number.map_or(Cell::Empty, Cell::Integer);
        let tile = row.tile.as_ref();
        let mut cells = Vec::with_capacity(self.columns.len());
        if self.of_slides {
            cells.push(text(tile.map_or(&row.path, |tile| &tile.slide)));
            let place = |value: fn(&Place) -> i64| integer(tile.map(|tile| value(&tile.place)));
            cells.extend([place(|place| place.minx), place(|place| place.miny)]);
            cells.extend([place(|place| place.width.into()), place(|place| place.height.into())]);
        } else {
            cells.push(text(&row.path));
        }
        cells.extend([float(row.score), row.label.as_deref().map_or(Cell::Empty, text), text(&row.status)]);
        cells.extend((0..self.classes.len()).map(|class| float(row.probabilities.get(class).copied())));
        if self.of_slides {
            cells.push(integer(tile.and_then(|tile| tile.level).map(i64::from)));
            cells.push(float(tile.and_then(|tile| tile.tissue_fraction)));
            cells.push(float(tile.and_then(|tile| tile.tumour_fraction)));
        }
        cells
    }

    /// The row of these cells, one for each column.
    pub(super) fn row(&self, cells: Vec<Cell<'_>>) -> Result<ScoreRow, String> {
        if cells.len() != self.columns.len() {
            return Err(format!("a row of {} values, expected {}", cells.len(), self.columns.len()));
        }
        let mut cells = self.columns.iter().zip(cells).map(|(column, cell)| Value { column, cell });
        let mut next = || cells.next().ok_or("a row without values");
        let (path, tile) = if self.of_slides {
            let slide = next()?.required_text()?;
            let (minx, miny) = (next()?.required_integer()?, next()?.required_integer()?);
            let place = Place { minx, miny, width: next()?.required_integer()?, height: next()?.required_integer()? };
            let tile = SlideTile { slide, place, level: None, tissue_fraction: None, tumour_fraction: None };
            (tile.to_string(), Some(tile))
        } else {
            (next()?.required_text()?, None)
        };
        let score = next()?.float()?;
        let label = next()?.text()?.filter(|_| score.is_some());
        let status = one_line(&next()?.required_text()?).into_owned();
        let mut probabilities = Vec::new();
        for _ in &self.classes {
            probabilities.extend(next()?.float()?);
        }
        let tile = match tile {
            Some(tile) => Some(SlideTile {
                level: next()?.integer()?,
                tissue_fraction: next()?.float()?,
                tumour_fraction: next()?.float()?,
                ..tile
            }),
            None => None,
        };
        Ok(ScoreRow { path, tile, score, label, status, probabilities, digest: None })
    }
}

fn probabilities(prefix: &str, classes: &[String]) -> impl Iterator<Item = Column> {
    let column =
        move |class| Column { name: Cow::Owned(format!("{prefix}_{class}")), kind: Kind::Float, required: false };
    classes.iter().map(column)
}

/// A cell with its column.
struct Value<'a, 'c> {
    column: &'a Column,
    cell: Cell<'c>,
}

impl Value<'_, '_> {
    fn text(self) -> Result<Option<String>, String> {
        match self.cell {
            Cell::Text(text) => Ok(Some(text.into_owned())),
            Cell::Empty => Ok(None),
            _ => Err(self.wrong()),
        }
    }

    fn float(self) -> Result<Option<f32>, String> {
        match self.cell {
            Cell::Float(number) => Ok(Some(number)),
            Cell::Empty => Ok(None),
            _ => Err(self.wrong()),
        }
    }

    fn integer<T: TryFrom<i64>>(self) -> Result<Option<T>, String> {
        match self.cell {
            Cell::Integer(number) => T::try_from(number).map(Some).map_err(|_| self.wrong()),
            Cell::Empty => Ok(None),
            _ => Err(self.wrong()),
        }
    }

    fn required_text(self) -> Result<String, String> {
        let missing = self.missing();
        self.text()?.ok_or(missing)
    }

    fn required_integer<T: TryFrom<i64>>(self) -> Result<T, String> {
        let missing = self.missing();
        self.integer()?.ok_or(missing)
    }

    fn wrong(&self) -> String {
        format!("`{}` is {:?}", self.column.name, self.cell)
    }

    fn missing(&self) -> String {
        format!("a row without `{}`", self.column.name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_a_slide_has_wsinfers_columns_and_comes_back() {
        let columns = Columns::for_slides(&["a".to_owned()]);
        let names: Vec<_> = columns.names().collect();
        let expected = "slide minx miny width height score label status prob_a level tissue_fraction tumour_fraction";
        assert_eq!(names.join(" "), expected);
        let place = Place { minx: -3, miny: 5, width: 512, height: 511 };
        let slide = "a slide, odd.svs".to_owned();
        let tile = SlideTile { slide, place, level: Some(2), tissue_fraction: Some(0.75), tumour_fraction: None };
        let row = ScoreRow {
            path: tile.to_string(),
            tile: Some(tile),
            score: Some(0.5),
            label: Some("a".to_owned()),
            status: "ok".to_owned(),
            probabilities: vec![0.5],
            digest: None,
        };
        assert_eq!(row.path, "a slide, odd.svs#-3,5,512x511");
        assert_eq!(columns.row(columns.cells(&row)).unwrap(), row);
        let mut cells = columns.cells(&row);
        cells[3] = Cell::Integer(-1);
        assert_eq!(columns.row(cells).unwrap_err(), "`width` is Integer(-1)");
    }
}
