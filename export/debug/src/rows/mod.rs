//! The rows of a comparison: two sides value by value, in the order in which the second one computes them. Causes are found
//! elsewhere.
//!
//! Two errors are measured for each value. The error **as carried along** is that of both sides run end to end: it
//! contains everything that went wrong before. The error of the node **alone** is that of the second side's node when it
//! reads the first side's values: it contains nothing else, so the sides part at the first node whose own error is
//! beyond the rounding of its operation.

mod alone;
mod channels;
mod counterpart;
mod row;

use std::borrow::Cow;

use kiln_runtime::{Array, chain};

pub use row::{CLIPPED, Row, Verdict};

pub(crate) use alone::{Alone, live_nodes};
pub(crate) use channels::{Channels, weight};
pub(crate) use counterpart::Counterparts;

use crate::array::{numbers, rows};
use crate::error::{DebugError, Result};
use crate::figures::Accumulator;
use crate::inputs::Inputs;
use crate::rounding;
use crate::side::{BATCH, Given, Side};
use crate::values::Values;

/// The rows of two sides.
pub(crate) struct Compared {
    /// In the order of execution.
    pub(crate) rows: Vec<Row>,
    pub(crate) counterparts: Counterparts,
    /// Values of the second graph that the first has not.
    pub(crate) without: Vec<String>,
    /// The reason for which the second side does not run.
    pub(crate) broken: Option<String>,
}

/// Compares `b` with the reference `a` on every row of `inputs`. `on_rows` is called with the number of rows done.
pub(crate) fn compare(a: &mut Side, b: &mut Side, inputs: &Inputs, mut on_rows: impl FnMut(usize)) -> Result<Compared> {
    let batch = batch(a, b)?;
    let mut comparison: Option<Comparison> = None;
    for part in inputs.parts(batch) {
        let reference = a.run(&part.values)?;
        let candidate = match comparison.as_ref().and_then(|known| known.broken.as_ref()) {
            Some(_) => None,
            None => Some(b.run(&part.values)),
        };
        let comparison = match &mut comparison {
            Some(comparison) => comparison,
            none => {
                let found = candidate.as_ref().and_then(|given| given.as_ref().ok()).map(|given| &given.values);
                none.insert(Comparison::new(a, b, &reference, found))
            }
        };
        let candidate = match candidate {
            Some(Ok(given)) => Some(given.values),
            Some(Err(error)) => {
                comparison.broken = Some(chain(&error));
                None
            }
            None => None,
        };
        comparison.add(b, &part, batch, &reference, candidate.as_ref());
        on_rows(part.first + part.rows);
    }
    let comparison = comparison.ok_or_else(|| DebugError::Inputs { reason: "there is no row".to_owned() })?;
    Ok(comparison.finish(b))
}

/// Rows of a batch: the fixed batch of one of the sides, else a few.
pub(crate) fn batch(a: &Side, b: &Side) -> Result<usize> {
    match (a.fixed_batch(), b.fixed_batch()) {
        (Some(one), Some(other)) if one != other => Err(DebugError::Inputs {
            reason: format!("{} runs batches of {one} and {} batches of {other}", a.label(), b.label()),
        }),
        (one, other) => Ok(one.or(other).unwrap_or(BATCH)),
    }
}

/// The comparison of one value, as it is collected.
struct Entry {
    value: String,
    counterpart: String,
    between: bool,
    equalised: bool,
    shape: Vec<usize>,
    carried: Option<Accumulator>,
    own: Option<Accumulator>,
    alone: Alone,
    /// The largest bound over all batches.
    allowed: f64,
    /// Elements beyond the bound and all elements, where the node rounds to a fixed range, which may clip a few.
    clipped: Option<(u64, u64)>,
    carried_problem: Option<String>,
}

