//! The arguments of `kiln compare`.

use std::path::{Path, PathBuf};
#[cfg(feature = "endpoint")]
use std::time::Duration;

use anyhow::bail;
use kiln_compare::{SideOptions, SideSpec};
#[cfg(feature = "endpoint")]
use kiln_runtime::endpoint::{EndpointUrl, Token};
use kiln_tile::SizePolicy;
use kiln_train::data::Split;

use crate::output::Output;
#[cfg(feature = "endpoint")]
use crate::verbs::endpoint::{self, duration};
use crate::verbs::number::{at_least_one, batch_size, cores, thread_count};
use crate::verbs::provider::{EXECUTION, ProviderOptionArgs};

const TILES: &str = "Tiles";
const REPORTS: &str = "Reports";

/// Compare the answers of runs, bundles, servers and saved files on the same tiles.
///
/// The first side is the reference. A side is a run (burn), a bundle as PATH[@PRECISION][:PROVIDERS][:noopt], a server as
/// URL[#MODEL], or an .npz file of saved answers. Every output is compared element by element, every decision by the
/// thresholds of its side; the report names the tiles that differ and the likely cause. The exit status is 1 if a
/// candidate is beyond its limits.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln compare runs/cnn bundle/\n  \
    kiln compare bundle/ bundle/@int8:openvino --data tiles/ --html report.html\n  \
    kiln compare runs/cnn bundle/ --matrix --junit compare.xml\n  \
    kiln compare bundle/ --data tiles/ --save answers.npz\n  \
    kiln compare answers.npz bundle/:cuda --data tiles/ --tolerances tolerances.yaml")]
pub(crate) struct Args {
    /// Sides to compare, the reference first.
    #[arg(required = true, value_name = "SIDE")]
    sides: Vec<String>,

    /// Saved answers as a further side.
    #[arg(long, value_name = "FILE")]
    load: Vec<PathBuf>,

    /// Compare the last side, a bundle, at every precision on every provider that runs on this machine.
    #[arg(long)]
    pub(super) matrix: bool,

    /// Tiles to compare on: a data set, a folder of tiles, or @FILE [default: the test split of a run, else the golden tiles
    /// of the bundle].
    #[arg(long, value_name = "DIR|CSV|@FILE", help_heading = TILES)]
    pub(super) data: Option<PathBuf>,

    /// Split of the tiles: train, val, test [default: all tiles of --data].
    #[arg(long, value_name = "SPLIT", help_heading = TILES)]
    pub(super) split: Option<Split>,

    /// Treatment of images that are not 256x256: resize, center_crop, error [default: each side's own].
    #[arg(long, value_name = "POLICY", help_heading = TILES)]
    pub(super) size_policy: Option<SizePolicy>,

    /// Run whose split the tiles are, or bundle whose golden tiles they are. Internal: for sides in a process of their own.
    #[arg(long, value_name = "RUN|BUNDLE", hide = true)]
    pub(super) tiles_of: Option<PathBuf>,

    /// Outputs to compare and to compute [default: all].
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(super) outputs: Vec<String>,

    /// YAML file with limits by output, for decisions, and by precision.
    #[arg(long, value_name = "FILE")]
    pub(super) tolerances: Option<PathBuf>,

    /// Save the answers: a folder with one .npz file for each side, or an .npz file for a single side.
    #[arg(long, value_name = "DIR|FILE")]
    pub(super) save: Option<PathBuf>,

    /// Page to write, in one self-contained file.
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub(super) html: Option<PathBuf>,

    /// JUnit XML to write: a suite for each candidate, a case for each output and one for the decisions.
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub(super) junit: Option<PathBuf>,

    /// Markdown to write.
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub(super) markdown: Option<PathBuf>,

    /// Tiles to name for each output.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = at_least_one, help_heading = REPORTS)]
    pub(super) worst: usize,

    /// Tiles to show on the page of --html, for each candidate.
    #[arg(long, value_name = "N", default_value_t = 6, help_heading = REPORTS)]
    pub(super) pictures: usize,

    /// Resamples of the interval of the AUROC's difference.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = crate::verbs::number::resamples, help_heading = REPORTS)]
    pub(super) resamples: usize,

    /// Tiles in a batch, unless the graph has a fixed batch.
    #[arg(long, value_name = "N", default_value_t = SideOptions::BATCH, value_parser = batch_size, help_heading = EXECUTION)]
    pub(super) batch: usize,

