//! Check that a server's model is the bundle's, with golden tiles in one request a server. Metadata alone cannot
//! distinguish two models of one architecture.

use super::{Endpoint, EndpointError};
use crate::bundle::Bundle;
use crate::decision::DecisionRule;
use crate::error::Result;
use crate::golden::{self, Golden};
use crate::parity::{ParityReport, against_golden_within, gate_tolerances};
use crate::scorer::Scorer as _;

/// Tiles in the one request.
const BATCH: usize = 8;

/// Sends the bundle's golden tiles to each server. `precision` is the precision of the served graph and selects the
/// tolerances: see [`gate_tolerances`].
///
/// # Errors
/// [`EndpointError::Mismatch`] with the largest difference; errors of the server.
pub fn check_golden(endpoint: &Endpoint, bundle: &Bundle, precision: &str) -> Result<()> {
    let golden = golden::read(&bundle.golden_path()?)?;
    let golden = Golden { outputs: endpoint.only_wanted(&golden.outputs), ..golden };
    let rule = DecisionRule::from_manifest(&bundle.manifest);
    let tolerances = gate_tolerances(bundle.variant(precision)?);
    let batch = endpoint.max_batch().unwrap_or(BATCH).min(BATCH);
    for (number, served) in endpoint.served().iter().enumerate() {
        let mut server = endpoint.only(number);
        debug_assert_eq!(server.provider(), served.url);
        let report = against_golden_within(&mut server, &golden, &rule, &[batch], tolerances.clone())?;
        let differences = differences(&report);
        if !differences.is_empty() {
            let (url, model) = (served.url.clone(), endpoint.model().to_owned());
            return Err(EndpointError::Mismatch { url, model, differences }.into());
        }
    }
    Ok(())
}

fn differences(report: &ParityReport) -> Vec<String> {
    let missed = report.outputs.iter().filter(|output| !output.passed);
    let mut differences: Vec<_> = missed
        .map(|output| {
            let problem = output.problem.as_deref().map(|problem| format!(" ({problem})")).unwrap_or_default();
            let (name, found, tolerance) = (&output.name, output.max_abs, output.tolerance);
            format!(
                "output `{name}` is {found:.2e} from the bundle's golden outputs, tolerance {tolerance:.1e}{problem}"
            )
        })
        .collect();
    if report.decisions_changed > 0 {
        differences.push(format!("{} of {} golden decisions are others", report.decisions_changed, report.tiles));
    }
    differences
}
