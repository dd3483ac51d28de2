//! A part of the second graph with inputs and expected outputs, and the part of the first graph that computes the same.

use std::collections::{BTreeMap, BTreeSet};

use burn_onnx_export::proto::{DataType, ModelProto, NodeProto};
use kiln_runtime::{Array, Session};

use super::figures;
use crate::error::{DebugError, Result};
use crate::figures::Figures;
use crate::graph::{Graph, Piece, Port};
use crate::rows::{Channels, Counterparts, Row, live_nodes};
use crate::side::Side;
use crate::values::{Runner, Values, feed};

/// Arrays by name.
pub(super) type Arrays = BTreeMap<String, Array>;

/// A part and its data.
pub(super) struct Part {
    /// The part of the second graph.
    pub(super) model: ModelProto,
    /// The part of the first graph, for expected values on smaller inputs.
    pub(super) reference: Option<Reference>,
    /// The first side's values, by the names of the part's own inputs.
    pub(super) inputs: Arrays,
    /// The first side's value.
    pub(super) expected: Array,
    /// The part's own output.
    pub(super) output: String,
    pub(super) nodes: Vec<String>,
    pub(super) operators: Vec<String>,
    /// The difference from which on the part counts as showing it.
    pub(super) allowed: f64,
    runner: Runner,
}

/// The same computation in the first graph.
#[derive(Clone)]
pub(super) struct Reference {
    pub(super) model: ModelProto,
    /// Inputs of the reference by those of the part.
    pub(super) names: BTreeMap<String, String>,
    pub(super) output: String,
    runner: Runner,
}

/// The sides of a bisection, and the values from which every part is cut.
pub(super) struct Source<'s> {
    a: &'s Side,
    b: &'s Side,
    row: &'s Row,
    /// The first side's values by their own names.
    given: &'s Values,
    /// The first side's values by the second graph's names.
    named: Values,
    counterparts: Counterparts,
    channels: Channels,
}

impl<'s> Source<'s> {
    pub(super) fn new(a: &'s Side, b: &'s Side, row: &'s Row, given: &'s Values) -> Self {
        let counterparts = Counterparts::new(a.graph(), b.graph(), given, None);
        let channels = Channels::new(a.graph(), b.graph());
        let named = counterparts.given(given, &channels);
        Self { a, b, row, given, named, counterparts, channels }
    }
}

impl Part {
    /// The part of a piece, with the first side's values.
    pub(super) fn new(source: &Source<'_>, piece: &Piece, allowed: f64) -> Result<Self> {
        let Source { a, b, row, given, named, counterparts, channels } = source;
        let element_of = |name: &str, array: &Array| {
            let own = b.elements().get(name).copied();
            Some(own.or_else(|| DataType::from_name(array.dtype())).unwrap_or(DataType::Float))
        };
        let missing = |name: &str| DebugError::graph(b.label(), format!("the reference has no value for `{name}`"));
        let expected = given.get(&row.counterpart).ok_or_else(|| missing(&row.value))?;
        let expected = channels.applied(&row.counterpart, expected).into_owned();
        // The first graph's own nodes have none of the second graph's channel scales.
        let plain_scales = !channels.changed(&row.counterpart)
            && piece.inputs.iter().all(|name| !counterparts.of(name).is_some_and(|name| channels.changed(name)));
        let input = |name: &String| {
            let array = named.get(name).ok_or_else(|| missing(name))?;
            let element = element_of(name, array);
            Ok(Port { value: name.clone(), element, dims: Some(array.shape().to_vec()) })
        };
        let ports = piece.inputs.iter().map(input).collect::<Result<Vec<Port>>>()?;
        let output = Port { value: row.value.clone(), element: element_of(&row.value, &expected), dims: None };
        let graph = b.graph();
        let live = live_nodes(graph, piece);
        Ok(Self {
            model: plain(graph.model_of(&piece.nodes, &ports, std::slice::from_ref(&output))),
            reference: plain_scales.then(|| reference(a, counterparts, &ports, row, &expected)).flatten(),
            inputs: feed(&ports, named).into_iter().map(|(name, array)| (name, array.into_owned())).collect(),
            expected,
            output: output.outside(),
            nodes: live.iter().map(|at| crate::graph::label(&graph.nodes()[*at]).to_owned()).collect(),
            operators: live.iter().map(|at| graph.nodes()[*at].op_type.clone()).collect(),
            allowed,
            runner: b.runner().clone(),
        })
    }

    /// The part's own result.
    pub(super) fn found(&self) -> Result<Array> {
        let mut session = self.runner.open("part", &self.model)?;
        result(&mut session, &self.inputs, &self.output)
    }

    /// The difference that the part shows.
    pub(super) fn figures(&self) -> Result<Figures> {
        let found = self.found()?;
        if found.shape() != self.expected.shape() {
            let reason = format!("shape {:?}, where the reference has {:?}", found.shape(), self.expected.shape());
            return Err(DebugError::graph(&self.output, reason));
        }
        Ok(figures(&self.expected, &found))
    }

    /// Returns true if the part shows the difference: beyond the allowed rounding, another shape, or no result at all.
    pub(super) fn shows(&self) -> Result<bool> {
        Ok(match self.figures() {
            Ok(figures) => self.is_beyond(&figures),
            Err(DebugError::Runtime(_) | DebugError::Graph { .. }) => true,
            Err(error) => return Err(error),
        })
    }

    /// Returns true if the part runs, and its numbers show the difference.
    fn shows_numbers(&self) -> bool {
        self.figures().is_ok_and(|figures| self.is_beyond(&figures))
    }

