//! Features of frozen backbones by ONNX Runtime, for trainings. A backbone is exported as a bundle's graph is, in fp32, and
//! runs in several sessions of one thread, each with fixed batches: the features of a tile depend neither on the tiles beside
//! it nor on the number of threads. The comparison with burn, and the cache, are the training's.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread;

use burn::tensor::{DType, Device, Int, Tensor};
use burn_onnx_export::{AnyTensor, Exporter, OnnxModel};
use kiln_files::digest::{sha256_file, sha256_hex};
use kiln_runtime::scorer::run_padded;
use kiln_runtime::{Outputs, Runtime, Session, SessionOptions, library};
use kiln_tile::{SIDE, TILE_BYTES};
use kiln_train::features::{BackendError, FeatureBackend, FeatureExtractor, FrozenBackbone, TileVectors};

use super::{BundleError, Result};

/// Tiles that a session runs at once.
const PART: usize = 8;
/// Parts of one call for each session: enough that no session waits long for the others.
const PARTS: usize = 2;
/// Sessions, at most: each holds the weights.
const SESSIONS: usize = 16;
/// Characters of a digest in an identity.
const DIGITS: usize = 12;
/// Names of the graph's outputs.
const FEATURES: &str = "features";
const PATCHES: &str = "patches";

/// Runs frozen backbones with ONNX Runtime on the CPU.
#[derive(Debug, Clone, Default)]
pub struct OnnxFeatures {
    library: Option<PathBuf>,
}

impl OnnxFeatures {
    /// With the library that the user names; `None` for an installed one. It is loaded by the first training that needs it.
    #[must_use]
    pub fn new(library: Option<PathBuf>) -> Self {
        Self { library }
    }
}

impl FeatureBackend for OnnxFeatures {
    fn open(
        &self,
        backbone: &FrozenBackbone,
        threads: usize,
    ) -> std::result::Result<Box<dyn FeatureExtractor>, BackendError> {
        let opened = || -> Result<OnnxExtractor> {
            let runtime = library::load(&library::find(self.library.as_deref())?)?;
            OnnxExtractor::new(runtime, backbone, threads)
        };
        opened().map(|extractor| Box::new(extractor) as Box<dyn FeatureExtractor>).map_err(backend_error)
    }
}

/// The fp32 graph of a frozen backbone, for batches of a fixed size.
///
/// # Errors
/// All operations that cannot be lowered.
pub fn backbone_graph(backbone: &FrozenBackbone, batch: usize) -> Result<OnnxModel> {
    let side = SIDE as usize;
    let sample = Tensor::<4, Int>::zeros([batch, side, side, 3], (&Device::flex(), DType::U8));
    let exporter = Exporter::new().describe("backbone", "A frozen backbone.").input("tile", sample, ["", "", "", ""]);
    let model = exporter.export(backbone, |backbone, tile| {
        let (features, patches) = backbone.forward(tile);
        let patches = patches.map(|patches| (PATCHES, AnyTensor::from(patches)));
        std::iter::once((FEATURES, AnyTensor::from(features))).chain(patches).collect::<Vec<_>>()
    });
    Ok(model?)
}

/// A backbone in sessions of ONNX Runtime.
struct OnnxExtractor {
    runtime: &'static Runtime,
    model: Vec<u8>,
    identity: String,
    /// Opened when they are first needed: a training whose features are all in the cache needs none.
    sessions: Vec<Option<Session>>,
}

impl OnnxExtractor {
    fn new(runtime: &'static Runtime, backbone: &FrozenBackbone, threads: usize) -> Result<Self> {
        let model = backbone_graph(backbone, PART)?.bytes()?;
        let path = &runtime.library().path;
        let library = sha256_file(path).map_err(BundleError::io(path))?;
        let identity = format!(
            "onnxruntime {} (library {}, graph {}, {})",
            runtime.version(),
            &library[..DIGITS],
            &sha256_hex(&model)[..DIGITS],
            processor()
        );
        let sessions = (0..threads.clamp(1, SESSIONS)).map(|_| None).collect();
        Ok(Self { runtime, model, identity, sessions })
    }

    /// The outputs of parts of at most [`PART`] tiles, in order.
    fn run(&mut self, pixels: &[u8]) -> Result<Vec<Outputs>> {
        let parts: Vec<&[u8]> = pixels.chunks(PART * TILE_BYTES).collect();
        let (lanes, runtime, model) = (self.sessions.len(), self.runtime, self.model.as_slice());
        let mut done: Vec<std::vec::IntoIter<Outputs>> = thread::scope(|scope| {
            let lane = |(lane, session)| {
                let own: Vec<&[u8]> = parts.iter().copied().skip(lane).step_by(lanes).collect();
                scope.spawn(move || run_parts(session, runtime, model, &own))
            };
            let started: Vec<_> = self.sessions.iter_mut().enumerate().map(lane).collect();
            let outputs = started.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            outputs.map(|outputs| outputs.map(Vec::into_iter)).collect::<Result<_>>()
        })?;
        Ok((0..parts.len()).filter_map(|part| done[part % lanes].next()).collect())
    }
}

impl FeatureExtractor for OnnxExtractor {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn batch(&self) -> usize {
        PART * PARTS * self.sessions.len()
    }

    fn vectors(&mut self, pixels: &[u8], _tiles: usize) -> std::result::Result<TileVectors, BackendError> {
        let outputs = self.run(pixels).map_err(backend_error)?;
        let joined = |name: &str| -> Vec<f32> {
            outputs.iter().filter_map(|part| part.arrays.get(name)).flat_map(|array| array.iter().copied()).collect()
        };
        let patches = outputs.iter().any(|part| part.arrays.contains_key(PATCHES));
        Ok(TileVectors { features: joined(FEATURES), patches: patches.then(|| joined(PATCHES)) })
    }
}

/// Runs parts one after the other in one session.
fn run_parts(
    slot: &mut Option<Session>,
    runtime: &'static Runtime,
    model: &[u8],
    parts: &[&[u8]],
) -> Result<Vec<Outputs>> {
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let session = match slot {
        Some(session) => session,
        None => {
            let options = SessionOptions { threads: Some(1), spinning: false, ..SessionOptions::default() };
            slot.insert(Session::open_bytes(runtime, "the graph of the frozen backbone", model, &options)?)
        }
    };
    let run =
        |part: &&[u8]| -> Result<Outputs> { Ok(run_padded(session, &mut part.to_vec(), part.len() / TILE_BYTES)?) };
    parts.iter().map(run).collect()
}

fn backend_error(error: BundleError) -> BackendError {
    match error {
        BundleError::Runtime(error) => BackendError::new(error.fault(), error),
        error => BackendError::new(error.fault(), error),
    }
}

/// The processor's architecture, with the instructions by which ONNX Runtime chooses its kernels.
fn processor() -> String {
    #[allow(unused_mut, reason = "no instructions are listed for other architectures")]
    let mut words = vec![std::env::consts::ARCH];
    #[cfg(target_arch = "x86_64")]
    {
        let known = [
            ("avx", is_x86_feature_detected!("avx")),
            ("avx2", is_x86_feature_detected!("avx2")),
            ("fma", is_x86_feature_detected!("fma")),
            ("avx512f", is_x86_feature_detected!("avx512f")),
        ];
        words.extend(known.iter().filter(|(_, found)| *found).map(|(name, _)| name));
    }
    words.join(" ")
}

#[cfg(test)]
mod tests;
