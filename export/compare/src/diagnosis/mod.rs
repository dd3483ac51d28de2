//! The likely cause of a difference: hypotheses are tried on the answers, and those that explain the difference are named.
//! A hypothesis changes the reference's answers (or the tiles) in one way; it explains the difference if little of it is
//! left. Guarantee: nothing is named that was not tried on these answers. A finding is advice; the verdict never depends on
//! it.

mod few;
mod fit;
mod inputs;
mod maps;
mod order;
mod values;

use std::cell::LazyCell;

use kiln_runtime::Outputs;
use serde::{Deserialize, Serialize};

use crate::decisions::Decisions;
use crate::difference::OutputDifference;
use crate::engine::{Sample, SideRows};
use crate::facts::SideFacts;
use crate::tiles::TileInfo;

/// The kind of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The sides have different trained weights.
    Weights,
    /// An output is missing, or only one side has it.
    Missing,
    /// An output has the same elements in another layout.
    Layout,
    /// An output has another shape.
    Shape,
    /// Values are NaN or infinite.
    NotFinite,
    /// Rows belong to other tiles.
    Order,
    /// Tiles of a batch have the answers of one of them.
    SameForBatch,
    /// One answer for all tiles.
    Constant,
    /// The model was given tiles with the channels in another order.
    InputChannels,
    /// The model was given turned, mirrored, inverted or grey tiles.
    InputPixels,
    /// Classes are in another order.
    ClassesSwapped,
    /// A function more or less: a missing softmax, a sign, a probability for its complement.
    Function,
    /// A factor, an offset, or both.
    Scaled,
    /// Values end at a limit that the reference's exceed.
    Saturated,
    /// Few distinct values, as of coarse quantisation.
    Quantised,
    /// A map is transposed, mirrored or turned.
    MapTurned,
    /// A map is moved by some pixels.
    MapShifted,
    /// A picture has its channels in another order.
    MapChannels,
    /// Differences gather at the border of a map, as those of padding do.
    Border,
    /// A few tiles differ and the others agree.
    FewTiles,
    /// The thresholds differ.
    Threshold,
    /// A graph of lower precision differs by its quantisation.
    Precision,
    /// Small differences everywhere.
    Rounding,
    /// None of the hypotheses explains it.
    Unexplained,
}

/// An explanation of a difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The kind of explanation.
    pub cause: Cause,
    /// The output that it is about; none for all.
    pub output: Option<String>,
    /// The explanation, as a sentence.
    pub text: String,
    /// Tiles that show it, by name.
    pub tiles: Vec<String>,
    /// The share of the difference (root mean square) that it removes; none if it was not fitted.
    pub explained: Option<f64>,
}

impl Finding {
    pub(crate) fn new(cause: Cause, output: Option<&str>, text: impl Into<String>) -> Self {
        Self { cause, output: output.map(str::to_owned), text: text.into(), tiles: Vec::new(), explained: None }
    }

    fn explains(self, left: f64) -> Self {
        Self { explained: Some((1.0 - left).clamp(0.0, 1.0)), ..self }
    }

    fn on(self, tiles: Vec<String>) -> Self {
        Self { tiles, ..self }
    }
}

/// Everything that hypotheses are tried on.
pub(crate) struct Evidence<'a> {
    pub(crate) tiles: &'a [TileInfo],
    /// The tiles of the rows.
    pub(crate) answered: &'a [usize],
    pub(crate) facts: [&'a SideFacts; 2],
    pub(crate) rows: [&'a SideRows; 2],
    pub(crate) samples: &'a [Sample],
    pub(crate) outputs: &'a [OutputDifference],
    pub(crate) decisions: Option<&'a Decisions>,
}

/// Asks a side (0 for the reference) about other pixels, u8 `[n, 256, 256, 3]`; `None` if it cannot answer.
pub(crate) type Ask<'a> = &'a mut dyn FnMut(usize, &[u8]) -> Option<Outputs>;

impl Evidence<'_> {
    /// The name of the tile of a row.
    pub(crate) fn name(&self, row: usize) -> &str {
        self.answered.get(row).and_then(|tile| self.tiles.get(*tile)).map_or("", |tile| tile.path.as_str())
    }

    /// Outputs of the same shape that miss their limits.
    fn missed(&self) -> impl Iterator<Item = &OutputDifference> {
        self.outputs.iter().filter(|output| !output.passed && output.elements > 0)
    }
}

