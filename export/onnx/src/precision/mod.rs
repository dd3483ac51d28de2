//! Models of other precision: the same graph in 16-bit floats, or with 8-bit integers where it pays. A variant is made
//! from the finished model, so it works for any module; what it costs in quality is for the caller to
//! measure.

mod activations;
mod editor;
mod equalise;
mod fp16;
mod int8;
mod pixels;
mod range;
mod rowfold;
mod weight;

use std::fmt;
use std::str::FromStr;

pub use activations::Activations;
pub use int8::Int8;
pub use range::Calibration;

use crate::OnnxModel;
use crate::error::Result;

/// In which numbers a graph computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// 32-bit floats, as burn does.
    Fp32,
    /// 16-bit floats, with inputs, outputs and delicate operations in 32 bits.
    Fp16,
    /// 8-bit integers in convolutions and dense layers, 32-bit floats elsewhere.
    Int8,
}

impl Precision {
    /// Every precision.
    pub const ALL: [Self; 3] = [Self::Fp32, Self::Fp16, Self::Int8];

    /// The name that users type and manifests hold.
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
        known.ok_or_else(|| format!("`{text}` is no precision; there are fp32, fp16 and int8"))
    }
}

impl OnnxModel {
    /// The model in 16-bit floats. Inputs and outputs keep their types.
    ///
    /// # Errors
    /// [`crate::Error::Unreadable`] if a parameter cannot be read.
    pub fn to_fp16(&self) -> Result<Self> {
        fp16::convert(self)
    }
}
