//! Variants of a model in lower precision: 16-bit floats, or 8-bit integers in the layers that profit. A variant is made
//! from the finished model, so it works for any module. Its loss of quality is for the caller to measure.

mod activations;
mod calibration;
mod editor;
mod equalise;
mod fp16;
mod histogram;
mod int8;
mod layer;
mod pixels;
mod qdq;
mod range;
mod rowfold;
mod weight;

use std::fmt;
use std::str::FromStr;

pub use activations::Activations;
pub use calibration::Calibration;
pub(crate) use fp16::HALF;
pub use int8::Int8;

use crate::error::{Error, Result};
use crate::{OnnxModel, panics};

/// The numbers in which a graph computes.
///
/// ```
/// use burn_onnx_export::Precision;
///
/// assert_eq!("int8".parse(), Ok(Precision::Int8));
/// assert_eq!(Precision::Fp16.to_string(), "fp16");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// 32-bit floats, like burn.
    Fp32,
    /// 16-bit floats, with inputs, outputs and delicate operations in 32 bits.
    Fp16,
    /// 8-bit integers in convolutions and dense layers, 32-bit floats elsewhere.
    Int8,
}

impl Precision {
    /// Every precision.
    pub const ALL: [Self; 3] = [Self::Fp32, Self::Fp16, Self::Int8];

    /// The name in commands and manifests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|precision| precision.name() == text);
        known.ok_or_else(|| format!("unknown precision `{text}`; expected fp32, fp16 or int8"))
    }
}

/// The oldest opset for fp16. The casts that are added have their present form since opset 6, and ONNX Runtime reads
/// models from opset 7 on. Operators with attributes that later became inputs are carried as they are.
const FP16_OPSET: i64 = 7;

/// The oldest opset for int8: `DequantizeLinear` takes one scale for each channel since then.
const INT8_OPSET: i64 = 13;

/// Refuses a model whose opset has no form of the nodes that a precision adds.
fn check_opset(model: &OnnxModel, precision: Precision, least: i64) -> Result<()> {
    match model.opset() {
        opset if opset < least => Err(Error::Foreign(format!(
            "it has opset {opset}, and {precision} needs opset {least} or newer; raise the opset with \
             `onnx.version_converter.convert_version(model, {least})` in Python first"
        ))),
        _ => Ok(()),
    }
}

/// Refuses a model whose activations are 8-bit integers already. A second conversion would round them twice, and casts
/// between the pairs of nodes keep runtimes from integer kernels.
fn check_float(model: &OnnxModel) -> Result<()> {
    let is_quantized = model.draft().graph.nodes.iter().any(|node| node.operator() == "QuantizeLinear");
    if is_quantized {
        let reason = "it has 8-bit layers already (`QuantizeLinear`); convert the fp32 model that it was made from";
        return Err(Error::Foreign(reason.to_owned()));
    }
    Ok(())
}

impl OnnxModel {
    /// The model in 16-bit floats. Inputs and outputs keep their types. A model in 16-bit floats is returned as it is.
    ///
    /// ```
    /// use burn::nn::LinearConfig;
    /// use burn::tensor::{Device, Tensor};
    /// use burn_onnx_export::Exporter;
    ///
    /// let device = Device::flex();
    /// let module = LinearConfig::new(8, 2).init(&device);
    /// let exporter = Exporter::new().input("x", Tensor::<2>::zeros([1, 8], &device), ["batch", ""]).outputs(["y"]);
    /// let model = exporter.export(&module, |module, x| module.forward(x))?;
    /// assert_eq!(model.to_fp16()?.operators(), ["Cast", "Gemm", "Cast"]);
    /// # Ok::<(), burn_onnx_export::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unreadable`] if a parameter cannot be read; [`Error::Foreign`] for a model of an opset below 7, and for a
    /// model with 8-bit layers.
    pub fn to_fp16(&self) -> Result<Self> {
        self.to_fp16_except(&|_| false)
    }

    /// As [`OnnxModel::to_fp16`], without the nodes whose results have names that satisfy `kept`.
    ///
    /// # Errors
    /// As [`OnnxModel::to_fp16`].
    pub fn to_fp16_except(&self, kept: &dyn Fn(&str) -> bool) -> Result<Self> {
        check_opset(self, Precision::Fp16, FP16_OPSET)?;
        check_float(self)?;
        panics::reading(|| Ok(fp16::convert(self, kept)))
    }
}
