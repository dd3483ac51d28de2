//! Where a graph begins with pixels: bytes that are cast, divided by a number and turned to channels first. Levels can be
//! these bytes themselves.

use std::collections::HashMap;

use super::editor::Editor;
use crate::onnx::Element;
use crate::onnx::proto::NodeProto;

/// Pixels of 8 bits that are cast, divided by a number and turned: value to what it is made of.
pub(super) struct Pixels(HashMap<String, Turned>);

/// Pixels and what was done to them.
#[derive(Clone)]
pub(super) struct Turned {
    pub(super) pixels: String,
    pub(super) divisor: f32,
    /// The node that turns them, if one does.
    pub(super) turn: Option<NodeProto>,
}

impl Pixels {
    pub(super) fn of(editor: &Editor) -> Self {
        let mut found: HashMap<String, Turned> = HashMap::new();
        let mut turns: HashMap<String, Turned> = HashMap::new();
        let bytes = i32::from(Element::U8.code() as u8);
        for node in editor.nodes() {
            let Some(input) = node.input.first() else { continue };
            // Pixels may be turned before they are cast.
            if node.op_type == "Transpose" && editor.inputs().get(input) == Some(&bytes) {
                let turned = Turned { pixels: input.clone(), divisor: 1.0, turn: Some(node.clone()) };
                turns.insert(node.output[0].clone(), turned);
                continue;
            }
            let turned = match node.op_type.as_str() {
                "Cast" if editor.inputs().get(input) == Some(&bytes) => {
                    Some(Turned { pixels: input.clone(), divisor: 1.0, turn: None })
                }
                "Cast" => turns.get(input).cloned(),
                "Div" => found.get(input).cloned().and_then(|pixels| {
                    let number = editor.constant(node.input.get(1)?)?.number()? as f32;
                    (number > 0.0).then(|| Turned { divisor: pixels.divisor * number, ..pixels })
                }),
                "Transpose" => found
                    .get(input)
                    .cloned()
                    .and_then(|pixels| pixels.turn.is_none().then(|| Turned { turn: Some(node.clone()), ..pixels })),
                _ => None,
            };
            if let Some(turned) = turned {
                found.insert(node.output[0].clone(), turned);
            }
        }
        Self(found)
    }

    /// The pixels that a value is made of.
    pub(super) fn of_value(&self, name: &str) -> Option<&Turned> {
        self.0.get(name)
    }
}
