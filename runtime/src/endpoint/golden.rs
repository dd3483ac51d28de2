//! Whether the model behind a name is the bundle's. Metadata cannot tell two models of one architecture apart; the
//! bundle's golden tiles can, in one request a server.

use super::{Endpoint, EndpointError};
use crate::bundle::Bundle;
use crate::decision::DecisionRule;
use crate::engine::Engine as _;
use crate::error::Result;
use crate::golden::{self, Golden};
use crate::parity::{ParityReport, against_golden};

/// Tiles in the one request.
const BATCH: usize = 8;
/// How far a score of fp16 or int8 may be from fp32's: their own gates are about decisions.
const REDUCED_SCORE: f64 = 0.1;

/// Sends the bundle's golden tiles to each server. `precision` is the graph that the servers run: beside fp32, answers
/// need not be within the parity tolerances, but no decision may change.
///
/// # Errors
/// [`EndpointError::Mismatch`] with how far the answers are apart; what the engine said.
pub fn check_golden(endpoint: &Endpoint, bundle: &Bundle, precision: &str) -> Result<()> {
    let Golden { tiles, outputs } = golden::read(&bundle.golden_path()?)?;
    let golden = Golden { outputs: endpoint.only_wanted(&outputs), tiles };
    let rule = DecisionRule::of(&bundle.manifest);
    let batch = endpoint.max_batch().unwrap_or(BATCH).min(BATCH);
    for (number, served) in endpoint.served().iter().enumerate() {
        let mut server = endpoint.only(number);
        debug_assert_eq!(server.provider(), served.url);
        let report = against_golden(&mut server, &golden, &rule, &[batch])?;
        let differences = differences(&report, precision);
        if !differences.is_empty() {
            let (url, model) = (served.url.clone(), endpoint.model().to_owned());
            return Err(EndpointError::Mismatch { url, model, differences }.into());
        }
    }
    Ok(())
}

fn differences(report: &ParityReport, precision: &str) -> Vec<String> {
    let exact = precision == "fp32";
    let missed = report.outputs.iter().filter(|output| {
        let far = output.name == "score" && output.max_abs > REDUCED_SCORE;
        if exact { !output.passed } else { far || output.problem.is_some() || output.non_finite > 0 }
    });
    let mut differences: Vec<_> = missed
        .map(|output| {
            let problem = output.problem.as_deref().map(|problem| format!(" ({problem})")).unwrap_or_default();
            format!(
                "output `{}` is {:.2e} from the bundle's golden outputs, tolerance {:.1e}{problem}",
                output.name,
                output.max_abs,
                if exact { output.tolerance } else { REDUCED_SCORE }
            )
        })
        .collect();
    if report.decisions_changed > 0 {
        differences.push(format!("{} of {} golden decisions are others", report.decisions_changed, report.tiles));
    }
    differences
}
