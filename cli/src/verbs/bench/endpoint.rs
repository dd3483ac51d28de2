//! `kiln bench --endpoint`: the scenarios, measured at the client. If the servers publish statistics, the report includes the
//! time that requests waited and were computed there.

use std::time::Instant;

use anyhow::Context as _;
use kiln_runtime::bench::{self, Opened, Plan, Report, Scenario};
use kiln_runtime::endpoint::{Endpoint, check_golden};
use kiln_runtime::{Bundle, DecisionRule, Scorer as _, golden};
use kiln_tile::Tile;

use super::{Args, plan_of};
use crate::output::Output;
use crate::verbs::endpoint::describe;

pub(super) fn measure(args: &Args, bundle: &Bundle, out: &Output) -> anyhow::Result<Report> {
    let [precision] = args.precision.as_slice() else {
        anyhow::bail!(
            "--precision: a server runs one graph, so one precision is expected\nhint: name the precision of that graph"
        );
    };
    let rule = DecisionRule::from_manifest(&bundle.manifest);
    let started = Instant::now();
    let endpoint = args.endpoint.connect(bundle, Some(rule.outputs()), out)?;
    let load_ms = started.elapsed().as_secs_f64() * 1_000.0;
    check_golden(&endpoint, bundle, precision)?;
    out.note(describe(&endpoint));
    let tiles = golden::read(&bundle.golden_path()?)?.tiles;
    let mut whole: Option<Report> = None;
    // One plan at a time, so that the servers' counters belong to one measurement.
    for plan in plans(args, precision, &endpoint) {
        let report = one(&endpoint, &plan, &tiles, load_ms, out)?;
        whole = Some(match whole {
            Some(before) => before.and(report),
            None => report,
        });
    }
    whole.context("--batch: the servers accept none of these sizes")
}

/// A plan for each scenario at each batch size that the servers accept; none for a measurement that another plan makes.
/// Threads are concurrent requests, if a scenario sends several.
fn plans(args: &Args, precision: &str, endpoint: &Endpoint) -> Vec<Plan> {
    let concurrency = args.endpoint.concurrency();
    let mut plan = plan_of(args, precision, concurrency);
    plan.threads = vec![concurrency];
    let batches: Vec<usize> = args.batch.iter().copied().filter(|batch| endpoint.accepts(*batch)).collect();
    let each = args.scenario.iter().flat_map(|scenario| batches.iter().map(move |batch| (*scenario, *batch)));
    let measured = measured_once(each, endpoint.fixed_batch());
    let one = |(scenario, batch)| Plan { batches: vec![batch], scenarios: vec![scenario], ..plan.clone() };
    measured.into_iter().map(one).collect()
}

/// The scenarios and the batches that they run, each pair once.
fn measured_once(asked: impl Iterator<Item = (Scenario, usize)>, fixed: Option<usize>) -> Vec<(Scenario, usize)> {
    let mut measured = Vec::new();
    for (scenario, batch) in asked {
        let one = (scenario, scenario.batch(batch, fixed));
        if !measured.contains(&one) {
            measured.push(one);
        }
    }
    measured
}

fn one(endpoint: &Endpoint, plan: &Plan, tiles: &[Tile], load_ms: f64, out: &Output) -> anyhow::Result<Report> {
    let mut open = |_| Ok(Opened { load_ms, engine_build_ms: None, skipped: vec![], scorer: endpoint.clone() });
    let mut say = |step: &str| out.note(format_args!("measuring {step}"));
    let before = endpoint.statistics()?;
    let mut report = bench::measure(&mut open, tiles, plan, &mut say)?;
    let served = before.zip(endpoint.statistics()?).and_then(|(before, after)| after.since(&before));
    report.results.iter_mut().for_each(|result| result.served = served);
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_that_run_alike_are_measured_once() {
        let asked = [Scenario::MultiStream, Scenario::Offline, Scenario::Offline]
            .map(|scenario| [(scenario, 8), (scenario, 16)]);
        let measured = |fixed| measured_once(asked.into_iter().flatten(), fixed);
        assert_eq!(measured(None), [(Scenario::MultiStream, 8), (Scenario::Offline, 8), (Scenario::Offline, 16)]);
        assert_eq!(measured(Some(4)), [(Scenario::MultiStream, 4), (Scenario::Offline, 4)]);
    }
}
