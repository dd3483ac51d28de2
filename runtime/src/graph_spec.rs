//! A graph and its execution in one word, as users write it: `bundle`, `bundle@int8:openvino`, `bundle@fp16:tensorrt,cuda`,
//! `model.onnx:cpu:noopt`. Nothing is opened here.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The word that switches ONNX Runtime's optimiser off.
const UNOPTIMISED: &str = "noopt";

/// A bundle or an ONNX file, with a precision, execution providers and the state of the optimiser:
/// `PATH[@PRECISION][:PROVIDERS][:noopt]`. A path that exists is never split, even if it contains `@` or `:`; an empty
/// precision is none, as in `bundle@:cuda`.
///
/// ```
/// use kiln_runtime::GraphSpec;
///
/// let spec: GraphSpec = "bundle@int8:openvino,cpu:noopt".parse()?;
/// assert_eq!((spec.precision.as_deref(), spec.providers.as_deref()), (Some("int8"), Some("openvino,cpu")));
/// assert!(spec.unoptimised && spec.path.ends_with("bundle"));
/// # Ok::<(), kiln_runtime::GraphSpecError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphSpec {
    /// The bundle's folder, or the file.
    pub path: PathBuf,
    /// Precision of a bundle's graph; none is fp32.
    pub precision: Option<String>,
    /// Execution providers in order of preference; none is the CPU.
    pub providers: Option<String>,
    /// ONNX Runtime runs the graph as written, without its optimiser.
    pub unoptimised: bool,
}

/// A text that is no [`GraphSpec`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; expected PATH[@PRECISION][:PROVIDERS][:noopt]")]
pub struct GraphSpecError(&'static str);

impl GraphSpec {
    /// A path without further words.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), precision: None, providers: None, unoptimised: false }
    }
}

impl FromStr for GraphSpec {
    type Err = GraphSpecError;

    fn from_str(text: &str) -> Result<Self, GraphSpecError> {
        if Path::new(text).exists() {
            return Ok(Self::new(text));
        }
        let (place, words) = split(text);
        let (path, precision) = match place.rsplit_once('@') {
            Some((path, precision)) if !Path::new(place).exists() => (path, Some(precision)),
            _ => (place, None),
        };
        if path.is_empty() {
            return Err(GraphSpecError("there is no path"));
        }
        if precision == Some("") && words.is_none() {
            return Err(GraphSpecError("there is no precision after `@`"));
        }
        let precision = precision.filter(|word| !word.is_empty()).map(str::to_owned);
        let mut spec = Self { precision, ..Self::new(path) };
        for word in words.into_iter().flat_map(|words| words.split(':')) {
            match word {
                "" => return Err(GraphSpecError("an empty word after `:`")),
                UNOPTIMISED if spec.unoptimised => return Err(GraphSpecError("`noopt` twice")),
                UNOPTIMISED => spec.unoptimised = true,
                _ if spec.providers.is_some() => {
                    return Err(GraphSpecError("two provider lists; commas separate the providers of one list"));
                }
                list => spec.providers = Some(list.to_owned()),
            }
        }
        Ok(spec)
    }
}

/// Splits a text at the first `:` that ends an existing path, else at the first one.
fn split(text: &str) -> (&str, Option<&str>) {
    let path_before = |end: usize| text[..end].rsplit_once('@').map_or(&text[..end], |(path, _)| path);
    let exists = |end: &usize| Path::new(&text[..*end]).exists() || Path::new(path_before(*end)).exists();
    let colons = || text.match_indices(':').map(|(at, _)| at);
    match colons().find(exists).or_else(|| colons().next()) {
        Some(end) => (&text[..end], Some(&text[end + 1..])),
        None => (text, None),
    }
}

impl fmt::Display for GraphSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(precision) = &self.precision {
            write!(f, "@{precision}")?;
        }
        if let Some(providers) = &self.providers {
            write!(f, ":{providers}")?;
        }
        if self.unoptimised { write!(f, ":{UNOPTIMISED}") } else { Ok(()) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_optional_and_their_order_is_free() {
        for (text, precision, providers, unoptimised) in [
            ("a/b", None, None, false),
            ("b@int8", Some("int8"), None, false),
            ("b:cpu", None, Some("cpu"), false),
            ("b@:cuda", None, Some("cuda"), false),
            ("b@fp16:noopt:tensorrt,cuda", Some("fp16"), Some("tensorrt,cuda"), true),
            ("b@int8:@providers.yaml", Some("int8"), Some("@providers.yaml"), false),
            ("b:noopt", None, None, true),
        ] {
            let spec: GraphSpec = text.parse().unwrap();
            let found = (spec.precision.as_deref(), spec.providers.as_deref(), spec.unoptimised);
            assert_eq!(found, (precision, providers, unoptimised), "{text}");
            assert_eq!(spec.to_string().parse::<GraphSpec>().unwrap(), spec, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_graph_has_a_reason() {
        for (text, reason) in [
            ("", "no path"),
            ("@int8", "no path"),
            (":cpu", "no path"),
            ("b@", "no precision"),
            ("b:", "an empty word"),
            ("b@fp16:cpu:cuda", "two provider lists"),
            ("b:cpu:noopt:x", "two provider lists"),
            ("b@:noopt:noopt", "twice"),
        ] {
            let error = text.parse::<GraphSpec>().unwrap_err().to_string();
            assert!(error.contains(reason) && error.ends_with("[:noopt]"), "{text}: {error}");
        }
    }

    #[test]
    fn an_existing_path_is_not_split() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("bundle@v2:old");
        std::fs::create_dir(&odd).unwrap();
        let text = odd.to_str().unwrap();
        assert_eq!(text.parse::<GraphSpec>().unwrap(), GraphSpec::new(&odd));
        let spec: GraphSpec = format!("{text}@int8:cpu").parse().unwrap();
        assert_eq!(
            (&spec.path, spec.precision.as_deref(), spec.providers.as_deref()),
            (&odd, Some("int8"), Some("cpu"))
        );
    }
}
