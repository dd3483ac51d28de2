//! The outputs of the bundle: which output of the model becomes the score, the probabilities, a map or an embedding.
//! Stated by the user, or found by names that tools always give, by shapes and by the values on a few tiles.

use std::collections::BTreeMap;

use burn_onnx_export::proto::DataType;
use kiln_runtime::decision::{PROBABILITIES, SCORE};
use kiln_train::data::NORMAL_LABELS;
use ndarray::ArrayD;
use serde::Serialize;

use super::ImportError;
use super::model::Foreign;
use super::spec::{Meaning, Spec, known};

/// Rows of probabilities sum to 1 within this; softmax in 16-bit floats is off by up to 1e-3.
const SUM: f64 = 2e-3;

/// The output of skl2onnx with the scores of an outlier detector.
const OUTLIERS: &str = "scores";

/// Name of the graph's input, which no output may have.
const TILE: &str = "tile";

/// The model's outputs for some tiles, from which meanings follow.
pub(super) struct Probe<'a> {
    /// The outputs, stacked along the first axis.
    pub(super) arrays: &'a BTreeMap<String, ArrayD<f32>>,
    /// Name of each tile.
    pub(super) tiles: &'a [String],
    /// Outputs whose first axis is not the batch, each with its shape in one run, in words.
    pub(super) unbatched: BTreeMap<String, String>,
}

/// The outputs of the bundle.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Plan {
    /// The output from which class probabilities follow.
    pub(super) head: Option<Head>,
    /// The output that is the score; none if it follows from the probabilities.
    pub(super) score: Option<Score>,
    /// Other outputs, in the model's order.
    pub(super) kept: Vec<Kept>,
    /// Class names, in the order of the columns; empty if the bundle has no probabilities.
    pub(super) classes: Vec<String>,
    /// The normal ones.
    pub(super) normal_classes: Vec<String>,
    /// Outputs that are left out, each with the reason.
    pub(super) dropped: Vec<(String, String)>,
}

/// The output from which class probabilities follow.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Head {
    /// The model's output.
    pub(super) output: String,
    /// Logits, logarithms or probabilities.
    pub(super) meaning: Meaning,
    /// Number of columns.
    pub(super) columns: usize,
}

/// The output that is the score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Score {
    /// The model's output.
    pub(super) output: String,
    /// Lower is more anomalous.
    pub(super) negative: bool,
}

/// An output that the bundle keeps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Kept {
    /// The model's output.
    pub(super) output: String,
    /// Its name in the bundle.
    pub(super) name: String,
    /// Its meaning.
    pub(super) meaning: Meaning,
    /// Its shape without the batch.
    pub(super) dims: Vec<usize>,
}

