//! Figures by subgroup: centres, scanners, or colours of the stain. A figure over all tiles hides a subgroup on which the
//! model fails. Guarantees that the figures of a subgroup are those of its tiles alone at the threshold of all, and that
//! subgroups with too few tiles, or with a share of anomalous tiles of their own, have a caution.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::clusters::ONE_CLUSTER;
use super::measure::measure_with;
use super::{ColourClusters, Confusion, Interval, MeasureOptions, MetricsError, Scored};

/// With fewer tiles than this, the figures of a subgroup mean little, and so does its share of anomalous tiles.
const FEW_TILES: usize = 20;

/// If the shares of anomalous tiles of two subgroups differ by this or more, the subgroup is partly the label.
const SHARE_DIFFERENCE: f64 = 0.25;

/// Figures of the subgroups of scored tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subgroups {
    /// The column of the list, or `colour`.
    pub by: String,
    /// The subgroups, in alphabetical order.
    pub subgroups: Vec<Subgroup>,
    /// Number of tiles that are in no subgroup.
    pub unknown: usize,
    /// The division by colour, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clusters: Option<ColourClusters>,
    /// Warnings.
    pub cautions: Vec<String>,
}

/// The tiles of one subgroup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subgroup {
    /// Name of the subgroup.
    pub name: String,
    /// Number of its tiles.
    pub n: usize,
    /// Number of its anomalous tiles.
    pub anomalous: usize,
    /// Confusion matrix at the threshold.
    pub confusion: Confusion,
    /// The figures; none if the tiles are all normal or all anomalous.
    pub figures: Option<SubgroupFigures>,
    /// The reason why there are no figures, or a warning about their intervals.
    pub caution: Option<String>,
}

/// Figures of one subgroup, each with a 95 % interval over its groups.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SubgroupFigures {
    /// Area under the ROC curve.
    pub auroc: Interval,
    /// Harmonic mean of precision and recall.
    pub f1: Interval,
    /// Fraction of true positives among predicted positives.
    pub precision: Interval,
    /// True-positive rate (sensitivity).
    pub recall: Interval,
    /// True-negative rate.
    pub specificity: Interval,
    /// Brier score, if the score is a probability.
    pub brier: Option<Interval>,
    /// Expected calibration error, if the score is a probability.
    pub ece: Option<Interval>,
    /// Area under the ROC curve of the supervised colour baseline, if it was evaluated.
    pub colour_auroc: Option<Interval>,
}

impl Subgroups {
    /// Measures each subgroup. `names` has the subgroup of each tile, in the order of `scored`; tiles without one are
    /// counted and left out. Of `options`, the threshold, `probabilities`, `colour` and the bootstrap are used.
    ///
    /// # Errors
    /// Another number of names than of tiles; and as [`measure_with`].
    pub fn new(
        by: &str,
        names: &[Option<&str>],
        scored: &[Scored],
        options: &MeasureOptions<'_>,
    ) -> Result<Self, MetricsError> {
        if names.len() != scored.len() {
            return Err(MetricsError::Length { found: names.len(), of: "subgroups", expected: scored.len() });
        }
        let mut tiles = BTreeMap::<&str, Vec<usize>>::new();
        for (at, name) in names.iter().enumerate() {
            if let Some(name) = name {
                tiles.entry(name).or_default().push(at);
            }
        }
        let unknown = names.iter().filter(|name| name.is_none()).count();
        let subgroups = tiles
            .into_iter()
            .map(|(name, tiles)| Subgroup::new(name, &tiles, scored, options))
            .collect::<Result<Vec<_>, _>>()?;
        let mut cautions = Vec::new();
        cautions.extend(share_caution(by, subgroups.iter().map(|one| (one.name.as_str(), one.n, one.anomalous))));
        let few = subgroups.iter().filter(|one| one.n < FEW_TILES);
        cautions.extend(few.map(|one| format!("{} has few tiles: {}", one.name, one.n)));
        if unknown > 0 {
            cautions.push(format!("tiles in no subgroup: {unknown}"));
        }
        Ok(Self { by: by.to_owned(), subgroups, unknown, clusters: None, cautions })
    }

    /// Measures the pink and the purple tiles; `names` is of [`ColourClusters::name`]. Without clusters all tiles have one
    /// hue, and there are no subgroups.
    ///
    /// # Errors
    /// As [`Subgroups::new`].
    pub fn by_colour(
        clusters: Option<ColourClusters>,
        names: &[Option<&str>],
        scored: &[Scored],
        options: &MeasureOptions<'_>,
    ) -> Result<Self, MetricsError> {
        let mut found = Self::new("colour", names, scored, options)?;
        match &clusters {
            None => found.cautions.push("the tiles have one hue, so they are not divided by colour".to_owned()),
            Some(clusters) if clusters.between < ONE_CLUSTER => found.cautions.push(format!(
                "the hues look like one cluster rather than two: {:.0} % of their variance is between pink and purple",
                100.0 * clusters.between
            )),
            Some(_) => {}
        }
        Ok(Self { clusters, ..found })
    }
}

