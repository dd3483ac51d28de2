use anyhow::Context as _;
use clap::CommandFactory as _;
use kiln_runtime::score::{ListingError, PartsError, TargetError};
use kiln_runtime::{Error, RuntimeWheel};

use super::{NAME_A_LIBRARY, hint};
use crate::destination::Refused;

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
    assert_eq!(of(install()), NAME_A_LIBRARY);
    let batch = Error::Batch { first: "a.png".to_owned(), tiles: 1, source: Box::new(install()) };
    assert_eq!(of(batch), NAME_A_LIBRARY);
    let plugin = kiln_runtime::library::PluginWheelError::NotInstalled { wheel: kiln_runtime::PluginWheel::WebGpu };
    assert_eq!(of(Error::from(plugin)), "type `kiln runtime install webgpu`");
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
    #[cfg(feature = "compare")]
    for error in [unreachable(true, 1), unreachable(false, 3)] {
        let side = kiln_compare::CompareError::from(Error::from(error));
        assert!(has_flag("compare", &of(side)));
    }
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
    let reference = |enough| ImportError::Reference {
        path: "outputs.npz".into(),
        lines: Vec::new(),
        diagnosis: String::new(),
        enough,
    };
    let hints = [None, Some(3e-5)].map(|enough| of(BundleError::from(reference(enough))));
    assert!(hints.iter().all(|hint| has_flag("import", hint)), "{hints:?}");
    assert!(hints[0].contains("description") && hints[1].ends_with("--tolerance 3e-5"), "{hints:?}");
    let reason = "the model has no such output; it has logits".to_owned();
    let missing = of(BundleError::from(ImportError::Output { output: "y".to_owned(), reason }));
    assert!(has_flag("import", &missing) && !missing.contains("y="), "{missing}");
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
