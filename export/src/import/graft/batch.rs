//! A fixed batch made symbolic: shapes inside the graph that hold the old batch are replaced by shapes that follow the
//! input. The result is proven by running it, never assumed here.

use std::collections::{BTreeMap, BTreeSet};

use burn_onnx_export::proto::{AttributeProto, AttributeType, GraphProto, NodeProto, TensorProto};

/// The constants that are taken for shapes with the old batch inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rewrite {
    /// None: the graph may follow its input already.
    None,
    /// Shapes that begin with the old batch.
    Leading,
    /// Those, and shapes of `Reshape` that begin with another number: windows and heads that are joined with the batch.
    All,
}

/// The opset from which `Slice` has its bounds in inputs.
const SLICE_INPUTS: i64 = 10;

/// Rewrites the shapes. `old` is the batch of the model; `input` the value of its input; `tile` the new input.
pub(super) fn rewrite(graph: &mut GraphProto, input: &str, old: usize, rewrite: Rewrite, opset: i64, tile: &str) {
    if rewrite == Rewrite::None {
        return;
    }
    let old = old as i64;
    let mut constants = integers(graph);
    let mut work = Work { old, rewrite, added: Vec::new(), tensors: Vec::new(), reads_batch: false, opset, tile };
    let computed = computed(graph, input);
    let mut nodes = Vec::with_capacity(graph.node.len());
    for mut node in std::mem::take(&mut graph.node) {
        match node.op_type.as_str() {
            "Reshape" if node.input.first().is_some_and(|data| computed.contains(data)) => {
                work.reshape(&mut node, &mut constants);
            }
            "Expand" | "ConstantOfShape" | "Tile" => work.shape_input(&mut node, &constants),
            "Resize" | "Upsample" => work.sizes(&mut node, &constants),
            "Concat" => work.concat(&mut node, &computed),
            _ => {}
        }
        nodes.append(&mut work.added);
        nodes.push(node);
    }
    graph.node = nodes;
    graph.initializer.append(&mut work.tensors);
}

/// Values that follow from the input, so that they have its batch.
fn computed(graph: &GraphProto, input: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::from([input.to_owned()]);
    for node in &graph.node {
        if node.input.iter().any(|name| found.contains(name)) {
            found.extend(node.output.iter().cloned());
        }
    }
    found
}

/// Integer vectors by name: initializers and `Constant` nodes.
fn integers(graph: &GraphProto) -> BTreeMap<String, Vec<i64>> {
    let of_tensor = |tensor: &TensorProto| (tensor.dims.len() == 1).then(|| tensor.integers()).flatten();
    let initializers = graph.initializer.iter().filter_map(|tensor| Some((tensor.name.clone(), of_tensor(tensor)?)));
    let nodes = graph.node.iter().filter(|node| node.op_type == "Constant").filter_map(|node| {
        let attribute = node.attribute.first()?;
        let values = match attribute.r#type() {
            AttributeType::Tensor => of_tensor(attribute.t.as_ref()?)?,
            AttributeType::Ints => attribute.ints.clone(),
            _ => return None,
        };
        Some((node.output.first()?.clone(), values))
    });
    initializers.chain(nodes).collect()
}

struct Work<'a> {
    old: i64,
    rewrite: Rewrite,
    /// Nodes to insert before the current one.
    added: Vec<NodeProto>,
    tensors: Vec<TensorProto>,
    /// True once a value holds the batch.
    reads_batch: bool,
    opset: i64,
    tile: &'a str,
}

