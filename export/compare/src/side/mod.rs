//! Sides of a comparison: something that answers tiles, with the facts about it.

mod answerer;
mod open;
mod options;
mod spec;

use kiln_runtime::{Bundle, golden};
use kiln_tile::Decoder;
use kiln_train::training::Run;

pub use answerer::Answerer;
pub use open::{open, open_each};
#[cfg(feature = "endpoint")]
pub use options::ServerOptions;
pub use options::SideOptions;
pub use spec::SideSpec;

use crate::facts::SideFacts;
use crate::{CompareError, Result, TileSet};

/// One side, ready to answer.
#[derive(Debug)]
pub struct Side {
    /// Its facts, as they are in reports.
    pub facts: SideFacts,
    /// Decodes files to the pixels that it takes.
    pub decoder: Decoder,
    /// Answerers of the same graph, for threads side by side; at least one.
    pub answerers: Vec<Answerer>,
    /// The bundle, if it is one, or the one that a server serves.
    pub(crate) bundle: Option<Bundle>,
    /// The run, if it is one.
    pub(crate) run: Option<Run>,
}

impl Side {
    /// A side of answerers that the caller made, such as scorers of its own.
    #[must_use]
    pub fn new(facts: SideFacts, decoder: Decoder, answerers: Vec<Answerer>) -> Self {
        Self { facts, decoder, answerers, bundle: None, run: None }
    }

    /// The bundle of the side, or the one that it serves; `None` for a run and saved answers.
    #[must_use]
    pub fn bundle(&self) -> Option<&Bundle> {
        self.bundle.as_ref()
    }

    /// The run of the side; `None` for the others.
    #[must_use]
    pub fn run(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    /// The saved answers of the side; `None` for the others.
    #[must_use]
    pub fn saved(&self) -> Option<&crate::SavedAnswers> {
        self.answerers.iter().find_map(|answerer| match answerer {
            Answerer::Saved(saved) => Some(saved.as_ref()),
            _ => None,
        })
    }
}

impl TileSet {
    /// The golden tiles of a bundle: pixels as the graph takes them, without labels.
    ///
    /// # Errors
    /// If the side has no bundle, or the bundle has no golden tiles.
    pub fn golden(side: &Side) -> Result<Self> {
        let Some(bundle) = side.bundle() else {
            let reason = "it has no golden tiles; name a data set".to_owned();
            return Err(CompareError::Tiles { origin: side.facts.label.clone(), reason });
        };
        Self::golden_of(bundle)
    }

    /// The golden tiles of a bundle.
    ///
    /// # Errors
    /// If it has none, or they cannot be read.
    pub fn golden_of(bundle: &Bundle) -> Result<Self> {
        let tiles = golden::read(&bundle.golden_path()?)?.tiles;
        let source = format!("golden tiles of {}", bundle.manifest.model.name);
        Ok(Self::from_memory(source, tiles.into_iter().enumerate().map(|(at, tile)| (format!("golden/{at}"), tile))))
    }
}
