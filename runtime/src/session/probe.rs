//! A probe that a provider runs on this machine: it runs one node on it. One process can load one library, and some
//! providers end the process that they fail in, so callers do this in a child process.

use std::collections::BTreeMap;

use ndarray::arr1;

use super::{Array, Session, SessionOptions};
use crate::error::{Error, Result};
use crate::library::Runtime;
use crate::provider::{ProviderKind, Providers};

/// A graph of one node: `y = Relu(x)`, f32 `[4]`, opset 17.
const GRAPH: &[u8] = b"\x08\x08\
    \x3a\x37\
        \x0a\x0c\x0a\x01x\x12\x01y\x22\x04Relu\
        \x12\x05probe\
        \x5a\x0f\x0a\x01x\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x04\
        \x62\x0f\x0a\x01y\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x04\
    \x42\x02\x10\x11";

/// Runs one node on one provider, strictly, and checks its output.
///
/// # Errors
/// As [`Session::open`] and [`Session::run_named`]; [`Error::Graph`] if the output is wrong.
pub fn probe(runtime: &'static Runtime, provider: ProviderKind) -> Result<()> {
    let options = SessionOptions { providers: Providers::only(provider), ..SessionOptions::default() };
    let mut session = Session::open_bytes(runtime, "the probe graph", GRAPH, &options)?;
    let x = Array::from(arr1(&[-1.0_f32, 0.0, 0.5, 2.0]));
    let outputs: BTreeMap<String, Array> = session.run_named([("x", &x)])?;
    let expected = Array::from(arr1(&[0.0_f32, 0.0, 0.5, 2.0]));
    if outputs.get("y") == Some(&expected) {
        return Ok(());
    }
    let reason = format!("{provider} computed {:?} where {expected:?} is right", outputs.get("y"));
    Err(Error::Graph { model: "the probe graph".to_owned(), reason })
}
