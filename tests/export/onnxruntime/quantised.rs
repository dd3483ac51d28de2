//! Modules with quantised parameters are exported dequantised.

use burn::module::{Module, Quantizer};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::quantization::{Calibration, QuantValue};
use burn::tensor::{DType, Tensor};
use burn_onnx_export::Exporter;

use crate::generate::floats;
use crate::support::{compare, device, run};

#[test]
fn a_quantised_layer_answers_as_its_floats_do() {
    let device = device();
    let scheme = device.settings().quantization.scheme.with_value(QuantValue::Q8S);
    let plain: Linear = LinearConfig::new(32, 32).init(&device);
    let module = plain.quantize_weights(&mut Quantizer::new(Calibration::MinMax, scheme));
    assert!(matches!(module.weight.val().dtype(), DType::QFloat(_)), "burn did not quantise the weight");
    let x = floats([3, 32], 0, -1.0, 1.0);
    let exporter = Exporter::new().input("x", x.clone(), ["batch", ""]).outputs(["y"]);
    let model = exporter.export(&module, |m, x| m.forward(x)).unwrap();
    assert_eq!(model.operators(), ["Gemm"]);
    let bias = module.bias.clone().unwrap().val().dequantize();
    let expected: Tensor<2> = x.clone().matmul(module.weight.val().dequantize()) + bias.unsqueeze();
    compare("y", &run(&model, &[("x", x.to_data())])["y"], &expected.into_data(), crate::support::USUAL);
}
