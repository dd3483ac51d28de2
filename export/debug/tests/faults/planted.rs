//! The faults.

use burn_onnx_export::proto::ModelProto;

use crate::edit::{
    PLANTED, edit, edit_integers, graph, insert_after, insert_before_output, integers, node, nth, own_constant, remove,
    set_float, set_int, set_ints, set_text, tensor,
};

/// A fault.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// The node at which it must be located.
    pub(crate) node: String,
    /// Words that must name it.
    pub(crate) named: &'static str,
    pub(crate) plant: Box<dyn Fn(&mut ModelProto)>,
}

/// Faults of a model. Each is planted at the node of an operator, counted from 0.
pub(crate) fn faults(model: &str, healthy: &ModelProto) -> Vec<Fault> {
    let all = match model {
        "cnn" => cnn(),
        "transformer" => transformer(),
        "vae" => vae(),
        "fp16" => fp16(),
        _ => int8(),
    };
    all.into_iter().map(|one| one.at(healthy)).collect()
}

/// A fault before its node is known by name.
struct Plan {
    name: &'static str,
    operator: &'static str,
    position: usize,
    named: &'static str,
    /// The fault is a node of its own.
    inserted: bool,
    plant: fn(&mut ModelProto, &str),
}

impl Plan {
    fn at(self, healthy: &ModelProto) -> Fault {
        let output = nth(healthy, self.operator, self.position);
        let plant = self.plant;
        Fault {
            name: self.name,
            node: if self.inserted { PLANTED.to_owned() } else { output.clone() },
            named: self.named,
            plant: Box::new(move |model| plant(model, &output)),
        }
    }
}

fn at(
    name: &'static str,
    operator: &'static str,
    position: usize,
    named: &'static str,
    plant: fn(&mut ModelProto, &str),
) -> Plan {
    Plan { name, operator, position, named, inserted: false, plant }
}

fn inserted(
    name: &'static str,
    operator: &'static str,
    position: usize,
    named: &'static str,
    plant: fn(&mut ModelProto, &str),
) -> Plan {
    Plan { name, operator, position, named, inserted: true, plant }
}

fn swap_columns(values: &mut [f32], dims: &[usize]) {
    let width = *dims.last().expect("an axis");
    values.chunks_exact_mut(width).for_each(|row| row.swap(0, 1));
}

