//! Opens the data set of a training or a run.

use std::path::{Path, PathBuf};

use crate::config::SubgroupKey;
use crate::data::Dataset;
use crate::{Config, Error, Result};

/// Opens the data set of a configuration.
///
/// # Errors
/// As [`Dataset::open_with`]; and [`Error::Config`] if the tiles are of slides and the configuration states no resolution.
pub(super) fn opened(path: &Path, config: &Config, openslide: Option<PathBuf>) -> Result<Dataset> {
    let data = &config.data;
    let options = data.slides.options(data.micrometres_per_pixel, openslide);
    let dataset = Dataset::open_with_columns(path, &options, &SubgroupKey::columns(&config.subgroups))?;
    require_resolution(&dataset, data.micrometres_per_pixel)?;
    Ok(dataset)
}

/// Refuses tiles of slides without a stated resolution. The places of a list imply one, but a model is used where nobody
/// has the list, so its resolution is a decision.
pub(crate) fn require_resolution(dataset: &Dataset, stated: Option<f64>) -> Result<()> {
    let Some(found) = dataset.slide_resolution().filter(|_| stated.is_none()) else { return Ok(()) };
    let list = dataset.list.as_deref().unwrap_or(&dataset.root).display();
    let reason = format!("required for tiles of slides; those of {list} have {found:.4} µm/px");
    Err(Error::Config { origin: "data.micrometres_per_pixel".to_owned(), reason })
}
