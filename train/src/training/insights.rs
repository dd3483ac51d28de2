//! The part of a run's report that looks inside the model: its worst decisions with maps over the tiles, a map of the
//! latent space, and interpolations between two tiles.

use super::captions::Named;
use super::evaluation::ScoredTile;
use super::gallery::Gallery;
use crate::Result;
use crate::explain::{Projection, grad_cam, interpolate, project};
use crate::metrics::Scored;
use crate::model::tensors::{read, tile_tensor};
use crate::picture::{Insight, LatentPoint, Picture, insight_sheet, interpolation_strips, latent_map};
use crate::report::Figure;

/// Number of wrong decisions of either kind that are shown.
const WORST: usize = 4;
/// Tiles of a strip, its ends included.
const STEPS: usize = 7;

/// The pictures of the model and its mistakes.
pub(super) fn figures(gallery: &Gallery<'_>) -> Result<Vec<Named>> {
    let mut figures = Vec::new();
    let rows = worst(gallery)?;
    if !rows.is_empty() {
        figures.push(("worst.png", worst_figure(insight_sheet(&rows)?)));
    }
    figures.extend(map(gallery)?.map(|figure| ("latent_map.png", figure)));
    figures.extend(strips(gallery)?.map(|figure| ("interpolation.png", figure)));
    Ok(figures)
}

/// The missed anomalies and false alarms that are furthest from the threshold.
fn worst(gallery: &Gallery<'_>) -> Result<Vec<Insight>> {
    let (scored, threshold) = (gallery.scored(), gallery.metrics.threshold);
    let mut rows = Vec::new();
    for anomalous in [true, false] {
        for at in furthest(&scored, threshold, anomalous) {
            rows.push(insight(gallery, &gallery.test[at], anomalous)?);
        }
    }
    Ok(rows)
}

/// Indices of wrong decisions on normal or on anomalous tiles, the furthest from the threshold first.
fn furthest(scored: &[Scored], threshold: f64, anomalous: bool) -> Vec<usize> {
    let wrong = |tile: &Scored| tile.anomalous == anomalous && (tile.score >= threshold) != anomalous;
    let mut wrong: Vec<usize> = (0..scored.len()).filter(|&at| wrong(&scored[at])).collect();
    let distance = |at: &usize| (scored[*at].score - threshold).abs();
    wrong.sort_by(|a, b| distance(b).total_cmp(&distance(a)));
    wrong.truncate(WORST);
    wrong
}

fn insight(gallery: &Gallery<'_>, scored: &ScoredTile, anomalous: bool) -> Result<Insight> {
    let tile = gallery.decode(scored.index)?;
    let normal = gallery.run.facts.classes.normal;
    let answers = gallery.zoo.score(tile_tensor(tile.pixels().to_vec(), gallery.device), normal);
    // A map without a reconstruction error shows distances; the sheet has room for errors only.
    let error_map = answers.error_map.filter(|_| answers.squared_error.is_some());
    let error_map = error_map.map(|map| read(map.into_data())).transpose()?;
    let name = gallery.dataset.entries[scored.index].path.display();
    let what = if anomalous { "anomaly missed" } else { "false alarm" };
    Ok(Insight {
        evidence: grad_cam(gallery.zoo, normal, &tile, gallery.device)?,
        error_map: error_map.map(|map| map.into_iter().map(|value| value as f32).collect()),
        caption: format!("{name}: {what}, score {:.4}", scored.score),
        tile,
    })
}

fn map(gallery: &Gallery<'_>) -> Result<Option<Figure>> {
    let with: Vec<(&ScoredTile, &[f32])> =
        gallery.test.iter().filter_map(|tile| Some((tile, tile.latent.as_deref()?))).collect();
    let latents: Vec<&[f32]> = with.iter().map(|(_, latent)| *latent).collect();
    let Some(Projection { points, explained_variance }) = project(&latents)? else { return Ok(None) };
    let classes = &gallery.run.facts.classes;
    let places = with.iter().zip(points).map(|((tile, _), (x, y))| LatentPoint {
        x,
        y,
        anomalous: classes.is_anomalous(tile.class),
    });
    let picture = latent_map(&places.collect::<Vec<_>>(), explained_variance)?;
    Ok(Some(Figure {
        title: "Latent space".to_owned(),
        alternative: "Test tiles on the two principal axes of the latent means, normal and anomalous".to_owned(),
        caption: format!(
            "The two axes hold {:.0} % of the variance of the latent means. Points that are apart here are apart; points that \
             are close here need not be.",
            100.0 * explained_variance
        ),
        picture,
    }))
}

/// Strips from one normal tile to another, and from a normal tile to an anomalous one.
fn strips(gallery: &Gallery<'_>) -> Result<Option<Figure>> {
    let classes = &gallery.run.facts.classes;
    let latents = |anomalous: bool| {
        let of = gallery.test.iter().filter(move |tile| classes.is_anomalous(tile.class) == anomalous);
        of.filter_map(|tile| tile.latent.as_deref())
    };
    let (first, last) = (latents(false).next(), latents(false).next_back());
    let ways = [
        ("from a normal tile to another", first, last),
        ("from a normal tile to an anomalous one", first, latents(true).next()),
    ];
    let mut drawn = Vec::new();
    for (name, from, to) in ways {
        let (Some(from), Some(to)) = (from, to) else { continue };
        if let Some(tiles) = interpolate(gallery.zoo, from, to, STEPS, gallery.device)? {
            drawn.push((name.to_owned(), tiles));
        }
    }
    if drawn.is_empty() {
        return Ok(None);
    }
    Ok(Some(Figure {
        title: "Between two tiles".to_owned(),
        alternative: "Decoded points on the straight line between the latent means of two tiles".to_owned(),
        caption: "Both ends are reconstructions, too, by a decoder that learnt from normal tiles only.".to_owned(),
        picture: interpolation_strips(&drawn)?,
    }))
}

fn worst_figure(picture: Picture) -> Figure {
    Figure {
        title: "The worst decisions".to_owned(),
        alternative: "Missed anomalies and false alarms, with maps of the evidence for an anomaly and of reconstruction \
                      errors over the tile"
            .to_owned(),
        caption:
            "Grad-CAM weighs the feature maps that the classifier reads by the gradient of the anomalous logit. Each map has a separate \
                  scale; an aid to the eye, not a proof."
                .to_owned(),
        picture,
    }
}