fn cnn() -> Vec<Plan> {
    vec![
        inserted("BGR for RGB", "Cast", 0, "has no Gather", |model, _| {
            integers(model, "planted/order", &[2, 1, 0]);
            insert_after(model, "tile", "Gather", &["planted/order"]);
            graph(model).node.sort_by_key(|node| node.name != PLANTED);
            set_int(model, PLANTED, "axis", 3);
        }),
        at("1/256 for 1/255", "Div", 0, "256, where the reference has 255", |model, output| {
            edit(model, output, 1, |values, _| values[0] = 256.0);
        }),
        at("height and width swapped", "Transpose", 0, "perm is [0, 3, 2, 1]", |model, output| {
            set_ints(model, output, "perm", &[0, 3, 2, 1]);
        }),
        at("weights negated", "Conv", 0, "signs are flipped", |model, output| {
            edit(model, output, 1, |values, _| values.iter_mut().for_each(|value| *value = -*value));
        }),
        at("weights scaled", "Conv", 1, "scaled by 1.1", |model, output| {
            edit(model, output, 1, |values, _| values.iter_mut().for_each(|value| *value *= 1.1));
        }),
        at("output channels swapped", "Conv", 1, "0 and 1 are swapped along axis 0", |model, output| {
            edit(model, output, 1, |values, dims| {
                let filter = values.len() / dims[0];
                let (first, rest) = values.split_at_mut(filter);
                first.swap_with_slice(&mut rest[..filter]);
            });
        }),
        at("input channels reversed", "Conv", 0, "swapped along axis 1", |model, output| {
            edit(model, output, 1, |values, dims| {
                let (channels, inner) = (dims[1], dims[2] * dims[3]);
                for filter in values.chunks_exact_mut(channels * inner) {
                    let (first, rest) = filter.split_at_mut(inner);
                    first.swap_with_slice(&mut rest[(channels - 2) * inner..]);
                }
            });
        }),
        at("kernel transposed", "Conv", 1, "last two axes are swapped", |model, output| {
            edit(model, output, 1, |values, dims| {
                let side = dims[3];
                for kernel in values.chunks_exact_mut(side * side) {
                    for row in 0..side {
                        for column in row + 1..side {
                            kernel.swap(row * side + column, column * side + row);
                        }
                    }
                }
            });
        }),
        at("bias dropped", "Conv", 1, "it does not read", |model, output| {
            node(model, output).input.truncate(2);
        }),
        at("bias doubled", "Conv", 0, "scaled by 2", |model, output| {
            edit(model, output, 2, |values, _| values.iter_mut().for_each(|value| *value *= 2.0));
        }),
        at("one bad weight", "Conv", 1, "7 at [3, 2, 0, 1]", |model, output| {
            edit(model, output, 1, |values, dims| {
                values[((3 * dims[1] + 2) * dims[2]) * dims[3] + 1] = 7.0;
            });
        }),
        at("a weight that is no number", "Conv", 1, "NaN or infinite", |model, output| {
            edit(model, output, 1, |values, _| values[17] = f32::NAN);
        }),
        at("dilated by 2", "Conv", 1, "dilations is [2, 2]", |model, output| {
            set_ints(model, output, "dilations", &[2, 2]);
            set_ints(model, output, "pads", &[2, 2, 2, 2]);
        }),
        at("padded on one side", "Conv", 1, "pads is [0, 0, 2, 2]", |model, output| {
            set_ints(model, output, "pads", &[0, 0, 2, 2]);
        }),
        at("an activation is missing", "Relu", 1, "has no Relu there", remove),
        at("leaky for plain ReLU", "Relu", 0, "the operator is LeakyRelu", |model, output| {
            node(model, output).op_type = "LeakyRelu".to_owned();
        }),
        at("average for maximum", "MaxPool", 0, "the operator is AveragePool", |model, output| {
            let node = node(model, output);
            node.op_type = "AveragePool".to_owned();
            node.attribute.retain(|one| one.name == "kernel_shape" || one.name == "strides");
        }),
        at("padding not counted", "AveragePool", 0, "count_include_pad", |model, output| {
            set_int(model, output, "count_include_pad", 0);
        }),
        at("epsilon of batch normalisation", "BatchNormalization", 0, "epsilon is 0.001", |model, output| {
            set_float(model, output, "epsilon", 1e-3);
        }),
        at("mean and variance swapped", "BatchNormalization", 0, "differ", |model, output| {
            node(model, output).input.swap(3, 4);
        }),
        at("branches in the other order", "Concat", 0, "where the reference reads", |model, output| {
            node(model, output).input.swap(0, 1);
        }),
        at("upper bound of a clip", "Clip", 0, "where the reference has 1.5", |model, output| {
            let own = own_constant(model, output, 2);
            tensor(model, &own).raw_data = 0.5_f32.to_le_bytes().to_vec().into();
        }),
        at("square weights transposed", "Gemm", 1, "transB is 1", |model, output| set_int(model, output, "transB", 1)),
        at("softmax over the batch", "Softmax", 0, "axis is 0", |model, output| set_int(model, output, "axis", 0)),
        inserted("classes swapped", "Softmax", 0, "has no Gather", |model, output| {
            integers(model, "planted/order", &[1, 0, 2]);
            insert_before_output(model, output, "Gather", &["planted/order"]);
            set_int(model, output, "axis", 1);
        }),
        at("classes swapped in the weights", "Gemm", 2, "0 and 1 are swapped along axis 1", |model, output| {
            edit(model, output, 1, |values, dims| swap_columns(values, dims));
        }),
        at("the score of another class", "Slice", 0, "differ", |model, output| {
            edit_integers(model, output, 1, &[2]);
            edit_integers(model, output, 2, &[3]);
        }),
    ]
}

