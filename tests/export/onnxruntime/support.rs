//! Runs an exported model in ONNX Runtime and compares it with the burn module that it came from.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use burn::module::Module;
use burn::tensor::{Bool, DType, Device, Int, Tensor, TensorData};
use burn_onnx_export::{Exporter, Inputs, OnnxModel, Outputs};
use kiln_runtime::{Array, Providers, Runtime, Session, SessionOptions, install, library};
use ndarray::{ArrayD, IxDyn};

/// The device of the reference.
pub(crate) fn device() -> Device {
    Device::flex()
}

/// ONNX Runtime, installed if it is missing.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<&'static Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let found = install::find_or_install(None, &Providers::default(), &mut |_| {}).expect("an ONNX Runtime");
        library::load(&found).expect("an ONNX Runtime that loads")
    })
}

/// Tensors that can be read.
pub(crate) trait Ports {
    fn data(&self) -> Vec<TensorData>;
}

impl<const D: usize> Ports for Tensor<D> {
    fn data(&self) -> Vec<TensorData> {
        vec![self.to_data()]
    }
}

impl<const D: usize> Ports for Tensor<D, Int> {
    fn data(&self) -> Vec<TensorData> {
        vec![self.to_data()]
    }
}

impl<const D: usize> Ports for Tensor<D, Bool> {
    fn data(&self) -> Vec<TensorData> {
        vec![self.to_data()]
    }
}

impl<T: Ports> Ports for Vec<T> {
    fn data(&self) -> Vec<TensorData> {
        self.iter().flat_map(Ports::data).collect()
    }
}

macro_rules! tuple {
    ($($name:ident)+) => {
        impl<$($name: Ports),+> Ports for ($($name,)+) {
            #[allow(non_snake_case)]
            fn data(&self) -> Vec<TensorData> {
                let ($($name,)+) = self;
                let mut all = Vec::new();
                $(all.extend($name.data());)+
                all
            }
        }
    };
}

tuple!(A B);
tuple!(A B C);
tuple!(A B C D);
tuple!(A B C D E);
tuple!(A B C D E F);
tuple!(A B C D E F G);
tuple!(A B C D E F G H);

/// The allowed difference of two numbers: absolute, or relative to the larger.
#[derive(Clone, Copy)]
pub(crate) struct Tolerance {
    pub(crate) absolute: f64,
    pub(crate) relative: f64,
}

pub(crate) const USUAL: Tolerance = Tolerance { absolute: 1e-6, relative: 1e-5 };

/// Exports the module, and compares ONNX Runtime's results with burn's on every set of inputs.
pub(crate) fn check<M, I, O>(
    module: &M,
    exporter: Exporter<I>,
    cases: Vec<I>,
    forward: impl Fn(&M, I) -> O,
) -> OnnxModel
where
    M: Module,
    I: Inputs + Ports + Clone,
    O: Outputs + Ports,
{
    check_within(USUAL, module, exporter, cases, forward)
}

pub(crate) fn check_within<M, I, O>(
    tolerance: Tolerance,
    module: &M,
    exporter: Exporter<I>,
    cases: Vec<I>,
    forward: impl Fn(&M, I) -> O,
) -> OnnxModel
where
    M: Module,
    I: Inputs + Ports + Clone,
    O: Outputs + Ports,
{
    let model = exporter.export(module, &forward).unwrap_or_else(|error| panic!("{error}"));
    let bytes = model.bytes().unwrap();
    keep_model(&bytes);
    let mut session = Session::open_bytes(runtime(), "test", &bytes, &SessionOptions::default())
        .unwrap_or_else(|error| panic!("{}", kiln_runtime::chain(&error)));
    for case in cases {
        let expected = forward(module, case.clone()).data();
        let arrays: Vec<Array> = case.data().iter().map(array).collect();
        let inputs = model.inputs().into_iter().zip(&arrays);
        let mut given = session.run_named(inputs).unwrap_or_else(|error| panic!("{}", kiln_runtime::chain(&error)));
        for (name, expected) in model.outputs().into_iter().zip(&expected) {
            compare(name, &given.remove(name).unwrap(), expected, tolerance);
        }
        count();
    }
    model
}

/// Runs a model's file on inputs by name.
pub(crate) fn run_file(path: &std::path::Path, inputs: &[(&str, TensorData)]) -> BTreeMap<String, Array> {
    let mut session = Session::open(runtime(), path, &SessionOptions::default())
        .unwrap_or_else(|error| panic!("{}", kiln_runtime::chain(&error)));
    let arrays: Vec<_> = inputs.iter().map(|(name, data)| (*name, array(data))).collect();
    session.run_named(arrays.iter().map(|(name, array)| (*name, array))).unwrap()
}