impl Plan {
    /// Decides on every output.
    pub(super) fn new(foreign: &Foreign, spec: &Spec, probe: &Probe<'_>) -> Result<Self, ImportError> {
        let tiles = probe.tiles.len();
        let all: Vec<&str> = foreign.outputs.iter().map(|output| output.name.as_str()).collect();
        if let Some(unknown) = spec.outputs.keys().find(|name| !all.contains(&name.as_str())) {
            if let Some((_, reason)) = foreign.skipped.iter().find(|(name, _)| name == unknown) {
                let reason = format!("{reason}; a bundle holds tensors of numbers");
                return Err(ImportError::output(unknown, reason));
            }
            let reason = format!("the model has no such output; it has {}", all.join(", "));
            return Err(ImportError::output(unknown, reason));
        }
        let meanings = meanings(foreign, spec, probe)?;
        for (name, meaning) in &meanings {
            check(name, *meaning, probe)?;
        }
        let heads: Vec<_> = meanings.iter().filter(|(_, meaning)| meaning.is_of_classes()).collect();
        let scores: Vec<_> = meanings.iter().filter(|(_, meaning)| meaning.is_score()).collect();
        if heads.len() > 1 {
            let reason = format!("it gives class probabilities, and so does `{}`; state `drop` for one", heads[1].0);
            return Err(ImportError::output(heads[0].0, reason));
        }
        if scores.len() > 1 {
            let reason = format!("it is the score, and so is `{}`; state `drop` or `keep` for one", scores[1].0);
            return Err(ImportError::output(scores[0].0, reason));
        }
        let head = heads.first().map(|(name, meaning)| Head {
            output: (*name).to_owned(),
            meaning: *meaning,
            columns: probe.arrays.get(*name).map_or(1, |array| array.len() / tiles.max(1)),
        });
        let score = scores
            .first()
            .map(|(name, meaning)| Score { output: (*name).to_owned(), negative: *meaning == Meaning::NegativeScore });
        if head.is_none() && score.is_none() {
            return Err(undecided(foreign, &meanings, probe));
        }
        let (classes, normal_classes) = classes(foreign, spec, head.as_ref())?;
        let mut dropped = foreign.skipped.clone();
        let mut kept: Vec<Kept> = Vec::new();
        for (name, meaning) in &meanings {
            match (meaning, probe.arrays.get(*name)) {
                (Meaning::Map | Meaning::Embedding | Meaning::Keep, Some(array)) => {
                    let dims = array.shape().get(1..).unwrap_or_default().to_vec();
                    kept.push(Kept { output: (*name).to_owned(), name: free(name, &kept), meaning: *meaning, dims });
                }
                (Meaning::Drop, _) => {
                    let stated = spec.outputs.get(*name) == Some(&Meaning::Drop);
                    let reason =
                        if stated { "dropped on request" } else { "no bundle needs it; state `keep` to keep it" };
                    dropped.push(((*name).to_owned(), reason.to_owned()));
                }
                _ => {}
            }
        }
        Ok(Self { head, score, kept, classes, normal_classes, dropped })
    }

    /// True for the label of an anomalous tile, false for that of a normal one; `None` for a label that is neither a class nor
    /// a usual name of normal tiles. Without classes every other label is anomalous.
    pub(super) fn truth(&self, label: &str) -> Option<bool> {
        let is = |names: &[String]| names.iter().any(|name| name == label);
        if is(&self.normal_classes) {
            Some(false)
        } else if is(&self.classes) {
            Some(true)
        } else if NORMAL_LABELS.contains(&label.to_lowercase().as_str()) {
            Some(false)
        } else {
            self.classes.is_empty().then_some(true)
        }
    }

    /// True if the bundle has an output `probabilities`.
    pub(super) fn has_probabilities(&self) -> bool {
        !self.classes.is_empty()
    }
}

/// The meaning of each output, in the model's order.
fn meanings<'a>(foreign: &'a Foreign, spec: &Spec, probe: &Probe<'_>) -> Result<Vec<(&'a str, Meaning)>, ImportError> {
    let stated = |meaning: fn(Meaning) -> bool| spec.outputs.values().any(|stated| meaning(*stated));
    let decided = stated(Meaning::is_of_classes) || stated(Meaning::is_score);
    let mut found: Vec<(&str, Meaning)> = Vec::new();
    // Only one output can be guessed to be the result, and class probabilities beside a score if the classes have names.
    let mut open = !decided;
    let has_names = !decided && !spec.classes.is_empty();
    for output in &foreign.outputs {
        let name = output.name.as_str();
        let meaning = match (spec.outputs.get(name), known(name)) {
            (Some(stated), _) => *stated,
            (None, Some(known)) => {
                let is_result = known.is_of_classes() || known.is_score();
                let has_head = found.iter().any(|(_, other)| other.is_of_classes());
                let beside_score = has_names && known.is_of_classes() && !has_head;
                if is_result && !open && !beside_score {
                    Meaning::Drop
                } else {
                    open = open && !is_result;
                    known
                }
            }
            (None, None) => Meaning::Keep,
        };
        found.push((name, meaning));
    }
    // Integers, and outputs that are not of tiles, are of no use downstream.
    for (name, meaning) in &mut found {
        let usable = is_float(foreign, name) && !probe.unbatched.contains_key(*name);
        if *meaning == Meaning::Keep && !spec.outputs.contains_key(*name) && !usable {
            *meaning = Meaning::Drop;
        }
    }
    if open {
        let names = if spec.classes.is_empty() { &foreign.classes } else { &spec.classes };
        let columns = |name: &str| probe.arrays.get(name).and_then(|array| class_columns(array, probe.tiles.len()));
        let possible = |(name, meaning): &(&str, Meaning)| {
            *meaning == Meaning::Keep && !spec.outputs.contains_key(*name) && columns(name).is_some()
        };
        let fitting = found.iter().position(|one| possible(one) && columns(one.0) == Some(names.len()));
        if let Some(at) = fitting.or_else(|| found.iter().position(possible)) {
            found[at].1 = guess(found[at].0, probe)?;
        }
    }
    Ok(found)
}

