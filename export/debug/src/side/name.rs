//! The name of a side, as users write it.

use std::path::PathBuf;
use std::str::FromStr;

use kiln_runtime::{GraphSpec, GraphSpecError};

use crate::error::DebugError;

/// A side by name: a run's folder (burn), or a bundle or an ONNX file as a [`GraphSpec`].
///
/// ```
/// use kiln_debug::SideName;
///
/// let side: SideName = "bundles/cnn@int8:openvino,cpu:noopt".parse()?;
/// assert_eq!(side.path.to_str(), Some("bundles/cnn"));
/// assert_eq!((side.precision.as_deref(), side.providers.as_deref()), (Some("int8"), Some("openvino,cpu")));
/// assert!(side.as_written);
/// let side: SideName = "model.onnx@:cuda".parse()?;
/// assert_eq!((side.precision, side.providers.as_deref()), (None, Some("cuda")));
/// # Ok::<(), kiln_debug::DebugError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideName {
    /// As it was written.
    pub text: String,
    /// The run, the bundle or the file.
    pub path: PathBuf,
    /// The precision of a bundle; none is fp32.
    pub precision: Option<String>,
    /// The provider list; none is the CPU.
    pub providers: Option<String>,
    /// ONNX Runtime runs the graph as written, without its optimiser.
    pub as_written: bool,
}

impl FromStr for SideName {
    type Err = DebugError;

    fn from_str(text: &str) -> Result<Self, DebugError> {
        let wrong = |error: GraphSpecError| DebugError::Side { side: text.to_owned(), reason: error.to_string() };
        let GraphSpec { path, precision, providers, unoptimised } = text.parse::<GraphSpec>().map_err(wrong)?;
        Ok(Self { text: text.to_owned(), path, precision, providers, as_written: unoptimised })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_form_is_read_and_others_are_named() {
        let side = |text: &str| text.parse::<SideName>();
        assert_eq!(side("a/b").unwrap().path, Path::new("a/b"));
        let noopt = side("b@:noopt").unwrap();
        assert!(noopt.as_written && noopt.precision.is_none() && noopt.providers.is_none());
        let all = side("b@fp16:noopt:cuda").unwrap();
        assert_eq!((all.precision.as_deref(), all.providers.as_deref()), (Some("fp16"), Some("cuda")));
        for (text, part) in [
            ("b@fp16:", "an empty word"),
            ("b@fp16:cpu:cuda", "two provider lists"),
            ("b@:noopt:noopt", "twice"),
            ("@fp16", "no path"),
        ] {
            assert!(side(text).unwrap_err().to_string().contains(part), "{text}");
        }
    }

    #[test]
    fn a_path_with_the_sign_is_a_path_if_it_exists() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model@v2");
        std::fs::create_dir(&path).unwrap();
        let text = path.to_str().unwrap();
        assert_eq!(text.parse::<SideName>().unwrap().path, path);
        assert_eq!(format!("{text}@int8").parse::<SideName>().unwrap().path, path);
    }
}
