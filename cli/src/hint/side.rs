//! Hints for errors of two sides: `kiln compare` and `kiln debug`.

use super::bundle::export;
use super::runtime::runtime;
use super::train::train;

/// The words that name a side.
#[cfg(feature = "debug")]
const SIDE: &str = "write a run, or a bundle or an ONNX file as PATH[@PRECISION][:PROVIDERS][:noopt]";

/// Hints for errors of a comparison.
#[cfg(feature = "compare")]
pub(super) fn compare(error: &kiln_compare::CompareError) -> Option<String> {
    use kiln_compare::CompareError;

    let hint = match error {
        CompareError::Runtime(error) => return answerer(error),
        CompareError::Train(error) => return train(error),
        CompareError::Burn(error) => return export(error),
        CompareError::NoPixels { .. } => "name the data set of the tiles with --data",
        CompareError::NoBundle { .. } => "name it with --bundle",
        CompareError::OtherTiles { .. } => {
            "name the tiles of the answers with --data, or save the answers again with --save"
        }
        CompareError::Output { .. } => "choose others with --outputs",
        CompareError::Tiles { .. } | CompareError::NoTile { .. } => "name other tiles with --data and --split",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Hints for errors of a bundle or a server as a side, which names its model behind the URL.
#[cfg(feature = "compare")]
fn answerer(error: &kiln_runtime::Error) -> Option<String> {
    #[cfg(feature = "endpoint")]
    {
        use kiln_runtime::Error;
        use kiln_runtime::endpoint::EndpointError;

        match error {
            Error::Batch { source, .. } => return answerer(source),
            Error::Endpoint(EndpointError::UnknownModel { .. }) => {
                return Some("write the model's name on the server behind the URL: URL#MODEL".to_owned());
            }
            // A side has no words for a version.
            Error::Endpoint(EndpointError::VersionChanged { .. }) => return None,
            _ => {}
        }
    }
    runtime(error)
}

/// Hints for errors of `kiln debug`.
#[cfg(feature = "debug")]
pub(super) fn debug(error: &kiln_debug::DebugError) -> Option<String> {
    use kiln_debug::DebugError;

    let hint = match error {
        DebugError::Runtime(error) => return runtime(error),
        DebugError::Bundle(error) => return export(error),
        DebugError::Train(error) => return train(error),
        DebugError::Side { .. } => SIDE,
        DebugError::Exists { .. } => "replace it with --replace, or name another folder with --out",
        DebugError::NotABisection { .. } => "name another folder with --out",
        DebugError::NoDifference { .. } => "`kiln debug layers` lists every value with its error",
        DebugError::Inputs { .. } => "name tiles with --data, or arrays by input name with --inputs FILE.npz",
        _ => return None,
    };
    Some(hint.to_owned())
}