/// True for an output of floats, and for one whose type is unknown.
fn is_float(foreign: &Foreign, name: &str) -> bool {
    let output = foreign.outputs.iter().find(|output| output.name == name);
    output
        .and_then(|output| DataType::from_code(output.element))
        .is_some_and(|kind| kind == DataType::Undefined || kind.is_float())
}

/// The number of classes of an output that may hold class scores: rows of up to some thousand columns.
fn class_columns(array: &ArrayD<f32>, tiles: usize) -> Option<usize> {
    let columns = array.len().checked_div(tiles)?;
    let flat = array.shape().iter().skip(1).filter(|size| **size > 1).count() <= 1;
    (flat && (2..=4096).contains(&columns)).then_some(columns)
}

/// The meaning of class scores without a usual name, by their values.
fn guess(name: &str, probe: &Probe<'_>) -> Result<Meaning, ImportError> {
    let Some(array) = probe.arrays.get(name) else { return Ok(Meaning::Keep) };
    let columns = array.len() / probe.tiles.len().max(1);
    match (sums_to_one(array, columns), within_unit(array)) {
        (true, _) => Ok(Meaning::Probabilities),
        (false, true) => Err(ImportError::output(name, multi_label(array, columns))),
        (false, false) => Ok(Meaning::Logits),
    }
}

/// True if every value is in 0..1.
fn within_unit(array: &ArrayD<f32>) -> bool {
    array.iter().all(|value| (-1e-6..=1.0 + 1e-6).contains(&f64::from(*value)))
}

/// True if every row is in 0..1 and sums to 1.
pub(super) fn sums_to_one(array: &ArrayD<f32>, columns: usize) -> bool {
    let values: Vec<f64> = array.iter().map(|value| f64::from(*value)).collect();
    within_unit(array) && values.chunks(columns.max(1)).all(|row| (row.iter().sum::<f64>() - 1.0).abs() < SUM)
}

/// The reason against class scores that a sigmoid made of each column alone.
fn multi_label(array: &ArrayD<f32>, columns: usize) -> String {
    let row: f32 = array.iter().take(columns).sum();
    format!(
        "all values are in 0..1, but its rows do not sum to 1 (the first sums to {row:.4}), as after a sigmoid of each \
         column (multi-label). The classes of a bundle exclude each other: export the model with a softmax, or with one \
         column; or state which output is the `score`, and `keep` for this one"
    )
}

