//! The model as it came, run by ONNX Runtime: the source of golden answers. Its file is used unchanged, except where ONNX
//! Runtime could not read it, or exchange its inputs or outputs with Rust: a new IR version is lowered, 16-bit floats are
//! converted at the border, and scikit-learn's maps are read as the tensor before them.

use std::collections::BTreeMap;
use std::path::Path;

use burn_onnx_export::proto::{AttributeProto, DataType, Message as _, ModelProto, NodeProto, ValueInfoProto};
use kiln_runtime::{Array, Runtime, Session, SessionOptions};
use kiln_tile::Tile;
use ndarray::{ArrayD, Axis, concatenate};

use super::model::{Foreign, code_of, rename, separate_nodes};
use super::spec::Input;
use super::{ImportError, preprocess};
use crate::{BundleError, Result};

/// File of an adapted model, beside the bundle's graph until the import is done.
const ADAPTED: &str = "untouched.onnx";

/// Tiles in a batch of a model whose batch is symbolic.
const ONE: usize = 1;

/// The model's outputs by name, f32.
pub(super) type Raw = BTreeMap<String, ArrayD<f32>>;

/// The model as it came.
pub(super) struct Untouched {
    session: Session,
    /// Name of the input.
    input: String,
    /// Tiles in one run: the model's own batch, else 1.
    batch: usize,
    /// Shape of each output in the last run.
    shapes: BTreeMap<String, Vec<usize>>,
}

impl Untouched {
    /// Opens the model. `folder` holds its weights, if they are in other files, and takes an adapted copy if one is needed.
    pub(super) fn open(foreign: &Foreign, runtime: &'static Runtime, folder: &Path) -> Result<Self> {
        let options = SessionOptions::default();
        let mut session = match adapted(foreign) {
            Some(model) => {
                let path = folder.join(ADAPTED);
                std::fs::write(&path, model.encode_to_vec()).map_err(BundleError::io(&path))?;
                let session = Session::open(runtime, &path, &options);
                std::fs::remove_file(&path).map_err(BundleError::io(&path))?;
                session?
            }
            None => Session::open(runtime, &foreign.path, &options)?,
        };
        let names: Vec<&str> = foreign.outputs.iter().map(|output| output.name.as_str()).collect();
        session.select_outputs(&names)?;
        let input = foreign.input.name.clone();
        Ok(Self { session, input, batch: foreign.input.batch().unwrap_or(ONE), shapes: BTreeMap::new() })
    }

    /// Element type of an output as ONNX Runtime infers it, a number of `TensorProto.DataType`; 0 if it has none.
    pub(super) fn element(&self, output: &str) -> i32 {
        let port = self.session.outputs().iter().find(|port| port.name == output);
        port.map_or(0, |port| code_of(&port.dtype))
    }

    /// The outputs of the last run whose first axis is not the batch, each with its shape in words. A single number for a
    /// single tile needs no axis.
    pub(super) fn unbatched(&self) -> BTreeMap<String, String> {
        let has_batch = |shape: &[usize]| shape.first().map_or(self.batch == 1, |rows| *rows == self.batch);
        let others = self.shapes.iter().filter(|(_, shape)| !has_batch(shape));
        others.map(|(name, shape)| (name.clone(), format!("{shape:?} for a batch of {}", self.batch))).collect()
    }

    /// The model's outputs for `tiles`, computed one batch of the model at a time and joined along the batch.
    pub(super) fn run(&mut self, tiles: &[Tile], input: &Input) -> Result<Raw> {
        self.run_changed(tiles, input, |array| array)
    }

    /// The same for a change of the preprocessed tiles.
    pub(super) fn run_changed(
        &mut self,
        tiles: &[Tile],
        input: &Input,
        change: impl Fn(Array) -> Array,
    ) -> Result<Raw> {
        let mut joined: BTreeMap<String, Vec<ArrayD<f32>>> = BTreeMap::new();
        for part in tiles.chunks(self.batch.max(1)) {
            let mut batch: Vec<&Tile> = part.iter().collect();
            // A last part that is too small is filled up; its own tiles are kept.
            while batch.len() < self.batch {
                batch.push(&part[0]);
            }
            let array = preprocess::batch(&batch, input).map_err(|error| shape_error(&input.name, &error))?;
            for (name, array) in self.once(&change(array))? {
                joined.entry(name).or_default().push(cut(array, part.len(), batch.len()));
            }
        }
        joined.into_iter().map(|(name, parts)| Ok((name.clone(), join(&name, &parts)?))).collect()
    }

