//! The entry point: declares the inputs and outputs of a graph, records a module, lowers it, and returns the model.

use std::collections::BTreeSet;

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor};

use crate::capture::Recording;
use crate::error::{Error, Result};
use crate::graph::{Draft, Header, names, passes};
use crate::lower::{self, Choices};
use crate::onnx::OnnxModel;
use crate::panics;
use crate::recorded::{Kept, Recorded};
use crate::symbolic::{Plan, Size, Symbol};
use crate::tensors::{Append, Feed, Filling, Inputs, Outputs};
use crate::trace::Trace;

/// The opsets that can be written, up to the newest that ONNX Runtime 1.31 reads.
pub const OPSETS: std::ops::RangeInclusive<i64> = 17..=26;

/// The default opset. Every runtime in use reads it; ONNX Runtime since 1.14.
pub const DEFAULT_OPSET: i64 = 18;

/// The most memory that the constants of a recording with a much larger size may take.
const LARGE_CONSTANTS: f64 = (32 << 20) as f64;

/// A declared graph input.
#[derive(Clone, Debug)]
struct Input {
    name: String,
    dtype: DType,
    dims: Vec<usize>,
    /// The symbol of each axis; empty for a fixed one.
    axes: Vec<String>,
    /// The sample's device.
    device: Device,
}

/// Exports a burn module as an ONNX model.
///
/// Each [`input`](Self::input) and [`input_list`](Self::input_list) adds an argument to the forward function. The type
/// parameter is `()` without arguments, the argument if there is one, a tuple of up to eight if there are more.
///
/// ```
/// use burn::module::Module;
/// use burn::nn::{Linear, LinearConfig};
/// use burn::tensor::{Device, Tensor, activation::softmax};
/// use burn_onnx_export::Exporter;
///
/// #[derive(Module, Debug)]
/// struct Classifier {
///     dense: Linear,
/// }
///
/// impl Classifier {
///     fn forward(&self, features: Tensor<2>) -> Tensor<2> {
///         softmax(self.dense.forward(features), 1)
///     }
/// }
///
/// let device = Device::flex();
/// let module = Classifier { dense: LinearConfig::new(8, 2).init(&device) };
/// let model = Exporter::new()
///     .input("features", Tensor::<2>::zeros([1, 8], &device), ["batch", ""])
///     .outputs(["probabilities"])
///     .metadata("classes", "benign,tumour")
///     .export(&module, |module, features| module.forward(features))?;
/// assert_eq!(model.operators(), ["Gemm", "Softmax"]);
/// # Ok::<(), burn_onnx_export::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Exporter<I = ()> {
    inputs: Vec<Input>,
    /// The number of inputs of each argument.
    lengths: Vec<usize>,
    outputs: Vec<String>,
    sizes: Vec<(String, [usize; 3])>,
    header: Header,
    /// The opset, if one was chosen.
    opset: Option<i64>,
    allow_random: bool,
    arguments: std::marker::PhantomData<fn() -> I>,
}

impl Exporter {
    /// An exporter without inputs.
    pub fn new() -> Self {
        Self {
            inputs: Vec::new(),
            lengths: Vec::new(),
            outputs: Vec::new(),
            sizes: Vec::new(),
            header: Header { name: "main".to_owned(), ..Header::default() },
            opset: None,
            allow_random: false,
            arguments: std::marker::PhantomData,
        }
    }
}

impl Default for Exporter {
    fn default() -> Self {
        Self::new()
    }
}

impl<I> Exporter<I> {
    /// Adds an input. Only the rank, kind, element type and shape of `sample` matter; its values are never read.
    ///
    /// `axes` names the symbolic axes; an axis named `""` keeps the sample's size. Axes of the same name have the same
    /// size.
    pub fn input<const D: usize, K>(
        self,
        name: impl Into<String>,
        sample: Tensor<D, K>,
        axes: [&str; D],
    ) -> Exporter<I::Longer>
    where
        K: burn::tensor::kind::Basic,
        I: Append<Tensor<D, K>>,
    {
        self.argument([(name.into(), sample)], axes)
    }

