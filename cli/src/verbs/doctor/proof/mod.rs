//! `kiln doctor BUNDLE --report`: every step of running a bundle on every provider of this machine, each with its figures or
//! with the reason why there are none. A provider that fails never stops the others. For sending to somebody without such
//! a machine, so the user's folders and the host names in CUDA's errors are replaced by placeholders.

mod candidates;
mod check;
mod clock;
mod document;
mod markdown;
mod nvidia_smi;
mod prover;
mod redaction;
mod step;
mod target;

use anyhow::Context as _;
use kiln_runtime::{Bundle, ProviderKind};

use self::check::Check;
use self::prover::Prover;
use self::step::ProviderProof;
use super::Report;
use crate::exit::Exit;
use crate::output::Output;

pub(super) use self::clock::{Clock, minutes};
pub(super) use self::document::write;
pub(super) use self::target::Target;

/// Everything that was tried.
pub(super) struct Proof {
    providers: Vec<ProviderProof>,
    /// The commands that were run, with their documents.
    checks: Vec<Check>,
}

/// Tries every provider of `named` and the CPU; without `named`, every provider that this platform has a library for.
pub(super) fn prove(
    bundle: &Bundle,
    report: &Report,
    named: &[ProviderKind],
    clock: &Clock,
    out: &Output,
) -> anyhow::Result<Proof> {
    // Engines are built here and not in the user's cache, so that building them is measured.
    let scratch = tempfile::tempdir().context("cannot make a folder for temporary files")?;
    let mut prover = Prover::new(bundle, clock, scratch.path(), out);
    let candidates = candidates::find(&report.libraries, named);
    let providers = candidates.iter().map(|candidate| prover.prove(candidate)).collect::<anyhow::Result<_>>()?;
    Ok(Proof { providers, checks: prover.into_checks() })
}

impl Proof {
    /// The providers with their steps, as JSON.
    pub(super) fn providers(&self) -> anyhow::Result<serde_json::Value> {
        Ok(serde_json::to_value(&self.providers)?)
    }

    /// The exit status where at least one provider runs. Outputs that miss their tolerance are a failed check on every
    /// provider; anything else fails only a provider that the user named.
    pub(super) fn exit(&self) -> Exit {
        let missed = self.providers.iter().any(ProviderProof::misses_parity);
        let faults = self.providers.iter().filter(|provider| provider.named).filter_map(ProviderProof::fault);
        let named = faults.map(Exit::from).reduce(|one, other| if other == Exit::CheckFailed { other } else { one });
        if missed { Exit::CheckFailed } else { named.unwrap_or(Exit::Done) }
    }

    /// Prints one line a step, without the steps that another one blocks.
    pub(super) fn print(&self, out: &Output) {
        out.line("\nprovider         step          precision  status   figures or reason");
        for provider in &self.providers {
            for step in provider.steps.iter().filter(|step| step.blocked_by.is_none()) {
                let precision = step.precision.as_deref().unwrap_or("");
                out.line(format_args!(
                    "{:<15}  {:<12}  {precision:<9}  {:<7}  {}",
                    provider.provider,
                    step.step,
                    step.status,
                    step.words()
                ));
            }
        }
        for provider in self.providers.iter().filter(|provider| provider.named) {
            let verdict = if provider.passed { "PASSED" } else { "DID NOT PASS" };
            out.line(format_args!("{}: {verdict}", provider.provider));
        }
    }
}