    /// Total number of threads, up to 1024 [default: one per core].
    #[arg(long, value_name = "N", value_parser = thread_count, help_heading = EXECUTION)]
    pub(super) threads: Option<usize>,

    #[command(flatten, next_help_heading = EXECUTION)]
    pub(super) provider: ProviderOptionArgs,

    /// Bundle that a server serves [default: the bundle among the sides].
    #[arg(long, value_name = "BUNDLE", help_heading = "Model servers")]
    pub(super) bundle: Option<PathBuf>,

    /// Time limit of a request to a server, from connecting to the last byte of the answer.
    #[cfg(feature = "endpoint")]
    #[arg(long, value_name = "SECONDS", value_parser = duration, default_value = "30", help_heading = "Model servers")]
    timeout: Duration,

    /// Time during which a batch is sent again after a lost connection, a timeout or overload; 0 for never.
    #[cfg(feature = "endpoint")]
    #[arg(long, value_name = "SECONDS", value_parser = duration, default_value = "60", help_heading = "Model servers")]
    retry_for: Duration,

    /// File with certificates (PEM) to trust in addition to the system's.
    #[cfg(feature = "endpoint")]
    #[arg(long, value_name = "FILE", help_heading = "Model servers")]
    ca: Option<PathBuf>,
}

impl Args {
    /// The sides as the user named them.
    pub(super) fn specs(&self) -> anyhow::Result<Vec<SideSpec>> {
        let mut specs: Vec<SideSpec> = self.sides.iter().map(|side| side.parse()).collect::<Result<_, _>>()?;
        specs.extend(self.load.iter().map(|file| SideSpec::path(file)));
        if specs.len() == 1 && !self.matrix && self.save.is_none() {
            bail!(
                "one side alone cannot be compared\nhint: name a second side, all providers and precisions of a bundle with \
                 --matrix, or a file for its answers with --save"
            );
        }
        Ok(specs)
    }

    /// Options of opening the sides.
    pub(super) fn options(&self, out: &Output) -> anyhow::Result<SideOptions> {
        Ok(SideOptions {
            library: out.onnxruntime.clone(),
            provider_options: self.provider.settings().to_vec(),
            require_all: self.provider.require_all(),
            threads: self.threads.unwrap_or_else(cores),
            batch: self.batch,
            outputs: (!self.outputs.is_empty()).then(|| self.outputs.clone()),
            bundle: self.bundle.clone(),
            openslide: crate::environment::variable("KILN_OPENSLIDE"),
            #[cfg(feature = "endpoint")]
            servers: kiln_compare::ServerOptions {
                timeout: self.timeout,
                retry_for: self.retry_for,
                ca: self.ca.clone(),
                token: self.token(out)?,
            },
        })
    }

    /// The bearer token, if there is one. Warns of servers that get it unencrypted.
    #[cfg(feature = "endpoint")]
    fn token(&self, out: &Output) -> anyhow::Result<Option<Token>> {
        let token = endpoint::token()?;
        if token.is_some() {
            let url = |side: &String| side.split('#').next()?.parse::<EndpointUrl>().ok();
            endpoint::warn_of_token(&self.sides.iter().filter_map(url).collect::<Vec<_>>(), out);
        }
        Ok(token)
    }

    /// The arguments that choose tiles, outputs and threads, for another process.
    pub(super) fn same_tiles(&self, tiles_of: Option<&Path>) -> Vec<String> {
        let path = |flag: &str, path: Option<&Path>| -> Vec<String> {
            path.map_or_else(Vec::new, |path| vec![flag.to_owned(), path.display().to_string()])
        };
        let mut words = path("--data", self.data.as_deref());
        words.extend(path("--tiles-of", tiles_of));
        words.extend(self.size_policy.iter().flat_map(|policy| ["--size-policy".to_owned(), policy.to_string()]));
        words.extend(self.split.iter().flat_map(|split| ["--split".to_owned(), split.to_string()]));
        if !self.outputs.is_empty() {
            words.extend(["--outputs".to_owned(), self.outputs.join(",")]);
        }
        words.extend(["--batch".to_owned(), self.batch.to_string()]);
        words.extend(self.threads.iter().flat_map(|threads| ["--threads".to_owned(), threads.to_string()]));
        words.extend(self.provider.flags());
        words
    }
}
