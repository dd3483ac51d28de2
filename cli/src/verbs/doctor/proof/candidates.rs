//! The providers to try, each with the library that has it, and the steps that the doctor has taken with it already.

use kiln_files::Fault;
use kiln_runtime::{ProviderKind, RuntimeWheel};

use super::super::{LibraryReport, ProviderReport};
use super::step::{Figures, Name, Step};
use crate::hint::NAME_A_LIBRARY;

/// The reason that `plugin` is never tried.
const PLUGIN: &str = "it needs options, which a report does not pass on; use `kiln verify` and `kiln bench`";

/// A provider to try.
pub(super) struct Candidate<'a> {
    pub(super) kind: ProviderKind,
    /// True if the user named it.
    pub(super) named: bool,
    /// The library to load for it.
    pub(super) library: Option<&'a LibraryReport>,
    /// The doctor's trial of the provider in that library.
    probe: Option<&'a ProviderReport>,
}

/// The CPU and every provider of `named`. If that is empty, every provider of the libraries here, and every one that can
/// be installed on this platform.
pub(super) fn find<'a>(libraries: &'a [LibraryReport], named: &[ProviderKind]) -> Vec<Candidate<'a>> {
    let is_tried = |kind: &ProviderKind| match named {
        [] => is_for_tiles(*kind) && (in_libraries(*kind, libraries).next().is_some() || is_pinned_here(*kind)),
        named => *kind == ProviderKind::Cpu || named.contains(kind),
    };
    let kinds = ProviderKind::ALL.iter().copied().filter(is_tried);
    kinds.map(|kind| Candidate::new(kind, named.contains(&kind), libraries)).collect()
}

/// False for a provider that runs no tile model, and for one that only exists with options.
fn is_for_tiles(kind: ProviderKind) -> bool {
    !matches!(kind, ProviderKind::Azure | ProviderKind::Plugin)
}

fn is_pinned_here(kind: ProviderKind) -> bool {
    match kind.plugin() {
        Some(plugin) => plugin.is_pinned_here(),
        None => kind.wheel().is_some_and(RuntimeWheel::is_pinned_here),
    }
}

fn in_libraries(
    kind: ProviderKind,
    libraries: &[LibraryReport],
) -> impl Iterator<Item = (&LibraryReport, &ProviderReport)> {
    let all = libraries.iter().flat_map(|library| library.providers.iter().map(move |one| (library, one)));
    all.filter(move |(_, one)| one.provider.parse::<ProviderKind>().is_ok_and(|known| known == kind))
}

impl<'a> Candidate<'a> {
    /// Takes the first library in which the provider runs, else the first that has it, else the damaged one that should.
    fn new(kind: ProviderKind, named: bool, libraries: &'a [LibraryReport]) -> Self {
        let runs = in_libraries(kind, libraries).find(|(_, one)| one.runs);
        let (library, probe) = match runs.or_else(|| in_libraries(kind, libraries).next()) {
            Some((library, probe)) => (Some(library), Some(probe)),
            None => (libraries.iter().find(|library| !library.usable && is_of(kind, library)), None),
        };
        Self { kind, named, library, probe }
    }

    /// `installed`, `loads` and `runs`.
    pub(super) fn steps(&self) -> Vec<Step> {
        let Some(library) = self.library else { return vec![self.missing()] };
        let figures = Figures::Library {
            library: library.path.clone(),
            onnxruntime: library.version.clone(),
            wheel: library.package.map(RuntimeWheel::name),
        };
        let mut steps = vec![Step::ok(Name::Installed, Some(figures))];
        let reason = |reason: &Option<String>| reason.clone().unwrap_or_else(|| "no reason was given".to_owned());
        match self.probe {
            None => steps.push(Step::failed(Name::Loads, Fault::Environment, reason(&library.reason))),
            Some(probe) => {
                steps.push(Step::ok(Name::Loads, None));
                steps.push(if probe.runs {
                    Step::ok(Name::Runs, None)
                } else {
                    Step::failed(Name::Runs, Fault::Environment, reason(&probe.reason))
                });
            }
        }
        steps
    }

