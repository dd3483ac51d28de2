//! Answers "where do they part?" for two executions of one model: burn's against ONNX Runtime's, or ONNX Runtime's on two
//! providers, precisions or files.
//!
//! A [`Side`] gives every intermediate value by its name in the graph. [`layers`] compares two sides value by value: the
//! error as carried along from the input, and the error that each node makes alone when it reads the values of the first
//! side. [`bisect`] writes the smallest part of the graph that shows the difference as a folder that needs ONNX Runtime
//! and nothing else. Decisions and outputs of whole data sets are left to `kiln-compare`, text about commands to the
//! binary.

mod array;
pub mod bisect;
mod cause;
mod choice;
mod error;
mod figures;
mod graph;
pub mod inputs;
pub mod layers;
mod npz;
pub mod report;
mod rounding;
mod rows;
pub mod side;
mod values;

pub use cause::{Cause, Location, Presence};
pub use choice::Choice;
pub use error::{DebugError, Result};
pub use figures::Figures;
pub use graph::Graph;
pub use inputs::Inputs;
pub use layers::{LayersReport, Row, layers};
pub use side::{Side, SideName};