    fn is_beyond(&self, figures: &Figures) -> bool {
        figures.non_finite > 0 || figures.max_abs > self.allowed
    }

    /// Replaces the part with a smaller one, if that one still shows the difference as numbers.
    pub(super) fn kept_if_shown(&mut self, smaller: Self) -> bool {
        let shown = smaller.shows_numbers();
        if shown {
            *self = smaller;
        }
        shown
    }

    /// The same part with other data.
    pub(super) fn with(&self, model: ModelProto, inputs: Arrays, expected: Array) -> Self {
        Self {
            model: resized(model, &inputs),
            reference: self.reference.clone(),
            inputs,
            expected,
            output: self.output.clone(),
            nodes: self.nodes.clone(),
            operators: self.operators.clone(),
            allowed: self.allowed,
            runner: self.runner.clone(),
        }
    }
}

impl Reference {
    /// The first side's result on other inputs.
    pub(super) fn run(&self, inputs: &Arrays) -> Result<Array> {
        let own = |(name, array): (&String, &Array)| Some((self.names.get(name)?.clone(), array.clone()));
        let inputs: Arrays = inputs.iter().filter_map(own).collect();
        let mut session = self.runner.open("reference", &resized(self.model.clone(), &inputs))?;
        result(&mut session, &inputs, &self.output)
    }
}

fn result(session: &mut Session, inputs: &Arrays, output: &str) -> Result<Array> {
    let mut outputs = session.run_named(inputs.iter().map(|(name, array)| (name.as_str(), array)))?;
    outputs.remove(output).ok_or_else(|| DebugError::graph(output, "the part does not return it"))
}

/// The part of the first graph between the same values; none if it does not give the first side's own value, as for burn
/// where the exported graph computes something else.
fn reference(a: &Side, counterparts: &Counterparts, ports: &[Port], row: &Row, expected: &Array) -> Option<Reference> {
    let names: BTreeMap<String, String> =
        ports.iter().filter_map(|port| Some((port.outside(), counterparts.of(&port.value)?.to_owned()))).collect();
    let known: BTreeSet<&String> = names.values().collect();
    let graph: &Graph = a.graph();
    let piece = graph.piece(&row.counterpart, &|name| known.contains(&name.to_owned()));
    if piece.inputs.iter().any(|name| !known.contains(name)) {
        return None;
    }
    let elements = a.elements();
    let port = |name: &String| {
        let element = Some(elements.get(name).copied().filter(|element| !element.is_half())?);
        let from = names.iter().find(|(_, known)| *known == name).map(|(from, _)| from)?;
        let dims = ports.iter().find(|port| port.outside() == *from)?.dims.clone();
        Some(Port { value: name.clone(), element, dims })
    };
    let inputs: Vec<Port> = piece.inputs.iter().map(port).collect::<Option<_>>()?;
    let element = Some(DataType::from_name(expected.dtype())?);
    let output = Port { value: row.counterpart.clone(), element, dims: None };
    let model = plain(graph.model_of(&piece.nodes, &inputs, std::slice::from_ref(&output)));
    let used = names.into_iter().filter(|(_, name)| piece.inputs.contains(name)).collect();
    Some(Reference { model, names: used, output: row.counterpart.clone(), runner: a.runner().clone() })
}

/// The shortest range of nodes up to a value that shows at least the difference `least` on the first side's values.
pub(super) fn shortest(source: &Source<'_>, least: f64) -> Result<Part> {
    let (b, value) = (source.b, &source.row.value);
    let last = b.graph().maker(value).ok_or_else(|| DebugError::graph(b.label(), "it is an input"))?;
    let from = |first: usize| Part::new(source, &b.graph().range(first, value), least);
    let (mut low, mut high) = (0, last);
    let mut best = from(0)?;
    // The longest range shows it; each step halves the nodes that could begin the shortest one.
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        match from(middle) {
            Ok(part) if part.shows_numbers() => {
                best = part;
                low = middle;
            }
            _ => high = middle - 1,
        }
    }
    Ok(best)
}

/// A model without texts of its author, which may hold paths: descriptions, metadata, stack traces of nodes.
fn plain(model: ModelProto) -> ModelProto {
    let bare = |node: NodeProto| NodeProto {
        input: node.input,
        output: node.output,
        name: node.name,
        op_type: node.op_type,
        domain: node.domain,
        attribute: node.attribute,
        ..Default::default()
    };
    let graph = model.graph.map(|mut graph| {
        graph.node = graph.node.into_iter().map(bare).collect();
        graph.name = "part".to_owned();
        graph
    });
    ModelProto {
        graph,
        doc_string: String::new(),
        metadata_props: Vec::new(),
        producer_name: "kiln".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        ..model
    }
}

/// A model whose inputs have the sizes of arrays.
fn resized(mut model: ModelProto, inputs: &Arrays) -> ModelProto {
    use burn_onnx_export::proto::{DimensionProto, TensorShapeProto};
    let ports = model.graph.iter_mut().flat_map(|graph| &mut graph.input);
    for port in ports {
        let Some(array) = inputs.get(&port.name) else { continue };
        let dimension = |size: &usize| DimensionProto::fixed(*size as i64);
        let shape = TensorShapeProto { dim: array.shape().iter().map(dimension).collect() };
        if let Some(tensor) = port.r#type.as_mut().and_then(|kind| kind.tensor_type.as_mut()) {
            tensor.shape = Some(shape);
        }
    }
    model
}
