//! Replaces a module's parameters with placeholders: tensors of the same shape and type on the recording device, without
//! values. So recording copies no weight, and recording a large module several times costs next to nothing. The real
//! tensors stay with the module and are read when the model is written.

use std::collections::HashMap;

use burn::backend::capture::{CaptureBackend, TensorId};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Bool, Device, Int, Tensor};

use crate::graph::Weight;

/// Replaces parameters, and keeps access to them.
pub(super) struct Placeholders<'a> {
    device: &'a Device,
    weights: HashMap<TensorId, Weight>,
}

impl<'a> Placeholders<'a> {
    /// Replaces every parameter of `module`. Must be called inside a capture scope of `device`.
    pub(super) fn put<M: Module>(module: M, device: &'a Device) -> (M, HashMap<TensorId, Weight>) {
        let mut placeholders = Self { device, weights: HashMap::new() };
        let module = module.map(&mut placeholders);
        (module, placeholders.weights)
    }
}

macro_rules! placeholder {
    ($self:ident, $param:ident, $tensor:ty, $plain:expr) => {
        $param.map(|tensor: $tensor| {
            let tensor = $plain(tensor);
            let placeholder = <$tensor>::zeros(tensor.shape(), ($self.device, tensor.dtype()));
            if let Ok(primitive) = placeholder.clone().try_into_primitive::<CaptureBackend>() {
                let (dtype, dims) = (tensor.dtype(), tensor.dims().to_vec());
                let count: usize = dims.iter().product();
                let flat = move |range| tensor.clone().reshape([count]).slice([range]).into_data();
                let weight = Weight::new(dtype, dims, flat);
                $self.weights.insert(primitive.id(), weight);
            }
            placeholder
        })
    };
}

impl ModuleMapper for Placeholders<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // A quantised parameter is exported dequantised; others do not change.
        placeholder!(self, param, Tensor<D>, Tensor::dequantize)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        placeholder!(self, param, Tensor<D, Int>, std::convert::identity)
    }

    fn map_bool<const D: usize>(&mut self, param: Param<Tensor<D, Bool>>) -> Param<Tensor<D, Bool>> {
        placeholder!(self, param, Tensor<D, Bool>, std::convert::identity)
    }
}

/// Dequantises parameters, since the recording device supports no quantised tensors.
pub(super) struct Dequantise;

impl ModuleMapper for Dequantise {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(Tensor::dequantize)
    }
}
