//! Tiles and outputs in the memory of the device: one buffer of pinned memory for the tiles, one on the device, and the
//! same for every output. They are made once a batch size, so that a run copies in, computes and copies out and allocates
//! nothing, and so that CUDA graphs find the same addresses again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ndarray::ArrayD;
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, RunOptions};
use ort::value::Tensor;
use serde::Serialize;

use super::port::Port;
use crate::bundle::manifest::Dim;
use crate::provider::{BoundMemory, Memory};

/// The time of one run by stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Stages {
    /// Tiles to the device.
    pub to_device: Duration,
    /// Computing, until the device is done.
    pub compute: Duration,
    /// Outputs back from the device.
    pub from_device: Duration,
}

fn on_device(memory: Memory) -> ort::Result<MemoryInfo<'static>> {
    let (device, id) = match memory {
        Memory::Cuda { device } => (AllocationDevice::CUDA, i32::try_from(device).unwrap_or(i32::MAX)),
        Memory::Host => (AllocationDevice::CPU, 0),
    };
    MemoryInfo::new(device, id, AllocatorType::Device, MemoryType::Default)
}

/// Memory of the host that the device copies from and to by itself.
fn pinned(memory: Memory) -> ort::Result<MemoryInfo<'static>> {
    match memory {
        Memory::Cuda { device } => {
            let id = i32::try_from(device).unwrap_or(i32::MAX);
            MemoryInfo::new(AllocationDevice::CUDA_PINNED, id, AllocatorType::Device, MemoryType::CPU)
        }
        Memory::Host => on_device(memory),
    }
}

/// The bound memory of a session.
pub(super) struct Binding {
    memory: Memory,
    /// Records a CUDA graph for each batch size.
    cuda_graph: bool,
    /// The selected outputs; all of them if there is no selection.
    selected: Option<Vec<String>>,
    bound: Option<Bound>,
    stages: Option<Stages>,
}

/// Buffers for one batch size.
struct Bound {
    batch: usize,
    tiles: Tensor<u8>,
    tiles_on_device: Tensor<u8>,
    outputs: Vec<BoundOutput>,
    io: IoBinding,
    options: RunOptions,
}

struct BoundOutput {
    name: String,
    on_device: Tensor<f32>,
    on_host: Tensor<f32>,
}

impl Binding {
    pub(super) fn new(bound: BoundMemory) -> Self {
        let BoundMemory { memory, cuda_graph } = bound;
        Self { memory, cuda_graph, selected: None, bound: None, stages: None }
    }

    /// Computes and copies only these outputs from now on.
    pub(super) fn select(&mut self, names: &[&str]) {
        self.selected = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self.bound = None;
    }

    pub(super) fn stages(&self) -> Option<Stages> {
        self.stages
    }

    pub(super) fn run(
        &mut self,
        session: &mut ort::session::Session,
        inputs: &[Port],
        outputs: &[Port],
        pixels: &[u8],
        batch: usize,
    ) -> ort::Result<BTreeMap<String, ArrayD<f32>>> {
        if self.bound.as_ref().is_none_or(|bound| bound.batch != batch) {
            self.bound = None;
            self.bound = Some(self.bind(session, inputs, outputs, batch)?);
        }
        let Some(bound) = &mut self.bound else { return Ok(BTreeMap::new()) };
        let started = Instant::now();
        bound.tiles.try_extract_tensor_mut::<u8>()?.1.copy_from_slice(pixels);
        bound.tiles.copy_into(&mut bound.tiles_on_device)?;
        let copied = Instant::now();
        drop(session.run_binding_with_options(&bound.io, &bound.options)?);
        bound.io.synchronize_outputs()?;
        let computed = Instant::now();
        let mut arrays = BTreeMap::new();
        for output in &mut bound.outputs {
            output.on_device.copy_into(&mut output.on_host)?;
            let (shape, values) = output.on_host.try_extract_tensor::<f32>()?;
            let array = ArrayD::from_shape_vec(shape.to_ixdyn(), values.to_vec()).map_err(ort::Error::wrap)?;
            arrays.insert(output.name.clone(), array);
        }
        self.stages =
            Some(Stages { to_device: copied - started, compute: computed - copied, from_device: computed.elapsed() });
        Ok(arrays)
    }

    fn bind(
        &self,
        session: &ort::session::Session,
        inputs: &[Port],
        outputs: &[Port],
        batch: usize,
    ) -> ort::Result<Bound> {
        let device = Allocator::new(session, on_device(self.memory)?)?;
        let host = Allocator::new(session, pinned(self.memory)?)?;
        let mut io = session.create_binding()?;
        let input = inputs.first().ok_or_else(|| ort::Error::new("the graph has no input"))?;
        let tiles = Tensor::new(&host, shape(input, batch)?)?;
        let tiles_on_device = Tensor::new(&device, shape(input, batch)?)?;
        io.bind_input(&input.name, &tiles_on_device)?;
        let selected = |port: &&Port| self.selected.as_ref().is_none_or(|names| names.contains(&port.name));
        let mut bound = Vec::new();
        for port in outputs.iter().filter(selected) {
            let mut output = BoundOutput {
                name: port.name.clone(),
                on_device: Tensor::new(&device, shape(port, batch)?)?,
                on_host: Tensor::new(&host, shape(port, batch)?)?,
            };
            io.bind_output(&port.name, &mut output.on_device)?;
            bound.push(output);
        }
        let mut options = RunOptions::new()?;
        if self.cuda_graph {
            options.set("gpu_graph_id", batch.to_string())?;
        }
        Ok(Bound { batch, tiles, tiles_on_device, outputs: bound, io, options })
    }
}

/// The lengths of a port's axes at a batch; every axis but the first must have a fixed length.
fn shape(port: &Port, batch: usize) -> ort::Result<Vec<usize>> {
    let axis = |(place, dim): (usize, &Dim)| match dim {
        Dim::Symbolic(_) if place == 0 => Ok(batch),
        Dim::Fixed(length) => usize::try_from(*length).map_err(ort::Error::wrap),
        Dim::Symbolic(name) => {
            let text = format!(
                "`{}` has the symbolic axis `{name}`; io_binding needs a fixed length on every axis but the batch",
                port.name
            );
            Err(ort::Error::new(text))
        }
    };
    port.shape.iter().enumerate().map(axis).collect()
}
