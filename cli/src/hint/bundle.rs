//! Hints for errors of exports and imports.

use kiln_files::text::escaped;

use super::runtime::runtime;
use super::train::train;

/// Hints for errors of an export.
pub(super) fn export(error: &kiln_export::BundleError) -> Option<String> {
    use kiln_export::BundleError;

    match error {
        BundleError::Train(error) => train(error),
        BundleError::Runtime(error) => runtime(error),
        BundleError::Exists { .. } => {
            Some("choose another folder with --out, or replace the bundle with --replace".to_owned())
        }
        // `kiln ship` names the folder with --bundle.
        BundleError::NotABundle { .. } => Some("choose another folder".to_owned()),
        BundleError::Import(error) => import(error),
        _ => None,
    }
}

/// Hints for errors of an import: the flag of the key that the message names in quotes.
fn import(error: &kiln_export::ImportError) -> Option<String> {
    use kiln_export::ImportError;

    const KEYS: [&str; 8] = ["layout", "range", "size", "resize", "mean", "std", "dtype", "rounded"];
    let set = |key: &str| format!("set it with --{}, or in the file of --spec", key.replace('_', "-"));
    match error {
        ImportError::Input { reason, .. } => {
            let key = reason.split('`').skip(1).step_by(2).find(|word| KEYS.contains(word))?;
            (key != "dtype").then(|| set(key))
        }
        ImportError::Spec { origin, reason } if origin == "classes" && reason.contains("no output gives") => {
            Some("state it with --output NAME=probabilities, or leave out --classes".to_owned())
        }
        ImportError::Spec { origin, .. } if ["classes", "normal_classes", "threshold"].contains(&origin.as_str()) => {
            Some(set(origin))
        }
        ImportError::Output { reason, .. } if reason.starts_with("the model has no such output") => {
            Some("name one of these outputs with --output NAME=MEANING".to_owned())
        }
        // Another meaning changes nothing.
        ImportError::Output { reason, .. }
            if reason.starts_with("its first axis is not the batch") || reason.contains("are NaN or infinite") =>
        {
            None
        }
        ImportError::Output { output, .. } => {
            Some(format!("state the meaning with --output '{}=MEANING'", escaped(output)))
        }
        ImportError::Reference { enough: Some(enough), .. } => {
            Some(format!("accept them with --tolerance {enough:.0e}"))
        }
        ImportError::Reference { .. } => {
            Some("change the description; --tolerance allows a larger difference".to_owned())
        }
        _ => None,
    }
}