/// Runs a model on inputs by name.
pub(crate) fn run(model: &OnnxModel, inputs: &[(&str, TensorData)]) -> BTreeMap<String, Array> {
    let bytes = model.bytes().unwrap();
    let session = Session::open_bytes(runtime(), "test", &bytes, &SessionOptions::default());
    let arrays: Vec<_> = inputs.iter().map(|(name, data)| (*name, array(data))).collect();
    session.unwrap().run_named(arrays.iter().map(|(name, array)| (*name, array))).unwrap()
}

/// Saves the model for a person or the official checker if `KILN_KEEP_MODELS` names a folder. The file is named after the
/// test and a digest of the model.
pub(crate) fn keep_model(bytes: &[u8]) {
    if let Ok(folder) = std::env::var("KILN_KEEP_MODELS") {
        use std::hash::{Hash as _, Hasher as _};
        let mut hasher = std::collections::hash_map::DefaultHasher::new();
        bytes.hash(&mut hasher);
        let name = std::thread::current().name().unwrap_or("model").replace("::", "_");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(format!("{folder}/{name}_{:016x}.onnx", hasher.finish()), bytes).unwrap();
    }
}

/// Appends one byte for a comparison with ONNX Runtime to the file in `KILN_COUNT_CASES`.
fn count() {
    if let Ok(path) = std::env::var("KILN_COUNT_CASES") {
        use std::io::Write as _;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(b".").unwrap();
    }
}

/// burn's data as an array for ONNX Runtime.
pub(crate) fn array(data: &TensorData) -> Array {
    let shape = IxDyn(data.shape().as_slice());
    macro_rules! of {
        ($type:ty) => {
            ArrayD::from_shape_vec(shape, data.iter::<$type>().collect()).unwrap().into()
        };
    }
    match data.dtype() {
        DType::F32 => of!(f32),
        DType::F64 => of!(f64),
        DType::I64 => of!(i64),
        DType::I32 => of!(i32),
        DType::I16 => of!(i16),
        DType::I8 => of!(i8),
        DType::U64 => of!(u64),
        DType::U32 => of!(u32),
        DType::U16 => of!(u16),
        DType::U8 => of!(u8),
        DType::Bool(_) => of!(bool),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn numbers(array: &Array) -> (Vec<usize>, Vec<f64>) {
    macro_rules! of {
        ($array:expr) => {
            $array.iter().map(|value| *value as f64).collect()
        };
    }
    let values = match array {
        Array::F32(array) => of!(array),
        Array::F64(array) => of!(array),
        Array::I64(array) => of!(array),
        Array::I32(array) => of!(array),
        Array::I16(array) => of!(array),
        Array::I8(array) => of!(array),
        Array::U64(array) => of!(array),
        Array::U32(array) => of!(array),
        Array::U16(array) => of!(array),
        Array::U8(array) => of!(array),
        Array::Bool(array) => array.iter().map(|value| f64::from(u8::from(*value))).collect(),
    };
    (array.shape().to_vec(), values)
}

pub(crate) fn compare(name: &str, given: &Array, expected: &TensorData, tolerance: Tolerance) {
    let (shape, given) = numbers(given);
    assert_eq!(shape, expected.shape().as_slice(), "shape of {name}");
    let expected: Vec<f64> = match expected.dtype() {
        DType::Bool(_) => expected.iter::<bool>().map(|value| f64::from(u8::from(value))).collect(),
        _ => expected.iter::<f64>().collect(),
    };
    for (position, (given, expected)) in given.iter().zip(&expected).enumerate() {
        let both_nan = given.is_nan() && expected.is_nan();
        let limit = tolerance.absolute + tolerance.relative * given.abs().max(expected.abs());
        let near = given == expected || both_nan || (given - expected).abs() <= limit;
        assert!(near, "{name}[{position}]: ONNX Runtime gives {given}, burn {expected}");
    }
}

/// Tiles in the form of a decoder: u8, NHWC.
pub(crate) fn tiles(batch: usize, side: usize) -> Tensor<4, Int> {
    let count = batch * side * side * 3;
    let pixels: Vec<u8> = (0..count).map(|at| ((at * 2_654_435_761) >> 7) as u8).collect();
    Tensor::from_data(TensorData::new(pixels, [batch, side, side, 3]), (&device(), DType::U8))
}
