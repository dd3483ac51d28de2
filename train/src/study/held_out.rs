//! Leave one centre out: one fold for each value of a column of the list, or for each colour of the stain. Its tiles are the
//! test split; the tiles of all others are the training and validation splits. So a model is measured on a centre that it
//! has never seen. Groups and identical tiles stay together.

use std::collections::{BTreeMap, BTreeSet};

use kiln_tile::Decoder;
use serde::{Deserialize, Serialize};

use super::config::StudySplit;
use crate::config::{SubgroupKey, config_error};
use crate::data::{ContentDigests, DataError, Dataset, Split, SplitPlan, joined_groups, shown};
use crate::evaluation::column;
use crate::metrics::{ColourClusters, colour_features, share_caution};
use crate::{Error, Result, parallel};

/// The key of the configuration, for errors.
const KEY: &str = "split.leave_one_out";

/// Largest number of centres: each is a fold, in which every model is trained.
const MAX_CENTRES: usize = 100;

/// The centres that are held out, one in each fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// The column of the list, or `colour`.
    pub by: String,
    /// The centre of each fold, in alphabetical order.
    pub centres: Vec<Centre>,
    /// The division by colour, if it is one. It is fitted to all tiles, without their labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clusters: Option<ColourClusters>,
    /// Warning if the centres differ much in their share of anomalous tiles.
    pub caution: Option<String>,
}

/// A centre: the tiles with one value of the column, or of one colour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Centre {
    /// Its name.
    pub name: String,
    /// Number of its tiles.
    pub tiles: usize,
    /// Number of its anomalous tiles.
    pub anomalous: usize,
}

/// The splits, one per centre. `normal` are the normal labels; `decoder` reads the tiles for a division by colour.
pub(super) fn plans(
    dataset: &Dataset,
    digests: &[ContentDigests],
    split: &StudySplit,
    key: &SubgroupKey,
    normal: &[String],
    decoder: &Decoder,
) -> Result<(Vec<SplitPlan>, HeldOut)> {
    if dataset.entries.iter().any(|entry| entry.split.is_some()) {
        let reason = "the list of tiles has a split of its own; remove its split column, or set leave_one_out to null";
        return Err(config_error(KEY, reason));
    }
    let units = joined_groups(dataset, digests);
    let (centre_of, clusters) = match key {
        SubgroupKey::Column(name) => (by_column(dataset, &units, name)?, None),
        SubgroupKey::Colour => by_colour(dataset, &units, decoder)?,
    };
    let centres = centres(dataset, &centre_of, key, normal)?;
    let plans = centres
        .iter()
        .map(|centre| without(dataset, digests, split, &centre_of, &centre.name))
        .collect::<Result<Vec<_>>>()?;
    let caution = share_caution(key.name(), centres.iter().map(|one| (one.name.as_str(), one.tiles, one.anomalous)));
    Ok((plans, HeldOut { by: key.name().to_owned(), centres, clusters, caution }))
}

/// The centre of each tile by a column.
fn by_column(dataset: &Dataset, units: &[Vec<usize>], name: &str) -> Result<Vec<String>> {
    let tile = |index: usize| shown(&dataset.entries[index].path.to_string_lossy());
    let mut centre_of = Vec::with_capacity(dataset.len());
    for (index, value) in column(dataset, name, KEY)?.into_iter().enumerate() {
        let missing = || config_error(KEY, format!("tile {} has no `{name}`", tile(index)));
        centre_of.push(value.ok_or_else(missing)?.to_owned());
    }
    for unit in units {
        let Some(&first) = unit.first() else { continue };
        if let Some(&other) = unit.iter().find(|&&index| centre_of[index] != centre_of[first]) {
            let reason = format!(
                "the tiles {} and {} are of one group or one image, but their `{name}` is {} and {}",
                tile(first),
                tile(other),
                shown(&centre_of[first]),
                shown(&centre_of[other])
            );
            return Err(config_error(KEY, reason));
        }
    }
    Ok(centre_of)
}

/// The colour of each tile: a group has the colour of most of its tiles, because it must not be divided.
fn by_colour(
    dataset: &Dataset,
    units: &[Vec<usize>],
    decoder: &Decoder,
) -> Result<(Vec<String>, Option<ColourClusters>)> {
    let features =
        parallel::try_map(dataset.len(), |index| -> Result<_> { Ok(colour_features(&dataset.tile(index, decoder)?)) })?;
    let one_hue = || config_error(KEY, "all tiles have one hue, so they cannot be divided by colour");
    let clusters = ColourClusters::fit(&features).ok_or_else(one_hue)?;
    let [pink, purple] = ColourClusters::NAMES;
    let mut centre_of = vec![pink.to_owned(); dataset.len()];
    for unit in units {
        let count = unit.iter().filter(|&&index| clusters.name(&features[index]) == purple).count();
        if 2 * count > unit.len() {
            unit.iter().for_each(|&index| centre_of[index] = purple.to_owned());
        }
    }
    Ok((centre_of, Some(clusters)))
}

