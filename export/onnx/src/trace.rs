//! Aligns the recordings of one forward function: the same operations with the same connections, different only in sizes.
//! Any other difference is an error that names the operation.

use std::collections::{BTreeMap, HashMap};

use burn::backend::capture::TensorId;
use burn::backend::ir::{OperationIr, TensorIr};
use burn::tensor::TensorData;
use serde_json::Value as Json;

use crate::capture::{Modules, Recording, kind};
use crate::error::{Error, Result};
use crate::symbolic::{Plan, Size, VaryingConstant};

/// The aligned recordings of one forward function.
pub(crate) struct Trace {
    /// The base recording, whose operations are lowered.
    pub(crate) base: Recording,
    pub(crate) plan: Plan,
    pub(crate) modules: Modules,
    /// Constants that the forward function computed from sizes.
    pub(crate) varying: HashMap<TensorId, VaryingConstant>,
    others: Vec<Recording>,
    shapes: HashMap<TensorId, Vec<Size>>,
}

impl Trace {
    /// Aligns recordings in the plan's order, base first.
    pub(crate) fn align(plan: Plan, base: Recording, others: Vec<Recording>) -> Result<Self> {
        let modules = Modules::new(&base);
        let mut numbers: Vec<Numbers> = others.iter().map(|other| Numbers::pair(&base, other)).collect();
        let mut trace = Self { base, plan, modules, varying: HashMap::new(), others, shapes: HashMap::new() };
        let mut varying = BTreeMap::new();
        for (position, (other, numbers)) in trace.others.iter().zip(&mut numbers).enumerate() {
            let found = trace.compare(other, numbers).map_err(|error| trace.placed(error, position + 1))?;
            for (id, place) in found {
                varying.entry(id).or_insert((position + 1, place));
            }
        }
        for (id, (recording, Place { index, reason })) in varying {
            let rule = trace.varying_constant(id, &numbers);
            let rule = rule.ok_or_else(|| trace.placed(trace.unstable(index, reason), recording))?;
            trace.varying.insert(id, rule);
        }
        trace.shapes = trace.collect_shapes();
        Ok(trace)
    }

    /// Sizes of a tensor of the base recording.
    pub(crate) fn shape(&self, tensor: &TensorIr) -> Vec<Size> {
        let repeated = || tensor.shape.iter().map(|size| Size(vec![*size as i64; self.plan.recordings()])).collect();
        self.shapes.get(&tensor.id).cloned().unwrap_or_else(repeated)
    }

    /// The operation at `index` in every recording, base first.
    pub(crate) fn variants(&self, index: usize) -> impl Iterator<Item = &OperationIr> {
        let all = std::iter::once(&self.base).chain(&self.others);
        all.filter_map(move |recording| recording.operations.get(index))
    }

    fn collect_shapes(&self) -> HashMap<TensorId, Vec<Size>> {
        let mut shapes = HashMap::new();
        for index in 0..self.base.operations.len() {
            let variants: Vec<Vec<&TensorIr>> = self.variants(index).map(OperationIr::nodes).collect();
            for (position, tensor) in variants[0].iter().enumerate() {
                let size = |axis| Size(variants.iter().map(|nodes| nodes[position].shape[axis] as i64).collect());
                shapes.entry(tensor.id).or_insert_with(|| (0..tensor.shape.num_dims()).map(size).collect());
            }
        }
        shapes
    }

    /// The rule that explains a constant in all recordings.
    fn varying_constant(&self, id: TensorId, numbers: &[Numbers]) -> Option<VaryingConstant> {
        let mut data: Vec<&TensorData> = vec![self.base.value(id)?];
        for (other, numbers) in self.others.iter().zip(numbers) {
            data.push(other.value(*numbers.pairs.get(&id)?)?);
        }
        VaryingConstant::from_recordings(&data)
    }

    /// Compares one recording with the base. Returns the constants whose data differs.
    fn compare(&self, other: &Recording, numbers: &mut Numbers) -> Result<BTreeMap<TensorId, Place>> {
        let mut varying = BTreeMap::new();
        let pairs = self.base.operations.iter().zip(&other.operations);
        for (index, (ours, theirs)) in pairs.enumerate() {
            let fail = |reason: String| self.unstable(index, reason);
            if kind(ours) != kind(theirs) {
                return Err(fail(format!("it is {} in one of them", kind(theirs))));
            }
            for (ours, theirs) in ours.inputs().zip(theirs.inputs()) {
                let differs = self.compare_inputs(other, numbers, ours.id, theirs.id).map_err(fail)?;
                varying.extend(differs.map(|reason| (ours.id, Place { index, reason })));
            }
            ours.outputs().zip(theirs.outputs()).for_each(|(ours, theirs)| numbers.add(ours.id, theirs.id));
            compare_options(ours, theirs).map_err(fail)?;
        }
        if self.base.operations.len() != other.operations.len() {
            let index = self.base.operations.len().min(other.operations.len());
            let reason = format!("one has {} operations, one {}", self.base.operations.len(), other.operations.len());
            return Err(self.unstable(index.saturating_sub(1), reason));
        }
        let index = self.base.operations.len().saturating_sub(1);
        if self.base.outputs.len() != other.outputs.len() {
            return Err(self.unstable(index, "one returns more outputs than the other".to_owned()));
        }
        for ((_, ours), (_, theirs)) in self.base.outputs.iter().zip(&other.outputs) {
            let differs = self.compare_inputs(other, numbers, *ours, *theirs);
            let differs = differs.map_err(|_| self.unstable(index, "the outputs differ".to_owned()))?;
            varying.extend(differs.map(|reason| (*ours, Place { index, reason })));
        }
        Ok(varying)
    }