/// Checks that an output can have the meaning.
fn check(name: &str, meaning: Meaning, probe: &Probe<'_>) -> Result<(), ImportError> {
    let wrong = |reason: String| Err(ImportError::output(name, reason));
    let Some(array) = probe.arrays.get(name).filter(|_| meaning != Meaning::Drop) else { return Ok(()) };
    if let Some(found) = probe.unbatched.get(name) {
        return wrong(without_batch(found));
    }
    let tiles = probe.tiles.len();
    let per_tile = array.len() / tiles.max(1);
    let shape = array.shape();
    let flat = shape.iter().skip(1).filter(|size| **size > 1).count() <= 1;
    if let Some(first) = array.iter().position(|value| !value.is_finite()) {
        let count = array.iter().filter(|value| !value.is_finite()).count();
        let tile = probe.tiles.get(first / per_tile.max(1)).map(String::as_str).unwrap_or_default();
        return wrong(format!(
            "{count} of {} values are NaN or infinite, the first on {tile}; are range, mean and deviation those of the \
             training?",
            array.len()
        ));
    }
    match meaning {
        Meaning::Logits | Meaning::LogProbabilities | Meaning::Probabilities if !flat => {
            wrong(format!("`{meaning}` has the shape {shape:?}; class scores are [batch, classes]"))
        }
        Meaning::Probabilities if per_tile == 1 && !array.iter().all(|value| (0.0..=1.0).contains(value)) => {
            wrong("its values are not in 0..1, so it is no probability; state `logits` or `score`".to_owned())
        }
        Meaning::Probabilities | Meaning::LogProbabilities
            if per_tile > 1 && within_unit(array) && !sums_to_one(array, per_tile) =>
        {
            wrong(multi_label(array, per_tile))
        }
        Meaning::Probabilities if per_tile > 1 && !sums_to_one(array, per_tile) => {
            let row: f32 = array.iter().take(per_tile).sum();
            wrong(format!(
                "its rows are no probabilities: the first sums to {row:.4}; the model has no softmax, so state `logits`"
            ))
        }
        Meaning::LogProbabilities if !sums_to_one(&array.mapv(f32::exp), per_tile) => {
            wrong("its rows are no logarithms of probabilities; state `logits`".to_owned())
        }
        Meaning::Logits if per_tile > 1 && sums_to_one(array, per_tile) => wrong(
            "its rows are in 0..1 and sum to 1: the model has its softmax already, and a second one would flatten the \
             scores; state `probabilities`"
                .to_owned(),
        ),
        Meaning::Score | Meaning::NegativeScore if per_tile != 1 => {
            wrong(format!("its shape is {shape:?}; a score is one number for each tile"))
        }
        Meaning::Map if !matches!(shape, [_, _, _] | [_, 1, _, _]) => {
            wrong(format!("its shape is {shape:?}; a map is [batch, height, width] or [batch, 1, height, width]"))
        }
        _ => Ok(()),
    }
}

/// The reason against an output whose first axis is not the batch. `found` is its shape in one run.
fn without_batch(found: &str) -> String {
    format!(
        "its first axis is not the batch: its shape is {found}; export the model with the batch as the first axis of every \
         output, without `squeeze` of that axis"
    )
}

/// The error of a model without a score.
fn undecided(foreign: &Foreign, meanings: &[(&str, Meaning)], probe: &Probe<'_>) -> ImportError {
    // Whole numbers are labels, and never a score.
    let floats: Vec<&str> = meanings.iter().map(|(name, _)| *name).filter(|name| is_float(foreign, name)).collect();
    let batched: Vec<&str> = floats.iter().copied().filter(|name| !probe.unbatched.contains_key(*name)).collect();
    if let (Some(name), true) = (floats.first(), batched.is_empty()) {
        let found = probe.unbatched.get(*name).map(String::as_str).unwrap_or_default();
        return ImportError::output(name, without_batch(found));
    }
    let tiles = probe.tiles.len();
    let described = |name: &&str| {
        let shape = probe.arrays.get(*name).map(|array| format!(" {:?}", array.shape().get(1..).unwrap_or_default()));
        format!("`{name}`{}", shape.unwrap_or_default())
    };
    let all: Vec<String> = batched.iter().map(described).collect();
    let single = batched.iter().find(|name| probe.arrays.get(**name).is_some_and(|array| array.len() == tiles));
    let Some(named) = single.or(batched.first()).copied() else {
        let first = meanings.first().map_or("", |(name, _)| *name);
        let reason = "it has whole numbers, as every output of the model, and no score or probability; export the model with \
                      an output of floats";
        return ImportError::output(first, reason);
    };
    let (example, note) = match (single, named) {
        (Some(_), OUTLIERS) => ("negative_score", "; lower is more anomalous in scikit-learn's outlier detectors"),
        (Some(_), _) => ("score", ""),
        (None, _) => ("logits", ""),
    };
    ImportError::output(
        named,
        format!(
            "it may be a score, a logit or a probability (outputs per tile: {}); state its meaning in \
             `outputs`, such as `{named}: {example}`{note}",
            all.join(", ")
        ),
    )
}

