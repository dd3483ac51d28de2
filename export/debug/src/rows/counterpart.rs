//! Matches each value of the second side with a value of the first. Values are matched by name. A variant of lower
//! precision adds copies under the name of the value with a suffix; a copy is matched like its value.

use std::collections::BTreeMap;

use kiln_runtime::Array;

use super::Channels;
use crate::graph::Graph;
use crate::values::Values;

/// Suffixes of copies that hold the same numbers as the value, up to rounding.
const COPIES: [&str; 4] = ["fp16", "fp32", "dequantised", "bounded"];

/// Matched values.
#[derive(Debug, Clone)]
pub(crate) struct Counterparts {
    /// The first side's name by the second side's.
    names: BTreeMap<String, String>,
}

impl Counterparts {
    /// Matches the values of `b` that depend on an input with the values that the first side gave. `found` are values of
    /// `b`, if it runs: in a graph of 8-bit layers, a convolution over several pixels at once lays its results out
    /// differently under the same name, and these are left out.
    pub(crate) fn new(a: &Graph, b: &Graph, given: &Values, found: Option<&Values>) -> Self {
        let operator = |graph: &Graph, name: &str| Some(graph.nodes()[graph.maker(name)?].op_type.clone());
        // Around a layer that stays in 32 bits, the exporter swaps an activation and a pool; the value between them then
        // has another meaning under the same name.
        let int8 = b.metadata("kiln.precision") == Some("int8");
        let swapped = |name: &str| {
            int8 && operator(a, name).as_deref() == Some("Relu") && operator(b, name).as_deref() == Some("MaxPool")
        };
        let shape = |values: &Values, name: &str| values.get(name).map(|array| array.shape().to_vec());
        let folded = |value: &str, name: &str| {
            let found = found.and_then(|found| shape(found, value));
            int8 && found.is_some_and(|found| shape(given, name) != Some(found))
        };
        let known = |value: &str, name: &str| {
            given.contains_key(name) && !a.is_constant(name) && !swapped(name) && !folded(value, name)
        };
        let mut names = BTreeMap::new();
        for value in b.values() {
            let mut name = value;
            loop {
                if known(value, name) {
                    names.insert(value.to_owned(), name.to_owned());
                    break;
                }
                match original(name) {
                    Some(shorter) => name = shorter,
                    None => break,
                }
            }
        }
        Self { names }
    }

    /// The first side's value for a value of the second graph.
    pub(crate) fn of(&self, value: &str) -> Option<&str> {
        self.names.get(value).map(String::as_str)
    }

    /// Returns true if a value of the second graph is matched with this value of the first.
    pub(crate) fn covers(&self, name: &str) -> bool {
        self.names.values().any(|known| known == name)
    }

    /// The first side's values under the second graph's names, with the second side's channel scales.
    pub(crate) fn given(&self, values: &Values, channels: &Channels) -> BTreeMap<String, Array> {
        let scaled = |from: &String| Some(channels.applied(from, values.get(from)?).into_owned());
        self.names.iter().filter_map(|(name, from)| Some((name.clone(), scaled(from)?))).collect()
    }
}

/// The value that a name with a suffix is a copy of.
fn original(name: &str) -> Option<&str> {
    let (value, suffix) = name.rsplit_once('/')?;
    let plain =
        suffix.rsplit_once('_').filter(|(_, number)| number.parse::<u32>().is_ok()).map_or(suffix, |(word, _)| word);
    COPIES.contains(&plain).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_stand_for_their_values() {
        assert_eq!(original("a/relu/fp16"), Some("a/relu"));
        assert_eq!(original("a/relu/dequantised_12"), Some("a/relu"));
        assert_eq!(original("a/relu/int8"), None);
        assert_eq!(original("relu"), None);
    }
}
