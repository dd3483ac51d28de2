//! Titles and captions of a run's figures.

use super::gallery::SHEET_TILES;
use crate::Config;
use crate::config::StoppingMetric;
use crate::picture::Picture;
use crate::report::Figure;

/// A picture's file name, and the picture with its words.
pub(super) type Named = (&'static str, Figure);

/// The figure of the first training tiles.
pub(super) fn training_figure(picture: Picture, config: &Config) -> Figure {
    let window = match config.training.crop {
        Some(side) => {
            let step =
                if config.model.settings().classifier_epochs() > 0 { "A step of the first stage" } else { "A step" };
            format!(" {step} takes a random window of {side} x {side} pixels of each.")
        }
        None => String::new(),
    };
    Figure {
        title: "Training tiles".to_owned(),
        alternative: "The first tiles of the training after augmentation, each with its label".to_owned(),
        caption: format!(
            "The first {SHEET_TILES} tiles of the first epoch, after stain normalisation, synthesis and augmentation. If \
             you cannot recognise their classes yourself, the augmentation is too strong.{window}"
        ),
        picture,
    }
}

/// The figure of the losses.
pub(super) fn loss_figure(picture: Picture, config: &Config) -> Figure {
    let metric = match config.training.best {
        StoppingMetric::ValLoss => "the lowest validation loss",
        StoppingMetric::ValAuroc => "the highest validation AUROC",
    };
    let stage = match config.model.settings().classifier_epochs() {
        0 => String::new(),
        alone => {
            format!(
                " The classifier learnt alone for up to {alone} epochs, then the whole model; the losses are not comparable."
            )
        }
    };
    Figure {
        title: "Training".to_owned(),
        alternative: "Loss of the training and validation split, and AUROC of the validation split, by epoch"
            .to_owned(),
        caption: format!(
            "The kept epoch has {metric}{}.{stage}",
            if stage.is_empty() { "" } else { " of the second stage" }
        ),
        picture,
    }
}

/// The figure of the ROC and precision-recall curves.
pub(super) fn ranking_figure(picture: Picture) -> Figure {
    Figure {
        title: "Ranking and threshold".to_owned(),
        alternative: "ROC and precision-recall curves of the test split, with the threshold marked".to_owned(),
        caption: "The curve of colour statistics shows how well staining alone separates the classes.".to_owned(),
        picture,
    }
}

/// The figure of test tiles with scores.
pub(super) fn sheet_figure(picture: Picture) -> Figure {
    Figure {
        title: "Tiles and their scores".to_owned(),
        alternative: "A sheet of test tiles with their scores, wrong decisions first".to_owned(),
        caption: "Broken frames mark wrong decisions; the other tiles are spread over the range of scores.".to_owned(),
        picture,
    }
}

/// The figure of reconstructions.
pub(super) fn reconstruction_figure(picture: Picture) -> Figure {
    Figure {
        title: "Reconstructions".to_owned(),
        alternative: "Test tiles, their reconstructions, and the squared error of each pixel".to_owned(),
        caption: "The autoencoder learnt from normal tiles only: large errors mark unusual structures.".to_owned(),
        picture,
    }
}