    /// Compares an operand of the two recordings. Returns the difference if it is a constant with other data, an error if
    /// it is another value.
    fn compare_inputs(
        &self,
        other: &Recording,
        numbers: &mut Numbers,
        ours: TensorId,
        theirs: TensorId,
    ) -> Result<Option<String>, String> {
        if numbers.contains(ours) {
            let same = numbers.same(ours, theirs);
            return same.then_some(None).ok_or_else(|| "it reads another value".to_owned());
        }
        numbers.add(ours, theirs);
        let (Some(ours), Some(theirs)) = (self.base.value(ours), other.value(theirs)) else { return Ok(None) };
        if ours.dtype() != theirs.dtype() {
            return Err("a constant that it reads has another type".to_owned());
        }
        if ours.shape() != theirs.shape() {
            return Ok(Some(format!(
                "a constant that it reads has shape {:?} in one and {:?} in another, and its data is neither an even \
                 progression nor a single repeated number, so it cannot be continued to other sizes; compute it from tensors",
                ours.shape().as_slice(),
                theirs.shape().as_slice()
            )));
        }
        let differs = "a constant that it reads has other values: the forward function read an input, or drew numbers \
                       outside the graph";
        Ok((ours.as_bytes() != theirs.as_bytes()).then(|| differs.to_owned()))
    }

    /// Adds the sizes of the recordings to the reason of an error.
    fn placed(&self, error: Error, recording: usize) -> Error {
        match error {
            Error::Unstable { index, kind, module, reason } if !self.plan.symbols.is_empty() => {
                let (one, other) = (self.plan.describe(0), self.plan.describe(recording));
                let mut reason = format!("{reason} (recorded with {one}, and with {other}");
                if self.plan.odd && recording == self.plan.symbols.len() + 2 {
                    reason += "; if the model accepts only some sizes, set three of them with `symbol_sizes`";
                }
                Error::Unstable { index, kind, module, reason: reason + ")" }
            }
            other => other,
        }
    }

    fn unstable(&self, index: usize, reason: String) -> Error {
        let kind = self.base.operations.get(index).map(kind).unwrap_or_default();
        Error::Unstable { index, kind, module: self.modules.path(index).to_owned(), reason }
    }
}

/// The operation at which a constant differs, and the difference.
struct Place {
    index: usize,
    reason: String,
}

/// The tensors of one recording, and their counterparts in another.
struct Numbers {
    pairs: HashMap<TensorId, TensorId>,
}

impl Numbers {
    fn pair(base: &Recording, other: &Recording) -> Self {
        let mut pairs: HashMap<_, _> = base.inputs.iter().copied().zip(other.inputs.iter().copied()).collect();
        let theirs: HashMap<_, _> = other.parameters.iter().map(|(id, path)| (path, *id)).collect();
        pairs.extend(base.parameters.iter().filter_map(|(id, path)| Some((*id, *theirs.get(path)?))));
        Self { pairs }
    }

    fn contains(&self, ours: TensorId) -> bool {
        self.pairs.contains_key(&ours)
    }

    fn same(&self, ours: TensorId, theirs: TensorId) -> bool {
        self.pairs.get(&ours) == Some(&theirs)
    }

    fn add(&mut self, ours: TensorId, theirs: TensorId) {
        self.pairs.entry(ours).or_insert(theirs);
    }
}

/// Options that may follow a symbolic axis, because the lowering reads them from every recording.
fn may_vary(operation: &str) -> &'static [&'static str] {
    match operation {
        "Base::Slice" | "Base::SliceAssign" => &["ranges"],
        "Base::RepeatDim" => &["times"],
        "Module::Interpolate" => &["output_size"],
        "Float::PowfScalar" | "Base::EqualElem" | "Base::NotEqualElem" => &["rhs"],
        "Numeric::ClampMin" | "Numeric::ClampMax" => &["rhs"],
        "Numeric::Clamp" => &["min", "max"],
        "Numeric::Full" | "Base::MaskFill" => &["value"],
        numeric if numeric.starts_with("Numeric::") && (numeric.ends_with("Scalar") || numeric.ends_with("Elem")) => {
            &["rhs"]
        }
        // This is a hint for the precision of sums.
        _ => &["accumulator_len"],
    }
}

fn compare_options(ours: &OperationIr, theirs: &OperationIr) -> Result<(), String> {
    let json = |operation| serde_json::to_value(operation).map_err(|error| error.to_string());
    differ(&json(ours)?, &json(theirs)?, "", may_vary(&kind(ours))).map_or(Ok(()), Err)
}

/// The first difference, except in ids, shapes and the options that may vary.
fn differ(ours: &Json, theirs: &Json, path: &str, vary: &[&str]) -> Option<String> {
    match (ours, theirs) {
        (Json::Object(a), Json::Object(b)) => {
            if ["id", "shape", "status", "dtype"].iter().all(|key| a.contains_key(*key)) {
                return (a.get("dtype") != b.get("dtype")).then(|| format!("`{path}` has another dtype"));
            }
            let both = a.iter().filter(|(key, _)| !vary.contains(&key.as_str()));
            both.filter_map(|(key, value)| differ(value, b.get(key).unwrap_or(&Json::Null), key, vary)).next()
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).find_map(|(a, b)| differ(a, b, path, vary))
        }
        _ => (ours != theirs).then(|| format!("`{path}` is {ours} in one and {theirs} in another")),
    }
}
