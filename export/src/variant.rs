//! Graphs of other precisions beside fp32, each with a gate: on tiles that it was not calibrated on, a variant may lose next to
//! no AUROC and change next to no decision against the fp32 graph, and none of a tile without tissue. A variant that fails is
//! not published; its report contains the figures. The tiles are those of a run's splits, or of an import ([`GateTiles`]).

use std::collections::BTreeSet;
use std::path::Path;

use kiln_runtime::decision::DecisionRule;
use kiln_runtime::parity::{Accumulator, OutputParity};
use kiln_runtime::scorer::run_padded;
use kiln_runtime::{Outputs, Runtime, Session, SessionOptions};
use kiln_tile::TILE_BYTES;
use kiln_train::metrics::{Scored, auroc};
use serde::Serialize;

use super::Result;
use super::background::{self, Background};
use burn_onnx_export::{Activations, Calibration, Int8, OnnxModel, Precision};

/// Largest loss of AUROC of a variant.
pub const AUROC_LOST: f64 = 0.002;

/// Largest share of the decisions that a variant changes.
pub const DECISIONS_CHANGED: f64 = 0.005;

/// Number of tiles on which activations are observed.
pub(crate) const OBSERVED: usize = 128;

/// Tiles per batch if the graph does not fix it.
const BATCH: usize = 8;

/// The result of a variant.
#[derive(Debug, Clone, Serialize)]
pub struct VariantReport {
    /// `fp16` or `int8`.
    pub precision: String,
    /// It passed the gate and is in the bundle.
    pub published: bool,
    /// Its file in the bundle.
    pub file: String,
    /// Bytes of that file.
    pub bytes: u64,
    /// Tiles of the gate: the validation split of a run.
    pub tiles: usize,
    /// AUROC of the fp32 graph on these; `None` if they are all of one kind, or have no labels.
    pub auroc_reference: Option<f64>,
    /// AUROC of the variant.
    pub auroc: Option<f64>,
    /// Loss of AUROC; at most [`AUROC_LOST`].
    pub auroc_lost: Option<f64>,
    /// Decisions that differ from the fp32 graph's.
    pub decisions_changed: usize,
    /// Their share; at most [`DECISIONS_CHANGED`].
    pub decisions_changed_share: f64,
    /// Differences of every output from the fp32 graph's. Their tolerances, which are for 32 bits, are no part of
    /// the gate; a value that is not finite is.
    pub outputs: Vec<OutputParity>,
    /// Tiles without tissue, none of whose decisions may change.
    pub background: Vec<Background>,
    /// Calibration of activations, for int8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<String>,
    /// Layers in 8 bits.
    pub layers: Vec<String>,
    /// Layers kept in 32 bits.
    pub kept_in_float: Vec<String>,
    /// Earlier attempts with fewer layers in 32 bits, which failed the gate.
    pub attempts: Vec<Attempt>,
}

/// A variant that failed the gate.
#[derive(Debug, Clone, Serialize)]
pub struct Attempt {
    /// Layers kept in 32 bits.
    pub kept_in_float: Vec<String>,
    /// Loss of AUROC.
    pub auroc_lost: Option<f64>,
    /// Number of decisions changed.
    pub decisions_changed: usize,
    /// Mean absolute difference of the scores from the fp32 graph's.
    pub score_mean_abs: f64,
    /// Tiles without tissue whose decision changed.
    pub background_changed: Vec<&'static str>,
}

impl VariantReport {
    fn attempt(&self) -> Attempt {
        Attempt {
            kept_in_float: self.kept_in_float.clone(),
            auroc_lost: self.auroc_lost,
            decisions_changed: self.decisions_changed,
            score_mean_abs: self.score_mean_abs(),
            background_changed: self.background_changed().collect(),
        }
    }