impl Subgroup {
    fn new(name: &str, tiles: &[usize], scored: &[Scored], options: &MeasureOptions<'_>) -> Result<Self, MetricsError> {
        let part = |of: &[Scored]| tiles.iter().map(|&at| of[at].clone()).collect::<Vec<_>>();
        let own = part(scored);
        let anomalous = own.iter().filter(|tile| tile.anomalous).count();
        let one_kind = match anomalous {
            0 => Some("normal"),
            all if all == own.len() => Some("anomalous"),
            _ => None,
        };
        let confusion = Confusion::count(&own, options.threshold, |_| 1);
        let (figures, caution) = match one_kind {
            Some(kind) => (None, Some(format!("all {} tiles are {kind}, and the figures need both kinds", own.len()))),
            None => {
                let colour = options.colour.filter(|colour| colour.len() == scored.len()).map(part);
                let of_part = MeasureOptions {
                    probabilities: options.probabilities,
                    colour: colour.as_deref(),
                    ..MeasureOptions::new(options.threshold, options.bootstrap)
                };
                let metrics = measure_with(&own, &of_part)?;
                let calibration = metrics.calibration.as_ref();
                let figures = SubgroupFigures {
                    auroc: metrics.auroc,
                    f1: metrics.f1,
                    precision: metrics.precision,
                    recall: metrics.recall,
                    specificity: metrics.specificity,
                    brier: calibration.map(|calibration| calibration.brier),
                    ece: calibration.map(|calibration| calibration.ece),
                    colour_auroc: metrics.baseline.colour_auroc,
                };
                (Some(figures), metrics.intervals.caution)
            }
        };
        Ok(Self { name: name.to_owned(), n: own.len(), anomalous, confusion, figures, caution })
    }
}

