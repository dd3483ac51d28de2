//! Rules for a valid figure. All limits are defined here.

use super::{Measurement, Scenario, Window};

/// Greatest spread of the window's thirds (the limit of Triton's perf_analyzer for its three windows).
const MAX_DRIFT: f64 = 0.10;
/// Coefficient of variation above which a warning is given (trtexec's limit).
const CV_WARNING: f64 = 0.025;
/// Greatest share of the cores for other processes: the services of an idle machine stay below it.
const MAX_FOREIGN: f64 = 0.05;

/// Returns the reasons why a measurement is invalid. `skipped` are providers that were asked for and did not run.
pub(super) fn reasons(measured: &Measurement, window: &Window, skipped: &[(String, String)]) -> Vec<String> {
    let mut reasons: Vec<String> =
        skipped.iter().map(|(provider, reason)| format!("it fell back from `{provider}`: {reason}")).collect();
    reasons.extend(placement(measured));
    let needed = window.min_count(measured.scenario);
    if measured.queries < needed {
        reasons.push(format!(
            "only {} queries in {:.0} s, {needed} are needed; allow a longer window or a smaller batch",
            measured.queries, measured.seconds
        ));
    }
    if measured.engines_built > 0 {
        reasons
            .push(format!("{} engines were built inside the window; warm up at every batch", measured.engines_built));
    }
    if let Some(bound) = measured.bound_ms.filter(|bound| measured.latency.p99_ms > *bound) {
        reasons.push(format!(
            "the 99th percentile is {:.3} ms at {:.2} queries/s, over the bound of {bound} ms",
            measured.latency.p99_ms,
            measured.qps.unwrap_or_default()
        ));
    }
    if is_steady_by_nature(measured.scenario) && measured.latency.drift() > MAX_DRIFT {
        let [first, second, third] = measured.latency.thirds_ms;
        reasons.push(format!(
            "not steady: the medians of its thirds are {first:.3}, {second:.3} and {third:.3} ms, over {:.0} % apart; warm \
             up longer, or measure on a quiet machine",
            100.0 * MAX_DRIFT
        ));
    }
    if let Some(share) = measured.foreign_share.filter(|share| *share > MAX_FOREIGN) {
        reasons.push(format!(
            "other processes took {:.0} % of the cores, at most {:.0} % are allowed",
            100.0 * share,
            100.0 * MAX_FOREIGN
        ));
    }
    reasons
}

/// Returns warnings, which do not make a measurement invalid.
pub(super) fn warnings(measured: &Measurement) -> Vec<String> {
    let mut warnings = Vec::new();
    if is_steady_by_nature(measured.scenario) && measured.latency.cv > CV_WARNING {
        let limit = 100.0 * CV_WARNING;
        warnings.push(format!(
            "latencies vary by {:.1} % (coefficient of variation, over {limit} %)",
            100.0 * measured.latency.cv
        ));
    }
    if measured.foreign_share.is_none() && !measured.is_served() {
        warnings.push("this system does not tell whether other processes shared the cores".to_owned());
    }
    warnings
}

/// The server scenario is judged by its bound instead: queueing times of random arrivals vary by chance.
fn is_steady_by_nature(scenario: Scenario) -> bool {
    scenario != Scenario::Server
}

fn placement(measured: &Measurement) -> Option<String> {
    // The provider of a model server is configured and logged there.
    if measured.is_served() {
        return None;
    }
    let elsewhere: Vec<_> = measured.nodes.iter().filter(|(provider, _)| **provider != measured.provider).collect();
    if measured.nodes.is_empty() {
        return Some("it is not known which provider ran its nodes".to_owned());
    }
    let list: Vec<_> = elsewhere.iter().map(|(provider, nodes)| format!("{nodes} on `{provider}`")).collect();
    (!list.is_empty()).then(|| {
        let all: usize = measured.nodes.values().sum();
        format!("of its {all} nodes, {} ran elsewhere than on `{}`", list.join(" and "), measured.provider)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Latency;
    use super::super::report::tests::measurement as good;
    use super::*;

    fn why(change: impl FnOnce(&mut Measurement)) -> Vec<String> {
        let mut measured = good();
        change(&mut measured);
        reasons(&measured, &Window::default(), &[])
    }

    #[test]
    fn a_quiet_steady_full_run_is_valid() {
        assert!(why(|_| ()).is_empty());
        assert!(warnings(&good()).is_empty());
    }

    #[test]
    fn every_rule_has_its_reason() {
        assert!(why(|m| m.queries = 10)[0].contains("only 10 queries"));
        assert!(why(|m| m.foreign_share = Some(0.5))[0].contains("took 50 % of the cores"));
        assert!(why(|m| m.latency.thirds_ms = [2.0, 1.0, 1.0])[0].contains("not steady"));
        assert!(why(|m| m.engines_built = 1)[0].contains("1 engines were built inside the window"));
        assert!(why(|m| m.bound_ms = Some(0.5))[0].contains("over the bound of 0.5 ms"));
        assert!(why(|m| m.nodes.clear())[0].contains("not known"));
        assert!(
            why(|m| {
                m.nodes.insert("openvino".to_owned(), 3);
            })[0]
                .contains("of its 12 nodes, 3 on `openvino`")
        );
        let skipped = [("cuda".to_owned(), "no driver".to_owned())];
        assert!(reasons(&good(), &Window::default(), &skipped)[0].contains("fell back from `cuda`: no driver"));
    }

    #[test]
    fn noise_and_silence_are_warnings() {
        let noisy = Measurement { latency: Latency::from_samples(&[1.0, 2.0]).unwrap(), foreign_share: None, ..good() };
        assert_eq!(warnings(&noisy).len(), 2);
        assert_eq!(warnings(&Measurement { scenario: Scenario::Server, ..noisy }).len(), 1);
    }
}
