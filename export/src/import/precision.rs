//! fp16 and int8 graphs of an imported model, calibrated and judged on the user's tiles.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use burn_onnx_export::proto::{ExternalError, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use burn_onnx_export::{Calibration, OnnxModel, Precision};
use kiln_runtime::{DecisionRule, Optimisation, Runtime, Session, SessionOptions};
use kiln_tile::Tile;
use kiln_train::data::synth;

use super::ImportError;
use super::graft::{Graft, GraphBatch, Rewrite};
use super::model::{Foreign, code_of, for_each_tensor};
use super::plan::Plan;
use super::tiles::Data;
use crate::variant::{GateTiles, OBSERVED, OnTiles, VariantBuilder, VariantReport, check_int8};
use crate::{BundleError, Result};

/// The opset of `QuantizeLinear` with one scale for each channel.
const INT8_OPSET: i64 = 13;

/// The most tiles of the gate.
const JUDGED: usize = 512;

/// Generated tiles for calibration, and as many for the gate.
const GENERATED: usize = 32;

/// Seed of these tiles; not that of the proof.
const SEED: u64 = 160;

/// Prefix of the values of the preprocessing, which stays in 32 bits: pixels of up to 255 need all of them.
const OWN: &str = "kiln/";

/// Everything that variants are made of.
pub(super) struct Variants<'a> {
    /// The fp32 graph.
    pub(super) graft: &'a Graft<'a>,
    /// Its batch.
    pub(super) batch: GraphBatch,
    /// The fp32 graph, open.
    pub(super) session: &'a mut Session,
    pub(super) rule: &'a DecisionRule,
    pub(super) data: Option<&'a Data>,
    pub(super) runtime: &'static Runtime,
    /// The folder of the bundle, with the weights of the model in other files.
    pub(super) folder: &'a Path,
}

impl Variants<'_> {
    /// Builds every precision beside fp32.
    pub(super) fn build(self, precisions: &[Precision], calibration: Calibration) -> Result<Vec<VariantReport>> {
        let wanted: Vec<Precision> = precisions.iter().copied().filter(|wanted| *wanted != Precision::Fp32).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let model = read(self.graft, self.batch, self.runtime, self.folder)?;
        let tiles = ImportTiles { data: self.data, plan: self.graft.plan };
        let mut builder = VariantBuilder {
            tiles: &tiles,
            kept: &is_own,
            rule: self.rule,
            runtime: self.runtime,
            model: &model,
            reference: self.session,
            folder: self.folder,
        };
        wanted.into_iter().map(|precision| builder.build(precision, calibration)).collect()
    }
}

