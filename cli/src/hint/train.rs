//! Hints for errors of data sets, runs, studies and weights.

/// Hints for errors of data sets, runs, studies and weights.
pub(super) fn train(error: &kiln_train::Error) -> Option<String> {
    use kiln_train::Error;
    use kiln_train::data::DataError;
    use kiln_train::metrics::MetricsError;

    let hint = match error {
        Error::NoData => "give --data DIR, or make a data set with `kiln data synth --out DIR`",
        Error::DataPath { .. } => "give a folder or a CSV of tiles with --data",
        Error::Data(DataError::OpenSlide(_)) => {
            "type `kiln runtime install openslide`, or name a library in KILN_OPENSLIDE"
        }
        Error::Data(DataError::Slide { .. }) => {
            "if only the resolution of its level 0 is missing, state it as data.slides.mpp_override"
        }
        Error::Data(DataError::SlideTile { .. }) => {
            "remove its row from the list; `kiln data inspect` names all such tiles"
        }
        Error::Data(DataError::Resolution { .. }) => "list the tiles with `kiln slide tile --mpp`",
        Error::Data(DataError::OneKind { .. }) => {
            "evaluate tiles of both kinds, or compute the scores alone with `kiln score`"
        }
        Error::Metrics(MetricsError::FewTiles { .. }) => {
            "add tiles to the validation split with a `split` column, --split-file or data.split, or set a lower rate"
        }
        Error::SplitLacks { .. } => {
            "assign some with a `split` column or with --split-file, or change the fractions in data.split"
        }
        Error::RunExists { .. } => "continue it with --resume, or choose another folder with --out",
        Error::NotARun { .. } => "make a run with `kiln train`",
        Error::RunUnfinished { .. } => "continue with `kiln train CONFIG --out RUN --resume`",
        Error::RunStopped { .. } => "continue with --resume",
        Error::OtherConfiguration { .. } => {
            "resume with the configuration of the run, or choose another folder with --out"
        }
        Error::OtherTiles { .. } => "restore the tiles, or choose another folder with --out",
        Error::TilesChanged { .. } => "restore the tiles, name an unchanged copy of them with --data, or train again",
        Error::OtherSplit { .. } => "resume without --split-file, or choose another folder with --out",
        Error::OtherOrder { .. } => "restore the order of the rows, or choose another folder with --out",
        Error::OfModel { cause, .. } | Error::OfSearch { cause, .. } | Error::OfTrial { cause, .. } => match &**cause {
            Error::SplitLacks { .. } | Error::Metrics(MetricsError::FewTiles { .. }) => {
                "assign tiles with a column `split` of the list, change split.fractions or split.folds, or set a lower rate"
            }
            Error::SeenByWeights { .. } => {
                "write the split that the weights were trained with into the column `split` of the list, or use other weights"
            }
            other => return super::hint_of(other),
        },
        Error::OtherTrials { .. } => {
            "remove their folders below trials/ to train them again, or choose another folder with --out"
        }
        Error::NotAStudy { .. } | Error::OtherStudy { .. } => "choose another folder with --out",
        Error::FeaturesDiffer { .. } => "let burn compute them with --set training.features=burn",
        Error::OtherFeatures { .. } => {
            "resume with the ONNX Runtime and the machine that it began with, or choose another folder with --out"
        }
        Error::OtherBackbone { .. } => {
            "make the file with `kiln weights import`, `kiln weights extract` or `kiln pretrain`"
        }
        Error::SeenByWeights { .. } => {
            "use the split that the weights were trained with (--split-file, or in a study the column `split` of the list), or \
             other weights"
        }
        Error::UnchangedBackbone { .. } => "use those, or train with frozen: false or depthwise",
        Error::NoBackbone { .. } => {
            "give a run of a transfer or of a hybrid with model.transfer, trained with frozen: false or depthwise"
        }
        Error::ShallowWeights { stages, .. } => {
            return Some(format!(
                "use stages up to {stages}, or make the file from a model with deeper backbone.stages"
            ));
        }
        Error::NothingToResume { .. } => "choose an empty or new folder with --out, or that of the training",
        Error::WeightsExist { .. } => "choose another file with --out, or remove it",
        Error::NotPublished { .. } => {
            "import a file with `kiln weights import FILE --backbone NAME --out WEIGHTS`, and set `weights` of the \
             backbone to WEIGHTS"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}
