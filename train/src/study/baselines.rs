//! The classical baselines of a study, on every fold.

use kiln_tile::Decoder;

use super::results::{Measured, Role};
use super::setup::Setup;
use crate::baseline::{BaselineKind, TileFeatures};
use crate::data::{Dataset, Split, SplitPlan};
use crate::metrics::{Scored, Trial};
use crate::{Result, parallel};

/// Fits and scores every baseline on every fold.
pub(super) fn measure(setup: &Setup) -> Result<Vec<Measured>> {
    if setup.study.baselines.is_empty() {
        return Ok(Vec::new());
    }
    let features = tile_features(&setup.dataset, Decoder::new(setup.study.data.size_policy))?;
    let measured = setup.study.baselines.iter().map(|&kind| {
        let folds = setup.plans.iter().enumerate();
        let trials = folds.map(|(fold, plan)| trial(setup, kind, fold, plan, &features)).collect::<Result<_>>()?;
        Ok(Measured {
            name: kind.as_str().to_owned(),
            role: Role::Baseline,
            of: None,
            description: kind.description().to_owned(),
            changed: Vec::new(),
            trials,
            records: Vec::new(),
        })
    });
    measured.collect()
}

fn trial(setup: &Setup, kind: BaselineKind, fold: usize, plan: &SplitPlan, features: &[TileFeatures]) -> Result<Trial> {
    let part = |split: Split| {
        let indices = plan.indices(split);
        let tiles: Vec<&TileFeatures> = indices.iter().map(|&index| &features[index]).collect();
        (setup.truth(&indices), tiles)
    };
    let (train, tiles) = part(Split::Train);
    let anomalous: Vec<bool> = train.iter().map(|tile| tile.anomalous).collect();
    let fitted = kind.fit(&tiles, &anomalous)?;
    let scored = |(truth, tiles): (Vec<Scored>, Vec<&TileFeatures>)| -> Result<Vec<Scored>> {
        let scores = fitted.score(&tiles)?;
        Ok(truth.into_iter().zip(scores).map(|(tile, score)| Scored { score, ..tile }).collect())
    };
    let threshold = setup.study.threshold.choose(&scored(part(Split::Val))?)?;
    let scored = scored(part(Split::Test))?;
    Ok(Trial { fold, seed: 0, scored, threshold, probabilities: fitted.gives_probabilities() })
}

/// The baselines' features of every tile.
fn tile_features(dataset: &Dataset, decoder: Decoder) -> Result<Vec<TileFeatures>> {
    parallel::try_map(dataset.len(), |index| Ok(TileFeatures::new(&dataset.tile(index, &decoder)?)))
}
