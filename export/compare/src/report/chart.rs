//! Charts as SVG, drawn into the page: they are sharp at every size, and their colours follow the page's.

use maud::{Markup, html};

use super::text::{score, small};
use crate::difference::OutputDifference;

/// The most points of a scatter plot.
const POINTS: usize = 4000;

/// A scatter plot of the scores of both sides, with both thresholds. A flip is a ring in the colour of a fault.
pub(super) fn scores(pairs: &[[f32; 2]], thresholds: [Option<f64>; 2], names: [&str; 2]) -> Markup {
    let finite: Vec<[f64; 2]> =
        pairs.iter().map(|pair| pair.map(f64::from)).filter(|p| p.iter().all(|v| v.is_finite())).collect();
    let all = || finite.iter().flatten().copied().chain(thresholds.into_iter().flatten());
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    if finite.is_empty() || !(low.is_finite() && high.is_finite()) {
        return html! {};
    }
    // Probabilities have their own range.
    let (low, high) = if low >= 0.0 && high <= 1.0 && high > 0.1 {
        (0.0, 1.0)
    } else {
        let pad = ((high - low) * 0.05).max(1e-9);
        (low - pad, high + pad)
    };
    let x = |value: f64| 64.0 + (value - low) / (high - low) * 360.0;
    let y = |value: f64| 380.0 - (value - low) / (high - low) * 360.0;
    let flips = |pair: &[f64; 2]| match thresholds {
        [Some(a), Some(b)] => (pair[0] >= a) != (pair[1] >= b),
        _ => false,
    };
    let step = finite.len().div_ceil(POINTS).max(1);
    let (flipped, same): (Vec<&[f64; 2]>, Vec<&[f64; 2]>) = finite.iter().partition(|pair| flips(pair));
    let ticks: Vec<f64> = (0..=4).map(|at| low + (high - low) * f64::from(at) / 4.0).collect();
    let label = format!("Scores of {} tiles by both sides; {} of them flip", finite.len(), flipped.len());
    html! {
        svg.chart viewBox="0 0 450 458" role="img" aria-label=(label) {
            rect.plane x="64" y="20" width="360" height="360" {}
            @for tick in &ticks {
                line.grid x1=(px(x(*tick))) y1="20" x2=(px(x(*tick))) y2="380" {}
                line.grid x1="64" y1=(px(y(*tick))) x2="424" y2=(px(y(*tick))) {}
                text.tick x=(px(x(*tick))) y="396" text-anchor="middle" { (score(*tick)) }
                text.tick x="58" y=(px(y(*tick) + 4.0)) text-anchor="end" { (score(*tick)) }
            }
            line.equal x1=(px(x(low))) y1=(px(y(low))) x2=(px(x(high))) y2=(px(y(high))) {}
            @if let Some(threshold) = thresholds[0] {
                line.limit x1=(px(x(threshold))) y1="20" x2=(px(x(threshold))) y2="380" {}
            }
            @if let Some(threshold) = thresholds[1] {
                line.limit x1="64" y1=(px(y(threshold))) x2="424" y2=(px(y(threshold))) {}
            }
            @for pair in same.iter().step_by(step) {
                circle.point cx=(px(x(pair[0]))) cy=(px(y(pair[1]))) r="2.5" {}
            }
            @for pair in flipped.iter().take(POINTS) {
                circle.flip cx=(px(x(pair[0]))) cy=(px(y(pair[1]))) r="5" {}
            }
            text.axis x="244" y="424" text-anchor="middle" { "score by " (short(names[0])) }
            text.axis x="64" y="13" { "score by " (short(names[1])) }
            text.tick x="244" y="444" text-anchor="middle" { (legend(thresholds, flipped.len())) }
        }
    }
}

/// An explanation of the lines and rings of the scatter plot.
fn legend(thresholds: [Option<f64>; 2], flips: usize) -> String {
    let lines = if thresholds.iter().any(Option::is_some) { "; dashed: the thresholds" } else { "" };
    let rings = if flips > 0 { "; rings: decisions that flip" } else { "" };
    format!("a point is a tile{lines}{rings}")
}

/// The quantiles of the absolute difference of every output on a logarithmic axis, with the tolerance.
pub(super) fn quantiles(outputs: &[OutputDifference]) -> Markup {
    let shown: Vec<&OutputDifference> = outputs.iter().filter(|output| output.elements > 0).collect();
    let values = |output: &OutputDifference| {
        [output.quantiles.p50, output.quantiles.p90, output.quantiles.p99, output.quantiles.p99_9, output.max_abs]
    };
    let all = || {
        shown
            .iter()
            .flat_map(|output| values(output).into_iter().chain([output.tolerance]))
            .filter(|value| *value > 0.0)
    };
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
    if shown.is_empty() || !low.is_finite() {
        return html! {};
    }
    let (low, high) = (low.max(high * 1e-9).log10().floor(), (high * 1.01).log10().ceil());
    let x = |value: f64| 154.0 + (value.max(10f64.powf(low)).log10() - low) / (high - low).max(1.0) * 270.0;
    let height = 60 + 34 * shown.len();
    let decades: Vec<i32> = (low as i32..=high as i32).collect();
    let every = decades.len().div_ceil(7).max(1);
    html! {
        svg.chart viewBox=(format!("0 0 450 {}", height + 38)) role="img"
            aria-label="Quantiles of the absolute difference of each output, and its tolerance" {
            @for decade in decades.iter().step_by(every) {
                @let at = px(x(10f64.powi(*decade)));
                line.grid x1=(at) y1="16" x2=(at) y2=(height - 20) {}
                text.tick x=(at) y=(height - 4) text-anchor="middle" { "1e" (decade) }
            }
            @for (row, output) in shown.iter().enumerate() {
                @let y = 34 + 34 * row;
                @let [p50, p90, p99, p99_9, max] = values(output);
                text.name x="146" y=(y + 4) text-anchor="end" { (short_name(&output.name)) }
                line.whisker x1=(px(x(p50))) y1=(y) x2=(px(x(max))) y2=(y) {}
                @for value in [p90, p99, p99_9] {
                    circle.point cx=(px(x(value))) cy=(y) r="3" { title { (small(value)) } }
                }
                circle.median cx=(px(x(p50))) cy=(y) r="4.5" { title { "median: " (small(p50)) } }
                circle.end.beyond[!output.passed] cx=(px(x(max))) cy=(y) r="5" { title { "largest: " (small(max)) } }
                @if output.tolerance > 0.0 {
                    @let at = px(x(output.tolerance));
                    line.limit x1=(at) y1=(y - 12) x2=(at) y2=(y + 12) { title { "tolerance: " (small(output.tolerance)) } }
                }
            }
            text.axis x="225" y=(height + 16) text-anchor="middle" {
                "absolute difference: median (ring), 90, 99, 99.9 %, largest (disc)"
            }
            text.tick x="225" y=(height + 32) text-anchor="middle" { "dashed: the tolerance" }
        }
    }
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}

fn short(name: &str) -> String {
    cut(name, 40)
}

fn short_name(name: &str) -> String {
    cut(name, 22)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