    /// Names of the tiles without tissue whose decision changed.
    fn background_changed(&self) -> impl Iterator<Item = &'static str> {
        self.background.iter().filter(|one| one.decision_changed).map(|one| one.tile)
    }

    /// The distance of its scores from those of the fp32 graph.
    fn effect(&self) -> Effect {
        let background = self.background.iter().map(Background::difference).fold(0.0, f64::max);
        Effect { tiles: self.score_mean_abs(), background }
    }

    fn score_mean_abs(&self) -> f64 {
        self.outputs.iter().find(|output| output.name == "score").map_or(0.0, |output| output.mean_abs)
    }

    fn passes(&self) -> bool {
        // Without labels there is no AUROC. With labels a score that is no number leaves the variant without one.
        let keeps_auroc = self.auroc_reference.is_none() || self.auroc_lost.is_some_and(|lost| lost <= AUROC_LOST);
        let finite = self.outputs.iter().all(|output| output.problem.is_none());
        let keeps_background = self.background_changed().next().is_none();
        keeps_auroc && finite && keeps_background && self.decisions_changed_share <= DECISIONS_CHANGED
    }
}

/// Refuses a model of which int8 would convert nothing. `kept` are the values that are computed in 32 bits.
pub(crate) fn check_int8(model: &OnnxModel, kept: &dyn Fn(&str) -> bool) -> Result<()> {
    if Int8::new(model).layers().into_iter().all(kept) {
        let reason = "int8: the model has no 32-bit convolution or dense layer to quantise";
        return Err(burn_onnx_export::Error::Foreign(reason.to_owned()).into());
    }
    Ok(())
}

/// The effect of a layer in 8 bits on the scores.
#[derive(Debug, Clone, Copy)]
struct Effect {
    /// The mean over the tiles of the gate.
    tiles: f64,
    /// The largest of a tile without tissue.
    background: f64,
}

impl Effect {
    /// The effect by which layers are ordered; tiles without tissue are included if one of them is decided differently.
    fn counted(self, background: bool) -> f64 {
        if background { self.tiles.max(self.background) } else { self.tiles }
    }
}

/// Receives the pixels of a batch, u8 `[n, 256, 256, 3]`, and the truth of each tile: anomalous, normal, or unknown.
pub(crate) type OnTiles<'a> = &'a mut dyn FnMut(Vec<u8>, &[Option<bool>]) -> Result<()>;

/// The tiles on which variants are calibrated and judged.
pub(crate) trait GateTiles {
    /// Calls `each` with about [`OBSERVED`] tiles for calibration, one at a time. Every pass has the same tiles.
    fn calibration(&self, each: OnTiles<'_>) -> Result<()>;

    /// Calls `each` with the tiles of the gate, `batch` at a time; the last part may be smaller.
    fn gate(&self, batch: usize, each: OnTiles<'_>) -> Result<()>;
}

/// Builds and measures variants of a graph.
pub(crate) struct VariantBuilder<'a> {
    pub(crate) tiles: &'a dyn GateTiles,
    /// Names of values that are computed in 32 bits in every variant.
    pub(crate) kept: &'a dyn Fn(&str) -> bool,
    pub(crate) rule: &'a DecisionRule,
    pub(crate) runtime: &'static Runtime,
    pub(crate) model: &'a OnnxModel,
    /// The fp32 graph.
    pub(crate) reference: &'a mut Session,
    /// The folder of the bundle.
    pub(crate) folder: &'a Path,
}

impl VariantBuilder<'_> {
    /// Builds and measures a variant; saves it if it passes the gate.
    pub(crate) fn build(&mut self, precision: Precision, calibration: Calibration) -> Result<VariantReport> {
        match precision {
            Precision::Int8 => self.int8(calibration),
            _ => {
                let model = self.model.to_fp16_except(self.kept)?;
                let report = self.measured(Precision::Fp16, &model)?;
                self.keep(report, &model)
            }
        }
    }

