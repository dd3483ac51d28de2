//! Makes a [`SplitPlan`]: groups stay whole, labels are spread evenly, tiles that are the same image count as one group,
//! and the same seed gives the same split wherever the files are.

use kiln_tile::{Decoder, SizePolicy};

use super::content::{self, ContentDigests};
use super::plan::SplitPlan;
use super::{DataError, Dataset, Result, leaks, stratify};

impl SplitPlan {
    /// The usual fractions: 80 % train, 10 % val, 10 % test.
    pub const FRACTIONS: [f64; 3] = [0.8, 0.1, 0.1];

    /// Splits by `fractions` (train, val, test). Reads and decodes every tile once, to find tiles that are the same
    /// image; [`SplitPlan::with_digests`] takes digests that were computed before.
    ///
    /// # Errors
    /// See [`SplitPlan::with_digests`]; and a tile that is missing.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), kiln_train::data::DataError> {
    /// use kiln_train::data::synth::{self, SynthOptions};
    /// use kiln_train::data::{Split, SplitPlan};
    ///
    /// let folder = std::env::temp_dir().join(format!("kiln-split-{}", std::process::id()));
    /// // 36 tiles of 3 slides; a slide is one group.
    /// let dataset = synth::write(&folder, &SynthOptions { tiles: 36, seed: 7 }, &|| {})?;
    /// let plan = SplitPlan::new(&dataset, [0.5, 0.25, 0.25], 42)?;
    /// let train = plan.indices(Split::Train);
    /// let test = plan.indices(Split::Test);
    /// let group = |index: &usize| dataset.group_name(*index);
    /// assert!(train.iter().all(|a| test.iter().all(|b| group(a) != group(b))));
    /// # std::fs::remove_dir_all(&folder).ok();
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(dataset: &Dataset, fractions: [f64; 3], seed: u64) -> Result<Self> {
        let digests = content::tile_digests(dataset, &Decoder::new(SizePolicy::Resize))?;
        Self::with_digests(dataset, &digests, fractions, seed)
    }

    /// Splits by `fractions` (train, val, test; they sum to 1, and a fraction of 0 leaves that split empty), group by
    /// group, stratified by label. Tiles that are the same image are joined into one group first. If the list has a
    /// `split` column, that split is used after a check for leaks.
    ///
    /// # Errors
    /// Fractions out of range; identical tiles with different labels; a label with fewer groups than there are splits;
    /// a `split` column that leaks.
    pub fn with_digests(dataset: &Dataset, digests: &[ContentDigests], fractions: [f64; 3], seed: u64) -> Result<Self> {
        check_fractions(fractions)?;
        content::check_labels(dataset, digests)?;
        if let Some(plan) = Self::of_list(dataset) {
            let plan = Self { seed, ..plan };
            leaks::check_leaks(dataset, &plan, digests)?;
            return Ok(plan);
        }
        let units = content::joined_groups(dataset, digests);
        let assignments = stratify::assign(dataset, &units, fractions, seed)?;
        Ok(Self { assignments, seed })
    }
}

fn check_fractions(fractions: [f64; 3]) -> Result<()> {
    let sane = fractions.iter().all(|fraction| fraction.is_finite() && *fraction >= 0.0);
    if sane && fractions[0] > 0.0 && (fractions.iter().sum::<f64>() - 1.0).abs() < 1e-6 {
        return Ok(());
    }
    Err(DataError::Option {
        key: "split fractions",
        found: format!("{fractions:?}"),
        expected: "three numbers for train, val and test, none negative, train above 0, that sum to 1",
    })
}
