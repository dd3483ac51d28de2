//! The subgroups of tiles of a data set, by a column of its list or by colour.

use crate::Result;
use crate::config::{SubgroupKey, config_error};
use crate::data::Dataset;
use crate::metrics::{COLOUR_FEATURES, ColourClusters, MeasureOptions, Scored, Subgroups};

/// Scored tiles with the attributes that divide them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SubgroupTiles<'a> {
    pub(crate) dataset: &'a Dataset,
    /// The entries, in the order of the scores.
    pub(crate) indices: &'a [usize],
    /// Colour statistics of each of them, without stain normalisation, for the key `colour`.
    pub(crate) statistics: &'a [[f64; COLOUR_FEATURES]],
    /// The division by colour; `None` if all tiles that it was to be fitted to have one hue.
    pub(crate) clusters: Option<ColourClusters>,
}

impl SubgroupTiles<'_> {
    /// Measures the subgroups of each key.
    ///
    /// # Errors
    /// A column that the list does not have, or scores without defined metrics.
    pub(crate) fn measure(
        &self,
        keys: &[SubgroupKey],
        scored: &[Scored],
        options: &MeasureOptions<'_>,
    ) -> Result<Vec<Subgroups>> {
        keys.iter().map(|key| self.measure_one(key, scored, options)).collect()
    }

    fn measure_one(&self, key: &SubgroupKey, scored: &[Scored], options: &MeasureOptions<'_>) -> Result<Subgroups> {
        let Some(name) = key.column() else {
            let name = |row: &[f64; COLOUR_FEATURES]| self.clusters.map(|clusters| clusters.name(row));
            let names: Vec<Option<&str>> = self.statistics.iter().map(name).collect();
            return Ok(Subgroups::by_colour(self.clusters, &names, scored, options)?);
        };
        let column = column(self.dataset, name, "subgroups")?;
        let names: Vec<Option<&str>> = self.indices.iter().map(|&index| column[index]).collect();
        Ok(Subgroups::new(name, &names, scored, options)?)
    }
}

/// The values of a column, one for each entry. `origin` is the key that names it, for errors.
///
/// # Errors
/// A list without this column, or tiles without a list.
pub(crate) fn column<'a>(dataset: &'a Dataset, name: &str, origin: &str) -> Result<Vec<Option<&'a str>>> {
    dataset.column(name).ok_or_else(|| {
        let place = dataset.list.as_deref().unwrap_or(&dataset.root).display();
        let columns: Vec<&str> = dataset.columns().collect();
        let others = if columns.is_empty() { "none".to_owned() } else { columns.join(", ") };
        config_error(origin, format!("{place} has no column `{name}`; its further columns: {others}"))
    })
}

/// Checks that no key is listed twice, and that the list of tiles has the column of each.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) with the column that is missing, and the further columns that are there; or a key
/// that is no subgroup, such as `label`.
pub fn require_columns(dataset: &Dataset, keys: &[SubgroupKey]) -> Result<()> {
    if let Some(problem) = SubgroupKey::problem_of(keys) {
        return Err(config_error("subgroups", problem));
    }
    keys.iter().filter_map(SubgroupKey::column).try_for_each(|name| column(dataset, name, "subgroups").map(|_| ()))
}
