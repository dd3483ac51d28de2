//! Puts stand-ins in the place of a module's parameters: tensors of the same shape and type that the recording device is
//! only told of. So recording copies no weight, and recording a large module several times costs next to nothing. The
//! real tensors stay with the module and are read when the model is written.

use std::collections::HashMap;

use burn::backend::capture::{CaptureBackend, TensorId};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Bool, Device, Int, Tensor};

use crate::graph::Weight;

/// The parameters that stand-ins were put for.
pub(super) struct StandIns<'a> {
    device: &'a Device,
    weights: HashMap<TensorId, Weight>,
}

impl<'a> StandIns<'a> {
    /// Replaces every parameter of `module`. Must be called inside a capture scope of `device`.
    pub(super) fn put<M: Module>(module: M, device: &'a Device) -> (M, HashMap<TensorId, Weight>) {
        let mut standins = Self { device, weights: HashMap::new() };
        let module = module.map(&mut standins);
        (module, standins.weights)
    }
}

macro_rules! stand_in {
    ($self:ident, $param:ident, $tensor:ty, $plain:expr) => {
        $param.map(|tensor: $tensor| {
            let tensor = $plain(tensor);
            let stand_in = <$tensor>::zeros(tensor.shape(), ($self.device, tensor.dtype()));
            if let Ok(primitive) = stand_in.clone().try_into_primitive::<CaptureBackend>() {
                let (dtype, dims) = (tensor.dtype(), tensor.dims().to_vec());
                let count: usize = dims.iter().product();
                let flat = move |range| tensor.clone().reshape([count]).slice([range]).into_data();
                let weight = Weight::new(dtype, dims, flat);
                $self.weights.insert(primitive.id(), weight);
            }
            stand_in
        })
    };
}

impl ModuleMapper for StandIns<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // A quantised parameter is exported as the floats that it stands for; others stay as they are.
        stand_in!(self, param, Tensor<D>, Tensor::dequantize)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        stand_in!(self, param, Tensor<D, Int>, std::convert::identity)
    }

    fn map_bool<const D: usize>(&mut self, param: Param<Tensor<D, Bool>>) -> Param<Tensor<D, Bool>> {
        stand_in!(self, param, Tensor<D, Bool>, std::convert::identity)
    }
}

/// Makes plain floats of quantised parameters, which the recording device does not know.
pub(super) struct Dequantise;

impl ModuleMapper for Dequantise {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(Tensor::dequantize)
    }
}
