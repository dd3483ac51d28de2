//! Features by burn: the reference, and the default.

use burn::tensor::Device;
use kiln_files::Fault;

use super::{BackendError, FeatureExtractor, FrozenBackbone, TileVectors};
use crate::config::TrainingDevice;
use crate::model::tensors::tile_tensor;

/// Tiles that go through the backbone together.
const BATCH: usize = 16;

/// A frozen backbone in burn.
#[derive(Debug)]
pub(crate) struct BurnExtractor {
    backbone: FrozenBackbone,
    device: Device,
    identity: String,
}

impl BurnExtractor {
    /// A backbone of `device`, which is the one that `name` stands for.
    pub(crate) fn new(backbone: FrozenBackbone, device: &Device, name: TrainingDevice) -> Self {
        Self { backbone, device: device.clone(), identity: format!("burn {} ({name})", crate::BURN_VERSION) }
    }

    /// The backbone.
    pub(crate) fn backbone(&self) -> &FrozenBackbone {
        &self.backbone
    }
}

impl FeatureExtractor for BurnExtractor {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn batch(&self) -> usize {
        BATCH
    }

    fn vectors(&mut self, pixels: &[u8], _tiles: usize) -> Result<TileVectors, BackendError> {
        let (features, patches) = self.backbone.forward(tile_tensor(pixels.to_vec(), &self.device));
        let values = |data: burn::tensor::TensorData| {
            data.try_into_vec::<f32>()
                .map_err(|error| BackendError::new(Fault::Environment, format!("burn: {error:?}")))
        };
        let patches = patches.map(|patches| values(patches.into_data())).transpose()?;
        Ok(TileVectors { features: values(features.into_data())?, patches })
    }
}
