//! Finds the start of a graph over pixels: bytes that are cast, divided by a number and transposed to channels first. The
//! bytes can serve as quantised values without rounding.

use std::collections::HashMap;

use super::editor::Editor;
use crate::graph::{Node, ValueId};

/// Values that are computed from 8-bit pixels by a cast, a division and a transposition alone.
pub(super) struct Pixels(HashMap<ValueId, Scaled>);

/// Pixels, and the steps from them to a value.
#[derive(Clone)]
pub(super) struct Scaled {
    /// The graph input.
    pub(super) pixels: ValueId,
    pub(super) divisor: f32,
    /// The node that transposes them, if one does.
    pub(super) transpose: Option<Node>,
}

impl Pixels {
    /// Finds them in a graph.
    pub(super) fn find(editor: &Editor) -> Self {
        let mut found: HashMap<ValueId, Scaled> = HashMap::new();
        let mut transposed: HashMap<ValueId, Scaled> = HashMap::new();
        for node in editor.nodes() {
            let (Some(input), Some(output)) = (node.input(0), node.outputs.first().copied()) else { continue };
            // Pixels may be transposed before they are cast.
            if node.op == "Transpose" && editor.is_byte_input(input) {
                let scaled = Scaled { pixels: input, divisor: 1.0, transpose: Some(node.clone()) };
                transposed.insert(output, scaled);
                continue;
            }
            let scaled = match node.op {
                "Cast" if editor.is_byte_input(input) => Some(Scaled { pixels: input, divisor: 1.0, transpose: None }),
                "Cast" => transposed.get(&input).cloned(),
                "Div" => found.get(&input).cloned().and_then(|pixels| {
                    let number = editor.constant(node.input(1)?)?.number()? as f32;
                    (number > 0.0).then(|| Scaled { divisor: pixels.divisor * number, ..pixels })
                }),
                "Transpose" => found.get(&input).cloned().and_then(|pixels| {
                    pixels.transpose.is_none().then(|| Scaled { transpose: Some(node.clone()), ..pixels })
                }),
                _ => None,
            };
            if let Some(scaled) = scaled {
                found.insert(output, scaled);
            }
        }
        Self(found)
    }

    /// The pixels behind a value.
    pub(super) fn behind(&self, id: ValueId) -> Option<&Scaled> {
        self.0.get(&id)
    }
}
