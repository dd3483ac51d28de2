//! Models, inputs and ONNX Runtime for the tests.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use burn_onnx_export::{AnyTensor, Exporter, OnnxModel, Recorded};
use kiln_debug::{Inputs, Side};
use kiln_runtime::{Array, Optimisation, Providers, Runtime, SessionOptions, install, library};
use kiln_train::Config;
use kiln_train::model::{ModelVisitor, OutputTensor, PixelValues, Scores, TileModel, Zoo};

/// ONNX Runtime, installed if it is missing.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<&'static Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let found = install::find_or_install(None, &Providers::default(), &mut |_| {}).expect("an ONNX Runtime");
        library::load(&found).expect("an ONNX Runtime that loads")
    })
}

pub(crate) fn device() -> Device {
    Device::flex()
}

/// Sessions that run graphs as written.
pub(crate) fn as_written() -> SessionOptions {
    SessionOptions { optimisation: Optimisation::Off, ..SessionOptions::default() }
}

/// Pixels without a pattern that a transpose would keep.
pub(crate) fn pixels(count: usize) -> Vec<u8> {
    (0..count).map(|at| ((at as u64 + 1).wrapping_mul(2_654_435_761) >> 9) as u8).collect()
}

/// Tiles as a graph's input.
pub(crate) fn tiles(batch: usize, side: usize) -> Array {
    ndarray::Array4::from_shape_vec((batch, side, side, 3), pixels(batch * side * side * 3)).unwrap().into()
}

pub(crate) fn inputs(batch: usize, side: usize) -> Inputs {
    Inputs::from_arrays([("tile".to_owned(), tiles(batch, side))], "test tiles").unwrap()
}

pub(crate) fn given(batch: usize, side: usize) -> BTreeMap<String, Array> {
    [("tile".to_owned(), tiles(batch, side))].into()
}

/// A module's argument.
pub(crate) fn tensor(batch: usize, side: usize) -> Tensor<4, Int> {
    let data = TensorData::new(pixels(batch * side * side * 3), [batch, side, side, 3]);
    Tensor::from_data(data, (&device(), DType::U8))
}

pub(crate) fn exporter(batch: usize, side: usize) -> Exporter<Tensor<4, Int>> {
    Exporter::new().input("tile", tensor(batch, side), ["batch", "", "", ""])
}

/// The same weights in every run, none of them equal, so that each fault shows.
pub(crate) struct FixedWeights {
    seed: u64,
}

impl ModuleMapper for FixedWeights {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.seed += 1;
        let seed = self.seed;
        param.map(|tensor| {
            let values: Vec<f32> = tensor.to_data().iter::<f32>().collect();
            let dims = tensor.dims();
            let constant = values.iter().all(|value| *value == values[0]);
            let bound = if constant { 0.3 } else { (3.0 / dims[1..].iter().product::<usize>().max(9) as f32).sqrt() };
            // A gain or a variance stays near 1, a shift or a mean near 0.
            let centre = if constant { values[0] } else { 0.0 };
            let random = |at: usize| {
                let bits = (at as u64 + 1)
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(seed * 1_442_695_040_888_963_407);
                ((bits >> 33) % 20_001) as f32 / 10_000.0 - 1.0
            };
            let values: Vec<f32> = (0..values.len()).map(|at| centre + bound * random(at)).collect();
            Tensor::from_data(TensorData::new(values, dims), &device())
        })
    }
}

pub(crate) fn with_fixed_weights<M: Module>(module: M) -> M {
    module.map(&mut FixedWeights { seed: 0 })
}

/// A model of the zoo with random weights.
pub(crate) fn zoo(model: &str) -> Zoo {
    let config = Config::parse(&format!("name: x\nmodel: {model}\n"), "x.yaml", &[]).unwrap();
    Zoo::new(&config.model, 2, 7, &device()).valid()
}

/// Exports a model of the zoo with its recording.
pub(crate) struct Export {
    pub(crate) batch: usize,
}

impl ModelVisitor for Export {
    type Output = (OnnxModel, Recorded);

    fn visit<M: TileModel>(self, model: &M) -> Self::Output {
        let exporter = exporter(self.batch, 256);
        exporter.export_recorded(model, |model, tile| named(model.score(PixelValues::from(tile), 1))).unwrap()
    }
}

fn named(scores: Scores) -> Vec<(&'static str, AnyTensor)> {
    let any = |tensor| match tensor {
        OutputTensor::Rank1(tensor) => AnyTensor::from(tensor),
        OutputTensor::Rank2(tensor) => tensor.into(),
        OutputTensor::Rank3(tensor) => tensor.into(),
        OutputTensor::Rank4(tensor) => tensor.into(),
    };
    scores.into_outputs().into_iter().map(|(name, tensor)| (name, any(tensor))).collect()
}

pub(crate) fn burn_side(model: &OnnxModel, recorded: Recorded) -> Side {
    Side::from_recording("burn", model, recorded, runtime()).unwrap()
}

/// The numbers of a float array.
pub(crate) fn floats(array: &Array) -> Vec<f32> {
    array.as_f32().unwrap_or_else(|| panic!("{}", array.dtype())).iter().copied().collect()
}