    /// Adds an argument of several tensors of one rank and kind, such as the key-value caches of a decoder: one input for
    /// each sample, under its name, and a `Vec` for the forward function. `axes` are those of each.
    ///
    /// ```
    /// use burn::nn::LinearConfig;
    /// use burn::tensor::{Device, Tensor};
    /// use burn_onnx_export::Exporter;
    ///
    /// let device = Device::flex();
    /// let module = LinearConfig::new(8, 2).init(&device);
    /// let parts = (0..12).map(|part| (format!("part_{part}"), Tensor::<2>::zeros([1, 8], &device)));
    /// let exporter = Exporter::new().input_list(parts, ["batch", ""]).outputs(["y"]);
    /// let model = exporter.export(&module, |module, parts: Vec<Tensor<2>>| module.forward(Tensor::cat(parts, 0)))?;
    /// assert_eq!(model.inputs().len(), 12);
    /// # Ok::<(), burn_onnx_export::Error>(())
    /// ```
    pub fn input_list<const D: usize, K, N>(
        self,
        samples: impl IntoIterator<Item = (N, Tensor<D, K>)>,
        axes: [&str; D],
    ) -> Exporter<I::Longer>
    where
        K: burn::tensor::kind::Basic,
        N: Into<String>,
        I: Append<Vec<Tensor<D, K>>>,
    {
        self.argument(samples.into_iter().map(|(name, sample)| (name.into(), sample)), axes)
    }

    /// Adds an argument of these inputs.
    fn argument<const D: usize, K: burn::tensor::kind::Basic, L>(
        mut self,
        samples: impl IntoIterator<Item = (String, Tensor<D, K>)>,
        axes: [&str; D],
    ) -> Exporter<L> {
        let before = self.inputs.len();
        let axes = axes.map(str::to_owned).to_vec();
        let input = |(name, sample): (String, Tensor<D, K>)| {
            let (dtype, dims, device) = (sample.dtype(), sample.dims().to_vec(), sample.device());
            Input { name, dtype, dims, axes: axes.clone(), device }
        };
        self.inputs.extend(samples.into_iter().map(input));
        self.lengths.push(self.inputs.len() - before);
        Exporter {
            inputs: self.inputs,
            lengths: self.lengths,
            outputs: self.outputs,
            sizes: self.sizes,
            header: self.header,
            opset: self.opset,
            allow_random: self.allow_random,
            arguments: std::marker::PhantomData,
        }
    }