    /// A provider that is not on this machine: a failure if the user named it.
    fn missing(&self) -> Step {
        let install = |wheel: &dyn std::fmt::Display| format!("not installed; type `kiln runtime install {wheel}`");
        // An installed plugin lacks the library that loads it.
        let plugin = self.kind.plugin().filter(|plugin| plugin.installed().is_none());
        let reason = match (plugin, self.kind.wheel()) {
            _ if self.kind == ProviderKind::Plugin => PLUGIN.to_owned(),
            (Some(plugin), _) if plugin.is_pinned_here() => install(&plugin),
            (None, Some(wheel)) if wheel.is_pinned_here() => install(&wheel),
            _ => format!("no runtime wheel for this platform has it; {NAME_A_LIBRARY}"),
        };
        let step = Step::failed(Name::Installed, Fault::Environment, reason);
        if self.named { step } else { step.into_skipped() }
    }
}

/// True if the library is the runtime wheel that has the provider.
fn is_of(kind: ProviderKind, library: &LibraryReport) -> bool {
    library.package.is_some() && library.package == kind.wheel()
}

#[cfg(test)]
mod tests {
    use super::super::step::Status;
    use super::*;

    fn library(package: Option<RuntimeWheel>, providers: &[(&str, bool)]) -> LibraryReport {
        let provider = |(name, runs): &(&str, bool)| ProviderReport {
            provider: (*name).to_owned(),
            runs: *runs,
            reason: (!runs).then(|| "no driver".to_owned()),
        };
        LibraryReport {
            path: "/somewhere/libonnxruntime.so".to_owned(),
            version: Some("1.31.1".to_owned()),
            origin: "cache",
            package,
            usable: !providers.is_empty(),
            reason: providers.is_empty().then(|| "it is damaged".to_owned()),
            providers: providers.iter().map(provider).collect(),
        }
    }

    fn last(candidate: &Candidate<'_>) -> (Name, Status) {
        candidate.steps().last().map(|step| (step.step, step.status)).unwrap_or((Name::Latency, Status::Ok))
    }

    #[test]
    fn the_cpu_is_tried_beside_the_named_and_a_provider_in_the_library_where_it_runs() {
        let libraries =
            [library(None, &[("cpu", true), ("cuda", false)]), library(Some(RuntimeWheel::Cuda), &[("cuda", true)])];
        let found = find(&libraries, &[ProviderKind::Cuda]);
        assert_eq!(
            found.iter().map(|one| (one.kind.name(), one.named)).collect::<Vec<_>>(),
            [("cpu", false), ("cuda", true)]
        );
        assert!(found[1].library.is_some_and(|library| library.package == Some(RuntimeWheel::Cuda)));
        assert_eq!(last(&found[1]), (Name::Runs, Status::Ok));
    }

    #[test]
    fn a_provider_that_is_missing_damaged_or_does_not_start_ends_at_that_step() {
        let damaged = [library(Some(RuntimeWheel::Cuda), &[])];
        assert_eq!(last(&find(&damaged, &[ProviderKind::Cuda])[1]), (Name::Loads, Status::Failed));
        let idle = [library(None, &[("cpu", true), ("cuda", false)])];
        assert_eq!(last(&find(&idle, &[ProviderKind::Cuda])[1]), (Name::Runs, Status::Failed));
        assert_eq!(last(&find(&[], &[ProviderKind::Rknpu])[1]), (Name::Installed, Status::Failed));
        assert!(find(&idle, &[ProviderKind::Plugin])[1].steps()[0].words().contains("options"));
        let unnamed = find(&[], &[]);
        assert!(unnamed.iter().all(|one| last(one) == (Name::Installed, Status::Skipped)));
        assert!(unnamed.iter().all(|one| one.kind != ProviderKind::Azure && one.kind != ProviderKind::Plugin));
    }
}
