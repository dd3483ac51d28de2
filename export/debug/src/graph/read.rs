//! Reads a model file with the weights beside it. The file is hostile: sizes are checked before anything is read, and the
//! weights must be in the model's folder.

use std::fs::File;
use std::path::Path;

use burn_onnx_export::proto::{ExternalError, ModelProto, TensorProto};
use prost::Message as _;

use super::Graph;
use crate::error::{DebugError, Result};

/// The largest model with its weights, in bytes: protobuf's own limit, since pieces are passed on as one message.
const LIMIT: u64 = i32::MAX as u64;

impl Graph {
    /// Reads a model file. Messages contain `name` in place of the file.
    ///
    /// # Errors
    /// [`DebugError::Io`]; [`DebugError::Graph`] if it is no ONNX model, if it is larger than 2 GiB with its weights, or if
    /// weights are outside of its folder.
    pub fn read(name: &str, path: &Path) -> Result<Self> {
        let io = DebugError::io(path);
        let file = File::open(path).map_err(&io)?;
        let length = file.metadata().map_err(&io)?.len();
        if length > LIMIT {
            return Err(DebugError::graph(name, format!("{length} bytes, over the limit of {LIMIT}")));
        }
        let bytes = kiln_files::read_head(file, LIMIT).map_err(&io)?;
        let mut model = ModelProto::decode(bytes.as_slice())
            .map_err(|error| DebugError::graph(name, format!("not an ONNX model: {error}")))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut room = LIMIT - length;
        for tensor in model.graph.iter_mut().flat_map(|graph| &mut graph.initializer) {
            if let Some(bytes) =
                external(tensor, folder, &mut room).map_err(|reason| DebugError::graph(name, reason))?
            {
                *tensor = tensor.with_bytes(bytes);
            }
        }
        Self::new(name, model)
    }
}

/// The data of a tensor in another file; none if it is in the message. `room` is the number of bytes that may still be read.
fn external(tensor: &TensorProto, folder: &Path, room: &mut u64) -> Result<Option<Vec<u8>>, String> {
    let name = tensor.name.escape_debug();
    let named = |error: ExternalError| format!("tensor `{name}` {error}");
    let Some(external) = tensor.external().map_err(named)? else { return Ok(None) };
    let too_large = || format!("with tensor `{name}` the weights are larger than 2 GiB together");
    // Checked before the file: the error of a size over the limit does not depend on the file's length.
    if external.length.is_some_and(|length| length > *room) {
        return Err(too_large());
    }
    let range = external.locate(folder).map_err(named)?;
    *room = room.checked_sub(range.length).ok_or_else(too_large)?;
    range.read().map(Some).map_err(|error| format!("tensor `{name}`: {}: {error}", range.path.display()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn_onnx_export::proto::{DataLocation, DataType, StringStringEntryProto};

    use super::super::tests::{model, node};
    use super::*;

    fn read(location: &str, offset: &str, dims: Vec<i64>) -> Result<Graph> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("m")).unwrap();
        std::fs::write(folder.path().join("m/w.data"), [0_u8, 0, 128, 63, 0, 0, 0, 64]).unwrap();
        std::fs::write(folder.path().join("out.data"), [0_u8; 8]).unwrap();
        let mut model = model(vec![node("Add", &["x", "w"], "y")], &["x"], &["y"]);
        model.graph.as_mut().unwrap().initializer.push(TensorProto {
            name: "w".to_owned(),
            data_type: DataType::Float.code(),
            dims,
            data_location: DataLocation::External.into(),
            external_data: [("location", location), ("offset", offset)]
                .map(|(key, value)| StringStringEntryProto::new(key, value))
                .into(),
            ..Default::default()
        });
        std::fs::write(folder.path().join("m/model.onnx"), model.encode_to_vec()).unwrap();
        Graph::read("m", &folder.path().join("m/model.onnx"))
    }

    #[test]
    fn weights_beside_a_model_are_read() {
        let graph = read("w.data", "4", vec![1]).unwrap();
        assert_eq!(super::super::numbers_of(graph.tensor("w").unwrap()), Some(vec![2.0]));
    }

    #[test]
    fn hostile_weights_are_refused() {
        for (location, offset, dims, part) in [
            ("../out.data", "0", vec![1], "out of the model's folder"),
            ("/etc/hostname", "0", vec![1], "out of the model's folder"),
            ("w.data", "x", vec![1], "no number of bytes"),
            ("w.data", "4", vec![2], "8 bytes from byte 4 of `w.data`, which has 8"),
            ("w.data", "0", vec![1 << 40, 1 << 40], "cannot be computed"),
            ("w.data", "0", vec![1 << 40], "larger than 2 GiB"),
            ("w.data", "0", vec![-1], "cannot be computed"),
            ("none.data", "0", vec![1], "none.data"),
        ] {
            let error = read(location, offset, dims).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_no_model_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.onnx");
        std::fs::write(&path, [255; 40]).unwrap();
        assert!(Graph::read("x.onnx", &path).unwrap_err().to_string().starts_with("x.onnx: not an ONNX model"));
    }
}