impl Work<'_> {
    /// `[1, 512]` becomes `[-1, 512]`; `[1, -1]` becomes `[0, -1]`, where 0 keeps the first axis.
    fn reshape(&mut self, node: &mut NodeProto, constants: &mut BTreeMap<String, Vec<i64>>) {
        let Some(shape) = node.input.get(1).and_then(|name| constants.get(name)).cloned() else { return };
        let free = shape.contains(&-1);
        let keeps_zeros = node.int("allowzero").is_some_and(|flag| flag != 0);
        let begins = shape.first() == Some(&self.old);
        let other = self.rewrite == Rewrite::All && shape.first().is_some_and(|size| *size > 0);
        let first = match (begins, free) {
            (true, true) if !keeps_zeros => 0,
            (true, false) => -1,
            (false, false) if other => -1,
            _ => return,
        };
        let mut new = shape;
        new[0] = first;
        node.input[1] = self.constant("shape", &new);
    }

    /// The shape of `Expand`, `ConstantOfShape` and `Tile`: its first number becomes the batch of the input.
    fn shape_input(&mut self, node: &mut NodeProto, constants: &BTreeMap<String, Vec<i64>>) {
        let at = usize::from(node.op_type != "ConstantOfShape");
        let Some(shape) = node.input.get(at).and_then(|name| constants.get(name)).cloned() else { return };
        // A leading 1 broadcasts, and rank 1 is seldom a batch.
        if shape.len() < 2 || shape[0] != self.old {
            return;
        }
        node.input[at] = self.following(&shape[1..]);
    }

    /// The sizes of a `Resize`, its fourth input.
    fn sizes(&mut self, node: &mut NodeProto, constants: &BTreeMap<String, Vec<i64>>) {
        let Some(sizes) = node.input.get(3).and_then(|name| constants.get(name)).cloned() else { return };
        if sizes.len() > 1 && sizes[0] == self.old {
            node.input[3] = self.following(&sizes[1..]);
        }
    }

    /// A value without a batch that is joined with values of the batch, such as a class token, is repeated for each tile.
    /// Each tile of a larger batch may have a value of its own, so this is for a batch of 1.
    fn concat(&mut self, node: &mut NodeProto, computed: &BTreeSet<String>) {
        let axis = node.int("axis").unwrap_or(0);
        let joins = node.input.iter().any(|name| computed.contains(name));
        // Along axis 0, sizes are joined to shapes.
        if axis <= 0 || self.old != 1 || self.opset < SLICE_INPUTS || !joins {
            return;
        }
        for input in node.input.iter_mut().filter(|name| !computed.contains(*name)) {
            let shape = self.following_shape_of(input);
            let output = format!("{shape}/repeated");
            self.added.push(plain("Expand", &[input, &shape], &output, Vec::new()));
            *input = output;
        }
    }

    /// A value with the shape of `value`, whose first size becomes the batch of the input.
    fn following_shape_of(&mut self, value: &str) -> String {
        let batch = self.batch();
        let (start, end) = (self.constant("one", &[1]), self.constant("end", &[i64::MAX]));
        let [shape, rest, output] = ["shape", "rest", "following"].map(|name| format!("{start}/{name}"));
        self.added.push(plain("Shape", &[value], &shape, Vec::new()));
        self.added.push(plain("Slice", &[&shape, &start, &end], &rest, Vec::new()));
        self.added.push(plain("Concat", &[&batch, &rest], &output, vec![AttributeProto::int("axis", 0)]));
        output
    }

    /// A value with a shape: the batch of the input, then `rest`.
    fn following(&mut self, rest: &[i64]) -> String {
        let batch = self.batch();
        let rest = self.constant("rest", rest);
        let output = format!("{rest}/following");
        self.added.push(plain("Concat", &[&batch, &rest], &output, vec![AttributeProto::int("axis", 0)]));
        output
    }

    /// The value that holds the batch of the input, `[1]`.
    fn batch(&mut self) -> String {
        const SIZE: &str = "kiln/batch/size";
        if !self.reads_batch {
            self.reads_batch = true;
            let zero = self.constant("zero", &[0]);
            self.added.push(plain("Shape", &[self.tile], "kiln/batch/shape", Vec::new()));
            let axis = vec![AttributeProto::int("axis", 0)];
            self.added.push(plain("Gather", &["kiln/batch/shape", &zero], SIZE, axis));
        }
        SIZE.to_owned()
    }

    fn constant(&mut self, wish: &str, values: &[i64]) -> String {
        let name = format!("kiln/batch/{wish}_{}", self.tensors.len());
        self.tensors.push(TensorProto::i64(&name, vec![values.len() as i64], values));
        name
    }
}

fn plain(operator: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto { attribute, ..NodeProto::new(operator, inputs.iter().copied(), [output]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(operator: &str, shape: &[i64]) -> GraphProto {
        GraphProto {
            node: vec![plain(operator, &["x", "shape"], "y", Vec::new())],
            initializer: vec![TensorProto::i64("shape", vec![shape.len() as i64], shape)],
            ..GraphProto::default()
        }
    }

    fn reshaped(shape: &[i64], how: Rewrite) -> Vec<i64> {
        let mut graph = graph("Reshape", shape);
        rewrite(&mut graph, "x", 1, how, 17, "tile");
        let name = graph.node.last().map(|node| node.input[1].clone()).unwrap_or_default();
        integers(&graph).remove(&name).unwrap_or_default()
    }

    #[test]
    fn the_batch_in_a_shape_becomes_free() {
        assert_eq!(reshaped(&[1, 512], Rewrite::Leading), [-1, 512]);
        assert_eq!(reshaped(&[1, -1], Rewrite::Leading), [0, -1]);
        assert_eq!(reshaped(&[64, 49, 32], Rewrite::Leading), [64, 49, 32]);
        assert_eq!(reshaped(&[64, 49, 32], Rewrite::All), [-1, 49, 32]);
        assert_eq!(reshaped(&[-1, 32], Rewrite::All), [-1, 32]);
        assert_eq!(reshaped(&[1, 512], Rewrite::None), [1, 512]);
    }

    #[test]
    fn an_expanded_token_follows_the_batch() {
        let mut graph = graph("Expand", &[1, 1, 768]);
        rewrite(&mut graph, "z", 1, Rewrite::Leading, 17, "tile");
        let operators: Vec<&str> = graph.node.iter().map(|node| node.op_type.as_str()).collect();
        assert_eq!(operators, ["Shape", "Gather", "Concat", "Expand"]);
        assert_eq!(graph.node[3].input[1], graph.node[2].output[0]);
    }
}
