//! Reads a model file with the weights beside it. The file is hostile: sizes are checked before anything is read, and the
//! weights must be in the model's folder.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

use burn_onnx_export::proto::{ModelProto, TensorProto};
use prost::Message as _;

use super::{Graph, types};
use crate::error::{DebugError, Result};

/// The largest model with its weights, in bytes: protobuf's own limit, since pieces are passed on as one message.
const LIMIT: u64 = i32::MAX as u64;

/// `TensorProto.DataLocation.EXTERNAL` in onnx.proto.
const EXTERNAL: i32 = 1;

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
        let mut bytes = Vec::new();
        file.take(LIMIT).read_to_end(&mut bytes).map_err(&io)?;
        let mut model = ModelProto::decode(bytes.as_slice())
            .map_err(|error| DebugError::graph(name, format!("not an ONNX model: {error}")))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut room = LIMIT - length;
        let tensors = model.graph.iter_mut().flat_map(|graph| &mut graph.initializer);
        for tensor in tensors.filter(|tensor| tensor.data_location == EXTERNAL) {
            let data = external(tensor, folder, &mut room).map_err(|reason| DebugError::graph(name, reason))?;
            tensor.raw_data = data.into();
            tensor.external_data.clear();
            tensor.data_location = 0;
        }
        Self::new(name, model)
    }
}

/// The data of a tensor outside of the model. `room` is the number of bytes that may still be read.
fn external(tensor: &TensorProto, folder: &Path, room: &mut u64) -> Result<Vec<u8>, String> {
    let named = |reason: String| format!("weights of `{}`: {reason}", tensor.name);
    let entry =
        |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
    let number = |key: &str| match entry(key) {
        None => Ok(None),
        Some(text) => text.parse::<u64>().map(Some).map_err(|_| named(format!("{key} is `{text}`, not a number"))),
    };
    let location = entry("location").ok_or_else(|| named("no location".to_owned()))?;
    let path = contained(folder, location).ok_or_else(|| {
        named(format!("the location `{location}` is outside of the model's folder; keep model and weights together"))
    })?;
    let count = tensor.dims.iter().try_fold(1_u64, |all, size| all.checked_mul(u64::try_from(*size).ok()?));
    let width = types::width(tensor.data_type).map(|width| width as u64);
    let bytes = count.zip(width).and_then(|(count, width)| count.checked_mul(width));
    let bytes = bytes.ok_or_else(|| named("its size cannot be computed from its type and dimensions".to_owned()))?;
    if number("length")?.is_some_and(|length| length != bytes) {
        return Err(named(format!("the length is not the {bytes} bytes of its dimensions")));
    }
    *room = room.checked_sub(bytes).ok_or_else(|| named("the weights are larger than 2 GiB together".to_owned()))?;
    let failed = |error: std::io::Error| named(format!("{location}: {error}"));
    let mut file = File::open(path).map_err(failed)?;
    file.seek(SeekFrom::Start(number("offset")?.unwrap_or(0))).map_err(failed)?;
    let mut data = Vec::new();
    file.take(bytes).read_to_end(&mut data).map_err(failed)?;
    if data.len() as u64 != bytes {
        return Err(named(format!("{location} ends after {} of {bytes} bytes", data.len())));
    }
    Ok(data)
}

/// The path of a file in a folder; none for one that leaves it, by `..`, by a root, or by a link.
fn contained(folder: &Path, location: &str) -> Option<PathBuf> {
    let relative = Path::new(location);
    if !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return None;
    }
    let path = folder.join(relative);
    match (path.canonicalize(), folder.canonicalize()) {
        (Ok(real), Ok(root)) => real.starts_with(root).then_some(path),
        _ => Some(path),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn_onnx_export::proto::StringStringEntryProto;

    use super::super::tests::{model, node};
    use super::*;

    fn entry(key: &str, value: &str) -> StringStringEntryProto {
        StringStringEntryProto { key: key.to_owned(), value: value.to_owned() }
    }

    fn read(location: &str, offset: &str, dims: Vec<i64>) -> Result<Graph> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("m")).unwrap();
        std::fs::write(folder.path().join("m/w.data"), [0_u8, 0, 128, 63, 0, 0, 0, 64]).unwrap();
        std::fs::write(folder.path().join("out.data"), [0_u8; 8]).unwrap();
        let mut model = model(vec![node("Add", &["x", "w"], "y")], &["x"], &["y"]);
        model.graph.as_mut().unwrap().initializer.push(TensorProto {
            name: "w".to_owned(),
            data_type: types::F32,
            dims,
            data_location: EXTERNAL,
            external_data: vec![entry("location", location), entry("offset", offset)],
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
            ("../out.data", "0", vec![1], "outside of the model's folder"),
            ("/etc/hostname", "0", vec![1], "outside of the model's folder"),
            ("w.data", "x", vec![1], "not a number"),
            ("w.data", "4", vec![2], "ends after 4 of 8 bytes"),
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
