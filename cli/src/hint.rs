//! Hints for errors: the command or the option that solves the problem. The libraries report typed errors and do not
//! mention the command line; this is the one place where an error becomes advice for its user.

/// The hint for an error, if there is one.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(of_any)
}

fn of_any(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    #[cfg(feature = "export")]
    if let Some(kiln_export::BundleError::Train(error)) = error.downcast_ref() {
        return train(error);
    }
    #[cfg(feature = "train")]
    if let Some(error) = error.downcast_ref::<kiln_train::Error>() {
        return train(error);
    }
    let _ = error;
    None
}

/// Hints for errors of data sets, runs, studies and weights.
#[cfg(feature = "train")]
fn train(error: &kiln_train::Error) -> Option<String> {
    use kiln_train::Error;
    use kiln_train::data::DataError;

    let hint = match error {
        Error::NoData => "give --data DIR, or make a data set with `kiln data synth --out DIR`",
        Error::DataPath { .. } => "give a folder or a CSV of tiles with --data",
        Error::Data(DataError::OneKind { .. }) => {
            "evaluate tiles of both kinds, or compute the scores alone with `kiln score`"
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
        Error::OtherSplit { .. } => "resume without --split-file, or choose another folder with --out",
        Error::NotAStudy { .. } | Error::OtherStudy { .. } => "choose another folder with --out",
        Error::OtherBackbone { .. } => "make the file with `kiln weights import`",
        Error::NotPublished { .. } => {
            "import a file with `kiln weights import FILE --backbone NAME --out WEIGHTS`, and set model.backbone.weights \
             to WEIGHTS"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(all(test, feature = "export"))]
mod tests {
    use anyhow::Context as _;
    use kiln_train::Error;

    use super::*;

    #[test]
    fn an_error_has_its_hint_whatever_is_around_it() {
        let missing = || Error::NotARun { path: "tiles".into() };
        let expected = Some("make a run with `kiln train`".to_owned());
        assert_eq!(hint(&missing().into()), expected);
        assert_eq!(hint(&kiln_export::BundleError::from(missing()).into()), expected);
        assert_eq!(hint(&anyhow::Error::from(missing()).context("cannot export")), expected);
        let other: anyhow::Result<()> = Err(std::io::Error::other("x")).context("cannot write");
        assert_eq!(other.err().and_then(|error| hint(&error)), None);
    }
}
