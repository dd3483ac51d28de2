//! Running a loaded graph.

use std::collections::BTreeMap;

use kiln_tile::{SIDE, TILE_BYTES};
use ndarray::ArrayD;
use ort::session::{OutputSelector, RunOptions, SessionInputValue, SessionOutputs};
use ort::value::{DynValue, TensorRef};

use super::array::copy;
use super::{Array, Outputs, Port, Session};
use crate::error::{Error, Result};

impl Session {
    /// Runs a tile graph. `pixels` are u8 RGB, `[batch, 256, 256, 3]`; ONNX Runtime reads them in place.
    ///
    /// # Errors
    /// [`Error::Graph`] if the graph does not take such a batch or has an output other than f32, [`Error::Run`].
    pub fn run(&mut self, pixels: &[u8], batch: usize) -> Result<Outputs> {
        self.check_tiles(pixels.len(), batch)?;
        if let Some(binding) = &mut self.binding {
            let arrays = binding.run(&mut self.inner, &self.inputs, &self.outputs, pixels, batch);
            let arrays = arrays.map_err(|source| failed(&self.model, &self.provider, source))?;
            return Ok(Outputs { batch, arrays });
        }
        let side = SIDE as usize;
        let tiles = TensorRef::from_array_view(([batch, side, side, 3], pixels)).map_err(|e| self.failed(e))?;
        let model = &self.model;
        let outputs = run(&mut self.inner, self.selected.as_ref(), [tiles.into()].as_slice());
        let outputs = outputs.map_err(|source| failed(model, &self.provider, source))?;
        let arrays = outputs.iter().map(|(name, value)| Ok((name.to_owned(), f32_array(model, name, &value)?)));
        Ok(Outputs { batch, arrays: arrays.collect::<Result<_>>()? })
    }

