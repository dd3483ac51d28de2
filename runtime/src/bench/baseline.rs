//! Two bench runs compared. Latencies of one run are not independent: a slow moment makes neighbours slow. So each
//! measurement keeps the medians of twenty blocks in the order of time, and the ratio of two measurements comes with a
//! 95 % interval from Welch's t-test on the logarithms of these medians.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF as _, StudentsT};

use super::{Machine, MeasuredModel, Measurement, Report, Verdict};
use crate::{Error, Result};

/// One measurement compared with the same measurement of an earlier run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The measurement: provider, precision, scenario, batch, threads.
    pub measurement: String,
    /// Latency now over latency before; under 1 is faster. None where they cannot be compared.
    pub ratio: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low: Option<f64>,
    /// Upper end of its 95 % interval.
    pub high: Option<f64>,
    /// `slower`, `faster`, `same`, or why they were not compared.
    pub outcome: String,
}

impl Comparison {
    /// Slower by more than is allowed: the whole interval is above the limit.
    #[must_use]
    pub fn is_regression(&self) -> bool {
        self.outcome == "slower"
    }
}

/// Compares every measurement of `now` with the measurement of the same name in `before`. Slower means that the whole
/// interval is above `1 + allowed`.
///
/// # Errors
/// Those of [`may_compare`]; [`Error::Baseline`] if nothing can be compared; [`Error::Option`] if `allowed` is no number of
/// at least 0.
pub fn compare(now: &Report, before: &Report, allowed: f64) -> Result<Vec<Comparison>> {
    let wrong = |reason: String| Error::Baseline { reason };
    if !(allowed >= 0.0 && allowed.is_finite()) {
        return Err(Error::Option { option: "allow", reason: "a number of at least 0 is needed" });
    }
    may_compare(before, &now.machine, now.model.as_ref())?;
    let of = |measured: &Measurement| before.results.iter().find(|old| old.name() == measured.name());
    if !now.results.iter().any(|measured| of(measured).is_some()) {
        let names: Vec<_> = before.results.iter().map(Measurement::name).collect();
        return Err(wrong(format!("holds none of these measurements; it holds: {}", names.join("; "))));
    }
    Ok(now.results.iter().map(|measured| comparison(measured, of(measured), allowed)).collect())
}

/// Refuses a baseline that no measurement of this model on this machine can be compared with. Call it before measuring.
///
/// # Errors
/// [`Error::OtherMachine`]; [`Error::Baseline`] if it is of another model, or invalid itself.
pub fn may_compare(before: &Report, machine: &Machine, model: Option<&MeasuredModel>) -> Result<()> {
    let wrong = |reason: String| Err(Error::Baseline { reason });
    if before.machine != *machine {
        let (before, now) = (format!("{:?}", before.machine), format!("{machine:?}"));
        return Err(Error::OtherMachine { before, now });
    }
    if let (Some(before), Some(now)) = (&before.model, model)
        && (&before.name, &before.kind) != (&now.name, &now.kind)
    {
        return wrong(format!(
            "was measured on another model: `{}` ({}); this is `{}` ({})",
            before.name, before.kind, now.name, now.kind
        ));
    }
    if before.verdict == Verdict::Invalid {
        return wrong(format!("is INVALID itself: {}", before.reasons.join("; ")));
    }
    Ok(())
}

/// Differences of the two models for the reader of a comparison: graphs that have changed, or a baseline that does not name
/// its model.
#[must_use]
pub fn differences(before: &Report, model: &MeasuredModel) -> Vec<String> {
    let Some(old) = &before.model else {
        return vec!["the baseline is of an older release and does not name its model".to_owned()];
    };
    let has_changed = |(precision, digest): &(&String, &String)| {
        old.graphs.get(*precision).is_some_and(|old| !old.eq_ignore_ascii_case(digest))
    };
    let changed = model.graphs.iter().filter(has_changed);
    changed.map(|(precision, _)| format!("the {precision} graph is another than the baseline's")).collect()
}

fn comparison(now: &Measurement, before: Option<&Measurement>, allowed: f64) -> Comparison {
    let none = |outcome: &str| Comparison {
        measurement: now.name(),
        ratio: None,
        low: None,
        high: None,
        outcome: outcome.to_owned(),
    };
    let Some(before) = before else { return none("not in the baseline") };
    if now.qps.zip(before.qps).is_some_and(|(now, before)| (now / before - 1.0).abs() > 0.01) {
        return none("measured at another rate (`qps`)");
    }
    let Some((ratio, low, high)) = ratio(&now.blocks_ms, &before.blocks_ms) else { return none("too few queries") };
    let outcome = match () {
        () if low > 1.0 + allowed => "slower",
        () if high < 1.0 => "faster",
        () => "same",
    };
    Comparison { ratio: Some(ratio), low: Some(low), high: Some(high), ..none(outcome) }
}