    /// Names the outputs, in the order in which the forward function returns them.
    pub fn outputs<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.outputs = names.into_iter().map(Into::into).collect();
        self
    }

    /// Adds an entry to the model's `metadata_props`. Entries are sorted by key; the last value of a key counts.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let key = key.into();
        self.header.metadata.retain(|(other, _)| *other != key);
        self.header.metadata.push((key, value.into()));
        self.header.metadata.sort();
        self
    }

    /// Sets the graph's name and the model's description.
    pub fn describe(mut self, name: impl Into<String>, description: impl Into<String>) -> Self {
        self.header.name = name.into();
        self.header.description = description.into();
        self
    }

    /// Sets the opset, one of [`OPSETS`]. By default the model has [`DEFAULT_OPSET`], or the lowest newer opset that
    /// expresses all of its operations; see [`OnnxModel::newer_opset_for`].
    pub fn opset(mut self, opset: i64) -> Self {
        self.opset = Some(opset);
        self
    }

    /// Allows operations that draw random numbers, with which a model gives another result each time.
    pub fn allow_random(mut self) -> Self {
        self.allow_random = true;
        self
    }

    /// Sets the three different sizes with which a symbolic axis is recorded, for a forward function that accepts only
    /// some sizes, or that behaves differently beyond a size. By default they are once, twice and three times the sample's
    /// size (2, 4 and 6 for a sample of 1), a larger prime if the forward function accepts it, and a much larger size that
    /// only verifies. With sizes of your own nothing is verified beyond them, so use the model with sizes of that kind only.
    pub fn symbol_sizes(mut self, symbol: impl Into<String>, sizes: [usize; 3]) -> Self {
        self.sizes.push((symbol.into(), sizes));
        self
    }

    /// Records `forward` on the module and returns the ONNX model.
    ///
    /// `forward` runs several times and computes nothing. The module may be on any device, in training or not; the export
    /// is of [`Module::valid`].
    ///
    /// # Effects on the process
    /// - The first export wraps the process's panic hook for good: panics of `forward` print nothing, all others reach the
    ///   earlier hook. A hook that is set later replaces the wrapper; panics of `forward` then print their message too.
    /// - A panic of `forward` is caught, and a `forward` that reads values of parameters panics once before it is recorded
    ///   with them. With `panic = "abort"` either ends the process, so build with unwinding.
    /// - burn creates at most 65,536 recording devices in a process. Each recording at the same time needs one, and later
    ///   recordings of any thread use it again.
    ///
    /// # Errors
    /// [`Error::Setup`] for wrong names, axes or opset; [`Error::Forward`] if `forward` panics, for example because
    /// it reads a value back; [`Error::Unstable`] and [`Error::Ambiguous`] if symbolic axes cannot be followed;
    /// [`Error::Unsupported`] with every operation that has no ONNX form.
    pub fn export<M, O, F>(&self, module: &M, forward: F) -> Result<OnnxModel>
    where
        M: Module,
        I: Inputs,
        O: Outputs,
        F: Fn(&M, I) -> O,
    {
        self.export_with(module, &forward, |_, _| ()).map(|(model, ())| model)
    }

    /// As [`export`](Self::export), with the recording that the model comes from: the operations with their constants,
    /// and the recorded tensor of each value of the graph. For programs that execute the recording, to compare a runtime
    /// with burn value by value.
    ///
    /// # Errors
    /// As [`export`](Self::export).
    pub fn export_recorded<M, O, F>(&self, module: &M, forward: F) -> Result<(OnnxModel, Recorded)>
    where
        M: Module,
        I: Inputs,
        O: Outputs,
        F: Fn(&M, I) -> O,
    {
        self.export_with(module, &forward, Recorded::new)
    }

    /// Exports at the lowest opset that expresses every operation. `keep` sees the base recording before its constants
    /// move to the graph.
    fn export_with<M, O, F, K>(
        &self,
        module: &M,
        forward: &F,
        keep: fn(&Recording, &[String]) -> K,
    ) -> Result<(OnnxModel, K)>
    where
        M: Module,
        I: Inputs,
        O: Outputs,
        F: Fn(&M, I) -> O,
        K: Kept,
    {
        let opset = self.opset.unwrap_or(DEFAULT_OPSET);
        let refused = match (self.export_at(opset, module, forward, keep), self.opset) {
            (Err(Error::Unsupported(refused)), None) => refused,
            (other, _) => return other,
        };
        if refused.iter().all(|one| lower::not_expressible(&one.kind).is_none()) {
            for newer in DEFAULT_OPSET + 1..=*OPSETS.end() {
                if let Ok((model, kept)) = self.export_at(newer, module, forward, keep) {
                    return Ok((model.with_newer_opset_for(refused), kept));
                }
            }
        }
        Err(Error::Unsupported(refused))
    }

    /// Exports at one opset. A model that contradicts the formulas at a much larger size is an error that names the axis.
    fn export_at<M, O, F, K>(
        &self,
        opset: i64,
        module: &M,
        forward: &F,
        keep: fn(&Recording, &[String]) -> K,
    ) -> Result<(OnnxModel, K)>
    where
        K: Kept,
        M: Module,
        I: Inputs,
        O: Outputs,
        F: Fn(&M, I) -> O,
    {
        let axes: Vec<usize> = (0..self.plan()?.symbols.len()).collect();
        let error = match self.attempt(opset, module, forward, keep, &axes) {
            Err(error @ (Error::Unstable { .. } | Error::Ambiguous { .. } | Error::Output { .. })) => error,
            other => return other,
        };
        // The larger sizes are at fault only if the export succeeds without them.
        self.attempt(opset, module, forward, keep, &[])?;
        let alone = axes.iter().find_map(|axis| self.attempt(opset, module, forward, keep, &[*axis]).err());
        Err(alone.unwrap_or(error))
    }

    /// Exports at one opset, and verifies the formulas at a much larger size of each of `axes`.
    fn attempt<M, O, F, K>(
        &self,
        opset: i64,
        module: &M,
        forward: &F,
        keep: fn(&Recording, &[String]) -> K,
        axes: &[usize],
    ) -> Result<(OnnxModel, K)>
    where
        K: Kept,
        M: Module,
        I: Inputs,
        O: Outputs,
        F: Fn(&M, I) -> O,
    {
        let mut plan = self.plan()?;
        self.check_names(opset)?;
        let Some(Input { device, .. }) = self.inputs.first() else {
            return Err(Error::Setup("the model has no input; add one with `input`".to_owned()));
        };
        let record = |plan: &Plan, recording: usize| {
            Recording::make(module, &self.feeds(plan, recording), forward, plan.describe(recording), device)
        };
        let mut base = record(&plan, 0)?;
        let mut others = (1..plan.recordings()).map(|one| record(&plan, one)).collect::<Result<Vec<_>>>()?;
        others.iter_mut().for_each(Recording::drop_parameters);
        // Not every forward function accepts a prime size, but one that does determines its sizes better.
        let odd = Plan { odd: !plan.symbols.is_empty(), ..plan.clone() };
        if odd.odd
            && let Ok(last) = record(&odd, plan.recordings())
        {
            others.push(last);
            plan = odd;
        }
        for axis in axes {
            let symbol = &plan.symbols[*axis];
            let fits = |size: &usize| {
                let bytes = base.estimate_constants(&others[*axis], [symbol.sizes[0], symbol.sizes[1]], *size);
                bytes.is_some_and(|bytes| bytes <= LARGE_CONSTANTS)
            };
            let sizes = symbol.larger(!plan.odd).into_iter().filter(fits);
            let mut plans = sizes.map(|size| plan.with_large(*axis, size));
            let found = plans.find_map(|larger| record(&larger, plan.recordings()).ok().map(|made| (larger, made)));
            if let Some((larger, mut made)) = found {
                made.drop_parameters();
                others.push(made);
                plan = larger;
            }
        }
        self.name_outputs(&mut base)?;
        let shapes = self.shapes(&plan);
        let names: Vec<String> = self.inputs.iter().map(|input| input.name.clone()).collect();
        let kept = keep(&base, &names);
        let choices = Choices { opset, allow_random: self.allow_random };
        let names = names.iter().map(String::as_str).zip(shapes);
        let lowered = Trace::align(plan.clone(), base, others).and_then(|trace| {
            panics::reading(|| {
                let (mut graph, bound) = lower::lower(trace, names, choices)?;
                passes::tidy(&mut graph, opset);
                Ok((graph, bound))
            })
        });
        let (mut graph, bound) = lowered.map_err(|error| error.at_larger_sizes(&plan.describe_large()))?;
        names::assign(&mut graph);
        let kept = kept.named(&graph, &bound);
        Ok((OnnxModel::new(Draft { graph, plan, header: self.header.clone(), opset }), kept))
    }

    /// The symbols, in the order of the inputs.
    fn plan(&self) -> Result<Plan> {
        let mut symbols: Vec<Symbol> = Vec::new();
        for (position, input) in self.inputs.iter().enumerate() {
            for (axis, name) in input.axes.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
                let size = input.dims[axis];
                match symbols.iter().find(|symbol| symbol.name == *name) {
                    Some(symbol) if self.inputs[symbol.input].dims[symbol.axis] != size => {
                        return Err(Error::Setup(format!(
                            "axis `{name}` has size {} in input `{}` and {size} in input `{}`; samples must agree",
                            self.inputs[symbol.input].dims[symbol.axis], self.inputs[symbol.input].name, input.name
                        )));
                    }
                    Some(_) => {}
                    None => {
                        let (sizes, odd) = self.sizes_of(name, size)?;
                        symbols.push(Symbol { name: name.clone(), input: position, axis, sizes, odd });
                    }
                }
            }
        }
        if let Some((name, _)) = self.sizes.iter().find(|(name, _)| symbols.iter().all(|symbol| symbol.name != *name)) {
            return Err(Error::Setup(format!("`symbol_sizes` names `{name}`, but no input has such an axis")));
        }
        Ok(Plan { symbols, odd: false, large: Vec::new() })
    }

    fn sizes_of(&self, name: &str, sample: usize) -> Result<([usize; 3], usize)> {
        let Some((_, sizes)) = self.sizes.iter().find(|(other, _)| other == name) else {
            return Ok(Symbol::usual_sizes(sample));
        };
        let distinct: BTreeSet<_> = sizes.iter().collect();
        if distinct.len() < 3 || sizes.iter().any(|size| *size < 2) {
            return Err(Error::Setup(format!(
                "axis `{name}` needs three different sizes of at least 2, not {sizes:?}"
            )));
        }
        Ok((*sizes, sizes[2]))
    }

    fn check_names(&self, opset: i64) -> Result<()> {
        if !OPSETS.contains(&opset) {
            return Err(Error::Setup(format!(
                "opset {opset} cannot be written; choose {} to {}",
                OPSETS.start(),
                OPSETS.end()
            )));
        }
        unique(self.inputs.iter().map(|input| input.name.as_str()).chain(self.outputs.iter().map(String::as_str)))
    }

    /// The feeds of each argument.
    fn feeds(&self, plan: &Plan, recording: usize) -> Vec<Vec<Feed>> {
        let dims = |input: &Input| self.dims(plan, input, recording);
        let filling = match recording {
            0 => Filling::Zeros,
            large if plan.is_large(large) => Filling::Nothing,
            _ => Filling::Ones,
        };
        let mut feeds = self.inputs.iter().map(|input| Feed { dtype: input.dtype, dims: dims(input), filling });
        self.lengths.iter().map(|length| feeds.by_ref().take(*length).collect()).collect()
    }

    fn dims(&self, plan: &Plan, input: &Input, recording: usize) -> Vec<usize> {
        let sizes = plan.sizes(recording);
        let size = |(axis, name): (usize, &String)| {
            let symbol = plan.symbols.iter().position(|symbol| symbol.name == *name);
            symbol.map_or(input.dims[axis], |symbol| sizes[symbol])
        };
        input.axes.iter().enumerate().map(size).collect()
    }

    /// Sizes of every input in every recording.
    fn shapes(&self, plan: &Plan) -> Vec<Vec<Size>> {
        let shape = |input: &Input| {
            let all: Vec<Vec<usize>> = (0..plan.recordings()).map(|one| self.dims(plan, input, one)).collect();
            (0..input.dims.len()).map(|axis| Size(all.iter().map(|dims| dims[axis] as i64).collect())).collect()
        };
        self.inputs.iter().map(shape).collect()
    }

    /// Gives the outputs the declared names, unless the forward function returned names.
    fn name_outputs(&self, base: &mut Recording) -> Result<()> {
        let own = base.outputs.iter().filter(|(name, _)| name.is_some()).count();
        if own == 0 && !self.outputs.is_empty() && self.outputs.len() != base.outputs.len() {
            return Err(Error::OutputCount { declared: self.outputs.len(), returned: base.outputs.len() });
        }
        for (position, (name, _)) in base.outputs.iter_mut().enumerate() {
            let declared = || self.outputs.get(position).cloned().unwrap_or_else(|| format!("output_{position}"));
            name.get_or_insert_with(declared);
        }
        let outputs = base.outputs.iter().filter_map(|(name, _)| name.as_deref());
        unique(self.inputs.iter().map(|input| input.name.as_str()).chain(outputs))
    }
}

/// Checks that no name is empty or used twice: inputs and outputs share one namespace.
fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if name.is_empty() {
            return Err(Error::Setup("an input or output has an empty name".to_owned()));
        }
        if !seen.insert(name) {
            return Err(Error::Setup(format!("two inputs or outputs are named `{name}`")));
        }
    }
    Ok(())
}