/// A warning if the share of anomalous tiles differs much between subgroups, each with its number of tiles and of anomalous
/// ones. Subgroups with few tiles do not count.
pub(crate) fn share_caution<'a>(by: &str, subgroups: impl Iterator<Item = (&'a str, usize, usize)>) -> Option<String> {
    let shares = subgroups.filter(|(_, n, _)| *n >= FEW_TILES);
    let mut shares: Vec<(&str, f64)> = shares.map(|(name, n, anomalous)| (name, anomalous as f64 / n as f64)).collect();
    shares.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (low, high) = (shares.first()?, shares.last()?);
    (high.1 - low.1 >= SHARE_DIFFERENCE).then(|| {
        format!(
            "{:.0} % of the tiles of {} are anomalous and {:.0} % of those of {}: {by} is partly the label, so a model may \
             use it instead of the tissue",
            100.0 * high.1,
            high.0,
            100.0 * low.1,
            low.0
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::metrics::{Bootstrap, auroc};

    fn tile(score: f64, anomalous: bool, group: usize) -> Scored {
        Scored { score, anomalous, group: format!("slide-{group}") }
    }

    /// Two centres of six slides of four tiles each, half of them anomalous; the south is ranked worse.
    fn scored() -> (Vec<Scored>, Vec<Option<&'static str>>) {
        let tiles = (0..48).map(|at| {
            let (anomalous, north) = (at % 2 == 1, at < 24);
            let noise = (at * 29 % 48) as f64 / 48.0;
            let score = if north { 0.3 * noise } else { 0.7 * noise } + if anomalous { 0.3 } else { 0.0 };
            (tile(score, anomalous, at / 4), Some(if north { "north" } else { "south" }))
        });
        tiles.unzip()
    }

    fn options() -> MeasureOptions<'static> {
        let bootstrap = Bootstrap { resamples: 100, seed: 1 };
        MeasureOptions { probabilities: true, ..MeasureOptions::new(0.45, bootstrap) }
    }

    #[test]
    fn the_figures_of_a_subgroup_are_those_of_its_tiles_alone() {
        let (scored, names) = scored();
        let found = Subgroups::new("centre", &names, &scored, &options()).unwrap();
        assert_eq!((found.by.as_str(), found.unknown, found.cautions.len()), ("centre", 0, 0), "{found:?}");
        for (subgroup, part) in found.subgroups.iter().zip([&scored[..24], &scored[24..]]) {
            let figures = subgroup.figures.unwrap();
            let called = |anomalous: bool| {
                part.iter().filter(|tile| tile.anomalous == anomalous && tile.score >= 0.45).count() as f64
            };
            let (hits, alarms) = (called(true), called(false));
            assert_eq!((subgroup.n, subgroup.anomalous), (24, 12));
            assert!((figures.recall.value - hits / 12.0).abs() < 1e-12);
            assert!((figures.precision.value - hits / (hits + alarms)).abs() < 1e-12);
            assert!((figures.f1.value - 2.0 * hits / (hits + alarms + 12.0)).abs() < 1e-12);
            // The share of pairs in which the anomalous tile has the higher score.
            let normal = || part.iter().filter(|tile| !tile.anomalous);
            let wins: f64 = part
                .iter()
                .filter(|tile| tile.anomalous)
                .flat_map(|tile| normal().map(|other| if tile.score > other.score { 1.0 } else { 0.0 }))
                .sum();
            assert!((figures.auroc.value - wins / 144.0).abs() < 1e-12);
            assert!((figures.auroc.value - auroc(part).unwrap()).abs() < 1e-12);
            assert!(figures.auroc.low <= figures.auroc.value && figures.auroc.value <= figures.auroc.high);
            let brier = |tile: &Scored| (tile.score - f64::from(u8::from(tile.anomalous))).powi(2);
            let expected = part.iter().map(brier).sum::<f64>() / 24.0;
            assert!((figures.brier.unwrap().value - expected).abs() < 1e-12);
            assert!(figures.ece.is_some() && figures.colour_auroc.is_none());
        }
        let [north, south] = [0, 1].map(|at: usize| found.subgroups[at].figures.unwrap().auroc.value);
        assert!(north > south, "{north} {south}");
    }

    #[test]
    fn the_colour_baseline_is_measured_on_the_same_tiles() {
        let (scored, names) = scored();
        let turned: Vec<Scored> = scored.iter().map(|tile| Scored { score: -tile.score, ..tile.clone() }).collect();
        let options = MeasureOptions { colour: Some(&turned), ..options() };
        let found = Subgroups::new("centre", &names, &scored, &options).unwrap();
        let figures = found.subgroups[0].figures.unwrap();
        assert!((figures.colour_auroc.unwrap().value - (1.0 - figures.auroc.value)).abs() < 1e-12);
    }

    #[test]
    fn a_subgroup_of_one_kind_has_a_reason_instead_of_figures() {
        let (mut scored, mut names) = scored();
        scored.extend((0..3).map(|at| tile(0.9, true, 90 + at)));
        names.extend([Some("west"), Some("west"), None]);
        let found = Subgroups::new("centre", &names, &scored, &options()).unwrap();
        let west = &found.subgroups[2];
        assert_eq!((west.name.as_str(), west.n, west.figures, west.confusion.true_positive), ("west", 2, None, 2));
        assert!(west.caution.as_ref().unwrap().starts_with("all 2 tiles are anomalous"), "{west:?}");
        assert_eq!(found.unknown, 1);
        assert_eq!(found.cautions, ["west has few tiles: 2", "tiles in no subgroup: 1"]);
        assert!(Subgroups::new("centre", &names[1..], &scored, &options()).is_err());
    }

    #[test]
    fn a_subgroup_that_tells_the_label_is_named() {
        let tiles = [("pink", 40, 30), ("purple", 40, 10), ("grey", 4, 0)];
        let caution = share_caution("colour", tiles.into_iter()).unwrap();
        assert!(
            caution.starts_with("75 % of the tiles of pink are anomalous and 25 % of those of purple"),
            "{caution}"
        );
        let alike = [("pink", 40, 22), ("purple", 40, 18), ("grey", 4, 0)];
        assert_eq!(share_caution("colour", alike.into_iter()), None);
    }

    #[test]
    fn colours_that_are_one_cluster_have_a_caution() {
        let (scored, names) = scored();
        let clusters = ColourClusters { boundary: 0.0, centres: [-0.1, 0.1], between: 0.64, tiles: 48 };
        let found = Subgroups::by_colour(Some(clusters), &names, &scored, &options()).unwrap();
        assert!(found.cautions[0].contains("one cluster rather than two: 64 %"), "{:?}", found.cautions);
        let apart = ColourClusters { between: 0.9, ..clusters };
        assert!(Subgroups::by_colour(Some(apart), &names, &scored, &options()).unwrap().cautions.is_empty());
        let nothing = Subgroups::by_colour(None, &[None; 48], &scored, &options()).unwrap();
        assert!(nothing.subgroups.is_empty() && nothing.cautions.iter().any(|one| one.contains("one hue")));
    }
}
