//! Every value of an execution by its name in the graph: burn's from executing the recording, ONNX Runtime's from graphs
//! with more outputs.

mod recording;
mod session;

use std::borrow::Cow;
use std::collections::BTreeMap;

use kiln_runtime::Array;

use crate::array::cast;
use crate::error::Result;
use crate::graph::Port;

pub(crate) use recording::Recording;
pub(crate) use session::{Runner, Tapped, elements, port};

/// Values by name.
pub(crate) type Values = BTreeMap<String, Array>;

/// An execution that gives its intermediate values.
pub(crate) trait Execution {
    /// Every value for a batch of inputs.
    fn run(&mut self, inputs: &Values) -> Result<Values>;
}

/// The arrays for the ports of a piece, in the types that it reads, under the names of its own inputs. A value that is
/// missing or has no such type is left out, and the session then reports the input by name.
pub(crate) fn feed<'v>(ports: &[Port], values: &'v Values) -> Vec<(String, Cow<'v, Array>)> {
    let one = |port: &Port| Some((port.outside(), cast(values.get(&port.value)?, port.element?)?));
    ports.iter().filter_map(one).collect()
}
