//! Rows to a file or a stream, in any format.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::format::WriteRows;
use super::target::Target;
use super::{Columns, Format, ScoreRow};
use crate::{Error, Result};

/// Writes rows. A file appears at [`RowWriter::finish`] and not before, so that a result file is whole whenever it is
/// there, even if the process is killed; dropped without `finish`, it leaves the earlier file. A stream carries each row
/// as soon as it is given.
pub struct RowWriter {
    rows: Box<dyn WriteRows>,
    path: PathBuf,
}

impl RowWriter {
    /// Rows for the file `path`, which is replaced at the end.
    ///
    /// # Errors
    /// If `path` is no regular file, or its folder cannot be written.
    pub fn to_file(path: &Path, format: Format, columns: &Columns) -> Result<Self> {
        Self::new(Target::file(path)?, format, columns)
    }

    /// Rows to a stream.
    ///
    /// # Errors
    /// If the stream cannot be written, or the format needs a file: see [`Format::for_stream`].
    pub fn to_stream(stream: Box<dyn Write + Send>, format: Format, columns: &Columns) -> Result<Self> {
        Self::new(Target::Stream(stream), format.for_stream()?, columns)
    }

    fn new(target: Target, format: Format, columns: &Columns) -> Result<Self> {
        let path = target.path();
        match (format.codec().write)(target, columns) {
            Ok(rows) => Ok(Self { rows, path }),
            Err(source) => Err(Error::Write { path, source }),
        }
    }

    /// Writes one row.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&mut self, row: &ScoreRow) -> Result<()> {
        self.rows.write(row).map_err(|source| Error::Write { path: self.path.clone(), source })
    }

    /// Writes the remaining bytes; a file is synced and appears.
    ///
    /// # Errors
    /// If it cannot be written. An earlier file in its place is then still there.
    pub fn finish(self) -> Result<()> {
        let path = self.path;
        self.rows.finish().and_then(Target::finish).map_err(|source| Error::Write { path, source })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io;
    use std::sync::{Arc, Mutex};

    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use ::parquet::record::RowAccessor;

    use super::*;
    use crate::decision::DecisionRule;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(bytes.to_vec());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn classes() -> Vec<String> {
        vec!["benign".to_owned(), "tumour, \"odd\"".to_owned()]
    }

    fn columns() -> Columns {
        Columns::for_files(&classes())
    }

    fn rows() -> Vec<ScoreRow> {
        let rule = DecisionRule::new(0.5, classes(), &classes()[..1]);
        vec![
            ScoreRow::scored("a, b.png".to_owned(), 0.75, vec![0.25, 0.75], &rule),
            ScoreRow::failed("c.png".to_owned(), "truncated: the image data end early"),
        ]
    }

    fn file(format: Format) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores");
        let mut writer = RowWriter::to_file(&path, format, &columns()).unwrap();
        rows().iter().for_each(|row| writer.write(row).unwrap());
        assert!(!path.exists(), "it appeared before it was whole");
        writer.finish().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a scratch file was left");
        (folder, path)
    }

    #[test]
    fn csv_has_the_stable_columns_and_quotes() {
        let (_folder, path) = file(Format::Csv);
        let expected = "path,score,label,status,p_benign,\"p_tumour, \"\"odd\"\"\"\n\
            \"a, b.png\",0.75,\"tumour, \"\"odd\"\"\",ok,0.25,0.75\n\
            c.png,,,truncated: the image data end early,,\n";
        assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
    }

    #[test]
    fn json_lines_have_every_column_in_order() {
        let (_folder, path) = file(Format::Jsonl);
        let expected = r#"{"path":"a, b.png","score":0.75,"label":"tumour, \"odd\"","status":"ok","p_benign":0.25,"p_tumour, \"odd\"":0.75}
{"path":"c.png","score":null,"label":null,"status":"truncated: the image data end early","p_benign":null,"p_tumour, \"odd\"":null}
"#;
        assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
    }

    #[test]
    fn parquet_reads_back() {
        let (_folder, path) = file(Format::Parquet);
        let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
        let found: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(found.len(), 2);
        let names: Vec<_> = found[0].get_column_iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(names, ["path", "score", "label", "status", "p_benign", "p_tumour, \"odd\""]);
        assert_eq!(found[0].get_string(0).unwrap(), "a, b.png");
        assert!((found[0].get_float(1).unwrap() - 0.75).abs() < 1e-9);
        assert!(found[1].get_float(1).is_err(), "a missing score is null");
        assert_eq!(found[1].get_string(3).unwrap(), "truncated: the image data end early");
    }

    #[test]
    fn a_stream_gets_one_whole_line_a_write() {
        for format in [Format::Csv, Format::Jsonl] {
            let stream = Shared::default();
            let mut writer = RowWriter::to_stream(Box::new(stream.clone()), format, &columns()).unwrap();
            for row in rows() {
                writer.write(&row).unwrap();
            }
            for piece in stream.0.lock().unwrap().iter() {
                assert!(piece.ends_with(b"\n"), "half a line: {}", String::from_utf8_lossy(piece));
            }
            writer.finish().unwrap();
        }
        assert!(RowWriter::to_stream(Box::new(Shared::default()), Format::Parquet, &columns()).is_err());
    }

    #[test]
    fn dropped_unfinished_the_old_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.csv");
        std::fs::write(&path, "old").unwrap();
        let mut writer = RowWriter::to_file(&path, Format::Csv, &columns()).unwrap();
        writer.write(&rows()[0]).unwrap();
        drop(writer);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_or_a_device_is_no_target() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path(), Path::new("/dev/null")] {
            let error = RowWriter::to_file(path, Format::Csv, &columns()).err().unwrap();
            assert!(error.to_string().contains("not a regular file"), "{error}");
        }
    }
}
