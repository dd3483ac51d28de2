//! Computes nodes with constant operands that only move bytes: a reshaped or transposed weight is written reshaped or
//! transposed.

use crate::graph::{Constant, Graph, Node};

/// Folds every such node.
pub(crate) fn fold(graph: &mut Graph) {
    let mut position = 0;
    while position < graph.nodes.len() {
        match folded(graph, &graph.nodes[position]) {
            Some(constant) => {
                let node = graph.nodes.remove(position);
                let output = node.outputs[0];
                inherit_name(graph, &node, output);
                graph.constants.insert(output, constant);
            }
            None => position += 1,
        }
    }
}

/// Gives the folded constant the parameter's name if nothing else reads the parameter.
fn inherit_name(graph: &mut Graph, node: &Node, output: usize) {
    let Some(input) = node.input(0) else { return };
    if graph.values[output].name.is_none() && graph.uses()[input] == 0 {
        graph.values[output].name = graph.values[input].name.take();
    }
}

fn folded(graph: &Graph, node: &Node) -> Option<Constant> {
    let [output] = node.outputs.as_slice() else { return None };
    if graph.outputs.contains(output) {
        return None;
    }
    let input = graph.constants.get(&node.input(0)?)?;
    match node.op {
        "Reshape" => {
            let dims = graph.values[*output].shape.as_ref()?;
            let dims = dims.iter().map(|size| size.fixed().map(|size| size as usize)).collect::<Option<Vec<_>>>()?;
            Some(Constant { dims, ..input.clone() })
        }
        "Transpose" => Some(transposed(input, node.ints("perm")?)),
        _ => None,
    }
}

fn transposed(input: &Constant, order: &[i64]) -> Constant {
    let dims: Vec<usize> = order.iter().map(|axis| input.dims[*axis as usize]).collect();
    let width = input.element.size();
    let mut strides = vec![width; input.dims.len()];
    for axis in (1..input.dims.len()).rev() {
        strides[axis - 1] = strides[axis] * input.dims[axis];
    }
    let strides: Vec<usize> = order.iter().map(|axis| strides[*axis as usize]).collect();
    let source = input.data.read();
    let mut data = Vec::with_capacity(source.len());
    let mut index = vec![0; dims.len()];
    for _ in 0..source.len() / width {
        let at: usize = index.iter().zip(&strides).map(|(index, stride)| index * stride).sum();
        data.extend_from_slice(&source[at..at + width]);
        for axis in (0..dims.len()).rev() {
            index[axis] += 1;
            if index[axis] < dims[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    Constant { element: input.element, dims, data: data.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_transposed() {
        let input = Constant { dims: vec![2, 3], ..Constant::vector(&[1, 2, 3, 4, 5, 6]) };
        let output = transposed(&input, &[1, 0]);
        assert_eq!(output.dims, [3, 2]);
        assert_eq!(output.integers(), Some(vec![1, 4, 2, 5, 3, 6]));
    }
}
