//! Folds batch normalisation into the convolution or dense layer before it. In inference both are linear in the same
//! channel, so the layer absorbs the scale and the shift: `w' = w · s`, `b' = (b - mean) · s + beta` with
//! `s = gamma / sqrt(variance + epsilon)`. Computed in 64-bit floats and rounded once.

use crate::graph::{Constant, Graph, Node, ValueId};

/// Folds every batch normalisation that is the only reader of a layer.
pub(crate) fn fold(graph: &mut Graph) {
    let mut position = 0;
    while position < graph.nodes.len() {
        if fold_at(graph, position).is_some() {
            graph.nodes.remove(position);
        } else {
            position += 1;
        }
    }
}

/// A batch normalisation as a linear function of each channel.
struct Line {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl Line {
    fn new(graph: &Graph, norm: &Node) -> Option<Self> {
        let floats = |at: usize| graph.constants.get(&norm.input(at)?)?.floats();
        let (gamma, beta, mean, variance) = (floats(1)?, floats(2)?, floats(3)?, floats(4)?);
        if [&beta, &mean, &variance].iter().any(|other| other.len() != gamma.len()) {
            return None;
        }
        let epsilon = f64::from(norm.float("epsilon")?);
        let scale = gamma
            .iter()
            .zip(&variance)
            .map(|(gamma, variance)| f64::from(*gamma) / (f64::from(*variance) + epsilon).sqrt());
        let scale: Vec<f64> = scale.collect();
        let shift = beta.iter().zip(mean.iter().zip(&scale));
        let shift: Vec<f64> = shift.map(|(beta, (mean, scale))| f64::from(*beta) - f64::from(*mean) * scale).collect();
        scale.iter().chain(&shift).all(|value| value.is_finite()).then_some(Self { scale, shift })
    }
}

fn fold_at(graph: &mut Graph, position: usize) -> Option<()> {
    let norm = graph.nodes.get(position).filter(|node| node.op == "BatchNormalization")?.clone();
    let input = norm.input(0)?;
    let source = graph.nodes[..position].iter().position(|node| node.outputs == [input])?;
    if graph.uses()[input] != 1 || graph.outputs.contains(&input) {
        return None;
    }
    let layer = graph.nodes[source].clone();
    let line = Line::new(graph, &norm)?;
    let weight = layer.input(1)?;
    let (count, channels) = channels(&layer, graph.constants.get(&weight)?)?;
    if line.scale.len() != count {
        return None;
    }
    let scaled = scaled(graph.constants.get(&weight)?, &channels, &line)?;
    let old = layer.input(2);
    let bias = match old {
        Some(bias) => each_channel(graph.constants.get(&bias)?.floats()?, count)?,
        None => vec![0.0; count],
    };
    let shifted = bias.iter().zip(line.scale.iter().zip(&line.shift));
    let shifted: Vec<f64> = shifted.map(|(bias, (scale, shift))| f64::from(*bias) * scale + shift).collect();
    let shifted = floats(vec![shifted.len()], shifted);
    let (new_weight, new_bias) = (replaced(graph, weight, scaled), graph.constant(shifted));
    graph.values[new_bias].name = bias_name(graph, new_weight, old);
    let layer = &mut graph.nodes[source];
    layer.inputs.truncate(1);
    layer.inputs.extend([Some(new_weight), Some(new_bias)]);
    layer.outputs = norm.outputs;
    Some(())
}

/// A bias with a number for each channel; `Gemm` takes one number for all of them too.
fn each_channel(bias: Vec<f32>, count: usize) -> Option<Vec<f32>> {
    match bias.as_slice() {
        [one] => Some(vec![*one; count]),
        _ => (bias.len() == count).then_some(bias),
    }
}

/// The channel of a weight, by the weight's place.
type ChannelOf = Box<dyn Fn(usize) -> usize>;

/// The number of output channels of a layer, and the channel of each element of its weight by position.
fn channels(layer: &Node, weight: &Constant) -> Option<(usize, ChannelOf)> {
    let dims = &weight.dims;
    let inner = |from: usize| dims[from..].iter().product::<usize>().max(1);
    match layer.op {
        "Conv" => {
            let each = inner(1);
            Some((dims[0], Box::new(move |at| at / each)))
        }
        // [in, out / groups, ...]: the first axis determines the group.
        "ConvTranspose" => {
            let groups = layer.int("group")? as usize;
            let (out, place, each) = (dims[1], inner(2), dims[0] / groups);
            Some((out * groups, Box::new(move |at| at / place / out / each * out + at / place % out)))
        }
        "Gemm" if layer.attributes.is_empty() => {
            let out = *dims.last()?;
            Some((out, Box::new(move |at| at % out)))
        }
        _ => None,
    }
}

fn scaled(weight: &Constant, channel: &dyn Fn(usize) -> usize, line: &Line) -> Option<Constant> {
    let values = weight.floats()?;
    let scaled = values.iter().enumerate().map(|(at, value)| Some(f64::from(*value) * line.scale.get(channel(at))?));
    Some(floats(weight.dims.clone(), scaled.collect::<Option<Vec<f64>>>()?))
}

fn floats(dims: Vec<usize>, values: Vec<f64>) -> Constant {
    Constant::from_f32(dims, values.into_iter().map(|value| value as f32))
}

/// Adds a constant with the name and the shape of the one that it replaces.
fn replaced(graph: &mut Graph, old: ValueId, constant: Constant) -> ValueId {
    let new = graph.constant(constant);
    graph.values[new].name = graph.values[old].name.clone();
    graph.values[new].shape = graph.values[old].shape.clone();
    new
}

/// The name of the old bias, or one derived from the weight's.
fn bias_name(graph: &Graph, weight: ValueId, bias: Option<ValueId>) -> Option<String> {
    let own = bias.and_then(|bias| graph.values[bias].name.clone());
    own.or_else(|| {
        let name = graph.values[weight].name.as_deref()?;
        Some(name.rsplit_once('.').map_or("bias".to_owned(), |(module, _)| format!("{module}.bias")))
    })
}