/// Explains the differences. Without a difference, only a difference of thresholds is named.
pub(crate) fn diagnose(evidence: &Evidence<'_>, ask: Ask<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(threshold(evidence));
    let decided = evidence.decisions.is_none_or(|decisions| decisions.passed);
    if evidence.outputs.iter().all(|output| output.passed) && decided {
        return findings;
    }
    findings.extend(weights(evidence));
    for output in evidence.outputs.iter().filter(|output| output.elements == 0) {
        findings.extend(shape(evidence, output));
    }
    findings.extend(few::not_finite(evidence));
    let table = order::Table::new(evidence);
    if let Some(found) = order::moved(evidence, &table) {
        findings.push(found);
        return findings;
    }
    // Before the search for other tiles' answers: those of two swapped classes look like answers of the other kind of tile.
    let missed: Vec<&OutputDifference> = evidence.missed().collect();
    // Made when first needed, and once for each output.
    let pairs: Vec<_> =
        missed.iter().copied().map(|output| LazyCell::new(move || fit::Paired::new(evidence, &output.name))).collect();
    let found: Vec<Option<Finding>> = missed
        .iter()
        .zip(&pairs)
        .map(|(output, paired)| {
            values::classes(evidence, output).or_else(|| values::function(evidence, output, paired))
        })
        .collect();
    if !found.is_empty() && found.iter().all(Option::is_some) {
        findings.extend(found.into_iter().flatten());
        return findings;
    }
    if let Some(found) = order::mixed(evidence, &table).or_else(|| inputs::input(evidence, ask)) {
        findings.push(found);
        return findings;
    }
    let mut explained = false;
    for ((output, paired), simple) in missed.into_iter().zip(&pairs).zip(found) {
        let planes = LazyCell::new(|| maps::Planes::from_samples(evidence, output));
        let found = order::constant(evidence, output)
            .or_else(|| few::few_tiles(evidence, output))
            .or(simple)
            .or_else(|| maps::turned(output, &planes))
            .or_else(|| maps::shifted(output, &planes))
            .or_else(|| values::scaled(output, paired))
            .or_else(|| values::saturated(output, paired))
            .or_else(|| values::quantised(output, paired))
            .or_else(|| maps::border(output))
            .or_else(|| few::rounding(evidence, output));
        explained |= found.is_some();
        findings.extend(found);
    }
    if !explained && findings.is_empty() {
        let text = "no known cause explains the difference: none of the tried orders, functions, layouts, turned maps or \
                    changed tiles gives the candidate's answers";
        findings.push(Finding::new(Cause::Unexplained, None, text));
    }
    findings
}

fn threshold(evidence: &Evidence<'_>) -> Option<Finding> {
    let (a, b) = (evidence.facts[0].threshold?, evidence.facts[1].threshold?);
    if (a - b).abs() <= 1e-9 * a.abs().max(b.abs()) {
        return None;
    }
    let scores_agree = evidence.outputs.iter().any(|output| output.name == "score" && output.passed);
    let flips = evidence.decisions.map_or(0, |decisions| decisions.flips);
    let alone =
        if scores_agree && flips > 0 { "; the scores agree, so the flips come from the thresholds alone" } else { "" };
    let [a, b] = [a, b].map(|value| if value.abs() < 1e-3 { value } else { (value * 1e6).round() / 1e6 });
    let text =
        format!("the thresholds differ: {a} of the reference, {b} of the candidate; {flips} decisions flip{alone}");
    Some(Finding::new(Cause::Threshold, None, text))
}

fn weights(evidence: &Evidence<'_>) -> Option<Finding> {
    let [a, b] = evidence.facts.map(|facts| facts.weights_sha256.as_deref());
    let (a, b) = (a?, b?);
    let short = |digest: &str| digest.chars().take(12).collect::<String>();
    (a != b).then(|| {
        let text = format!("the sides have different trained weights: SHA-256 {} and {}", short(a), short(b));
        Finding::new(Cause::Weights, None, text)
    })
}

/// An output that could not be compared.
fn shape(evidence: &Evidence<'_>, output: &OutputDifference) -> Option<Finding> {
    let problem = output.problem.as_deref().unwrap_or_default();
    if let Some(found) = maps::layout(evidence, output) {
        return Some(found);
    }
    let cause = if problem.contains("no such output") { Cause::Missing } else { Cause::Shape };
    Some(Finding::new(cause, Some(&output.name), format!("output `{}`: {problem}", output.name)))
}