    /// Runs any graph on arrays given by input name.
    ///
    /// # Errors
    /// [`Error::Graph`] if an input is missing, unknown, or of another type or shape than the graph declares, or if an
    /// output has a type that [`Array`] lacks; [`Error::Run`].
    pub fn run_named<'a>(
        &mut self,
        inputs: impl IntoIterator<Item = (&'a str, &'a Array)>,
    ) -> Result<BTreeMap<String, Array>> {
        let given: BTreeMap<&str, &Array> = inputs.into_iter().collect();
        let arrays = self.in_graph_order(&given)?;
        let arrays: Vec<_> = arrays.iter().map(|array| array.contiguous()).collect();
        let values = arrays.iter().map(|array| array.view()).collect::<ort::Result<Vec<_>>>();
        let values = values.map_err(|e| self.failed(e))?;
        let model = &self.model;
        let outputs = run(&mut self.inner, self.selected.as_ref(), &values);
        let outputs = outputs.map_err(|source| failed(model, &self.provider, source))?;
        outputs
            .iter()
            .map(|(name, value)| Ok((name.to_owned(), copied(model, &self.provider, name, &value)?)))
            .collect()
    }

    /// Computes and copies only these outputs from now on: a score is cheaper without its reconstruction.
    ///
    /// # Errors
    /// [`Error::Graph`] if the graph has no output of one of the names.
    pub fn select_outputs(&mut self, names: &[&str]) -> Result<()> {
        let known = |name: &&&str| self.outputs.iter().any(|port| port.name == **name);
        if let Some(name) = names.iter().find(|name| !known(name)) {
            let list: Vec<_> = self.outputs.iter().map(|port| port.name.as_str()).collect();
            return Err(self.wrong(format!("there is no output `{name}`; there are: {}", list.join(", "))));
        }
        let selector = names.iter().fold(OutputSelector::no_default(), |selector, name| selector.with(*name));
        if let Some(binding) = &mut self.binding {
            binding.select(names);
        }
        self.selected = Some(RunOptions::new().map_err(|e| self.failed(e))?.with_outputs(selector));
        Ok(())
    }

    /// Completes the profiling of [`super::SessionOptions::profiling`] and returns the name of its file.
    ///
    /// # Errors
    /// [`Error::Run`] if ONNX Runtime cannot write it.
    pub fn end_profiling(&mut self) -> Result<String> {
        let provider = &self.provider;
        self.inner.end_profiling().map_err(|source| failed(&self.model, provider, source))
    }

    /// The graph's own metadata by key, which a bare `model.onnx` contains too.
    ///
    /// # Errors
    /// [`Error::Run`] if ONNX Runtime cannot read them.
    pub fn metadata(&self) -> Result<BTreeMap<String, String>> {
        let metadata = self.inner.metadata().map_err(|e| self.failed(e))?;
        let keys = metadata.custom_keys().map_err(|e| self.failed(e))?;
        Ok(keys.into_iter().filter_map(|key| metadata.custom(&key).map(|value| (key, value))).collect())
    }

    fn check_tiles(&self, bytes: usize, batch: usize) -> Result<()> {
        let [port] = self.inputs.as_slice() else {
            return Err(self.wrong(format!("{} inputs; a tile graph has one, named `tile`", self.inputs.len())));
        };
        let side = SIDE as usize;
        if port.dtype != "uint8"
            || port.shape.len() != 4
            || (1..4).any(|axis| port.fixed(axis) != Some([0, side, side, 3][axis]))
        {
            return Err(self.wrong(format!("the input is `{port}`; tiles are uint8 [batch, {side}, {side}, 3]")));
        }
        if batch == 0 || batch.checked_mul(TILE_BYTES) != Some(bytes) {
            return Err(self.wrong(format!("{bytes} bytes of pixels for a batch of {batch}; a tile has {TILE_BYTES}")));
        }
        match port.fixed(0) {
            Some(fixed) if fixed != batch => {
                Err(self.wrong(format!("the graph was exported for batches of {fixed}, and {batch} tiles were given")))
            }
            _ => Ok(()),
        }
    }

    fn in_graph_order<'a>(&self, given: &BTreeMap<&str, &'a Array>) -> Result<Vec<&'a Array>> {
        if let Some(name) = given.keys().find(|name| !self.inputs.iter().any(|port| port.name == **name)) {
            return Err(self.wrong(format!("there is no input `{name}`; there are: {}", list(&self.inputs))));
        }
        let array = |port: &Port| {
            let array = given.get(port.name.as_str());
            let array = *array.ok_or_else(|| self.wrong(format!("input `{port}` was not given")))?;
            if array.dtype() != port.dtype || !port.accepts(array.shape()) {
                let found = format!("{} {:?}", array.dtype(), array.shape());
                return Err(self.wrong(format!("input `{port}` was given {found}")));
            }
            Ok(array)
        };
        self.inputs.iter().map(array).collect()
    }

    fn failed(&self, source: ort::Error) -> Error {
        failed(&self.model, &self.provider, source)
    }

    pub(super) fn wrong(&self, reason: String) -> Error {
        wrong(&self.model, reason)
    }
}

fn run<'s>(
    session: &'s mut ort::session::Session,
    selected: Option<&'s RunOptions<ort::session::HasSelectedOutputs>>,
    inputs: &[SessionInputValue<'_>],
) -> ort::Result<SessionOutputs<'s>> {
    match selected {
        Some(options) => session.run_with_options::<_, 0>(inputs, options),
        None => session.run::<0>(inputs),
    }
}

fn f32_array(model: &str, name: &str, value: &DynValue) -> Result<ArrayD<f32>> {
    copy(value).map_err(|_| wrong(model, format!("output `{name}` is {}; a tile graph gives float32", value.dtype())))
}

fn copied(model: &str, provider: &str, name: &str, value: &DynValue) -> Result<Array> {
    let array = Array::from_output(value);
    let array =
        array.ok_or_else(|| wrong(model, format!("output `{name}` is {}, an unsupported type", value.dtype())))?;
    array.map_err(|source| failed(model, provider, source))
}

fn failed(model: &str, provider: &str, source: ort::Error) -> Error {
    Error::Run { model: model.to_owned(), provider: provider.to_owned(), source }
}

fn wrong(model: &str, reason: String) -> Error {
    Error::Graph { model: model.to_owned(), reason }
}

fn list(ports: &[Port]) -> String {
    ports.iter().map(|port| port.name.as_str()).collect::<Vec<_>>().join(", ")
}
