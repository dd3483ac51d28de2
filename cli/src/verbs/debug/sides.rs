//! The two sides and the tiles, which both actions have.

use std::path::PathBuf;

use kiln_debug::side::{OpenOptions, Opened, open};
use kiln_debug::{Choice, Inputs, LayersReport, SideName, layers};
use kiln_runtime::{Providers, Runtime, library};

use crate::output::Output;
use crate::verbs::provider::ProviderOptionArgs;

/// The sides and the tiles.
#[derive(clap::Args)]
pub(super) struct SideArgs {
    /// Reference: a run, or a bundle or ONNX file as PATH[@PRECISION][:PROVIDERS][:noopt].
    #[arg(value_name = "A")]
    pub(super) a: SideName,

    /// Side to compare with the reference, written likewise.
    #[arg(value_name = "B")]
    pub(super) b: SideName,

    /// Data set to take tiles from, evenly spaced [default: the bundle's golden tiles, else the run's test split, else
    /// generated tiles].
    #[arg(long, value_name = "DIR|CSV")]
    data: Option<PathBuf>,

    /// Number of tiles to compare.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    tiles: u32,

    /// Arrays by input name instead of tiles, for graphs with other inputs.
    #[arg(long, value_name = "FILE.npz", conflicts_with = "data")]
    inputs: Option<PathBuf>,

    #[command(flatten)]
    provider: ProviderOptionArgs,
}

impl SideArgs {
    /// Opens both sides and compares every value.
    pub(super) fn compare(&self, out: &Output) -> anyhow::Result<(Opened, Inputs, LayersReport)> {
        let options =
            OpenOptions { settings: self.provider.settings().to_vec(), require_all: self.provider.require_all() };
        let mut opened = open(&self.a, &self.b, self.runtime(out)?, &options)?;
        let choice = Choice { arrays: self.inputs.clone(), data: self.data.clone(), tiles: self.tiles as usize };
        let inputs = choice.read(&opened)?;
        let bar = out.progress(Some(inputs.len() as u64), "comparing");
        let report = layers(&mut opened.a, &mut opened.b, &inputs, |done| bar.set_position(done as u64));
        bar.finish_and_clear();
        Ok((opened, inputs, report?))
    }

    /// The library that has the providers of both sides.
    fn runtime(&self, out: &Output) -> anyhow::Result<&'static Runtime> {
        let lists = [&self.a, &self.b].into_iter().filter_map(|side| side.providers.as_deref());
        let mut names: Vec<&str> = Vec::new();
        let mut file = None;
        for list in lists {
            if list.starts_with('@') {
                file = Some(list);
                continue;
            }
            let new: Vec<_> = list.split(',').filter(|name| !names.contains(name)).collect();
            names.extend(new);
        }
        let list = if names.is_empty() { file.unwrap_or("cpu").to_owned() } else { names.join(",") };
        // Settings are checked by each side against its own list.
        let providers = Providers::from_arguments(&list, &[])?;
        Ok(library::load(&library::find_for(out.onnxruntime.as_deref(), &providers)?)?)
    }
}
