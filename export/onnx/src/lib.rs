//! Exports any [burn](https://burn.dev) module to ONNX.
//!
//! [`Exporter`] is the entry point. It computes nothing, needs no ONNX Runtime, and writes the same bytes for the same
//! module. A model can then be converted to 16-bit floats ([`OnnxModel::to_fp16`]) or to 8-bit layers ([`Int8`]).
//!
//! The steps of an export: the forward function is recorded (`capture`), recorded again with other sizes and compared
//! (`trace`, `symbolic`), lowered to a graph of ONNX nodes (`lower`, one file for each family of operations), tidied and
//! named (`graph`), and written (`onnx`). Lower precision (`precision`) changes the same graph.
//!
//! ```
//! use burn::nn::conv::Conv2dConfig;
//! use burn::tensor::{DType, Device, Int, Tensor, TensorData};
//! use burn_onnx_export::Exporter;
//!
//! let device = Device::flex();
//! let module = Conv2dConfig::new([3, 4], [3, 3]).init(&device);
//! let pixels = TensorData::zeros::<u8, _>([1, 32, 32, 3]);
//! let sample = Tensor::<4, Int>::from_data(pixels, (&device, DType::U8));
//! let model = Exporter::new()
//!     .input("tile", sample, ["batch", "", "", ""])
//!     .outputs(["features"])
//!     .export(&module, |module, tile| module.forward(tile.float().permute([0, 3, 1, 2]) / 255.0))?;
//! assert_eq!(model.operators(), ["Cast", "Transpose", "Div", "Conv"]);
//! # Ok::<(), burn_onnx_export::Error>(())
//! ```

mod capture;
mod element;
mod error;
mod exporter;
mod graph;
mod lower;
mod onnx;
mod panics;
mod precision;
mod publish;
mod recorded;
mod symbolic;
mod tensors;
mod trace;

pub use error::{Error, Result, Unsupported};
pub use exporter::{DEFAULT_OPSET, Exporter, OPSETS};
pub use lower::not_expressible;
pub use onnx::{OnnxModel, proto};
pub use precision::{Activations, Calibration, Int8, Precision};
pub use recorded::Recorded;
pub use tensors::{AnyTensor, Append, Feed, Inputs, Outputs};

/// Compiles the code of README.md.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
