//! The pictures and the report of a run, and the report drawn again with later results: parity and latency of the bundle.

use std::path::Path;

use burn::tensor::Device;

use super::captions::{Named, loss_figure, ranking_figure, reconstruction_figure, sheet_figure, training_figure};
use super::colour::colour_scores;
use super::evaluation::score_tiles;
use super::gallery::Gallery;
use super::insights;
use super::run::{RESTORE, Run};
use crate::data::Split;
use crate::explain::is_bounded;
use crate::metrics::Metrics;
use crate::picture::{loss_curves, reconstruction_sheet, roc_and_pr, score_sheet, training_sheet};
use crate::report::{Latency, Parity, Report};
use crate::{Error, Result};

impl Gallery<'_> {
    /// Draws all pictures.
    pub(super) fn figures(&self) -> Result<Vec<Named>> {
        let mut figures = Vec::new();
        if let Ok(picture) = loss_curves(self.history, self.run.facts.best_epoch) {
            figures.push(("loss.png", loss_figure(picture, &self.run.config)));
        }
        let shown = self.training_tiles()?;
        if !shown.is_empty() {
            figures.push(("training_tiles.png", training_figure(training_sheet(&shown)?, &self.run.config)));
        }
        let scored = self.scored();
        let ranking = roc_and_pr(&scored, self.baseline, self.metrics)?;
        figures.push(("roc_pr.png", ranking_figure(ranking)));
        figures.push(("scores.png", sheet_figure(score_sheet(&self.sheet(&scored)?, self.metrics.threshold)?)));
        let rows = self.reconstructions()?;
        if !rows.is_empty() {
            figures.push(("reconstructions.png", reconstruction_figure(reconstruction_sheet(&rows)?)));
        }
        figures.extend(insights::figures(self)?);
        Ok(figures)
    }

    /// The report with these figures.
    pub(super) fn report(&self, figures: Vec<Named>) -> Result<Report> {
        let (run, facts) = (self.run, &self.run.facts);
        let data = facts.data.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let fact = |name: &str, value: String| (name.to_owned(), value);
        let stain = facts.stain_normalisation.map(|stain| {
            fact(
                "Stain normalisation",
                format!("{}, fitted on training tiles; tiles are shown normalised", stain.method()),
            )
        });
        let unbounded = self.test.iter().filter_map(|tile| tile.latent.as_deref()).any(|latent| !is_bounded(latent));
        let latent = unbounded.then(|| {
            fact(
                "Latent space",
                "no map: latent means are not finite, or too large; try a smaller learning rate".to_owned(),
            )
        });
        Ok(Report {
            title: format!("{} on {data}", run.config.name),
            summary: format!(
                "A {} with {} weights, trained for {} epochs and measured on {} tiles that influenced no decision. For \
                 research; not for diagnosis.",
                run.config.model.kind(),
                facts.parameters,
                facts.epochs,
                self.metrics.n
            ),
            facts: [
                fact("Normal classes", facts.classes.normal_names().join(", ")),
                fact("Anomalous classes", facts.classes.names[facts.classes.normal..].join(", ")),
                fact("Kept epoch", facts.best_epoch.to_string()),
                fact(
                    "Threshold",
                    format!(
                        "{:.6}, by {} on the {}",
                        facts.threshold.value, facts.threshold.rule, facts.threshold.chosen_on
                    ),
                ),
                fact("Seed", run.config.training.seed.to_string()),
                fact("Data SHA-256", facts.data_sha256.clone()),
                fact("Weights SHA-256", facts.weights_sha256.clone()),
                fact("Versions", format!("Kiln {}, burn {}", facts.kiln, facts.burn)),
            ]
            .into_iter()
            .chain(stain)
            .chain(latent)
            .collect(),
            metrics: Some(self.metrics.clone()),
            figures: figures.into_iter().map(|(_, figure)| figure).collect(),
            parity: None,
            latency: None,
            config: Some(run.config.to_yaml()?),
        })
    }
}

/// The report of a complete run, drawn again, with parity and latency of its bundle. `moved` is the new path of the data
/// set, if it has moved.
///
/// # Errors
/// If the run or its data cannot be read.
pub fn report(run: &Run, moved: Option<&Path>, parity: Option<Parity>, latency: Option<Latency>) -> Result<Report> {
    let device = Device::flex();
    let (zoo, dataset) = (run.model(&device)?, run.dataset(moved)?);
    let classes = &run.facts.classes;
    let batch = run.config.training.batch;
    let loader = |split| run.raw_loader(&dataset, run.indices(&dataset, split)?, batch);
    let tested = run.loader(&dataset, run.indices(&dataset, Split::Test)?, batch)?;
    let test = score_tiles(&zoo, run.preprocessing(), classes, &tested, &device)?;
    let colour = colour_scores(&dataset, classes, &loader(Split::Train)?, &loader(Split::Test)?, &test)?;
    let metrics: Metrics = serde_json::from_value(run.metrics()?)
        .map_err(|error| Error::damaged(run.layout.root(), "metrics.json", &error, RESTORE))?;
    let history = run.history()?;
    let gallery = Gallery {
        run,
        dataset: &dataset,
        zoo: &zoo,
        device: &device,
        test: &test,
        baseline: colour.supervised.as_deref(),
        metrics: &metrics,
        history: &history,
    };
    let report = gallery.report(gallery.figures()?)?;
    Ok(Report { parity, latency, ..report })
}