    /// An 8-bit variant. Skips layers, the one with the largest effect first, until the gate is passed.
    fn int8(&mut self, calibration: Calibration) -> Result<VariantReport> {
        check_int8(self.model, self.kept)?;
        // Channels are equalised first, by their activations on the same tiles.
        let plain = Int8::new(self.model);
        let int8 = Int8::new(&plain.equalised(&self.observed(&plain, Calibration::MinMax)?)?);
        let activations = self.observed(&int8, calibration)?;
        // Layers that are never 8-bit are no loss to report.
        let never: BTreeSet<String> =
            int8.layers().into_iter().filter(|name| (self.kept)(name)).map(str::to_owned).collect();
        let mut skipped = BTreeSet::new();
        let mut effects: Option<Vec<(String, Effect)>> = None;
        let mut attempts = Vec::new();
        loop {
            let in_float = &never | &skipped;
            let model = int8.model(&activations, calibration, &in_float)?;
            let mut report = self.measured(Precision::Int8, &model)?;
            report.calibration = Some(calibration.to_string());
            report.kept_in_float = skipped.iter().cloned().collect();
            let layers = int8.layers().into_iter().filter(|name| !in_float.contains(*name));
            report.layers = layers.map(str::to_owned).collect();
            if report.passes() || report.layers.len() <= 1 {
                report.attempts = attempts;
                return self.keep(report, &model);
            }
            attempts.push(report.attempt());
            if effects.is_none() {
                effects = Some(self.sensitivity(&report.layers, &int8, &activations, calibration)?);
            }
            let background = report.background_changed().next().is_some();
            let worst = effects.as_mut().and_then(|effects| take_worst(effects, background));
            skipped.extend(worst);
        }
    }

    /// The effect of each of `layers` alone on the scores.
    fn sensitivity(
        &mut self,
        layers: &[String],
        int8: &Int8,
        activations: &Activations,
        calibration: Calibration,
    ) -> Result<Vec<(String, Effect)>> {
        let all: BTreeSet<String> = int8.layers().into_iter().map(str::to_owned).collect();
        let mut measured = Vec::new();
        for layer in layers {
            let others = all.iter().filter(|other| *other != layer).cloned().collect();
            let report = self.measured(Precision::Int8, &int8.model(activations, calibration, &others)?)?;
            measured.push((layer.clone(), report.effect()));
        }
        Ok(measured)
    }

    /// Activations on the tiles for calibration, and on those without tissue.
    fn observed(&mut self, int8: &Int8, calibration: Calibration) -> Result<Activations> {
        let observer = int8.observer();
        let mut session =
            Session::open_bytes(self.runtime, "observer", &observer.bytes()?, &SessionOptions::default())?;
        let watched: Vec<&str> = int8.watched();
        let watched: Vec<&str> =
            watched.into_iter().filter(|name| session.outputs().iter().any(|port| port.name == *name)).collect();
        session.select_outputs(&watched)?;
        let mut activations = Activations::default();
        let tiles = self.tiles;
        let mut pass = |activations: &mut Activations, second: bool| -> Result<()> {
            let mut observe = |mut pixels: Vec<u8>| -> Result<()> {
                let tiles = pixels.len() / TILE_BYTES;
                for (name, array) in run_padded(&mut session, &mut pixels, tiles)?.arrays {
                    let values: Vec<f32> = array.iter().copied().collect();
                    if second {
                        activations.count(&name, values);
                    } else {
                        activations.observe_channels(&name, array.shape(), &values);
                    }
                }
                Ok(())
            };
            tiles.calibration(&mut |pixels, _| observe(pixels))?;
            background::tiles().try_for_each(observe)
        };
        pass(&mut activations, false)?;
        if calibration != Calibration::MinMax {
            pass(&mut activations, true)?;
        }
        Ok(activations)
    }

    /// Compares a variant with the fp32 graph on the tiles of the gate.
    fn measured(&mut self, precision: Precision, model: &OnnxModel) -> Result<VariantReport> {
        let name = file(precision);
        let mut session = Session::open_bytes(self.runtime, &name, &model.bytes()?, &SessionOptions::default())?;
        let sides = compare(self.reference, &mut session, self.rule, self.tiles)?;
        let background = background::compare(self.reference, &mut session, self.rule)?;
        let parity = sides.parity.finish(session.provider(), session.nodes().clone());
        let (before, after) = (auroc(&sides.reference).ok(), auroc(&sides.variant).ok());
        Ok(VariantReport {
            precision: precision.name().to_owned(),
            published: false,
            file: name,
            bytes: model.size(),
            tiles: parity.tiles,
            auroc_reference: before,
            auroc: after,
            auroc_lost: before.zip(after).map(|(before, after)| before - after),
            decisions_changed: parity.decisions_changed,
            decisions_changed_share: parity.decisions_changed as f64 / parity.tiles.max(1) as f64,
            outputs: parity.outputs,
            background,
            calibration: None,
            layers: Vec::new(),
            kept_in_float: Vec::new(),
            attempts: Vec::new(),
        })
    }