/// The ratio of two sets of block medians with its 95 % interval; none if one has fewer than two.
fn ratio(now: &[f64], before: &[f64]) -> Option<(f64, f64, f64)> {
    let ((mean, variance, n), (old_mean, old_variance, old_n)) = (moments(now)?, moments(before)?);
    let (part, old_part) = (variance / n, old_variance / old_n);
    let error = (part + old_part).sqrt();
    let centre = mean - old_mean;
    if error == 0.0 {
        return Some((centre.exp(), centre.exp(), centre.exp()));
    }
    // Welch and Satterthwaite's degrees of freedom.
    let freedom = (part + old_part).powi(2) / (part.powi(2) / (n - 1.0) + old_part.powi(2) / (old_n - 1.0));
    let reach = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(0.975) * error;
    Some((centre.exp(), (centre - reach).exp(), (centre + reach).exp()))
}

/// Mean and sample variance of the logarithms, and how many they are.
fn moments(values: &[f64]) -> Option<(f64, f64, f64)> {
    let n = values.len() as f64;
    if values.len() < 2 || values.iter().any(|value| *value <= 0.0) {
        return None;
    }
    let mean = values.iter().map(|value| value.ln()).sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value.ln() - mean).powi(2)).sum();
    Some((mean, squares / (n - 1.0), n))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::report::tests::measurement;
    use super::*;

    fn report(blocks_ms: Vec<f64>) -> Report {
        Report { results: vec![Measurement { blocks_ms, ..measurement() }], ..Report::default() }
    }

    fn blocks(around: f64) -> Vec<f64> {
        (0..20).map(|i| around * (1.0 + 0.01 * f64::from(i % 5 - 2))).collect()
    }

    fn outcome(now: f64, before: f64) -> Comparison {
        compare(&report(blocks(now)), &report(blocks(before)), 0.05).unwrap().remove(0)
    }

    #[test]
    fn slower_beyond_the_allowance_is_a_regression_and_noise_is_not() {
        assert!(outcome(11.0, 10.0).is_regression());
        assert_eq!(outcome(10.3, 10.0).outcome, "same");
        assert_eq!(outcome(10.0, 10.0).outcome, "same");
        assert_eq!(outcome(9.0, 10.0).outcome, "faster");
        let comparison = outcome(11.0, 10.0);
        assert!((comparison.ratio.unwrap() - 1.1).abs() < 1e-9);
        assert!(comparison.low.unwrap() < 1.1 && comparison.high.unwrap() > 1.1);
    }

    #[test]
    fn the_interval_is_welchs() {
        // Logarithms 0, 1, 2 and 0, 0.5, 1: difference of means 0.5, standard error 0.645497, 2.941 degrees of freedom,
        // t(0.975) = 3.218, worked out by hand from the tables of the distribution.
        let exp = |values: [f64; 3]| values.map(f64::exp).to_vec();
        let (ratio, low, high) = ratio(&exp([0.0, 1.0, 2.0]), &exp([0.0, 0.5, 1.0])).unwrap();
        assert!((ratio.ln() - 0.5).abs() < 1e-12);
        assert!((high.ln() - ratio.ln() - (ratio.ln() - low.ln())).abs() < 1e-9);
        assert!((high.ln() - 0.5 - 2.077).abs() < 0.02, "{}", high.ln() - 0.5);
    }

    #[test]
    fn another_model_is_refused_and_another_graph_is_noted() {
        let model = |name: &str, digest: &str| MeasuredModel {
            name: name.to_owned(),
            kind: "cnn".to_owned(),
            graphs: [("fp32".to_owned(), digest.to_owned())].into(),
        };
        let of = |model: Option<MeasuredModel>| Report { model, ..report(blocks(1.0)) };
        let now = of(Some(model("a", "1")));
        let error = compare(&now, &of(Some(model("b", "1"))), 0.05).unwrap_err().to_string();
        assert!(error.contains("another model: `b` (cnn); this is `a` (cnn)"), "{error}");
        for (before, notes) in [(Some(model("a", "1")), 0), (Some(model("a", "2")), 1), (None, 1)] {
            let before = of(before);
            compare(&now, &before, 0.05).unwrap();
            assert_eq!(differences(&before, now.model.as_ref().unwrap()).len(), notes);
        }
        for allowed in [f64::NAN, f64::INFINITY, -0.1] {
            assert!(compare(&now, &now, allowed).is_err(), "{allowed}");
        }
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        let other =
            Report { machine: super::super::Machine { cores: 99, ..Default::default() }, ..report(blocks(1.0)) };
        assert!(compare(&report(blocks(1.0)), &other, 0.05).unwrap_err().to_string().contains("another machine"));
        let invalid = Report { verdict: Verdict::Invalid, reasons: vec!["shared".to_owned()], ..report(blocks(1.0)) };
        assert!(
            compare(&report(blocks(1.0)), &invalid, 0.05).unwrap_err().to_string().contains("INVALID itself: shared")
        );
        let empty = Report::default();
        assert!(compare(&report(blocks(1.0)), &empty, 0.05).unwrap_err().to_string().contains("none of these"));
        assert_eq!(compare(&report(vec![1.0]), &report(blocks(1.0)), 0.05).unwrap()[0].outcome, "too few queries");
    }
}
