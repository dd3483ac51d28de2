//! Hints for errors: the command or the option that solves the problem. The libraries report typed errors and do not
//! mention the command line; this is the one place where an error becomes advice for its user.

use kiln_files::text::escaped;
use kiln_runtime::score::{Format, ListingError, PartsError, TargetError};

use crate::destination::Refused;

/// The hint for an error, if there is one.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(of_any)
}

fn of_any(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(Refused { flag, .. }) = error.downcast_ref() {
        return Some(format!("name another path with {flag}"));
    }
    if let Some(error) = error.downcast_ref::<kiln_runtime::Error>() {
        return runtime(error);
    }
    #[cfg(feature = "export")]
    if let Some(error) = error.downcast_ref::<kiln_export::BundleError>() {
        return export(error);
    }
    #[cfg(feature = "compare")]
    if let Some(error) = error.downcast_ref::<kiln_compare::CompareError>() {
        return compare(error);
    }
    #[cfg(feature = "debug")]
    if let Some(error) = error.downcast_ref::<kiln_debug::DebugError>() {
        use kiln_debug::DebugError as Error;
        return match error {
            Error::Runtime(error) => runtime(error),
            Error::Bundle(error) => export(error),
            Error::Train(error) => train(error),
            error => crate::verbs::debug_hint(error),
        };
    }
    #[cfg(feature = "package")]
    if let Some(error) = error.downcast_ref::<kiln_package::Error>() {
        return package(error);
    }
    #[cfg(feature = "slide")]
    if let Some(hint) = crate::verbs::slide_hint(error) {
        return Some(hint);
    }
    #[cfg(feature = "train")]
    if let Some(error) = error.downcast_ref::<kiln_train::Error>() {
        return train(error);
    }
    None
}

