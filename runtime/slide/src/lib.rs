//! Whole slides: reading ([`Slide`]), tissue, tile grids, annotations and labels, tile lists, heat maps and lesions.
//! Coordinates are level-0 pixels with the origin at the top left. The crate depends on neither burn nor ONNX Runtime.

pub mod heatmap;
mod place;

pub use place::Place;
