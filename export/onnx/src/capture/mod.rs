//! Records a forward function as burn's operation graph, without computing anything. A panic inside the function becomes an
//! error, and the module does not change. [`crate::lower`] interprets the operations.

mod dense;
mod device;
mod kind;
mod modules;
mod paths;
mod placeholders;

use std::collections::{BTreeMap, HashMap, HashSet};

use burn::backend::capture::TensorId;
use burn::backend::ir::{BaseOperationIr, OperationIr};
use burn::module::Module;
use burn::tensor::{Device, TensorData};

pub(crate) use kind::kind;
pub(crate) use modules::Modules;
use paths::Paths;
use placeholders::{Dequantise, Placeholders};

use crate::error::{Error, Result};
use crate::graph::Weight;
use crate::panics;
use crate::tensors::{AnyTensor, Feed, Filling, Inputs, Outputs};

/// One recorded forward pass.
pub(crate) struct Recording {
    /// Operations in the order of execution, without initialisations.
    pub(crate) operations: Vec<OperationIr>,
    /// Inputs, in the order of declaration.
    pub(crate) inputs: Vec<TensorId>,
    /// Outputs, in the order of return. A tensor may occur twice.
    pub(crate) outputs: Vec<(Option<String>, TensorId)>,
    /// Constants, and parameters whose values the forward function reads.
    pub(crate) values: BTreeMap<TensorId, TensorData>,
    /// Parameters, unread.
    pub(crate) weights: HashMap<TensorId, Weight>,
    /// Path of each parameter.
    pub(crate) parameters: HashMap<TensorId, String>,
    /// The type of each module by its path.
    pub(crate) types: BTreeMap<String, String>,
}

impl Recording {
    /// Records `forward` on inputs described by `feeds`, which lists those of each argument. `sizes` describes their symbolic sizes in messages. A module
    /// without parameters is treated as one on the device `like`.
    pub(crate) fn make<M, I, O>(
        module: &M,
        feeds: &[Vec<Feed>],
        forward: &impl Fn(&M, I) -> O,
        sizes: String,
        like: &Device,
    ) -> Result<Self>
    where
        M: Module,
        I: Inputs,
        O: Outputs,
    {
        let catch = |parameters| panics::catch(|| record(module, feeds, forward, parameters, like));
        // Some forward functions read the value of a parameter, which a placeholder does not have.
        let recorded = catch(Parameters::Placeholders).or_else(|_| catch(Parameters::Real));
        recorded.unwrap_or_else(|panic| Err(Error::Forward { message: panic.message, location: panic.location, sizes }))
    }

    /// The data of a constant.
    pub(crate) fn value(&self, id: TensorId) -> Option<&TensorData> {
        self.values.get(&id)
    }

    /// The bytes of each constant.
    fn constants(&self) -> impl Iterator<Item = usize> {
        let is_constant = |id: &TensorId| !self.inputs.contains(id) && !self.parameters.contains_key(id);
        self.values.iter().filter(move |(id, _)| is_constant(id)).map(|(_, data)| data.as_bytes().len())
    }

    /// Estimates the bytes of all constants in a recording with the size `large` of an axis. This recording has the first
    /// of `sizes`, `other` the second. None if they differ in more than sizes.
    pub(crate) fn estimate_constants(&self, other: &Self, sizes: [usize; 2], large: usize) -> Option<f64> {
        let is_alike = self.operations.len() == other.operations.len();
        if !is_alike || self.constants().count() != other.constants().count() {
            return None;
        }
        let ratio = |from: usize, to: usize| to.max(1) as f64 / from.max(1) as f64;
        let grown = |(from, to)| {
            let power = ratio(from, to).ln() / ratio(sizes[0], sizes[1]).ln();
            from as f64 * ratio(sizes[0], large).powf(power)
        };
        Some(self.constants().zip(other.constants()).map(grown).sum())
    }

    /// Drops the copies of parameters that the forward function needed.
    pub(crate) fn drop_parameters(&mut self) {
        let parameters = &self.parameters;
        self.values.retain(|id, _| !parameters.contains_key(id));
    }
}

/// The parameters of a recorded module.
#[derive(Clone, Copy)]
enum Parameters {
    /// Tensors of the right shape and type without values.
    Placeholders,
    /// Copies of the parameters.
    Real,
}

/// The result of the forward function inside a capture scope.
struct Seen {
    inputs: Vec<TensorId>,
    outputs: Vec<(Option<String>, AnyTensor)>,
    paths: Paths,
    weights: HashMap<TensorId, Weight>,
}