fn transformer() -> Vec<Plan> {
    vec![
        at("epsilon of layer normalisation", "LayerNormalization", 0, "epsilon is 0.01", |model, output| {
            set_float(model, output, "epsilon", 1e-2);
        }),
        at("softmax over the queries", "Softmax", 0, "axis is 1", |model, output| set_int(model, output, "axis", 1)),
        at("scale of attention", "Div", 1, "where the reference has 4", |model, output| {
            let own = own_constant(model, output, 1);
            tensor(model, &own).raw_data = 16.0_f32.to_le_bytes().to_vec().into();
        }),
        at("approximate for exact GELU", "Gelu", 0, "approximate is `tanh`", |model, output| {
            set_text(model, output, "approximate", "tanh");
        }),
        at("the residual is added to itself", "Add", 3, "where the reference reads", |model, output| {
            let node = node(model, output);
            node.input[1] = node.input[0].clone();
        }),
        at("queries and keys swapped", "MatMul", 3, "where the reference reads", |model, output| {
            node(model, output).input.swap(0, 1);
        }),
        at("mean over channels", "ReduceMean", 0, "differ", |model, output| edit_integers(model, output, 1, &[2])),
        at("hard for soft sigmoid", "Sigmoid", 0, "the operator is HardSigmoid", |model, output| {
            node(model, output).op_type = "HardSigmoid".to_owned();
        }),
        at("tokens in another order", "Transpose", 1, "perm is [0, 1, 2]", |model, output| {
            set_ints(model, output, "perm", &[0, 1, 2]);
        }),
    ]
}

fn vae() -> Vec<Plan> {
    vec![
        at("aligned corners", "Resize", 0, "coordinate_transformation_mode is `half_pixel`", |model, output| {
            set_text(model, output, "coordinate_transformation_mode", "half_pixel");
        }),
        at("nearest for linear", "Resize", 0, "mode is `nearest`", |model, output| {
            set_text(model, output, "mode", "nearest")
        }),
        at("transposed convolution with its kernel mirrored", "ConvTranspose", 0, "differ", |model, output| {
            edit(model, output, 1, |values, dims| {
                values.chunks_exact_mut(dims[2] * dims[3]).for_each(|kernel| kernel.reverse());
            });
        }),
        at("pads of a strided convolution", "Conv", 1, "pads is [0, 0, 1, 1]", |model, output| {
            set_ints(model, output, "pads", &[0, 0, 1, 1]);
        }),
        at("the difference the other way round", "Sub", 0, "where the reference reads", |model, output| {
            node(model, output).input.swap(0, 1);
        }),
        at("a root is missing", "Sqrt", 0, "has no Sqrt there", remove),
        at("weights of a dense layer permuted", "Gemm", 0, "along axis 1", |model, output| {
            edit(model, output, 1, |values, dims| values.chunks_exact_mut(dims[1]).for_each(<[f32]>::reverse));
        }),
        at("a shifted bias", "Gemm", 1, "shifted by 0.5", |model, output| {
            edit(model, output, 2, |values, _| values.iter_mut().for_each(|value| *value += 0.5));
        }),
    ]
}

fn fp16() -> Vec<Plan> {
    vec![
        at("a weight of 16 bits", "Conv", 0, "at [0, 0, 0, 0]", |model, output| {
            let name = node(model, output).input[1].clone();
            let mut raw = tensor(model, &name).raw_data.to_vec();
            raw[..2].copy_from_slice(&[0, 0x44]);
            tensor(model, &name).raw_data = raw.into();
        }),
        // A slope of 0.01 would be within the rounding of 16 bits.
        at("an activation of 16 bits", "Relu", 1, "the operator is LeakyRelu", |model, output| {
            node(model, output).op_type = "LeakyRelu".to_owned();
            set_float(model, output, "alpha", 0.1);
        }),
    ]
}

fn int8() -> Vec<Plan> {
    vec![
        at(
            "a saturated scale",
            "QuantizeLinear",
            0,
            "% of the values are beyond half a step of 8 bits",
            |model, output| {
                edit(model, output, 1, |values, _| values[0] /= 8.0);
            },
        ),
        at(
            "a wrong zero point",
            "QuantizeLinear",
            1,
            "the zero point is 30, and 0 in the DequantizeLinear",
            |model, output| {
                let own = own_constant(model, output, 2);
                tensor(model, &own).raw_data = vec![30_u8].into();
            },
        ),
        at("a scale of 8-bit weights", "Conv", 1, "scaled by 2.0", |model, output| {
            let weight = node(model, output).input[1].clone();
            edit(model, &weight, 1, |values, _| values.iter_mut().for_each(|value| *value *= 2.0));
        }),
    ]
}
