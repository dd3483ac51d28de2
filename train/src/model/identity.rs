//! Parameter identities that follow from the parameter's path alone, so that the same seed gives the same bytes in every
//! process: burn draws them at random. The running figures of a normalisation keep the identity that they are created
//! with, and no mapper changes it; [`normalisation`] creates them with the right one.

use burn::module::{Module, ModuleMapper, Param, ParamId, RunningState};
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::{Bool, Device, Int, Tensor};

/// Gives every parameter the identity that its path implies.
pub(crate) fn by_path<M: Module>(module: M) -> M {
    module.map(&mut ByPath { path: Vec::new() })
}

struct ByPath {
    path: Vec<String>,
}

impl ByPath {
    fn identity(&self) -> ParamId {
        for_path(&self.path.join("."))
    }
}

/// The identity of a path: FNV-1a, 64 bits. Short and stable; two paths of one module do not collide in practice, and a
/// collision would give a refused record, not mixed weights.
pub(crate) fn for_path(path: &str) -> ParamId {
    let hash = path
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    ParamId::from(hash)
}

impl ModuleMapper for ByPath {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (_, tensor, mapper) = param.consume();
        Param::from_mapped_value(self.identity(), tensor, mapper)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        let (_, tensor, mapper) = param.consume();
        Param::from_mapped_value(self.identity(), tensor, mapper)
    }

    fn map_bool<const D: usize>(&mut self, param: Param<Tensor<D, Bool>>) -> Param<Tensor<D, Bool>> {
        let (_, tensor, mapper) = param.consume();
        Param::from_mapped_value(self.identity(), tensor, mapper)
    }
}

/// Batch normalisation whose running figures have the identity of `path`.
pub(crate) fn normalisation(config: &BatchNormConfig, path: &str, device: &Device) -> BatchNorm {
    let mut norm = config.init(device);
    let (mean, variance) = (norm.running_mean.value(), norm.running_var.value());
    set_running_figures(&mut norm, path, mean, variance);
    norm
}

/// Sets the running figures, `[channels]` each, under the identity of `path`.
pub(crate) fn set_running_figures(norm: &mut BatchNorm, path: &str, mean: Tensor<1>, variance: Tensor<1>) {
    norm.running_mean = RunningState::with_id(for_path(&format!("{path}.running_mean")), mean);
    norm.running_var = RunningState::with_id(for_path(&format!("{path}.running_var")), variance);
}
