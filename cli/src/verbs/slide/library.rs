//! The OpenSlide library, and opening slides with it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::Context as _;
use kiln_files::limits::Limits;
use kiln_slide::openslide::{self, Library};
use kiln_slide::{ReadOptions, Slide, SlideError, probe};

use super::grid::GridArgs;
use crate::environment::variable;

/// Size of OpenSlide's cache of decoded tiles, in bytes, if memory allows; it is shared by all slides.
const CACHE_BYTES: usize = 64 << 20;

/// The flags of verbs that open slides.
#[derive(clap::Args)]
pub(crate) struct LibraryArgs {
    /// OpenSlide library to load instead of an installed one [env: KILN_OPENSLIDE].
    #[arg(long, value_name = "PATH")]
    openslide: Option<PathBuf>,

    /// Resolution of level 0 in µm/px, for slides that do not state a usable one; it replaces the stated one.
    #[arg(long, value_name = "UM", value_parser = super::grid::resolution)]
    mpp_override: Option<f64>,
}

impl LibraryArgs {
    pub(crate) fn load(&self) -> anyhow::Result<Library> {
        let named = self.openslide.clone().or_else(|| variable("KILN_OPENSLIDE"));
        Ok(Library::load(&openslide::find(named.as_deref())?, Limits::here().cache_bytes(CACHE_BYTES))?)
    }

    /// Opens a slide in another process. A file that ends that process, or keeps it busy, is refused; any other fault is
    /// reported by the verb that opens the slide.
    pub(crate) fn examine(&self, path: &Path, library: &Library) -> anyhow::Result<()> {
        let mut child = Command::new(std::env::current_exe().context("cannot find the path of this program")?);
        child.args(["slide", "probe"]).arg(library.path()).arg(path);
        match probe::examine_in_child(path, &mut child, probe::TimeLimits::default()) {
            Ok(()) | Err(SlideError::Refused { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a slide, with its resolution replaced if the user asked for that. Another process opens it first.
    pub(crate) fn open(&self, path: &Path, library: &Library) -> anyhow::Result<Slide> {
        self.examine(path, library)?;
        self.open_examined(path, library)
    }

    /// Opens a slide that another process has opened before, in this run.
    pub(crate) fn open_examined(&self, path: &Path, library: &Library) -> anyhow::Result<Slide> {
        let slide = Slide::open(path, library)?.with_direct(Arc::default());
        match self.mpp_override {
            Some(mpp) => Ok(slide.with_mpp(mpp)?),
            None => Ok(slide),
        }
    }

    /// The options of reading tiles at `target_mpp` from slides.
    pub(crate) fn reading(&self, grid: &GridArgs, target_mpp: f64) -> ReadOptions {
        ReadOptions {
            slide_mpp: self.mpp_override,
            enlarge: grid.upsamples(),
            outside: grid.outside(),
            ..ReadOptions::new(target_mpp)
        }
    }
}
