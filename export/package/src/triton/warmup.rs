//! Requests that Triton sends to a model before it calls it ready: golden tiles of the bundle, alone and as a full batch,
//! so that kernels are chosen, engines built and memory taken before the first client comes.

use kiln_files::digest::sha256_hex;
use kiln_runtime::golden;
use kiln_tile::TILE_BYTES;
use protobuf::{EnumOrUnknown, MessageField};

use crate::error::Result;
use crate::graph::{BatchRule, Graph, Port};
use crate::proto::model_config::ModelWarmup;
use crate::proto::model_config::model_warmup::input::Input_data_type;
use crate::proto::model_config::model_warmup::{Input, InputsEntry};
use crate::source::Source;

/// Where Triton looks for samples, in the model's folder.
pub(crate) const FOLDER: &str = "warmup";

/// One request of the warm-up.
pub(crate) struct Sample {
    /// What Triton's log calls it.
    name: String,
    /// Triton repeats the sample this many times.
    batch: u32,
    /// The input that it feeds.
    input: String,
    /// A file named after its content: a configuration and its samples cannot be mixed up.
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
}

/// A golden tile alone, and another as the largest batch. A graph of fixed batch gets one request, filled with golden tiles.
/// None for graphs that do not take tiles as decoded.
pub(crate) fn samples(source: &Source, max_batch: i32) -> Result<Vec<Sample>> {
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

/// u8 NHWC tiles of one batch axis.
fn takes_tiles(port: &Port) -> bool {
    let (dims, _) = super::config::dims(port, 1);
    port.element.name == "uint8" && dims.iter().product::<i64>() == TILE_BYTES as i64
}

/// The message of a sample.
pub(super) fn warmup(sample: &Sample, graph: &Graph, max_batch: i32) -> ModelWarmup {
    let port = graph.inputs.iter().find(|port| port.name == sample.input);
    let (data_type, dims) = port
        .map(|port| (EnumOrUnknown::new(port.element.triton), super::config::dims(port, max_batch).0))
        .unwrap_or_default();
    let input = Input {
        data_type,
        dims,
        input_data_type: Some(Input_data_type::InputDataFile(sample.file.clone())),
        ..Input::default()
    };
    let entry = InputsEntry { key: sample.input.clone(), value: MessageField::some(input), ..InputsEntry::default() };
    ModelWarmup { name: sample.name.clone(), batch_size: sample.batch, inputs: vec![entry], ..ModelWarmup::default() }
}