/// Class names and the normal ones.
fn classes(foreign: &Foreign, spec: &Spec, head: Option<&Head>) -> Result<(Vec<String>, Vec<String>), ImportError> {
    let wrong = |key: &str, reason: String| Err(ImportError::spec(key, reason));
    let Some(head) = head else {
        if !spec.classes.is_empty() {
            let reason =
                "class names are stated, but no output gives class probabilities; state in `outputs` which does";
            return wrong("classes", reason.to_owned());
        }
        return Ok((Vec::new(), spec.normal_classes.clone()));
    };
    let names = if spec.classes.is_empty() { foreign.classes.clone() } else { spec.classes.clone() };
    let width = head.columns.max(2);
    if names.is_empty() {
        if head.columns == 1 {
            // The single number is the score; classes need no names.
            return Ok((Vec::new(), spec.normal_classes.clone()));
        }
        return wrong("classes", format!("output `{}` has {width} classes; state their names in order", head.output));
    }
    if names.len() != width {
        let output = &head.output;
        let stated = names.len();
        return wrong("classes", format!("{stated} names, but output `{output}` has {width} classes"));
    }
    if let Some(unknown) = spec.normal_classes.iter().find(|name| !names.contains(name)) {
        return wrong("normal_classes", format!("`{unknown}` is not one of the classes {names:?}"));
    }
    let usual = |name: &&String| NORMAL_LABELS.contains(&name.to_lowercase().as_str());
    let normal: Vec<String> = if spec.normal_classes.is_empty() {
        names.iter().filter(usual).cloned().collect()
    } else {
        spec.normal_classes.clone()
    };
    match normal.len() {
        0 => wrong("normal_classes", format!("which of the classes {names:?} are normal is unknown; state them")),
        all if all == names.len() => {
            wrong("normal_classes", format!("all of the classes {names:?} are normal; at least one must be anomalous"))
        }
        _ => Ok((names, normal)),
    }
}

/// A name that a bundle can hold: ASCII letters, digits, `_`, `-` and `.`, and none that is taken.
fn free(name: &str, kept: &[Kept]) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "_-.".contains(letter) { letter } else { '_' };
    let mut wish: String = name.chars().map(plain).collect();
    wish = wish.trim_start_matches('.').to_owned();
    if wish.is_empty() {
        wish.push_str("output");
    }
    let taken = |name: &str| {
        [SCORE, PROBABILITIES, TILE, "decoded"].contains(&name) || kept.iter().any(|other| other.name == name)
    };
    if !taken(&wish) {
        return wish;
    }
    let mut number = 2;
    while taken(&format!("{wish}_{number}")) {
        number += 1;
    }
    format!("{wish}_{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_means_the_same_wherever_it_is_read() {
        let plan = |classes: &[&str], normal: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let (classes, normal_classes) = (owned(classes), owned(normal));
            Plan { head: None, score: None, kept: Vec::new(), classes, normal_classes, dropped: Vec::new() }
        };
        let named = plan(&["benign", "tumour"], &["benign"]);
        let truths = ["benign", "normal", "Healthy", "tumour", "necrosis"].map(|label| named.truth(label));
        assert_eq!(truths, [Some(false), Some(false), Some(false), Some(true), None]);
        // A class is what the description states, whatever its name.
        assert_eq!(plan(&["clean", "negative"], &["clean"]).truth("negative"), Some(true));
        let unnamed = plan(&[], &["clean"]);
        assert_eq!(
            ["clean", "normal", "tumour"].map(|label| unnamed.truth(label)),
            [Some(false), Some(false), Some(true)]
        );
    }
}
