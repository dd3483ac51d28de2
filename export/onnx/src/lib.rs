//! Exports any [burn](https://burn.dev) module to ONNX.
//!
//! The way of a module: its forward function is recorded (`capture`), recorded again with other sizes to find what
//! follows a symbolic axis (`symbolic`), turned into ONNX nodes (`lower`, one file a family of operations), tidied and
//! named (`graph`), and written (`onnx`). [`Exporter`] is all that a user needs; see there for an example. It computes
//! nothing, needs no ONNX Runtime, and gives the same bytes for the same module.
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
mod symbolic;
mod tensors;
mod trace;

pub use error::{Error, Result, Unsupported};
pub use exporter::{DEFAULT_OPSET, Exporter, OPSETS};
pub use lower::not_expressible;
pub use onnx::{OnnxModel, proto};
pub use precision::{Activations, Calibration, Int8, Precision};
pub use tensors::{AnyTensor, Append, Feed, Inputs, Outputs};

/// The code of README.md compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
