//! A module that cannot be exported is an error that names the operation and its place, never a panic.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Distribution, Tensor};
use burn_onnx_export::{Error, Exporter};

use crate::generate::{floats, nothing};
use crate::support::device;

#[derive(Module, Debug)]
struct Noisy {
    first: Linear,
    second: Linear,
}

impl Noisy {
    fn new(device: &Device) -> Self {
        Self { first: LinearConfig::new(3, 3).init(device), second: LinearConfig::new(3, 3).init(device) }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.first.forward(x);
        let x = x.clone() + x.random_like(Distribution::Normal(0.0, 1.0));
        let x = self.second.forward(x);
        x.clone() + x.random_like(Distribution::Default)
    }
}

fn exporter() -> Exporter<Tensor<2>> {
    Exporter::new().input("x", floats([2, 3], 0, -1.0, 1.0), ["batch", ""])
}

#[test]
fn every_unsupported_operation_is_listed() {
    let error = exporter().export(&Noisy::new(&device()), |m, x| m.forward(x)).unwrap_err();
    let Error::Unsupported(list) = &error else { panic!("{error}") };
    assert_eq!(list.iter().map(|one| one.kind.as_str()).collect::<Vec<_>>(), ["Float::Random"; 2]);
    assert!(error.to_string().contains("allow_random"), "{error}");
}

#[test]
fn random_operations_are_exported_where_allowed() {
    let model = exporter().allow_random().export(&Noisy::new(&device()), |m, x| m.forward(x)).unwrap();
    assert!(model.operators().contains(&"RandomNormalLike"));
}

#[test]
fn reading_a_computed_value_back_is_an_error_that_says_where() {
    let error = exporter().export(&nothing(), |_, x: Tensor<2>| {
        let largest: f32 = x.clone().max().into_scalar();
        x / largest
    });
    let error = error.unwrap_err();
    assert!(error.to_string().contains("must not read values back"), "{error}");
    let Error::Forward { message, location, sizes } = error else { panic!() };
    assert!(message.contains("no concrete value"), "{message}");
    assert!(location.is_some());
    assert_eq!(sizes, "batch = 2");
}

#[test]
fn reading_an_input_back_is_found() {
    let error = exporter().export(&nothing(), |_, x: Tensor<2>| {
        let first = x.to_data().iter::<f32>().next().unwrap();
        x * first
    });
    assert!(matches!(error.unwrap_err(), Error::Unstable { .. } | Error::Ambiguous { .. }));
}

#[test]
fn a_panic_in_the_forward_function_is_an_error() {
    let error = exporter().export(&nothing(), |_, x: Tensor<2>| if x.dims()[1] == 3 { panic!("boom") } else { x });
    assert!(matches!(error.unwrap_err(), Error::Forward { message, .. } if message == "boom"));
}

#[test]
fn a_tensor_created_on_another_device_is_an_error_with_the_remedy() {
    let error = exporter().export(&nothing(), |_, x: Tensor<2>| x + Tensor::<2>::ones([1, 3], &device())).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Forward { .. }) && text.contains("`x.device()`"), "{text}");
    let lists =
        exporter().export(&nothing(), |_, x: Tensor<2>| Tensor::cat(vec![x, Tensor::ones([1, 3], &device())], 0));
    let text = lists.unwrap_err().to_string();
    assert!(text.contains("`x.device()`") && !text.contains("symbol_sizes"), "{text}");
}

#[test]
fn wrong_shapes_are_an_error_with_the_sizes() {
    let error = exporter().export(&nothing(), |_, x: Tensor<2>| x.clone().matmul(x)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("batch = 2") && text.contains("symbol_sizes") && !text.contains("read values"), "{text}");
}

#[test]
fn names_and_opsets_are_checked() {
    let identity = |_: &_, x: Tensor<2>| (x.clone().exp(), x.tanh());
    let export = |exporter: Exporter<Tensor<2>>| exporter.export(&nothing(), identity).unwrap_err().to_string();
    assert!(export(exporter().outputs(["a"])).contains("1 output names"));
    assert!(export(exporter().outputs(["a", "a"])).contains("`a`"));
    assert!(export(exporter().outputs(["a", "x"])).contains("`x`"));
    assert!(export(exporter().opset(12)).contains("opset 12"));
    assert!(export(exporter().symbol_sizes("other", [2, 3, 4])).contains("other"));
    assert!(export(exporter().symbol_sizes("batch", [2, 2, 4])).contains("different"));
}

#[test]
fn names_of_inputs_and_outputs_are_kept() {
    let exporter = exporter().input("/x", floats([2, 3], 1, -1.0, 1.0), ["batch", ""]).outputs(["/", "/y/out"]);
    let model =
        exporter.export(&nothing(), |_, (x, y): (Tensor<2>, Tensor<2>)| (x.clone() + y.clone(), x - y)).unwrap();
    assert_eq!((model.inputs(), model.outputs()), (vec!["x", "/x"], vec!["/", "/y/out"]));
}

#[test]
fn a_tensor_from_another_device_is_no_output() {
    let error = exporter().export(&nothing(), |_, _| Tensor::<2>::zeros([2, 3], &device()));
    assert!(matches!(error.unwrap_err(), Error::Output { .. }));
}