/// The centres in alphabetical order. There must be two or more, each with normal and anomalous tiles: no figure can be
/// computed on others.
fn centres(dataset: &Dataset, centre_of: &[String], key: &SubgroupKey, normal: &[String]) -> Result<Vec<Centre>> {
    let mut counts = BTreeMap::<&str, (usize, usize)>::new();
    for (entry, centre) in dataset.entries.iter().zip(centre_of) {
        let (tiles, anomalous) = counts.entry(centre).or_default();
        *tiles += 1;
        *anomalous += usize::from(!normal.contains(&entry.label));
    }
    if !(2..=MAX_CENTRES).contains(&counts.len()) {
        let names: BTreeSet<String> = counts.keys().take(3).map(|name| shown(name)).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let reason =
            format!("`{key}` divides the tiles into {} ({names}); 2 to {MAX_CENTRES} centres are needed", counts.len());
        return Err(config_error(KEY, reason));
    }
    let centre = |(name, (tiles, anomalous)): (&str, (usize, usize))| {
        let missing = match (anomalous, tiles - anomalous) {
            (0, _) => "anomalous",
            (_, 0) => "normal",
            _ => return Ok(Centre { name: name.to_owned(), tiles, anomalous }),
        };
        let reason = format!(
            "no {missing} tile among the {tiles} of {}, and a held-out centre needs both kinds; leave out its tiles, or \
             join it with another centre",
            shown(name)
        );
        Err(config_error(KEY, reason))
    };
    counts.into_iter().map(centre).collect()
}

/// The split without a centre.
fn without(
    dataset: &Dataset,
    digests: &[ContentDigests],
    split: &StudySplit,
    centre_of: &[String],
    centre: &str,
) -> Result<SplitPlan> {
    let rest: Vec<usize> = (0..dataset.len()).filter(|&index| centre_of[index] != centre).collect();
    let of_rest: Vec<ContentDigests> = rest.iter().map(|&index| digests[index].clone()).collect();
    let (train, val) = (split.fractions.train, split.fractions.val);
    let fractions = [train / (train + val), val / (train + val), 0.0];
    let plan = SplitPlan::with_digests(&dataset.select(&rest), &of_rest, fractions, split.seed)
        .map_err(|error| cannot(error, centre))?;
    let mut assignments = vec![Split::Test; dataset.len()];
    rest.into_iter().zip(plan.assignments).for_each(|(index, part)| assignments[index] = part);
    Ok(SplitPlan { assignments, seed: split.seed })
}

