//! The key `training.features`.

use serde::{Deserialize, Serialize};

/// The program that computes the features of a frozen backbone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureSource {
    /// ONNX Runtime for a training on the processor with burn's own kernels, if it is there and its features equal burn's;
    /// else burn, on the training's device.
    #[default]
    Auto,
    /// burn, on the training's device.
    Burn,
    /// ONNX Runtime on the processor; an error if it is missing or its features differ from burn's.
    OnnxRuntime,
}
