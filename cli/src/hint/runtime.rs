//! Hints for errors of libraries, providers, scoring, benchmarks and model servers.

use kiln_files::text::escaped;
use kiln_runtime::score::{Format, ListingError, PartsError, TargetError};

use super::flag::set;

/// The way without a runtime wheel.
pub(crate) const NAME_A_LIBRARY: &str = "name a library with --onnxruntime PATH or in ORT_DYLIB_PATH";

/// Hints for errors of libraries, providers, scoring and benchmarks.
pub(super) fn runtime(error: &kiln_runtime::Error) -> Option<String> {
    use kiln_runtime::Error;

    let hint = match error {
        Error::NoLibrary { wheel, .. } | Error::ProviderNotBuilt { wheel: Some(wheel), .. }
            if !wheel.is_pinned_here() =>
        {
            NAME_A_LIBRARY.to_owned()
        }
        Error::NoLibrary { wheel, .. } => {
            format!("type `kiln runtime install {wheel}`, or name a library with --onnxruntime PATH")
        }
        Error::PluginWheel(error) if error.wheel().is_pinned_here() => {
            format!("type `kiln runtime install {}`", error.wheel())
        }
        Error::PluginWheel(_) => "name a library that has the provider with --onnxruntime PATH".to_owned(),
        Error::DamagedWheel { wheel, .. } => format!("type `kiln runtime install {wheel}` to get it again"),
        Error::Install { .. } => NAME_A_LIBRARY.to_owned(),
        Error::ProviderNotBuilt { wheel: Some(wheel), .. } => format!("type `kiln runtime install {wheel}`"),
        Error::ProviderNotBuilt { wheel: None, .. } => {
            "name a library that has the provider with --onnxruntime PATH".to_owned()
        }
        Error::ProviderUnavailable { provider, .. } => {
            format!(
                "`kiln doctor` lists the providers that run here; a list such as `{provider},cpu` allows a fallback"
            )
        }
        Error::ProviderPassedOver { provider, .. } => {
            format!("a list such as `{provider},cpu` allows other providers to run the nodes that it cannot")
        }
        Error::NoProvider { .. } => "`kiln doctor` lists the providers that run here".to_owned(),
        Error::Option { option, .. } => return set(option),
        #[cfg(feature = "sign")]
        Error::Signature(error) => return super::signature::signature(error),
        Error::Listing(error) => return listing(error).map(str::to_owned),
        Error::Target(error) => return target(error),
        Error::Parts(error) => return parts(error),
        Error::Shard { .. } => "set it with --shard I/N".to_owned(),
        Error::OtherMachine { .. } | Error::Baseline { .. } => {
            "compare with another report, or leave out --baseline".to_owned()
        }
        #[cfg(feature = "endpoint")]
        Error::Endpoint(error) => return endpoint(error),
        Error::Batch { source, .. } => return runtime(source),
        _ => return None,
    };
    Some(hint)
}

/// Hints for lists of tiles.
fn listing(error: &ListingError) -> Option<&'static str> {
    match error {
        ListingError::Empty => Some("name files, folders, patterns or lists"),
        ListingError::Nul { .. } => Some("--null reads lists whose names end with NUL, as `find -print0` writes them"),
        ListingError::CarriageReturn { .. } => {
            Some("save the list with \\n or \\r\\n at line ends; --null reads names that hold a carriage return")
        }
        ListingError::LineBreaks { .. } => Some("leave out --null for a list with one file a line"),
        _ => None,
    }
}

/// Hints for targets of rows.
fn target(error: &TargetError) -> Option<String> {
    let hint = match error {
        TargetError::NotAFile { .. } => "name a new file with --out, or stdout with `--out -`".to_owned(),
        TargetError::Unwritable { .. } => "name another file with --out".to_owned(),
        TargetError::OtherWatch { path, journal } => format!(
            "name another file with --out; or move {} and {} away, to score every file of the folder again",
            path.display(),
            journal.display()
        ),
        TargetError::NotWatched { .. } => "move it, or name another file with --out".to_owned(),
        TargetError::JournalBesideLink { journal, expected, .. } => {
            format!("move {} to {}, or name another file with --out", journal.display(), expected.display())
        }
        TargetError::InUse { .. } => "wait for it, or name another file with --out".to_owned(),
        TargetError::ForeignProgress { .. } => "move it, or name another file with --out".to_owned(),
        TargetError::OtherFormat { asked, .. } => {
            format!("leave out --format, or name a file that ends with .{asked}")
        }
        TargetError::NoFormat { .. } => format!("choose one of these, or add --format {}", Format::names()),
        TargetError::NotAStream { .. } => "name a file with --out".to_owned(),
        _ => return None,
    };
    Some(hint)
}

/// Hints for parts of a sharded scoring.
fn parts(error: &PartsError) -> Option<String> {
    let hint = match error {
        PartsError::Missing { .. } => "score it with --shard, or name its file".to_owned(),
        PartsError::Record { .. } | PartsError::Changed { .. } => "score it again with --shard".to_owned(),
        PartsError::TileReplaced { tile, shard, .. } => format!(
            "score this part again with --shard {shard}; if {} is another tile of the same name, run `kiln merge` where the \
             scored tiles are, or with --skip-tile-check",
            escaped(&tile.to_string_lossy())
        ),
        PartsError::SlideDiffers { .. } => {
            "give every machine the same slide (compare `sha256sum`), and score both parts again with --shard"
                .to_owned()
        }
        _ => return None,
    };
    Some(hint)
}

/// Hints for errors of model servers.
#[cfg(feature = "endpoint")]
fn endpoint(error: &kiln_runtime::endpoint::EndpointError) -> Option<String> {
    use kiln_runtime::endpoint::EndpointError;

    let hint = match error {
        EndpointError::Option { option, .. } => return set(option),
        EndpointError::Certificates { .. } => "name a PEM file of certificates with --ca",
        EndpointError::Unreachable { timed_out: true, .. } => "allow a request more time with --timeout",
        EndpointError::Unreachable { attempts: 2.., .. } | EndpointError::NotReady { attempts: 2.., .. } => {
            "allow more time for retries with --retry-for"
        }
        EndpointError::UnknownModel { .. } => "name the model on the server with --model",
        EndpointError::VersionChanged { .. } => "name a version with --model-version",
        _ => return None,
    };
    Some(hint.to_owned())
}
