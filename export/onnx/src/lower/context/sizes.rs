//! Sizes at run time: constants if they are fixed, read from the graph if they follow a symbolic axis.

use burn::backend::ir::ScalarIr;

use super::{Context, Refusal};
use crate::element::Element;
use crate::graph::{ValueId, int};
use crate::symbolic::{Form, Progression, Size, VaryingConstant};

impl Context<'_> {
    /// Computes a constant that depends on sizes.
    pub(super) fn varying_constant(&mut self, constant: &VaryingConstant) -> Result<ValueId, Refusal> {
        let element = Element::from_dtype(constant.dtype)
            .ok_or_else(|| Refusal::Unsupported(format!("a constant has type {:?}", constant.dtype)))?;
        // Booleans and narrow numbers are computed in types that every operator supports.
        let wide = match element {
            Element::F64 => Element::F64,
            other if other.is_float() => Element::F32,
            _ => Element::I64,
        };
        let (start, step) = match &constant.progression {
            Progression::Whole { start, step } => (self.varying_whole(start)?, self.stepped_whole(step)?),
            Progression::Real { start, step } => (self.varying(start, wide)?, self.stepped(step, wide)?),
        };
        let sizes = |cx: &mut Self, dims: &[Size]| cx.sizes(dims);
        let value = if let Some(step) = step {
            let count =
                (0..self.trace.plan.recordings()).map(|one| constant.dims.iter().map(|size| size.0[one]).product());
            let count = Size(count.collect());
            let count = self.size(&count)?;
            let (count, zero, one) = (self.squeezed(count), self.index_scalar(0), self.index_scalar(1));
            let range = self.node("Range", &[zero, count, one], Vec::new());
            let range = self.cast(range, wide);
            let scaled = self.node("Mul", &[range, step], Vec::new());
            let moved = self.node("Add", &[scaled, start], Vec::new());
            if let [_] = constant.dims.as_slice() {
                moved
            } else {
                let sizes = sizes(self, &constant.dims)?;
                self.node("Reshape", &[moved, sizes], Vec::new())
            }
        } else {
            let sizes = sizes(self, &constant.dims)?;
            self.node("Expand", &[start, sizes], Vec::new())
        };
        let value = self.cast(value, element);
        self.graph.values[value].shape = Some(constant.dims.clone());
        Ok(value)
    }

    /// The step of a progression of floats; none if all elements are equal.
    fn stepped(&mut self, step: &[f64], element: Element) -> Result<Option<ValueId>, Refusal> {
        if step.iter().all(|step| *step == 0.0) { Ok(None) } else { self.varying(step, element).map(Some) }
    }

    /// The step of a progression of integers; none if all elements are equal.
    fn stepped_whole(&mut self, step: &[i64]) -> Result<Option<ValueId>, Refusal> {
        if step.iter().all(|step| *step == 0) { Ok(None) } else { self.varying_whole(step).map(Some) }
    }

    fn index_scalar(&mut self, value: i64) -> ValueId {
        self.scalar(ScalarIr::Int(value), Element::I64)
    }

    /// A vector of one element as a scalar.
    pub(crate) fn squeezed(&mut self, value: ValueId) -> ValueId {
        let axes = self.vector(&[0]);
        self.node("Squeeze", &[value, axes], Vec::new())
    }

    /// Emits an integer that may differ between recordings: a constant, or a size as a vector of one element.
    fn varying_whole(&mut self, numbers: &[i64]) -> Result<ValueId, Refusal> {
        let size = Size(numbers.to_vec());
        match size.fixed() {
            Some(number) => Ok(self.index_scalar(number)),
            None => self.size(&size),
        }
    }

    /// Emits a number that may differ between recordings: a constant, a size, or the reciprocal of a size. The last two are
    /// vectors of one element.
    pub(crate) fn varying(&mut self, numbers: &[f64], element: Element) -> Result<ValueId, Refusal> {
        let first = numbers.first().copied().ok_or(Refusal::Ambiguous)?;
        if numbers.iter().all(|number| number.to_bits() == first.to_bits()) {
            return Ok(self.scalar(ScalarIr::Float(first), element));
        }
        let whole = |numbers: &[f64]| numbers.iter().all(|number| number.fract() == 0.0 && number.abs() < 1e15);
        let inverse: Vec<f64> = numbers.iter().map(|number| (1.0 / number).round()).collect();
        let slack = if element == Element::F64 { 4.0 * f64::EPSILON } else { 1e-6 };
        let is_inverse = numbers.iter().zip(&inverse).all(|(number, inverse)| (number * inverse - 1.0).abs() < slack);
        let (sizes, inverted) = match (whole(numbers), is_inverse) {
            (true, _) => (numbers.to_vec(), false),
            (false, true) => (inverse, true),
            _ => return Err(Refusal::Ambiguous),
        };
        let size = self.size(&Size(sizes.into_iter().map(|size| size as i64).collect()))?;
        let size = self.cast(size, element);
        Ok(if inverted { self.node("Reciprocal", &[size], Vec::new()) } else { size })
    }

    /// Sizes as an integer vector: a constant if all are fixed, otherwise read from the graph.
    pub(crate) fn sizes(&mut self, sizes: &[Size]) -> Result<ValueId, Refusal> {
        let mut parts: Vec<ValueId> = Vec::new();
        let mut run: Vec<i64> = Vec::new();
        for size in sizes {
            match size.fixed() {
                Some(fixed) => run.push(fixed),
                None => {
                    self.close(&mut run, &mut parts);
                    parts.push(self.size(size)?);
                }
            }
        }
        self.close(&mut run, &mut parts);
        match parts.as_slice() {
            [] => Ok(self.vector(&[])),
            [one] => Ok(*one),
            _ => Ok(self.node("Concat", &parts, vec![int("axis", 0)])),
        }
    }

    fn close(&mut self, run: &mut Vec<i64>, parts: &mut Vec<ValueId>) {
        if !run.is_empty() {
            parts.push(self.vector(run));
            run.clear();
        }
    }

    /// One size as an integer vector of one element.
    pub(crate) fn size(&mut self, size: &Size) -> Result<ValueId, Refusal> {
        if let Some(value) = self.sizes.get(size) {
            return Ok(*value);
        }
        let value = match self.places.get(size).copied() {
            Some((value, axis)) => {
                let span = vec![int("start", axis as i64), int("end", axis as i64 + 1)];
                self.typed("Shape", &[value], span, Element::I64)
            }
            None => self.computed(size)?,
        };
        self.sizes.insert(size.clone(), value);
        Ok(value)
    }

    fn computed(&mut self, size: &Size) -> Result<ValueId, Refusal> {
        let plan = &self.trace.plan;
        let symbol =
            |position: usize| Size((0..plan.recordings()).map(|one| plan.sizes(one)[position] as i64).collect());
        match size.form(plan).ok_or(Refusal::Ambiguous)? {
            Form::Fixed(fixed) => Ok(self.vector(&[fixed])),
            Form::Linear { constant, factors, divisor } => {
                let mut sum = None;
                for (position, factor) in factors.iter().enumerate().filter(|(_, factor)| **factor != 0) {
                    let term = self.term(&symbol(position), *factor)?;
                    sum = Some(sum.map_or(term, |sum| self.node("Add", &[sum, term], Vec::new())));
                }
                let sum = sum.ok_or(Refusal::Ambiguous)?;
                let constant = (constant != 0).then(|| self.vector(&[constant]));
                let sum = constant.map_or(sum, |constant| self.node("Add", &[sum, constant], Vec::new()));
                Ok(self.divided(sum, divisor))
            }
            Form::Product { factor, powers, divisor } => {
                let all = powers.iter().enumerate().flat_map(|(at, power)| std::iter::repeat_n(at, *power as usize));
                let all: Vec<Size> = all.map(symbol).collect();
                let (first, rest) = all.split_first().ok_or(Refusal::Ambiguous)?;
                let mut product = self.term(first, factor)?;
                for next in rest {
                    let next = self.size(next)?;
                    product = self.node("Mul", &[product, next], Vec::new());
                }
                Ok(self.divided(product, divisor))
            }
        }
    }

    fn divided(&mut self, size: ValueId, divisor: i64) -> ValueId {
        if divisor == 1 {
            return size;
        }
        let divisor = self.vector(&[divisor]);
        self.node("Div", &[size, divisor], Vec::new())
    }

    fn term(&mut self, symbol: &Size, factor: i64) -> Result<ValueId, Refusal> {
        // A symbol without a place would recurse for ever.
        if !self.places.contains_key(symbol) {
            return Err(Refusal::Ambiguous);
        }
        let value = self.size(symbol)?;
        if factor == 1 {
            return Ok(value);
        }
        let factor = self.vector(&[factor]);
        Ok(self.node("Mul", &[value, factor], Vec::new()))
    }
}
