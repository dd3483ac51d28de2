//! The words that name a side: `runs/cnn`, `bundle`, `bundle@int8:openvino`, `bundle@fp16:tensorrt,cuda`,
//! `bundle:cpu:noopt`, `grpc://host:8001#model`, `answers.npz`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use kiln_runtime::GraphSpec;

use crate::{CompareError, Result};

/// Schemes of model servers.
const SCHEMES: [&str; 4] = ["http://", "https://", "grpc://", "grpcs://"];

/// A side as the user named it: a [`GraphSpec`], the URL of a server with `#MODEL`, or a run or a file of answers without
/// further words.
///
/// ```
/// use kiln_compare::SideSpec;
///
/// let spec: SideSpec = "bundle@int8:openvino,cpu".parse()?;
/// assert_eq!((spec.precision.as_deref(), spec.providers.as_deref()), (Some("int8"), Some("openvino,cpu")));
/// # Ok::<(), kiln_compare::CompareError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideSpec {
    /// A folder or a file; for a server the URL without its model.
    pub target: PathBuf,
    /// True for the URL of a server.
    pub is_url: bool,
    /// The model's name on a server.
    pub model: Option<String>,
    /// Precision of a bundle.
    pub precision: Option<String>,
    /// Execution providers of a bundle, in order of preference.
    pub providers: Option<String>,
    /// ONNX Runtime's optimiser is off.
    pub unoptimised: bool,
}

impl SideSpec {
    /// A folder or a file without further words.
    #[must_use]
    pub fn path(path: &Path) -> Self {
        Self {
            target: path.to_owned(),
            is_url: false,
            model: None,
            precision: None,
            providers: None,
            unoptimised: false,
        }
    }

    /// The same bundle at another precision, on another provider.
    #[must_use]
    pub fn cell(&self, precision: &str, provider: &str) -> Self {
        Self { precision: Some(precision.to_owned()), providers: Some(provider.to_owned()), ..self.clone() }
    }

    /// True for a bundle's folder.
    #[must_use]
    pub fn is_bundle(&self) -> bool {
        !self.is_url && self.target.join(kiln_runtime::bundle::MANIFEST).is_file()
    }

    /// True for a run's folder.
    #[must_use]
    pub fn is_run(&self) -> bool {
        !self.is_url && !self.is_bundle() && self.target.is_dir()
    }

    /// True for a file of saved answers.
    #[must_use]
    pub fn is_saved(&self) -> bool {
        !self.is_url && self.target.is_file()
    }

    fn wrong(text: &str, reason: impl Into<String>) -> CompareError {
        CompareError::Side { text: text.to_owned(), reason: reason.into() }
    }

    /// Refuses words that only a bundle has.
    pub(crate) fn refuse_bundle_words(&self, kind: &str) -> Result<()> {
        if self.precision.is_none() && self.providers.is_none() && !self.unoptimised {
            return Ok(());
        }
        Err(Self::wrong(&self.to_string(), format!("precision and provider are of a bundle, and this is {kind}")))
    }
}

impl FromStr for SideSpec {
    type Err = CompareError;

    fn from_str(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Self::wrong(text, "a run, a bundle, a server or a file of answers is expected"));
        }
        if SCHEMES.iter().any(|scheme| text.starts_with(scheme)) {
            let (url, model) = text.split_once('#').map_or((text, None), |(url, model)| (url, Some(model.to_owned())));
            if model.as_deref() == Some("") {
                return Err(Self::wrong(text, "a word is missing; expected URL[#MODEL]"));
            }
            return Ok(Self { is_url: true, model, ..Self::path(Path::new(url)) });
        }
        let GraphSpec { path, precision, providers, unoptimised } =
            text.parse::<GraphSpec>().map_err(|error| Self::wrong(text, error.to_string()))?;
        Ok(Self { precision, providers, unoptimised, ..Self::path(&path) })
    }
}

impl fmt::Display for SideSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_url {
            write!(f, "{}", self.target.display())?;
            return self.model.as_ref().map_or(Ok(()), |model| write!(f, "#{model}"));
        }
        let spec = GraphSpec {
            path: self.target.clone(),
            precision: self.precision.clone(),
            providers: self.providers.clone(),
            unoptimised: self.unoptimised,
        };
        write!(f, "{spec}")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, Option<String>, Option<String>, bool) {
        let spec: SideSpec = text.parse().unwrap();
        assert_eq!(spec.to_string(), text);
        (spec.target.to_string_lossy().into_owned(), spec.precision, spec.providers, spec.unoptimised)
    }

    #[test]
    fn words_of_a_bundle_follow_its_path() {
        let word = |text: &str| Some(text.to_owned());
        assert_eq!(parts("no/bundle"), ("no/bundle".to_owned(), None, None, false));
        assert_eq!(parts("b@int8"), ("b".to_owned(), word("int8"), None, false));
        assert_eq!(parts("b@fp16:tensorrt,cuda"), ("b".to_owned(), word("fp16"), word("tensorrt,cuda"), false));
        assert_eq!(parts("b:cpu:noopt"), ("b".to_owned(), None, word("cpu"), true));
        assert_eq!(parts("b:noopt"), ("b".to_owned(), None, None, true));
        for text in ["", "@int8", "b@", "b:", "b:cpu:fast", "b:cpu:noopt:x", ":cpu"] {
            assert!(text.parse::<SideSpec>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_that_exists_is_taken_whole() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("bundle@v2:old");
        std::fs::create_dir(&odd).unwrap();
        let text = odd.to_string_lossy().into_owned();
        assert_eq!(parts(&text), (text.clone(), None, None, false));
        let with = format!("{text}@int8:cpu");
        assert_eq!(parts(&with), (text.clone(), Some("int8".to_owned()), Some("cpu".to_owned()), false));
        let with = format!("{text}:cpu");
        assert_eq!(parts(&with), (text, None, Some("cpu".to_owned()), false));
    }

    #[test]
    fn a_server_has_a_url_and_a_model() {
        let spec: SideSpec = "grpc://127.0.0.1:8001#tile".parse().unwrap();
        assert!(spec.is_url && spec.target == Path::new("grpc://127.0.0.1:8001"));
        assert_eq!(spec.model.as_deref(), Some("tile"));
        assert_eq!(spec.to_string(), "grpc://127.0.0.1:8001#tile");
        assert!("grpc://127.0.0.1:8001#".parse::<SideSpec>().is_err());
    }
}
