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
    /// Those, and shapes of `Reshape` that begin with a multiple of it: windows and heads that are joined with the batch.
    Joined,
    /// Shapes that begin with the old batch, and shapes of `Reshape` with a multiple of it in second place: sequences
    /// whose first axis is the position, as in PyTorch's `MultiheadAttention`.
    Second,
}

impl Rewrite {
    /// All, in the order in which they are tried.
    pub(in crate::import) const ALL: [Self; 4] = [Self::None, Self::Leading, Self::Joined, Self::Second];
}

/// The opset from which `Slice` has its bounds in inputs.
const SLICE_INPUTS: i64 = 10;

/// Rewrites the shapes. `old` is the batch of the model; `input` the value of its input; `tile` the new input.
pub(super) fn rewrite(graph: &mut GraphProto, input: &str, old: usize, rewrite: Rewrite, opset: i64, tile: &str) {
    if rewrite == Rewrite::None {
        return;
    }
    let old = old as i64;
    let constants = integers(graph);
    let ranks = ranks(graph);
    let mut work = Work { old, rewrite, added: Vec::new(), tensors: Vec::new(), reads_batch: false, opset, tile };
    let computed = computed(graph, input);
    let of_batch = |node: &NodeProto| node.input.first().is_some_and(|data| computed.contains(data));
    let mut nodes = Vec::with_capacity(graph.node.len());
    for mut node in std::mem::take(&mut graph.node) {
        match node.op_type.as_str() {
            "Reshape" if of_batch(&node) => work.reshape(&mut node, &constants),
            // What follows from the input has its batch already, so a `Tile` repeats it along other axes.
            "Tile" if of_batch(&node) => {}
            "Expand" | "ConstantOfShape" | "Tile" => work.shape_input(&mut node, &constants),
            "Resize" | "Upsample" => work.sizes(&mut node, &constants),
            "Concat" => work.concat(&mut node, &computed, &ranks),
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

/// Number of axes of each initializer.
fn ranks(graph: &GraphProto) -> BTreeMap<String, i64> {
    graph.initializer.iter().map(|tensor| (tensor.name.clone(), tensor.dims.len() as i64)).collect()
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
    /// `[1, 512]` becomes `[-1, 512]`. A shape that has its -1 elsewhere, such as `[1, -1]`, becomes `[0, -1]`, where 0
    /// keeps the first axis, or a shape that is computed from the batch.
    fn reshape(&mut self, node: &mut NodeProto, constants: &BTreeMap<String, Vec<i64>>) {
        let Some(shape) = node.input.get(1).and_then(|name| constants.get(name)) else { return };
        let Some(at) = self.axis_of_batch(shape) else { return };
        let keeps_zeros = node.int("allowzero").is_some_and(|flag| flag != 0);
        let size = match shape.contains(&-1) {
            false => -1,
            true if self.rewrite == Rewrite::Leading && !keeps_zeros => 0,
            true => {
                node.input[1] = self.following(&shape[..at], shape[at] / self.old, &shape[at + 1..]);
                return;
            }
        };
        let mut new = shape.clone();
        new[at] = size;
        node.input[1] = self.constant("shape", &new);
    }

    /// The axis of a shape that holds the batch, alone or joined with another axis.
    fn axis_of_batch(&self, shape: &[i64]) -> Option<usize> {
        let holds = |at: usize| shape.get(at).is_some_and(|size| *size > 0 && size % self.old == 0).then_some(at);
        match self.rewrite {
            _ if shape.first() == Some(&self.old) => Some(0),
            Rewrite::Joined => holds(0),
            Rewrite::Second => holds(usize::from(shape.len() > 2)),
            Rewrite::None | Rewrite::Leading => None,
        }
    }

    /// The shape of `Expand`, `ConstantOfShape` and `Tile`: its first number becomes the batch of the input.
    fn shape_input(&mut self, node: &mut NodeProto, constants: &BTreeMap<String, Vec<i64>>) {
        let at = usize::from(node.op_type != "ConstantOfShape");
        let Some(shape) = node.input.get(at).and_then(|name| constants.get(name)).cloned() else { return };
        // A leading 1 broadcasts, and rank 1 is seldom a batch.
        if shape.len() < 2 || shape[0] != self.old {
            return;
        }
        node.input[at] = self.following(&[], 1, &shape[1..]);
    }

    /// The sizes of a `Resize`, its fourth input.
    fn sizes(&mut self, node: &mut NodeProto, constants: &BTreeMap<String, Vec<i64>>) {
        let Some(sizes) = node.input.get(3).and_then(|name| constants.get(name)).cloned() else { return };
        if sizes.len() > 1 && sizes[0] == self.old {
            node.input[3] = self.following(&[], 1, &sizes[1..]);
        }
    }

    /// A value without a batch that is joined with values of the batch, such as a class token, is repeated for each tile.
    /// Each tile of a larger batch may have a value of its own, so this is for a batch of 1.
    fn concat(&mut self, node: &mut NodeProto, computed: &BTreeSet<String>, ranks: &BTreeMap<String, i64>) {
        let axis = node.int("axis").unwrap_or(0);
        let joins = node.input.iter().any(|name| computed.contains(name));
        if self.old != 1 || self.opset < SLICE_INPUTS || !joins {
            return;
        }
        // Along axis 0, sizes are joined to shapes. A negative axis counts from the last one.
        let along_another = |name: &String| axis > 0 || ranks.get(name).is_some_and(|rank| axis < 0 && axis + rank > 0);
        for input in node.input.iter_mut().filter(|name| !computed.contains(*name) && along_another(name)) {
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

    /// A value with a shape: `before`, then `times` the batch of the input, then `rest`.
    fn following(&mut self, before: &[i64], times: i64, rest: &[i64]) -> String {
        let mut size = self.batch();
        if times != 1 {
            let factor = self.constant("factor", &[times]);
            let product = format!("{factor}/product");
            self.added.push(plain("Mul", &[&size, &factor], &product, Vec::new()));
            size = product;
        }
        let rest = self.constant("rest", rest);
        let output = format!("{rest}/following");
        let mut parts = vec![size, rest];
        if !before.is_empty() {
            parts.insert(0, self.constant("before", before));
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.added.push(plain("Concat", &parts, &output, vec![AttributeProto::int("axis", 0)]));
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
        assert_eq!(reshaped(&[64, 49, 32], Rewrite::Joined), [-1, 49, 32]);
        assert_eq!(reshaped(&[-1, 32], Rewrite::Joined), [-1, 32]);
        assert_eq!(reshaped(&[197, 1, 768], Rewrite::Second), [197, -1, 768]);
        assert_eq!(reshaped(&[197, 12, 64], Rewrite::Second), [197, -1, 64]);
        assert_eq!(reshaped(&[1, 12, 197, 64], Rewrite::Second), [-1, 12, 197, 64]);
        assert_eq!(reshaped(&[197, 768], Rewrite::Second), [-1, 768]);
        assert_eq!(reshaped(&[1, 512], Rewrite::None), [1, 512]);
    }

    fn operators(graph: &GraphProto) -> Vec<&str> {
        graph.node.iter().map(|node| node.op_type.as_str()).collect()
    }

    #[test]
    fn a_shape_with_another_free_axis_is_computed_from_the_batch() {
        for (shape, how, factor, before) in [
            ([1, 64, -1], Rewrite::Joined, None, false),
            ([4, 64, -1], Rewrite::Joined, Some(4), false),
            ([64, 4, -1], Rewrite::Second, Some(4), true),
        ] {
            let mut graph = graph("Reshape", &shape);
            rewrite(&mut graph, "x", 1, how, 17, "tile");
            let found = operators(&graph);
            assert_eq!(found.contains(&"Mul"), factor.is_some(), "{found:?}");
            let concat = graph.node.iter().find(|node| node.op_type == "Concat").map(|node| node.input.len());
            assert_eq!(concat, Some(if before { 3 } else { 2 }));
            let constants = integers(&graph);
            assert!(factor.is_none_or(|factor| constants.values().any(|values| *values == [factor])));
        }
    }

    #[test]
    fn only_a_value_without_the_batch_is_repeated_along_it() {
        for (data, changed) in [("x", false), ("token", true)] {
            let mut graph = graph("Tile", &[1, 1, 7, 7]);
            graph.node[0].input[0] = data.to_owned();
            rewrite(&mut graph, "x", 1, Rewrite::Leading, 17, "tile");
            assert_eq!(operators(&graph).contains(&"Concat"), changed, "{data}");
        }
    }

    #[test]
    fn a_token_is_joined_along_an_axis_that_counts_from_the_last() {
        for (axis, rank, changed) in [(1, 3, true), (-2, 3, true), (-1, 1, false), (0, 3, false)] {
            let mut graph = graph("Concat", &[1]);
            graph.node[0].input = vec!["token".to_owned(), "x".to_owned()];
            graph.node[0].attribute = vec![AttributeProto::int("axis", axis)];
            graph.initializer.push(TensorProto::f32("token", vec![1; rank], &[0.5]));
            rewrite(&mut graph, "x", 1, Rewrite::Leading, 17, "tile");
            assert_eq!(operators(&graph).contains(&"Expand"), changed, "{axis}");
        }
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
