//! Requests that Triton sends to a model before it reports that the model is ready: golden tiles of the bundle, alone and as
//! a full batch, so that kernels are chosen, engines built and memory allocated before the first client connects.

use kiln_files::digest::sha256_hex;
use kiln_runtime::golden;
use kiln_tile::TILE_BYTES;

use super::message::{DataType, ModelWarmup, WarmupEntry, WarmupInput};
use super::shape::dims;
use crate::element::Element;
use crate::error::Result;
use crate::graph::{BatchRule, Port, ServedGraph};
use crate::source::Source;

/// The folder for samples in a model's folder; the name is Triton's.
pub(super) const FOLDER: &str = "warmup";

/// One request of the warm-up.
pub(super) struct Sample {
    /// The request's name in Triton's log.
    name: String,
    /// The number of times that Triton repeats the sample.
    batch: u32,
    /// The input that it feeds.
    input: String,
    /// A file named after its content: a configuration and its samples cannot be mixed up.
    pub(super) file: String,
    pub(super) bytes: Vec<u8>,
}

/// A golden tile alone, and another as the largest batch. A graph of fixed batch gets one request, filled with golden tiles.
/// None for graphs that do not take tiles as decoded.
pub(super) fn samples(source: &Source, max_batch: i32) -> Result<Vec<Sample>> {
    let [port] = source.graph.inputs.as_slice() else { return Ok(Vec::new()) };
    if !takes_tiles(port) {
        return Ok(Vec::new());
    }
    let golden = golden::read(&source.bundle.golden_path()?)?;
    let (Some(first), Some(last)) = (golden.tiles.first(), golden.tiles.last()) else { return Ok(Vec::new()) };
    let sample = |name: &str, batch: u32, bytes: Vec<u8>| {
        let file = format!("tile-{}.raw", &sha256_hex(&bytes)[..12]);
        Sample { name: name.to_owned(), batch, input: port.name.clone(), file, bytes }
    };
    if let BatchRule::Fixed(length) = source.graph.batch {
        let pixels =
            golden.tiles.iter().cycle().take(usize::try_from(length).unwrap_or(0)).flat_map(|tile| tile.pixels());
        return Ok(vec![sample("golden tiles, the graph's batch", 1, pixels.copied().collect())]);
    }
    let mut samples = vec![sample("a golden tile", 1, first.pixels().to_vec())];
    if max_batch > 1 {
        samples.push(sample("a full batch", u32::try_from(max_batch).unwrap_or(1), last.pixels().to_vec()));
    }
    Ok(samples)
}

/// Returns true for u8 NHWC tiles with one batch axis.
fn takes_tiles(port: &Port) -> bool {
    port.element == Element::Uint8 && dims(port, 1).0.iter().product::<i64>() == TILE_BYTES as i64
}

/// The message of a sample.
pub(super) fn warmup(sample: &Sample, graph: &ServedGraph, max_batch: i32) -> ModelWarmup {
    let port = graph.inputs.iter().find(|port| port.name == sample.input);
    let (data_type, dims) =
        port.map(|port| (DataType::from(port.element).into(), dims(port, max_batch).0)).unwrap_or_default();
    let input = WarmupInput { data_type, dims, input_data_file: Some(sample.file.clone()) };
    let entry = WarmupEntry { key: sample.input.clone(), value: Some(input) };
    ModelWarmup { name: sample.name.clone(), batch_size: sample.batch, inputs: vec![entry] }
}
