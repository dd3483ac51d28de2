//! Linear maps of each spatial axis as products with fixed matrices: interpolations without an ONNX mode.

use burn::backend::ir::ScalarIr;

use super::shape::transpose;
use crate::element::{Element, scalar_bytes};
use crate::graph::{Constant, ValueId};
use crate::lower::context::Context;

/// The weights of one axis, for each result over all elements.
pub(crate) struct Map {
    /// `[to][from]`.
    pub(crate) weights: Vec<Vec<f64>>,
}

impl Map {
    /// A matrix `[to, from]`, or `[from, to]` if it is multiplied from the right.
    fn matrix(&self, element: Element, from_the_right: bool) -> Constant {
        let (to, from) = (self.weights.len(), self.weights.first().map_or(0, Vec::len));
        let at = |row: usize, column: usize| {
            if from_the_right { self.weights[column][row] } else { self.weights[row][column] }
        };
        let dims = if from_the_right { vec![from, to] } else { vec![to, from] };
        let values = (0..dims[0]).flat_map(|row| (0..dims[1]).map(move |column| (row, column)));
        let data = values.flat_map(|(row, column)| scalar_bytes(ScalarIr::Float(at(row, column)), element));
        let data = data.collect::<Vec<u8>>().into();
        Constant { element, dims, data }
    }
}

/// Applies one map to each axis after batch and channels.
pub(crate) fn apply(cx: &mut Context<'_>, input: ValueId, maps: &[Map]) -> ValueId {
    let element = cx.element_of(input);
    let rank = maps.len() + 2;
    maps.iter().enumerate().fold(input, |value, (at, map)| {
        let axis = at + 2;
        let matrix = cx.constant(map.matrix(element, axis + 2 != rank));
        if axis + 2 == rank {
            return cx.node("MatMul", &[matrix, value], Vec::new());
        }
        // Matrix products are over the last two axes, so an earlier axis is swapped with the last.
        let order = swapped(rank, axis);
        let last = transpose(cx, value, order.clone());
        let product = cx.node("MatMul", &[last, matrix], Vec::new());
        transpose(cx, product, order)
    })
}

fn swapped(rank: usize, axis: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(axis, rank - 1);
    order
}

/// The fixed sizes of the axes after batch and channels.
pub(crate) fn plane(cx: &Context<'_>, tensor: &burn::backend::ir::TensorIr) -> Option<Vec<usize>> {
    cx.shape(tensor).iter().skip(2).map(|size| Some(size.fixed()? as usize)).collect()
}