fn record<M, I, O>(
    module: &M,
    feeds: &[Vec<Feed>],
    forward: &impl Fn(&M, I) -> O,
    parameters: Parameters,
    like: &Device,
) -> Result<Recording>
where
    M: Module,
    I: Inputs,
    O: Outputs,
{
    paths::initialise(module);
    let devices = module.devices();
    let like = devices.first().unwrap_or(like);
    let device = device::recording(like);
    let mut seen = Err(Error::Capture("the recording did not start".to_owned()));
    let captured = device.capture_scope(|scope| {
        device::set(&device, like);
        seen = run(module, feeds, forward, parameters, &device);
        let (inputs, outputs) = match &seen {
            // Without values, inputs are results of operations.
            Ok(seen) if feeds.iter().flatten().any(|feed| feed.filling == Filling::Nothing) => {
                (Vec::new(), distinct(&seen.outputs))
            }
            Ok(seen) => (seen.inputs.clone(), distinct(&seen.outputs)),
            Err(_) => (Vec::new(), Vec::new()),
        };
        scope.complete(inputs, outputs)
    });
    let seen = seen?;
    let captured = captured.map_err(|error| Error::Capture(error.to_string()))?;
    // burn resolves aliases while it completes the scope, so its ids count, not ours.
    let resolved: HashMap<_, _> = distinct(&seen.outputs).into_iter().zip(captured.graph.outputs).collect();
    let outputs = seen.outputs.into_iter().map(|(name, tensor)| {
        let id = tensor.id().map_err(|reason| Error::Output { name: name.clone().unwrap_or_default(), reason })?;
        Ok((name, resolved.get(&id).copied().unwrap_or(id)))
    });
    let outputs: Vec<_> = outputs.collect::<Result<_>>()?;
    let is_placeholder =
        |one: &OperationIr| created(one).is_some_and(|id| seen.weights.contains_key(&id) || seen.inputs.contains(&id));
    let forward = |one: &OperationIr| !matches!(one, OperationIr::Init(_)) && !is_placeholder(one);
    let operations = captured.graph.operations.into_iter().filter(forward).collect();
    let results = outputs.iter().map(|(_, id)| *id).collect();
    Ok(Recording {
        outputs,
        operations: dense::rejoin(operations, &results),
        inputs: if captured.graph.inputs.is_empty() { seen.inputs } else { captured.graph.inputs },
        values: captured.values,
        weights: seen.weights,
        parameters: seen.paths.parameters,
        types: seen.paths.types,
    })
}

/// The tensor that an operation filled with zeros, which may be a placeholder.
fn created(operation: &OperationIr) -> Option<TensorId> {
    use OperationIr::{BaseBool, BaseFloat, BaseInt};
    match operation {
        BaseFloat(BaseOperationIr::Zeros(op)) | BaseInt(BaseOperationIr::Zeros(op)) => Some(op.out.id),
        BaseBool(BaseOperationIr::Zeros(op)) => Some(op.out.id),
        _ => None,
    }
}

fn run<M, I, O>(
    module: &M,
    feeds: &[Vec<Feed>],
    forward: &impl Fn(&M, I) -> O,
    parameters: Parameters,
    device: &Device,
) -> Result<Seen>
where
    M: Module,
    I: Inputs,
    O: Outputs,
{
    // `valid` moves the module off an autodiff device and copies running statistics: a clone would share them, and moving
    // it would move the caller's statistics too.
    let module = module.valid();
    let (module, weights) = match parameters {
        Parameters::Placeholders => Placeholders::put(module, device),
        Parameters::Real => (module.map(&mut Dequantise), HashMap::new()),
    };
    let module = module.to_device(device);
    let paths = Paths::new(&module);
    let (arguments, tensors) = I::build(feeds, device).ok_or_else(|| {
        Error::Setup("the forward function and the exporter have different numbers of inputs".to_owned())
    })?;
    let inputs = tensors.iter().map(AnyTensor::id).collect::<Result<Vec<_>, _>>().map_err(Error::Capture)?;
    let mut outputs = Vec::new();
    forward(&module, arguments).collect(&mut outputs);
    for (position, (name, tensor)) in outputs.iter().enumerate() {
        let name = || name.clone().unwrap_or_else(|| format!("number {position}"));
        tensor.id().map_err(|reason| Error::Output { name: name(), reason })?;
    }
    Ok(Seen { inputs, outputs, paths, weights })
}

/// The recorded ids of the outputs, in order, without duplicates.
fn distinct(outputs: &[(Option<String>, AnyTensor)]) -> Vec<TensorId> {
    let mut seen = HashSet::new();
    outputs.iter().filter_map(|(_, tensor)| tensor.id().ok()).filter(|id| seen.insert(*id)).collect()
}
