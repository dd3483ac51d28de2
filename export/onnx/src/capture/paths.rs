//! Collects the module path of every parameter on the recording device. [`super::modules`] derives the paths of operations
//! from them.

use std::collections::{BTreeMap, HashMap};

use burn::backend::capture::{CaptureBackend, TensorId};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Bool, Int, Tensor};

/// Paths of a module's parameters, such as `encoder.conv1.weight`.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    /// The path of each parameter.
    pub(crate) parameters: HashMap<TensorId, String>,
    /// The type of each module by its path, such as `Conv2d` by `encoder.conv1`.
    pub(crate) types: BTreeMap<String, String>,
    stack: Vec<String>,
}

impl Paths {
    /// Visits a module whose parameters are on the recording device.
    pub(crate) fn new<M: Module>(module: &M) -> Self {
        let mut paths = Self::default();
        module.visit(&mut paths);
        paths
    }

    fn record(&mut self, id: Option<TensorId>) {
        if let Some(id) = id {
            self.parameters.entry(id).or_insert_with(|| self.stack.join("."));
        }
    }
}

impl ModuleVisitor for Paths {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        // The visitor receives a field's name together with the type of the module that contains the field.
        if let Some(kind) = container_type.strip_prefix("Struct:").or_else(|| container_type.strip_prefix("Enum:")) {
            self.types.entry(self.stack.join(".")).or_insert_with(|| kind.to_owned());
        }
        self.stack.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.stack.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.record(param.val().try_into_primitive::<CaptureBackend>().ok().map(|tensor| tensor.id()));
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.record(param.val().try_into_primitive::<CaptureBackend>().ok().map(|tensor| tensor.id()));
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.record(param.val().try_into_primitive::<CaptureBackend>().ok().map(|tensor| tensor.id()));
    }
}

/// Initialises every lazy parameter in place, so that all clones of the module share one value.
pub(crate) fn initialise<M: Module>(module: &M) {
    module.visit(&mut Touch);
}

struct Touch;

impl ModuleVisitor for Touch {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        drop(param.val());
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        drop(param.val());
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        drop(param.val());
    }
}
