//! Tiles and answers in the memory of the device: one buffer of pinned memory for the tiles, one on the device, and the
//! same for every answer. They are made once a batch size, so that a run copies in, computes and copies out and allocates
//! nothing, and so that CUDA graphs find the same addresses again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ndarray::ArrayD;
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, RunOptions};
use ort::value::Tensor;
use serde::Serialize;

use super::Port;
use crate::bundle::manifest::Dim;

/// Where the time of one run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Stages {
    /// Tiles to the device.
    pub to_device: Duration,
    /// Computing, until the device is done.
    pub compute: Duration,
    /// Answers back.
    pub from_device: Duration,
}

/// Which memory to bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    /// An NVIDIA GPU's, beside pinned memory of the host.
    Cuda { device: u32 },
    /// The host's own on both sides: for testing without a GPU.
    Host,
}

impl Memory {
    fn device(self) -> ort::Result<MemoryInfo<'static>> {
        let (place, id) = match self {
            Self::Cuda { device } => (AllocationDevice::CUDA, i32::try_from(device).unwrap_or(i32::MAX)),
            Self::Host => (AllocationDevice::CPU, 0),
        };
        MemoryInfo::new(place, id, AllocatorType::Device, MemoryType::Default)
    }

    /// Memory of the host that the device copies from and to by itself.
    fn pinned(self) -> ort::Result<MemoryInfo<'static>> {
        match self {
            Self::Cuda { device } => {
                let id = i32::try_from(device).unwrap_or(i32::MAX);
                MemoryInfo::new(AllocationDevice::CUDA_PINNED, id, AllocatorType::Device, MemoryType::CPU)
            }
            Self::Host => self.device(),
        }
    }
}

/// The bound memory of a session.
pub(super) struct Binding {
    memory: Memory,
    /// CUDA graphs are told apart by batch size.
    cuda_graph: bool,
    /// Outputs that are wanted; all of them without.
    wanted: Option<Vec<String>>,
    bound: Option<Bound>,
    stages: Option<Stages>,
}

/// Buffers for one batch size.
struct Bound {
    batch: usize,
    tiles: Tensor<u8>,
    tiles_there: Tensor<u8>,
    answers: Vec<Answer>,
    io: IoBinding,
    options: RunOptions,
}

struct Answer {
    name: String,
    there: Tensor<f32>,
    here: Tensor<f32>,
}

impl Binding {
    pub(super) fn new(memory: Memory, cuda_graph: bool) -> Self {
        Self { memory, cuda_graph, wanted: None, bound: None, stages: None }
    }

    /// From now on only these outputs are computed and copied.
    pub(super) fn select(&mut self, names: &[&str]) {
        self.wanted = Some(names.iter().map(|name| (*name).to_owned()).collect());
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
        bound.tiles.copy_into(&mut bound.tiles_there)?;
        let copied = Instant::now();
        drop(session.run_binding_with_options(&bound.io, &bound.options)?);
        bound.io.synchronize_outputs()?;
        let computed = Instant::now();
        let mut arrays = BTreeMap::new();
        for answer in &mut bound.answers {
            answer.there.copy_into(&mut answer.here)?;
            let (shape, values) = answer.here.try_extract_tensor::<f32>()?;
            let array = ArrayD::from_shape_vec(shape.to_ixdyn(), values.to_vec()).map_err(ort::Error::wrap)?;
            arrays.insert(answer.name.clone(), array);
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
        let there = Allocator::new(session, self.memory.device()?)?;
        let here = Allocator::new(session, self.memory.pinned()?)?;
        let mut io = session.create_binding()?;
        let input = inputs.first().ok_or_else(|| ort::Error::new("the graph has no input"))?;
        let tiles = Tensor::new(&here, shape(input, batch)?)?;
        let tiles_there = Tensor::new(&there, shape(input, batch)?)?;
        io.bind_input(&input.name, &tiles_there)?;
        let wanted = |port: &&Port| self.wanted.as_ref().is_none_or(|names| names.contains(&port.name));
        let mut answers = Vec::new();
        for port in outputs.iter().filter(wanted) {
            let mut answer = Answer {
                name: port.name.clone(),
                there: Tensor::new(&there, shape(port, batch)?)?,
                here: Tensor::new(&here, shape(port, batch)?)?,
            };
            io.bind_output(&port.name, &mut answer.there)?;
            answers.push(answer);
        }
        let mut options = RunOptions::new()?;
        if self.cuda_graph {
            options.set("gpu_graph_id", batch.to_string())?;
        }
        Ok(Bound { batch, tiles, tiles_there, answers, io, options })
    }
}

/// The lengths of a port's axes at a batch; every axis but the first must have its own.
fn shape(port: &Port, batch: usize) -> ort::Result<Vec<usize>> {
    let axis = |(place, dim): (usize, &Dim)| match dim {
        Dim::Symbolic(_) if place == 0 => Ok(batch),
        Dim::Fixed(length) => usize::try_from(*length).map_err(ort::Error::wrap),
        Dim::Symbolic(name) => {
            let text = format!("`{}` has the open axis `{name}`; io_binding needs every axis but the batch", port.name);
            Err(ort::Error::new(text))
        }
    };
    port.shape.iter().enumerate().map(axis).collect()
}
