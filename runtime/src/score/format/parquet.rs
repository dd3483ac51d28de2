//! Rows as Apache Parquet.

use std::fs::File;
use std::io;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::SerializedFileReader;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::{Field, Row};
use parquet::schema::types::{Type, TypePtr};

use super::codec::{Codec, RowsRead, WriteRows};
use crate::score::ScoreRow;
use crate::score::columns::{Cell, Column, Columns, Kind};
use crate::score::target::Target;

pub(super) const CODEC: Codec = Codec {
    name: "parquet",
    title: "Parquet",
    extensions: &["parquet"],
    streams: false,
    lacks: None,
    write: |target, columns| Ok(Box::new(ParquetRows::new(target, columns)?)),
    read: parquet_rows,
};

/// Rows kept in memory before they are written as one row group: some 10 MB.
const GROUP_ROWS: usize = 1 << 16;

/// One row group after another.
struct ParquetRows {
    writer: SerializedFileWriter<Target>,
    rows: Vec<ScoreRow>,
    columns: Columns,
}

impl ParquetRows {
    fn new(target: Target, columns: &Columns) -> io::Result<Self> {
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = SerializedFileWriter::new(target, schema(columns)?, Arc::new(properties))?;
        Ok(Self { writer, rows: Vec::new(), columns: columns.clone() })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let rows = std::mem::take(&mut self.rows);
        let cells: Vec<_> = rows.iter().map(|row| self.columns.cells(row)).collect();
        let mut group = self.writer.next_row_group()?;
        for (at, column) in self.columns.as_slice().iter().enumerate() {
            let values = cells.iter().map(|row| &row[at]);
            match column.kind {
                Kind::Text => write_column::<ByteArrayType>(&mut group, column, values.map(text)),
                Kind::Float => write_column::<FloatType>(&mut group, column, values.map(float)),
                Kind::Integer => write_column::<Int64Type>(&mut group, column, values.map(integer)),
            }?;
        }
        group.close().map(drop)
    }
}

impl WriteRows for ParquetRows {
    fn write(&mut self, row: &ScoreRow) -> io::Result<()> {
        self.rows.push(row.clone());
        if self.rows.len() == GROUP_ROWS {
            self.write_group()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<Target> {
        if !self.rows.is_empty() {
            self.write_group()?;
        }
        Ok(self.writer.into_inner()?)
    }
}

fn schema(columns: &Columns) -> Result<TypePtr, ParquetError> {
    let field = |column: &Column| {
        let (physical, logical) = match column.kind {
            Kind::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Float => (PhysicalType::FLOAT, None),
            Kind::Integer => (PhysicalType::INT64, None),
        };
        let repetition = if column.required { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        let builder = Type::primitive_type_builder(&column.name, physical);
        builder.with_logical_type(logical).with_repetition(repetition).build().map(Arc::new)
    };
    let fields = columns.as_slice().iter().map(field).collect::<Result<_, _>>()?;
    Ok(Arc::new(Type::group_type_builder("scores").with_fields(fields).build()?))
}

fn text(cell: &Cell<'_>) -> Option<ByteArray> {
    if let Cell::Text(text) = cell { Some(ByteArray::from(text.as_ref())) } else { None }
}

fn float(cell: &Cell<'_>) -> Option<f32> {
    if let Cell::Float(number) = cell { Some(*number) } else { None }
}

fn integer(cell: &Cell<'_>) -> Option<i64> {
    if let Cell::Integer(number) = cell { Some(*number) } else { None }
}

fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Target>,
    column: &Column,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let (mut present, mut levels) = (Vec::new(), Vec::new());
    for value in values {
        levels.push(i16::from(value.is_some()));
        present.extend(value);
    }
    if column.required && present.len() < levels.len() {
        return Err(ParquetError::General(format!("a row without `{}`", column.name)));
    }
    let levels = (!column.required).then_some(levels.as_slice());
    let Some(mut writer) = group.next_column()? else {
        return Err(ParquetError::General("the schema has fewer columns than a row".to_owned()));
    };
    writer.typed::<T>().write_batch(&present, levels, None)?;
    writer.close()
}

fn parquet_rows(file: File, columns: Columns) -> Result<RowsRead, String> {
    let mut rows = readable(|| SerializedFileReader::new(file).map(IntoIterator::into_iter))?;
    let row = move |row: Row| {
        let fields: Vec<(&String, &Field)> = row.get_column_iter().collect();
        if !fields.iter().map(|(name, _)| name.as_str()).eq(columns.names()) {
            return Err(format!("a row with other columns than {:?}", columns.names().collect::<Vec<_>>()));
        }
        let cell = |(column, (name, field)): (&Column, (&String, &Field))| match (column.kind, field) {
            (_, Field::Null) => Ok(Cell::Empty),
            (Kind::Text, Field::Str(text)) => Ok(Cell::Text(text.clone().into())),
            (Kind::Float, Field::Float(number)) => Ok(Cell::Float(*number)),
            (Kind::Integer, Field::Long(number)) => Ok(Cell::Integer(*number)),
            (_, other) => Err(format!("`{name}` is {other}")),
        };
        columns.row(columns.as_slice().iter().zip(fields).map(cell).collect::<Result<_, _>>()?)
    };
    let mut damaged = false;
    Ok(Box::new(std::iter::from_fn(move || {
        if damaged {
            return None;
        }
        let next = readable(|| rows.next().transpose()).transpose();
        damaged = matches!(next, Some(Err(_)));
        next.map(|next| next.and_then(&row))
    })))
}

/// The result of a call of the library, which panics on some damaged files, such as those with a negative position.
fn readable<T>(read: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T, String> {
    match kiln_files::caught(read) {
        Ok(found) => found.map_err(|error| error.to_string()),
        Err(_) => Err("it is no Parquet that can be read".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::decision::DecisionRule;
    use crate::fuzzing;
    use crate::score::{Columns, Format, RowWriter, ScoreRow};

    #[test]
    fn a_file_with_any_byte_changed_or_cut_anywhere_is_read_or_refused() {
        let classes = ["benign", "tumour"].map(str::to_owned).to_vec();
        let rule = DecisionRule::new(0.5, classes.clone(), &classes[..1]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.parquet");
        let mut writer = RowWriter::to_file(&path, Format::Parquet, &Columns::for_files(&classes)).unwrap();
        writer.write(&ScoreRow::scored("a.png".to_owned(), 0.75, vec![0.25, 0.75], &rule)).unwrap();
        writer.write(&ScoreRow::failed("b.png".to_owned(), "truncated: the image data end early")).unwrap();
        writer.finish().unwrap();
        let sound = std::fs::read(&path).unwrap();

        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            fuzzing::rows(&path, Format::Parquet, &classes)
                .map_err(|error| error.to_string())?
                .into_iter()
                .collect::<Result<Vec<_>, _>>()
        };
        assert_eq!(read(&sound).unwrap().len(), 2);
        for end in 0..sound.len() {
            assert!(read(&sound[..end]).is_err(), "cut to {end} bytes of {}", sound.len());
        }
        for at in 0..sound.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut damaged = sound.clone();
                damaged[at] ^= change;
                for row in read(&damaged).unwrap_or_default() {
                    assert_eq!(row.is_ok(), row.score.is_some_and(f32::is_finite), "byte {at}, {change}: {row:?}");
                }
            }
        }
    }
}