fn cannot(error: DataError, centre: &str) -> Error {
    match error {
        DataError::TooFewGroups { .. } | DataError::Indivisible { .. } | DataError::ConflictingLabels { .. } => {
            config_error(
                KEY,
                format!("{} cannot be held out, because the others cannot be split: {error}", shown(centre)),
            )
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fmt::Write as _;

    use kiln_tile::SizePolicy;

    use super::*;

    /// A list of 60 tiles in 20 groups, each with both labels, with the centre of each group. The files are missing.
    fn listed(folder: &tempfile::TempDir, centre: impl Fn(usize) -> String) -> (Dataset, Vec<ContentDigests>) {
        let mut list = "path,label,group,centre\n".to_owned();
        for at in 0..60 {
            let label = ["benign", "tumour"][usize::from(at % 3 == 1)];
            writeln!(list, "{at}.png,{label},slide-{},{}", at / 3, centre(at)).unwrap();
        }
        std::fs::write(folder.path().join("tiles.csv"), list).unwrap();
        let digest = |at: usize| ContentDigests { file: at.to_string(), pixels: Some(at.to_string()), blank: false };
        (Dataset::open(folder.path()).unwrap(), (0..60).map(digest).collect())
    }

    fn hold_out(dataset: &Dataset, digests: &[ContentDigests], key: &str) -> Result<(Vec<SplitPlan>, HeldOut)> {
        let key = SubgroupKey::from(key.to_owned());
        let decoder = Decoder::new(SizePolicy::Error);
        plans(dataset, digests, &StudySplit::default(), &key, &["benign".to_owned()], &decoder)
    }

    #[test]
    fn each_centre_is_the_test_split_once() {
        let folder = tempfile::tempdir().unwrap();
        let centre = |at: usize| ["a", "b", "c"][(at / 3) % 3].to_owned();
        let (dataset, digests) = listed(&folder, centre);
        let (plans, held_out) = hold_out(&dataset, &digests, "centre").unwrap();
        let names: Vec<&str> = held_out.centres.iter().map(|one| one.name.as_str()).collect();
        assert_eq!((names, held_out.by.as_str(), &held_out.caution), (vec!["a", "b", "c"], "centre", &None));
        let mut tested = Vec::new();
        for (plan, one) in plans.iter().zip(&held_out.centres) {
            let test = plan.indices(Split::Test);
            assert_eq!((test.len(), one.anomalous), (one.tiles, one.tiles / 3));
            assert!(test.iter().all(|&index| centre(index) == one.name));
            tested.extend(test);
            for part in [Split::Train, Split::Val] {
                let labels: BTreeSet<&str> =
                    plan.indices(part).into_iter().map(|index| dataset.entries[index].label.as_str()).collect();
                assert_eq!(labels.len(), 2, "{part} has {labels:?}");
            }
            assert!(crate::data::check_leaks(&dataset, plan, &digests).is_ok());
        }
        tested.sort_unstable();
        assert_eq!(tested, (0..60).collect::<Vec<_>>());
        assert_eq!(plans, hold_out(&dataset, &digests, "centre").unwrap().0);
    }

    #[test]
    fn a_centre_that_cannot_be_held_out_is_named() {
        let refusal = |centre: &dyn Fn(usize) -> String, key: &str| {
            let folder = tempfile::tempdir().unwrap();
            let (dataset, digests) = listed(&folder, centre);
            hold_out(&dataset, &digests, key).unwrap_err().to_string()
        };
        let one = refusal(&|_| "a".to_owned(), "centre");
        assert!(one.contains("split.leave_one_out: `centre` divides the tiles into 1 (`a`)"), "{one}");
        let torn = refusal(&|at| ["a", "b"][usize::from(at > 30)].to_owned(), "centre");
        assert!(torn.contains("`30.png` and `31.png` are of one group or one image"), "{torn}");
        let empty = refusal(&|at| if at == 7 { String::new() } else { "a".to_owned() }, "centre");
        assert!(empty.contains("tile `7.png` has no `centre`"), "{empty}");
        let missing = refusal(&|_| "a".to_owned(), "scanner");
        assert!(missing.contains("has no column `scanner`; its further columns: centre"), "{missing}");
        let few = refusal(&|at| ["a", "b"][usize::from(at >= 57)].to_owned(), "centre");
        assert!(few.contains("`a` cannot be held out, because the others cannot be split"), "{few}");
    }

    #[test]
    fn a_centre_of_one_kind_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (mut dataset, digests) = listed(&folder, |at| ["a", "b"][usize::from(at >= 30)].to_owned());
        dataset.entries[30..].iter_mut().for_each(|entry| entry.label = "benign".to_owned());
        let message = hold_out(&dataset, &digests, "centre").unwrap_err().to_string();
        assert!(message.contains("no anomalous tile among the 30 of `b`"), "{message}");
        dataset.entries.iter_mut().for_each(|entry| entry.split = Some(Split::Train));
        assert!(hold_out(&dataset, &digests, "centre").unwrap_err().to_string().contains("split of its own"));
    }

    #[test]
    fn a_group_has_the_colour_of_most_of_its_tiles() {
        let folder = tempfile::tempdir().unwrap();
        let (dataset, digests) = listed(&folder, |_| "a".to_owned());
        for at in 0..60_u32 {
            // The first ten slides are pink but for one tile each, the others purple.
            let pink = at < 30 && at % 3 != 2;
            let colour = if pink { [200, 110, 160] } else { [130, 90, 160] };
            let path = folder.path().join(format!("{at}.png"));
            image::RgbImage::from_pixel(256, 256, image::Rgb(colour)).save(path).unwrap();
        }
        let (plans, held_out) = hold_out(&dataset, &digests, "colour").unwrap();
        let names: Vec<(&str, usize)> = held_out.centres.iter().map(|one| (one.name.as_str(), one.tiles)).collect();
        assert_eq!(names, [("pink", 30), ("purple", 30)]);
        assert_eq!(plans[0].indices(Split::Test), (0..30).collect::<Vec<_>>());
        assert_eq!(held_out.clusters.unwrap().tiles, 60);
    }
}