/// Hints for errors of libraries, providers, scoring and benchmarks.
fn runtime(error: &kiln_runtime::Error) -> Option<String> {
    use kiln_runtime::Error;

    let hint = match error {
        Error::NoLibrary { wheel, .. } => {
            format!("type `kiln runtime install {wheel}`, or name a library with --onnxruntime PATH")
        }
        Error::DamagedWheel { wheel, .. } => format!("type `kiln runtime install {wheel}` to get it again"),
        Error::Install { .. } => "name a library with --onnxruntime PATH".to_owned(),
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

/// The flag of a field of options, plans and requests: the field's name, unless the flag has another.
fn set(option: &str) -> Option<String> {
    let flag = match option {
        // Set by the verbs.
        "scorers" | "tiles" => return None,
        "batches" => "--batch",
        "bound_ms" => "--bound",
        "gpus" => "--gpu",
        "precisions" => "--precision",
        "scenarios" => "--scenario",
        "urls" => "--endpoint",
        same => return Some(format!("set it with --{}", same.replace('_', "-"))),
    };
    Some(format!("set it with {flag}"))
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
        TargetError::OtherWatch { path, journal } => format!(
            "name another file with --out; or move {} and {} away, to score every file of the folder again",
            path.display(),
            journal.display()
        ),
        TargetError::NotWatched { .. } => "move it, or name another file with --out".to_owned(),
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

/// Hints for errors of an export.
#[cfg(feature = "export")]
fn export(error: &kiln_export::BundleError) -> Option<String> {
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
#[cfg(feature = "export")]
fn import(error: &kiln_export::ImportError) -> Option<String> {
    use kiln_export::ImportError;

    const KEYS: [&str; 8] = ["layout", "range", "size", "resize", "mean", "std", "dtype", "rounded"];
    let set = |key: &str| format!("set it with --{}, or in the file of --spec", key.replace('_', "-"));
    match error {
        ImportError::Input { reason, .. } => {
            let key = reason.split('`').skip(1).step_by(2).find(|word| KEYS.contains(word))?;
            (key != "dtype").then(|| set(key))
        }
        ImportError::Spec { origin, .. } if ["classes", "normal_classes", "threshold"].contains(&origin.as_str()) => {
            Some(set(origin))
        }
        ImportError::Output { output, .. } => {
            Some(format!("state the meaning with --output '{}=MEANING'", escaped(output)))
        }
        ImportError::Reference { .. } => {
            Some("change the description; --tolerance allows a larger difference".to_owned())
        }
        _ => None,
    }
}

/// Hints for errors of a comparison.
#[cfg(feature = "compare")]
fn compare(error: &kiln_compare::CompareError) -> Option<String> {
    use kiln_compare::CompareError;

    let hint = match error {
        CompareError::Runtime(error) => return runtime(error),
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

/// Hints for errors of packaging.
#[cfg(feature = "package")]
fn package(error: &kiln_package::Error) -> Option<String> {
    use kiln_package::Error;

    let hint = match error {
        Error::Bundle(error) => return runtime(error),
        Error::Option { option: "provider", .. } => "set it with --provider, or choose another --target",
        Error::Option { option: "rename", .. } => "set it with --rename, and the server with --target ovms",
        Error::Option { option: "gpus", .. } => "set it with --gpu, or choose another --provider",
        Error::Option { option, .. } => return set(option),
        Error::VersionExists { .. } => "leave out --version to get the next free one",
        Error::Incompatible { .. } => "give this model another name with --name",
        Error::StainNormalisation { .. } => {
            "train with data.stain_normalisation=reinhard, which is part of the graph; or, if every client is kiln or \
             normalises as it does, pass --client-normalises"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Hints for errors of data sets, runs, studies and weights.
#[cfg(feature = "train")]
fn train(error: &kiln_train::Error) -> Option<String> {
    use kiln_train::Error;
    use kiln_train::data::DataError;

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

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use clap::CommandFactory as _;
    use kiln_runtime::{Error, RuntimeWheel};

    use super::*;

    fn of(error: impl Into<anyhow::Error>) -> String {
        hint(&error.into()).unwrap_or_default()
    }

    /// Returns true if the verb has the flag of this hint.
    fn has_flag(verb: &str, hint: &str) -> bool {
        let command = crate::Cli::command();
        let flag = hint.split_whitespace().find_map(|word| word.strip_prefix("--")).map(|flag| flag.trim_matches(','));
        let verb = command.find_subcommand(verb);
        verb.is_some_and(|verb| verb.get_arguments().any(|argument| argument.get_long() == flag && flag.is_some()))
    }

    #[test]
    fn missing_libraries_and_providers_name_the_command() {
        let none = Error::NoLibrary { searched: vec![], wheel: RuntimeWheel::Cuda };
        assert!(!none.to_string().contains("kiln"));
        assert_eq!(of(none), "type `kiln runtime install cuda`, or name a library with --onnxruntime PATH");
        let install = || Error::Install { wheel: RuntimeWheel::Cpu, reason: "no python3".to_owned() };
        assert_eq!(of(install()), "name a library with --onnxruntime PATH");
        let batch = Error::Batch { first: "a.png".to_owned(), tiles: 1, source: Box::new(install()) };
        assert_eq!(of(batch), "name a library with --onnxruntime PATH");
        let passed_over = Error::ProviderPassedOver { provider: "cuda".to_owned(), found: String::new() };
        assert!(of(passed_over).contains("`cuda,cpu`"));
        let other: anyhow::Result<()> = Err(std::io::Error::other("x")).context("cannot write");
        assert_eq!(other.err().and_then(|error| hint(&error)), None);
    }

    #[test]
    fn lists_targets_and_parts_name_flags_of_their_verbs() {
        let list = || "list.txt".into();
        assert!(has_flag("score", &of(Error::from(ListingError::Nul { list: list(), line: 1 }))));
        assert!(has_flag("merge", &of(Error::from(ListingError::LineBreaks { list: list(), name: 1 }))));
        for verb in ["score", "merge"] {
            let target = TargetError::OtherFormat { path: "a.csv".into(), named: "csv", asked: "jsonl" };
            assert!(has_flag(verb, &of(Error::from(target))));
            assert!(has_flag(verb, &of(Error::from(TargetError::InUse { path: "a.csv".into() }))));
        }
        let tile = PartsError::TileReplaced { tile: "t.png".into(), shard: "1/2".to_owned(), part: "p.csv".into() };
        let hint = of(Error::from(tile));
        assert!(hint.contains("--shard 1/2") && hint.contains("--skip-tile-check"), "{hint}");
        assert!(has_flag("score", &of(Error::Shard { shard: "4/4".to_owned(), reason: String::new() })));
    }

    #[cfg(feature = "bench")]
    #[test]
    fn fields_of_a_plan_name_flags_of_bench() {
        for option in ["batches", "threads", "scenarios", "qps", "bound_ms"] {
            let hint = of(Error::Option { option, reason: "wrong" });
            assert!(has_flag("bench", &hint), "{hint}");
        }
        assert_eq!(hint(&Error::Option { option: "tiles", reason: "wrong" }.into()), None);
    }

    #[cfg(feature = "endpoint")]
    #[test]
    fn errors_of_servers_name_flags_of_score_and_verify() {
        use kiln_runtime::endpoint::EndpointError;

        let unreachable = |timed_out, attempts| EndpointError::Unreachable {
            url: "http://x".to_owned(),
            reason: "gone".to_owned(),
            timed_out,
            attempts,
            seconds: 1.0,
        };
        let unknown = EndpointError::UnknownModel { url: String::new(), model: String::new(), said: String::new() };
        let errors = [
            EndpointError::Option { option: "concurrency", reason: "at least 1" },
            EndpointError::Option { option: "urls", reason: "at least 1" },
            EndpointError::Certificates { path: "ca.pem".into(), reason: String::new() },
            unreachable(true, 1),
            unreachable(false, 3),
            unknown,
        ];
        for error in errors {
            let hint = of(Error::from(error));
            assert!(has_flag("score", &hint) && has_flag("verify", &hint), "{hint}");
        }
        assert_eq!(hint(&Error::from(unreachable(false, 1)).into()), None);
    }

    #[cfg(feature = "export")]
    #[test]
    fn an_error_of_a_run_has_its_hint_whatever_is_around_it() {
        let missing = || kiln_train::Error::NotARun { path: "tiles".into() };
        let expected = "make a run with `kiln train`";
        assert_eq!(of(missing()), expected);
        assert_eq!(of(kiln_export::BundleError::from(missing())), expected);
        assert_eq!(of(anyhow::Error::from(missing()).context("cannot export")), expected);
    }

    #[cfg(feature = "export")]
    #[test]
    fn an_export_names_its_flags_and_those_of_the_runtime() {
        let exists = of(kiln_export::BundleError::Exists { path: "bundle".into() });
        assert!(exists.contains("--replace") && has_flag("export", &exists), "{exists}");
        let runtime = Error::DamagedWheel { path: "x".into(), reason: String::new(), wheel: RuntimeWheel::Cpu };
        assert_eq!(of(kiln_export::BundleError::from(runtime)), "type `kiln runtime install cpu` to get it again");
    }

    #[cfg(feature = "export")]
    #[test]
    fn descriptions_name_flags_of_import() {
        use kiln_export::{BundleError, ImportError};
        let input = |key: &str| ImportError::Input {
            path: "m.onnx".into(),
            input: "x".to_owned(),
            reason: format!("the model takes `x`; state `{key}`"),
        };
        let spec = |key: &str| ImportError::Spec { origin: key.to_owned(), reason: String::new() };
        let inputs = ["layout", "range", "size", "resize", "mean", "std", "rounded"].map(input);
        let specs = ["classes", "normal_classes", "threshold"].map(spec);
        for error in inputs.into_iter().chain(specs) {
            let hint = of(BundleError::from(error));
            assert!(has_flag("import", &hint), "{hint}");
        }
        let output = ImportError::Output { output: "y".to_owned(), reason: String::new() };
        assert!(has_flag("import", &of(BundleError::from(output))));
        assert_eq!(hint(&BundleError::from(input("dtype")).into()), None);
    }

    #[cfg(all(feature = "package", feature = "export"))]
    #[test]
    fn fields_of_a_request_name_flags_of_package_and_ship() {
        let options = [
            "max_batch",
            "instances",
            "version",
            "keep",
            "name",
            "precisions",
            "provider",
            "rename",
            "storage_uri",
            "gpus",
            "max_replicas",
            "shards",
        ];
        for option in options {
            let hint = of(kiln_package::Error::Option { option, reason: String::new() });
            assert!(has_flag("package", &hint) && has_flag("ship", &hint), "{hint}");
        }
        let none = Error::NoLibrary { searched: vec![], wheel: RuntimeWheel::Cpu };
        assert!(of(kiln_package::Error::from(none)).contains("kiln runtime install cpu"));
    }

    #[test]
    fn a_refused_target_names_its_flag() {
        let refused = Refused { flag: "--report", path: "x".into(), reason: "is the bundle".to_owned() };
        assert_eq!(refused.to_string(), "--report x: is the bundle");
        assert_eq!(of(refused), "name another path with --report");
    }
}