struct Comparison {
    entries: Vec<Entry>,
    counterparts: Counterparts,
    channels: Channels,
    /// Values of the second graph that the first has not.
    without: Vec<String>,
    /// The reason for which the second side does not run.
    broken: Option<String>,
}

impl Comparison {
    fn new(a: &Side, b: &Side, reference: &Given, found: Option<&Values>) -> Self {
        let counterparts = Counterparts::new(a.graph(), b.graph(), &reference.values, found);
        let channels = Channels::new(a.graph(), b.graph());
        let mut entries = Vec::new();
        let mut without = Vec::new();
        let results = b.graph().values();
        for value in results.into_iter().filter(|value| b.graph().maker(value).is_some()) {
            let Some(counterpart) = counterparts.of(value) else {
                without.push(value.to_owned());
                continue;
            };
            entries.push(Entry {
                value: value.to_owned(),
                counterpart: counterpart.to_owned(),
                between: reference.between.contains(counterpart),
                equalised: channels.changed(counterpart),
                shape: Vec::new(),
                carried: None,
                own: None,
                alone: Alone::new(b.graph(), &counterparts, value),
                allowed: 0.0,
                clipped: None,
                carried_problem: None,
            });
        }
        Self { entries, counterparts, channels, without, broken: None }
    }

    fn add(
        &mut self,
        b: &Side,
        part: &crate::inputs::Part,
        batch: usize,
        reference: &Given,
        candidate: Option<&Values>,
    ) {
        // The pieces read the second graph's names, and are given the first side's values.
        let given = self.counterparts.given(&reference.values, &self.channels);
        for entry in &mut self.entries {
            let Some(expected) = reference.values.get(&entry.counterpart) else { continue };
            let expected = &*self.channels.applied(&entry.counterpart, expected);
            entry.shape = expected.shape().to_vec();
            if let Some(found) = candidate.and_then(|values| values.get(&entry.value)) {
                if found.shape() == expected.shape() {
                    let (expected, found) = (counted(expected, part.rows, batch), counted(found, part.rows, batch));
                    let carried = entry.carried.get_or_insert_with(Accumulator::default);
                    carried.add(part.first, part.rows, &expected, &found);
                } else {
                    entry.carried_problem =
                        Some(format!("shape {:?}, where the reference has {:?}", found.shape(), expected.shape()));
                }
            }
            let Some(found) = entry.alone.run(b, &given, &entry.value, expected) else { continue };
            let bound = entry.alone.bound(b.graph(), &given, expected);
            let allowed = rounding::allowed(&bound);
            entry.allowed = entry.allowed.max(allowed);
            let (expected, found) = (counted(expected, part.rows, batch), counted(&found, part.rows, batch));
            if bound.step.is_some() {
                let (expected, found) = (numbers(&expected), numbers(&found));
                let beyond = expected.iter().zip(&found).filter(|(a, b)| (*a - *b).abs() > allowed).count() as u64;
                let (before, all) = entry.clipped.unwrap_or_default();
                entry.clipped = Some((before + beyond, all + expected.len() as u64));
            }
            entry.own.get_or_insert_with(Accumulator::default).add(part.first, part.rows, &expected, &found);
        }
    }

    fn finish(self, b: &Side) -> Compared {
        let outputs = b.graph().outputs();
        let row = |entry: Entry| {
            let is_output = outputs.contains(&entry.value.as_str());
            Row::new(b.graph(), entry, is_output)
        };
        Compared {
            rows: self.entries.into_iter().map(row).collect(),
            counterparts: self.counterparts,
            without: self.without,
            broken: self.broken,
        }
    }
}

/// The rows of a batch that count. An array whose first axis is not a multiple of the batch is taken whole.
fn counted(array: &Array, count: usize, batch: usize) -> Cow<'_, Array> {
    match array.shape().first() {
        Some(all) if count < batch && *all > 0 && all % batch == 0 => Cow::Owned(rows(array, 0, all / batch * count)),
        _ => Cow::Borrowed(array),
    }
}
