//! The trained model in burn, as the reference that ONNX Runtime is compared with.

use std::collections::BTreeMap;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use kiln_runtime::Outputs;
use kiln_tile::SIDE;
use kiln_train::model::{Front, Zoo};
use kiln_train::training::Run;
use ndarray::{ArrayD, IxDyn};

use super::{BundleError, Result};

/// What the graph of a run computes, on burn's CPU backend: its front and its model in inference mode.
#[derive(Debug)]
pub struct BurnModel {
    zoo: Zoo,
    front: Front,
    normal: usize,
    device: Device,
}

impl BurnModel {
    /// Loads the weights of a run.
    ///
    /// # Errors
    /// If they are missing or damaged.
    pub fn load(run: &Run) -> Result<Self> {
        let device = Device::flex();
        Ok(Self { zoo: run.model(&device)?, front: run.front(), normal: run.facts.classes.normal, device })
    }

    /// The burn module.
    #[must_use]
    pub fn zoo(&self) -> &Zoo {
        &self.zoo
    }

    /// What the graph does with tiles before the module.
    #[must_use]
    pub fn front(&self) -> Front {
        self.front
    }

    /// How many classes, from the first, are normal.
    #[must_use]
    pub fn normal(&self) -> usize {
        self.normal
    }

    /// Answers for tiles as the graph takes them, u8 `[batch, 256, 256, 3]`.
    ///
    /// # Errors
    /// If burn gives a tensor that is not of float values.
    pub fn run(&self, pixels: Vec<u8>, batch: usize) -> Result<Outputs> {
        let side = SIDE as usize;
        let data = TensorData::new(pixels, [batch, side, side, 3]);
        let tile = Tensor::<4, Int>::from_data(data, (&self.device, DType::U8));
        let named = self.zoo.score(self.front.levels(tile), self.normal).into_data();
        let arrays = named.into_iter().map(|(name, data)| Ok((name.to_owned(), array(name, data)?)));
        Ok(Outputs { batch, arrays: arrays.collect::<Result<BTreeMap<_, _>>>()? })
    }
}

fn array(name: &str, data: TensorData) -> Result<ArrayD<f32>> {
    let wrong = |reason: String| burn_onnx_export::Error::Output { name: name.to_owned(), reason };
    let shape = IxDyn(data.shape().as_slice());
    let values = data.try_into_vec::<f32>().map_err(|error| wrong(format!("{error:?}")))?;
    ArrayD::from_shape_vec(shape, values).map_err(|error| BundleError::from(wrong(error.to_string())))
}
