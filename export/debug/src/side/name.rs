//! The name of a side, as users write it: `PATH[@[PRECISION][:PROVIDER,…][:noopt]]`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::DebugError;

/// The word for a graph that runs as written, without ONNX Runtime's optimiser.
const AS_WRITTEN: &str = "noopt";

/// A side by name: a run's folder (burn), a bundle's folder, or an ONNX file.
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
        let wrong = |reason: &str| DebugError::Side { side: text.to_owned(), reason: reason.to_owned() };
        let plain = || Self {
            text: text.to_owned(),
            path: PathBuf::from(text),
            precision: None,
            providers: None,
            as_written: false,
        };
        // A path may contain the sign.
        let Some((path, suffix)) = text.rsplit_once('@').filter(|_| !Path::new(text).exists()) else {
            return Ok(plain());
        };
        let mut words = suffix.split(':');
        let precision = words.next().filter(|word| !word.is_empty()).map(str::to_owned);
        let mut side = Self { path: PathBuf::from(path), precision, ..plain() };
        for word in words {
            match word {
                AS_WRITTEN if side.as_written => return Err(wrong("`noopt` twice")),
                AS_WRITTEN => side.as_written = true,
                "" => return Err(wrong("an empty word after `:`; write PATH@PRECISION:PROVIDER:noopt")),
                _ if side.providers.is_some() => {
                    return Err(wrong("two provider lists; separate the providers of one list with commas"));
                }
                list => side.providers = Some(list.to_owned()),
            }
        }
        if path.is_empty() {
            return Err(wrong("no path before `@`"));
        }
        Ok(side)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
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
