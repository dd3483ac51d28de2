//! From a run to a bundle: the graph is written, compared with burn on the run's own test tiles, and only then does the
//! folder appear, whole. What a bundle holds is told by [`kiln_runtime::bundle::manifest`]; reading one needs neither
//! this crate nor burn.

mod card;
mod error;
mod export;
mod gate;
mod graph;
mod manifest;
mod reference;
mod variant;

pub use burn_onnx_export::{Activations, Calibration, Int8, OnnxModel, Precision};
pub use error::{BundleError, Result};
pub use export::{ExportRequest, Exported, Step, export};
pub use gate::{GATE_BATCHES, verify, verify_run};
pub use graph::{Batch, graph};
pub use reference::BurnModel;
pub use variant::{AUROC_LOST, Attempt, DECISIONS_CHANGED, VariantReport};
