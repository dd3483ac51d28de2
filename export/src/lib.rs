//! Export of a run to a bundle: the graph is written and compared with burn on the run's test tiles; only then does the
//! complete folder appear. The content of a bundle is described in [`kiln_runtime::bundle::manifest`]; reading one needs
//! neither this crate nor burn. Models that other tools trained come in through [`import`]. Trainings compute the features of
//! frozen backbones through [`OnnxFeatures`].

mod background;
mod batch;
mod card;
mod error;
mod export;
mod features;
mod gate;
mod graph;
pub mod import;
mod manifest;
mod reference;
mod run_tiles;
mod variant;

pub use background::Background;
pub use batch::Batch;
pub use burn_onnx_export::{Activations, Calibration, Int8, OnnxModel, Precision, Recorded};
pub use error::{BundleError, Result};
pub use export::{ExportRequest, Exported, Step, export};
pub use features::{OnnxFeatures, backbone_graph};
pub use gate::{GATE_BATCHES, verify, verify_run};
pub use graph::{graph, recorded};
pub use import::{ImportError, ImportRequest, Imported};
pub use reference::BurnModel;
pub use variant::{AUROC_LOST, Attempt, DECISIONS_CHANGED, VariantReport};
