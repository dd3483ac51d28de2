//! Rows as Apache Parquet.

use std::fs::File;
use std::io;
use std::sync::Arc;

use kiln_files::text::one_line;
use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::SerializedFileReader;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::{Field, Row};
use parquet::schema::types::{Type, TypePtr};

use super::codec::{Codec, RowsRead, WriteRows};
use crate::score::row::{COMMON, ScoreRow};
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

/// One row group after another: `path` and `status` required text, the rest optional.
struct ParquetRows {
    writer: SerializedFileWriter<Target>,
    rows: Vec<ScoreRow>,
    classes: usize,
}

impl ParquetRows {
    fn new(target: Target, probability_columns: &[String]) -> io::Result<Self> {
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = SerializedFileWriter::new(target, schema(probability_columns)?, Arc::new(properties))?;
        Ok(Self { writer, rows: Vec::new(), classes: probability_columns.len() })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let rows = std::mem::take(&mut self.rows);
        let mut group = self.writer.next_row_group()?;
        required_text(&mut group, rows.iter().map(|row| row.path.as_str()))?;
        optional::<FloatType>(&mut group, rows.iter().map(|row| row.score))?;
        optional::<ByteArrayType>(&mut group, rows.iter().map(|row| row.label.as_deref().map(ByteArray::from)))?;
        required_text(&mut group, rows.iter().map(|row| row.status.as_str()))?;
        for class in 0..self.classes {
            optional::<FloatType>(&mut group, rows.iter().map(|row| row.probabilities.get(class).copied()))?;
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

fn schema(probability_columns: &[String]) -> Result<TypePtr, ParquetError> {
    let text = |name: &str, repetition| {
        let builder = Type::primitive_type_builder(name, PhysicalType::BYTE_ARRAY);
        builder.with_logical_type(Some(LogicalType::String)).with_repetition(repetition).build().map(Arc::new)
    };
    let number = |name: &str| {
        let builder = Type::primitive_type_builder(name, PhysicalType::FLOAT);
        builder.with_repetition(Repetition::OPTIONAL).build().map(Arc::new)
    };
    let [path, score, label, status] = COMMON;
    let mut fields = vec![
        text(path, Repetition::REQUIRED)?,
        number(score)?,
        text(label, Repetition::OPTIONAL)?,
        text(status, Repetition::REQUIRED)?,
    ];
    for column in probability_columns {
        fields.push(number(column)?);
    }
    Ok(Arc::new(Type::group_type_builder("scores").with_fields(fields).build()?))
}

type Group<'a> = SerializedRowGroupWriter<'a, Target>;

fn required_text<'a>(group: &mut Group<'_>, values: impl Iterator<Item = &'a str>) -> Result<(), ParquetError> {
    let values: Vec<ByteArray> = values.map(ByteArray::from).collect();
    column::<ByteArrayType>(group, &values, None)
}

fn optional<T: DataType>(
    group: &mut Group<'_>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let (mut present, mut levels) = (Vec::new(), Vec::new());
    for value in values {
        levels.push(i16::from(value.is_some()));
        present.extend(value);
    }
    column::<T>(group, &present, Some(&levels))
}

fn column<T: DataType>(group: &mut Group<'_>, values: &[T::T], levels: Option<&[i16]>) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("the schema has fewer columns than a row".to_owned()));
    };
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}

fn parquet_rows(file: File, columns: Vec<String>) -> Result<RowsRead, String> {
    let reader = SerializedFileReader::new(file).map_err(|error| error.to_string())?;
    let row = move |row: parquet::errors::Result<Row>| {
        let row = row.map_err(|error| error.to_string())?;
        let cells: Vec<(&String, &Field)> = row.get_column_iter().collect();
        if cells.iter().map(|(name, _)| *name).ne(&columns) {
            return Err(format!("a row with other columns than {columns:?}"));
        }
        let text = |at: usize| match cells[at].1 {
            Field::Str(text) => Ok(Some(text.clone())),
            Field::Null => Ok(None),
            other => Err(format!("`{}` is {other}", columns[at])),
        };
        let number = |at: usize| match cells[at].1 {
            Field::Float(number) => Ok(Some(*number)),
            Field::Null => Ok(None),
            other => Err(format!("`{}` is {other}", columns[at])),
        };
        let probabilities = (COMMON.len()..columns.len()).map(number);
        Ok(ScoreRow {
            path: text(0)?.ok_or("a row without `path`")?,
            score: number(1)?,
            label: text(2)?,
            status: one_line(&text(3)?.ok_or("a row without `status`")?).into_owned(),
            probabilities: probabilities.filter_map(Result::transpose).collect::<Result<_, _>>()?,
            digest: None,
        })
    };
    Ok(Box::new(reader.into_iter().map(row)))
}