/// Refuses precisions that the model cannot have, before the work of an import.
pub(super) fn check(
    precisions: &[Precision],
    graft: &Graft<'_>,
    runtime: &'static Runtime,
    folder: &Path,
) -> Result<()> {
    let is_other = precisions.iter().any(|precision| *precision != Precision::Fp32);
    let quantises = |node: &NodeProto| node.is_standard() && node.op_type == "QuantizeLinear";
    if is_other && graft.foreign.graph().node.iter().any(quantises) {
        let reason = "it has 8-bit layers already (`QuantizeLinear`)".to_owned();
        return Err(burn_onnx_export::Error::Foreign(reason).into());
    }
    if !precisions.contains(&Precision::Int8) {
        return Ok(());
    }
    let version = graft.foreign.opset;
    if version < INT8_OPSET {
        let reason = format!("opset {version}; int8 needs {INT8_OPSET}: raise the model with onnx.version_converter");
        return Err(burn_onnx_export::Error::Foreign(reason).into());
    }
    let batch = GraphBatch::Fixed(graft.foreign.input.batch().unwrap_or(1), Rewrite::None);
    match super::prove::quietly(|| read(graft, batch, runtime, folder)) {
        Ok(model) => check_int8(&model, &is_own),
        // The proof of the graph reports what ONNX Runtime cannot run.
        Err(BundleError::Runtime(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// True for a value of the preprocessing.
fn is_own(name: &str) -> bool {
    name.starts_with(OWN)
}

/// The fp32 graph in the exporter's form.
fn read(graft: &Graft<'_>, batch: GraphBatch, runtime: &'static Runtime, folder: &Path) -> Result<OnnxModel> {
    let mut model = graft.model(batch);
    let elements = elements(&mut model, runtime, folder)?;
    inline(&mut model, folder)?;
    Ok(OnnxModel::from_message(model, &|name| elements.get(name).copied())?)
}

/// Element types of all values, as ONNX Runtime infers them for a graph whose every value is an output.
fn elements(model: &mut ModelProto, runtime: &'static Runtime, folder: &Path) -> Result<BTreeMap<String, i32>> {
    let mut own = 0;
    if let Some(graph) = &mut model.graph {
        own = graph.output.len();
        let known: BTreeSet<&str> = graph.output.iter().map(|port| port.name.as_str()).collect();
        let names = graph.node.iter().flat_map(|node| &node.output);
        let names = names.filter(|name| !name.is_empty() && !known.contains(name.as_str()));
        let ports: Vec<ValueInfoProto> =
            names.map(|name| ValueInfoProto { name: name.clone(), ..ValueInfoProto::default() }).collect();
        graph.output.extend(ports);
    }
    let path = folder.join("values.onnx");
    super::prove::save(model, &path)?;
    if let Some(graph) = &mut model.graph {
        graph.output.truncate(own);
    }
    // The types are those of the graph as written.
    let options = SessionOptions { optimisation: Optimisation::Off, ..SessionOptions::default() };
    let session = Session::open(runtime, &path, &options);
    std::fs::remove_file(&path).map_err(BundleError::io(&path))?;
    Ok(session?.outputs().iter().map(|port| (port.name.clone(), code_of(&port.dtype))).collect())
}

/// Reads weights from other files into the message.
fn inline(model: &mut ModelProto, folder: &Path) -> Result<()> {
    let mut failed = None;
    for_each_tensor(model, &mut |tensor| {
        if failed.is_some() {
            return;
        }
        match read_tensor(tensor, folder) {
            Ok(Some(bytes)) => *tensor = tensor.with_bytes(bytes),
            Ok(None) => {}
            Err(error) => failed = Some(error),
        }
    });
    failed.map_or(Ok(()), Err)
}

/// The elements of a tensor in another file; none if they are in the message.
fn read_tensor(tensor: &TensorProto, folder: &Path) -> Result<Option<Vec<u8>>> {
    // The statements were checked when the model was read; the file may have changed since.
    let changed = |error: ExternalError| {
        let reason = format!("tensor `{}` {error}", tensor.name.escape_debug());
        BundleError::from(ImportError::External { path: folder.to_owned(), reason })
    };
    let Some(external) = tensor.external().map_err(changed)? else { return Ok(None) };
    let range = external.locate(folder).map_err(changed)?;
    range.read().map(Some).map_err(BundleError::io(&range.path))
}

/// Every other tile of the data set for calibration, and those between for the gate; generated tiles if there is none.
struct ImportTiles<'a> {
    data: Option<&'a Data>,
    plan: &'a Plan,
}

impl ImportTiles<'_> {
    fn chosen(&self, gate: bool) -> Vec<usize> {
        let (all, most) = match self.data {
            Some(data) => (data.dataset.len(), if gate { JUDGED } else { OBSERVED }),
            None => (2 * GENERATED, GENERATED),
        };
        // Pairs of tiles, so that labels that alternate are on both sides.
        let side: Vec<usize> = (0..all).filter(|index| (index / 2 % 2 == 1) == gate).collect();
        let side = if side.is_empty() { (0..all).collect() } else { side };
        let stride = side.len().div_ceil(most).max(1);
        side.into_iter().step_by(stride).collect()
    }

    fn tile(&self, index: usize) -> Result<(Tile, Option<bool>)> {
        let Some(data) = self.data else {
            return Ok((synth::tile(SEED, index).map_err(kiln_train::Error::from)?, None));
        };
        Ok((data.tile(index)?, self.plan.truth(&data.dataset.entries[index].label)))
    }

    fn each(&self, chosen: &[usize], batch: usize, each: OnTiles<'_>) -> Result<()> {
        for part in chosen.chunks(batch.max(1)) {
            let (mut pixels, mut truths) = (Vec::new(), Vec::new());
            for index in part {
                let (tile, truth) = self.tile(*index)?;
                pixels.extend_from_slice(tile.pixels());
                truths.push(truth);
            }
            each(pixels, &truths)?;
        }
        Ok(())
    }
}

impl GateTiles for ImportTiles<'_> {
    fn calibration(&self, each: OnTiles<'_>) -> Result<()> {
        self.each(&self.chosen(false), 1, each)
    }

    fn gate(&self, batch: usize, each: OnTiles<'_>) -> Result<()> {
        self.each(&self.chosen(true), batch, each)
    }
}

/// The failure of a conversion, with the model's file.
pub(super) fn named(error: BundleError, foreign: &Foreign) -> BundleError {
    match error {
        BundleError::Export(burn_onnx_export::Error::Foreign(reason)) => ImportError::NotOnnx {
            path: foreign.path.clone(),
            reason: format!("cannot be converted to another precision: {reason}; import it without one"),
        }
        .into(),
        other => other,
    }
}