    fn once(&mut self, array: &Array) -> Result<Raw> {
        let outputs = self.session.run_named([(self.input.as_str(), array)])?;
        let outputs: Raw = outputs.into_iter().map(|(name, array)| (name, to_f32(array))).collect();
        self.shapes = outputs.iter().map(|(name, array)| (name.clone(), array.shape().to_vec())).collect();
        Ok(outputs)
    }
}

fn shape_error(name: &str, error: &ndarray::ShapeError) -> BundleError {
    ImportError::output(name, error.to_string()).into()
}

/// The first `tiles` rows of an output; an output without a batch axis is returned whole.
fn cut(array: ArrayD<f32>, tiles: usize, batch: usize) -> ArrayD<f32> {
    match array.shape().first() {
        None => array.into_shape_with_order(vec![1]).unwrap_or_default(),
        Some(rows) if *rows == batch && tiles < batch => array.slice_axis(Axis(0), (0..tiles).into()).to_owned(),
        Some(_) => array,
    }
}

fn join(name: &str, parts: &[ArrayD<f32>]) -> Result<ArrayD<f32>> {
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    let joined = concatenate(Axis(0), &views);
    joined.map(|array| array.as_standard_layout().into_owned()).map_err(|error| shape_error(name, &error))
}

fn to_f32(array: Array) -> ArrayD<f32> {
    match array {
        Array::F32(array) => array,
        Array::F64(array) => array.mapv(|value| value as f32),
        Array::U8(array) => array.mapv(f32::from),
        Array::U16(array) => array.mapv(f32::from),
        Array::U32(array) => array.mapv(|value| value as f32),
        Array::U64(array) => array.mapv(|value| value as f32),
        Array::I8(array) => array.mapv(f32::from),
        Array::I16(array) => array.mapv(f32::from),
        Array::I32(array) => array.mapv(|value| value as f32),
        Array::I64(array) => array.mapv(|value| value as f32),
        Array::Bool(array) => array.mapv(|value| f32::from(u8::from(value))),
    }
}

/// The model with conversions at its border; `None` if it needs none.
fn adapted(foreign: &Foreign) -> Option<ModelProto> {
    let half = |element: i32| DataType::from_code(element).is_some_and(DataType::is_half);
    let narrow_input = half(foreign.input.element);
    let narrow: Vec<&str> = foreign.outputs.iter().filter(|o| half(o.element)).map(|o| o.name.as_str()).collect();
    if !narrow_input && narrow.is_empty() && !foreign.adapted {
        return None;
    }
    let mut model = foreign.proto.clone();
    let graph = model.graph.as_mut()?;
    let float = DataType::Float.code();
    let cast = |from: &str, to: &str, element: i32| NodeProto {
        name: format!("kiln/{to}"),
        attribute: vec![AttributeProto::int("to", element.into())],
        ..NodeProto::new("Cast", [from], [to])
    };
    if narrow_input {
        let (name, inner) = (&foreign.input.name, format!("kiln.model/{}", foreign.input.name));
        rename(graph, name, &inner);
        for port in &mut graph.input {
            *port = ValueInfoProto::tensor(name.as_str(), float, port.dims().unwrap_or_default().to_vec());
        }
        graph.node.insert(0, cast(name, &inner, foreign.input.element));
    }
    for name in narrow {
        let inner = format!("kiln.model/{name}");
        rename(graph, name, &inner);
        for port in graph.output.iter_mut().filter(|port| port.name == inner) {
            // ONNX Runtime infers the type.
            *port = ValueInfoProto { name: name.to_owned(), ..ValueInfoProto::default() };
        }
        graph.node.push(cast(&inner, name, float));
    }
    separate_nodes(graph);
    Some(model)
}
