//! Edits of a model's message.

use burn_onnx_export::proto::{AttributeProto, AttributeType, GraphProto, ModelProto, NodeProto, TensorProto};

pub(crate) fn graph(model: &mut ModelProto) -> &mut GraphProto {
    model.graph.as_mut().expect("a graph")
}

/// The node that computes a value.
pub(crate) fn node<'m>(model: &'m mut ModelProto, output: &str) -> &'m mut NodeProto {
    let nodes = &mut graph(model).node;
    let names: Vec<String> = nodes.iter().flat_map(|node| node.output.clone()).collect();
    let found = nodes.iter_mut().find(|node| node.output.iter().any(|name| name == output));
    found.unwrap_or_else(|| panic!("no node computes `{output}`; there are {names:?}"))
}

fn attribute<'m>(model: &'m mut ModelProto, output: &str, name: &str) -> &'m mut AttributeProto {
    let node = node(model, output);
    if !node.attribute.iter().any(|one| one.name == name) {
        node.attribute.push(AttributeProto { name: name.to_owned(), ..Default::default() });
    }
    node.attribute.iter_mut().find(|one| one.name == name).expect("an attribute")
}

pub(crate) fn set_int(model: &mut ModelProto, output: &str, name: &str, value: i64) {
    let one = attribute(model, output, name);
    (one.i, one.r#type) = (Some(value), AttributeType::Int.into());
}

pub(crate) fn set_ints(model: &mut ModelProto, output: &str, name: &str, values: &[i64]) {
    let one = attribute(model, output, name);
    (one.ints, one.r#type) = (values.to_vec(), AttributeType::Ints.into());
}

pub(crate) fn set_float(model: &mut ModelProto, output: &str, name: &str, value: f32) {
    let one = attribute(model, output, name);
    (one.f, one.r#type) = (Some(value), AttributeType::Float.into());
}

pub(crate) fn set_text(model: &mut ModelProto, output: &str, name: &str, value: &'static str) {
    let one = attribute(model, output, name);
    (one.s, one.r#type) = (Some(value.as_bytes().into()), AttributeType::String.into());
}

pub(crate) fn tensor<'m>(model: &'m mut ModelProto, name: &str) -> &'m mut TensorProto {
    let graph = graph(model);
    let names: Vec<String> = graph.initializer.iter().map(|tensor| tensor.name.clone()).collect();
    let found = graph.initializer.iter_mut().find(|tensor| tensor.name == name);
    found.unwrap_or_else(|| panic!("no initializer `{name}`; there are {names:?}"))
}

/// Gives the constant at an input of a node to that node alone, under a new name, so that an edit reaches no other node.
pub(crate) fn own_constant(model: &mut ModelProto, output: &str, input: usize) -> String {
    let name = node(model, output).input[input].clone();
    let own = format!("{name}/own");
    let copy = TensorProto { name: own.clone(), ..tensor(model, &name).clone() };
    graph(model).initializer.push(copy);
    node(model, output).input[input] = own.clone();
    own
}

/// Edits the floats of the constant at an input of a node. The constant keeps its name.
pub(crate) fn edit(model: &mut ModelProto, output: &str, input: usize, change: impl FnOnce(&mut Vec<f32>, &[usize])) {
    let name = node(model, output).input[input].clone();
    let tensor = tensor(model, &name);
    assert_eq!(tensor.data_type, 1, "`{name}` has no floats");
    let read = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
    let mut values: Vec<f32> = tensor.raw_data.chunks_exact(4).map(read).collect();
    let dims: Vec<usize> = tensor.dims.iter().map(|size| *size as usize).collect();
    change(&mut values, &dims);
    tensor.raw_data = values.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<_>>().into();
}

/// Edits the integers of the constant at an input of a node, for that node alone.
pub(crate) fn edit_integers(model: &mut ModelProto, output: &str, input: usize, values: &[i64]) {
    let name = own_constant(model, output, input);
    let tensor = tensor(model, &name);
    assert_eq!((tensor.data_type, tensor.dims.as_slice()), (7, [values.len() as i64].as_slice()), "`{name}`");
    tensor.raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>().into();
}

/// Adds a constant of integers.
pub(crate) fn integers(model: &mut ModelProto, name: &str, values: &[i64]) {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    graph(model).initializer.push(TensorProto {
        name: name.to_owned(),
        data_type: 7,
        dims: vec![values.len() as i64],
        raw_data: raw.into(),
        ..Default::default()
    });
}

/// Removes a node: its readers read its first input instead.
pub(crate) fn remove(model: &mut ModelProto, output: &str) {
    let input = node(model, output).input[0].clone();
    let graph = graph(model);
    graph.node.retain(|node| !node.output.iter().any(|name| name == output));
    for read in graph.node.iter_mut().flat_map(|node| &mut node.input).filter(|read| *read == output) {
        *read = input.clone();
    }
}

/// The name of an inserted node.
pub(crate) const PLANTED: &str = "planted";

/// Puts a node between a value and all of its readers.
pub(crate) fn insert_after(model: &mut ModelProto, value: &str, op: &str, more: &[&str]) {
    let name = PLANTED;
    let graph = graph(model);
    let at = graph.node.iter().position(|node| node.output.iter().any(|output| output == value)).map_or(0, |at| at + 1);
    for read in graph.node.iter_mut().flat_map(|node| &mut node.input).filter(|read| *read == value) {
        *read = name.to_owned();
    }
    let input = std::iter::once(value).chain(more.iter().copied()).map(str::to_owned).collect();
    let node = NodeProto {
        op_type: op.to_owned(),
        name: name.to_owned(),
        input,
        output: vec![name.to_owned()],
        ..Default::default()
    };
    graph.node.insert(at, node);
}

/// Puts a node before an output of the graph, whose own node gets another name.
pub(crate) fn insert_before_output(model: &mut ModelProto, output: &str, op: &str, more: &[&str]) {
    let raw = format!("{output}/raw");
    let graph = graph(model);
    let at = graph.node.iter().position(|node| node.output[0] == output).expect("the output's node");
    graph.node[at].output[0] = raw.clone();
    for read in graph.node.iter_mut().flat_map(|node| &mut node.input).filter(|read| *read == output) {
        *read = raw.clone();
    }
    let input = std::iter::once(raw.as_str()).chain(more.iter().copied()).map(str::to_owned).collect();
    let node = NodeProto {
        op_type: op.to_owned(),
        name: PLANTED.to_owned(),
        input,
        output: vec![output.to_owned()],
        ..Default::default()
    };
    graph.node.insert(at + 1, node);
}

/// The result of the node of an operator, counted from 0 in the order of execution.
pub(crate) fn nth(model: &ModelProto, op: &str, position: usize) -> String {
    let nodes = &model.graph.as_ref().expect("a graph").node;
    let found = nodes.iter().filter(|node| node.op_type == op).nth(position);
    let all: Vec<_> = nodes.iter().map(|node| format!("{} {}", node.op_type, node.output[0])).collect();
    found.unwrap_or_else(|| panic!("no {op} {position} among {all:?}")).output[0].clone()
}