    fn keep(&self, mut report: VariantReport, model: &OnnxModel) -> Result<VariantReport> {
        report.published = report.passes();
        if report.published {
            model.save(self.folder.join(&report.file))?;
        }
        Ok(report)
    }
}

/// Takes the layer with the largest effect.
fn take_worst(effects: &mut Vec<(String, Effect)>, background: bool) -> Option<String> {
    let counted = |at: &usize| effects[*at].1.counted(background);
    let worst = (0..effects.len()).max_by(|a, b| counted(a).total_cmp(&counted(b)))?;
    Some(effects.swap_remove(worst).0)
}

/// The graph's file of a precision.
fn file(precision: Precision) -> String {
    format!("model.{precision}.onnx")
}

/// Results of both graphs on the same tiles.
struct Sides {
    parity: Accumulator,
    reference: Vec<Scored>,
    variant: Vec<Scored>,
}

fn compare(
    reference: &mut Session,
    variant: &mut Session,
    rule: &DecisionRule,
    tiles: &dyn GateTiles,
) -> Result<Sides> {
    let mut sides = Sides { parity: Accumulator::new(rule.clone()), reference: Vec::new(), variant: Vec::new() };
    let mut done = 0;
    // Both graphs have the same batch, if it is fixed.
    let batch = reference.fixed_batch().unwrap_or(BATCH);
    tiles.gate(batch, &mut |mut pixels, truths| {
        let tiles = truths.len();
        let before = run_padded(reference, &mut pixels, tiles)?;
        let after = run_padded(variant, &mut pixels, tiles)?;
        sides.parity.add(done, &before, &after);
        sides.reference.extend(scored(&before, truths)?);
        sides.variant.extend(scored(&after, truths)?);
        done += tiles;
        Ok(())
    })?;
    Ok(sides)
}

/// Scores of the tiles whose truth is known.
fn scored(outputs: &Outputs, truths: &[Option<bool>]) -> Result<Vec<Scored>> {
    let missing = || burn_onnx_export::Error::Output {
        name: "score".to_owned(),
        reason: "the graph has no such output".to_owned(),
    };
    let scores = outputs.arrays.get("score").ok_or_else(missing)?;
    let tile = |(score, truth): (&f32, &Option<bool>)| {
        truth.map(|anomalous| Scored { score: f64::from(*score), anomalous, group: String::new() })
    };
    Ok(scores.iter().zip(truths).filter_map(tile).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(background: Vec<Background>) -> VariantReport {
        VariantReport {
            precision: "int8".to_owned(),
            published: false,
            file: String::new(),
            bytes: 0,
            tiles: 1_000,
            auroc_reference: Some(0.95),
            auroc: Some(0.95),
            auroc_lost: Some(0.0),
            decisions_changed: 0,
            decisions_changed_share: 0.0,
            outputs: Vec::new(),
            background,
            calibration: None,
            layers: Vec::new(),
            kept_in_float: Vec::new(),
            attempts: Vec::new(),
        }
    }

    #[test]
    fn a_variant_that_decides_a_tile_without_tissue_differently_fails() {
        let white = |decision_changed| Background { tile: "white", score_reference: 0.4, score: 0.6, decision_changed };
        assert!(report(vec![white(false)]).passes());
        let failed = report(vec![white(true)]);
        assert!(!failed.passes());
        assert_eq!(failed.attempt().background_changed, ["white"]);
    }

    #[test]
    fn the_layer_with_the_largest_effect_that_counts_is_taken() {
        let effect = |tiles, background| Effect { tiles, background };
        let mut effects = vec![
            ("a".to_owned(), effect(0.1, 0.9)),
            ("b".to_owned(), effect(0.3, 0.2)),
            ("c".to_owned(), effect(0.2, 0.0)),
        ];
        let mut take = |background| take_worst(&mut effects, background);
        assert_eq!(
            [take(true), take(false), take(true), take(false)].map(Option::unwrap_or_default),
            ["a", "b", "c", ""]
        );
    }
}
