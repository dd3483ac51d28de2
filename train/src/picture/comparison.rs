//! ROC and precision-recall curves of several models. A curve is the mean over a model's trainings, at equal
//! false-positive rates or recalls, because scores of different trainings have no common scale.

use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::canvas::Canvas;
use super::chart::{Chart, legend, unit_square};
use super::style::{self, Area, LINE, PALETTE, SMALL};
use super::{Picture, PictureError};
use crate::metrics::{Scored, pr_curve, roc_curve};

const PANEL: u32 = 1000;
const HEIGHT: u32 = 1040;
/// Width of a name in the legend, in pixels.
const NAME: u32 = 680;

/// Number of steps of the common axis.
const STEPS: usize = 200;

/// Largest number of curves that are distinguishable.
const MOST: usize = PALETTE.len();

/// Lengths of dashes in pixels, which distinguish curves without colour; 0 for a full line.
const DASHES: [i32; 4] = [0, 16, 8, 4];

/// A model's scores, with one list for each training.
#[derive(Debug, Clone)]
pub struct ComparedScores<'a> {
    /// Label in the legend.
    pub name: String,
    /// Scored test tiles of each training.
    pub lists: Vec<&'a [Scored]>,
}

/// Points on the common axis with their values, for one list.
type Points = Result<Vec<(f64, f64)>, PictureError>;

/// A line with its label, and a number that decides colour and dash.
struct Curve<'a> {
    name: &'a str,
    points: Vec<(f64, f64)>,
    number: usize,
}

/// Draws the mean ROC and precision-recall curves of at most seven models; further ones are omitted.
///
/// # Errors
/// No model, or a list without a defined curve.
pub fn compared_curves(models: &[ComparedScores<'_>]) -> Result<Picture, PictureError> {
    if models.iter().all(|model| model.lists.is_empty()) {
        return Err(PictureError::Nothing { picture: "compared curves", reason: "no model was given".to_owned() });
    }
    let shown = &models[..models.len().min(MOST)];
    let of = |curve: fn(&[Scored]) -> Points| -> Result<Vec<Curve<'_>>, PictureError> {
        let curve =
            |(number, model): (usize, &'_ ComparedScores<'_>)| mean(&model.lists, curve).map(|points| (number, points));
        let means = shown.iter().enumerate().map(curve).collect::<Result<Vec<_>, _>>()?;
        Ok(means.into_iter().map(|(number, points)| Curve { name: &shown[number].name, points, number }).collect())
    };
    let (mut roc, pr) = (of(roc_at)?, of(pr_at)?);
    // At a rate of 0 the mean is above 0 if the highest scores are anomalous.
    roc.iter_mut().for_each(|curve| curve.points.insert(0, (0.0, 0.0)));
    let mut canvas = Canvas::new(2 * PANEL, HEIGHT)?;
    canvas.draw(|root| {
        let panels = root.split_evenly((1, 2));
        let words = ["ROC", "false positive rate (1 − specificity)", "true positive rate (sensitivity)"];
        draw_panel(&panels[0], words, &roc, SeriesLabelPosition::LowerRight)?;
        let words = ["Precision and recall", "recall (sensitivity)", "precision"];
        draw_panel(&panels[1], words, &pr, SeriesLabelPosition::LowerLeft)
    })?;
    canvas.finish(2)
}

/// The true-positive rate at each false-positive rate: the highest at the rate itself, and between two points of the curve that
/// on the line between them, which is the expectation of tiles with equal scores in any order.
fn roc_at(scored: &[Scored]) -> Points {
    let curve = roc_curve(scored)?;
    let at = |rate: f64| {
        let after = curve.partition_point(|point| point.false_positive_rate <= rate + 1e-12);
        let Some(before) = after.checked_sub(1).map(|before| curve[before]) else { return 0.0 };
        let Some(next) = curve.get(after) else { return before.true_positive_rate };
        let part = (rate - before.false_positive_rate) / (next.false_positive_rate - before.false_positive_rate);
        before.true_positive_rate + part.max(0.0) * (next.true_positive_rate - before.true_positive_rate)
    };
    Ok(grid().map(|rate| (rate, at(rate))).collect())
}

/// The precision of the first threshold that reaches each recall, without interpolation, as in average precision.
fn pr_at(scored: &[Scored]) -> Points {
    let curve = pr_curve(scored)?;
    let at = |recall: f64| {
        let first = curve.iter().find(|point| point.recall >= recall - 1e-12 && point.recall > 0.0);
        first.map_or(0.0, |point| point.precision)
    };
    Ok(grid().map(|recall| (recall, at(recall))).collect())
}

fn grid() -> impl Iterator<Item = f64> {
    (0..=STEPS).map(|at| at as f64 / STEPS as f64)
}

fn mean(lists: &[&[Scored]], curve: fn(&[Scored]) -> Points) -> Result<Vec<(f64, f64)>, PictureError> {
    let mut sums: Vec<(f64, f64)> = grid().map(|at| (at, 0.0)).collect();
    for list in lists {
        sums.iter_mut().zip(curve(list)?).for_each(|(sum, (_, value))| sum.1 += value);
    }
    Ok(sums.into_iter().map(|(at, sum)| (at, sum / lists.len().max(1) as f64)).collect())
}

fn draw_panel(
    area: &Area<'_>,
    words: [&str; 3],
    curves: &[Curve<'_>],
    position: SeriesLabelPosition,
) -> Result<(), PictureError> {
    let mut chart = unit_square(area, words)?;
    for curve in curves {
        curve.draw(&mut chart, &style::fit(area, curve.name, &style::font(SMALL), NAME))?;
    }
    legend(&mut chart, position, 64)
}

impl Curve<'_> {
    fn draw<'a, 'b: 'a>(&self, chart: &mut Chart<'a, 'b>, name: &str) -> Result<(), PictureError> {
        let stroke = PALETTE[self.number % MOST].stroke_width(LINE);
        let (points, dash) = (self.points.clone(), DASHES[self.number % DASHES.len()]);
        if dash == 0 {
            chart
                .draw_series(LineSeries::new(points, stroke))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 50, y)], stroke));
        } else {
            chart
                .draw_series(DashedLineSeries::new(points, dash, dash, stroke))?
                .label(name)
                .legend(move |(x, y)| DashedPathElement::new([(x, y), (x + 50, y)], dash, dash, stroke));
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// 20 tiles, every second one anomalous.
    fn scored(score: impl Fn(usize) -> f64) -> Vec<Scored> {
        (0..20).map(|at| Scored { score: score(at), anomalous: at % 2 == 1, group: at.to_string() }).collect()
    }

    fn is_about(points: &[(f64, f64)], expected: impl Fn(f64) -> f64) -> bool {
        points.iter().all(|(rate, value)| (value - expected(*rate)).abs() < 1e-9)
    }

    #[test]
    fn tiles_of_equal_scores_are_a_line_of_the_roc_curve() {
        let (same, reverse) = (scored(|_| 0.5), scored(|at| if at % 2 == 1 { 0.0 } else { 1.0 }));
        assert!(is_about(&roc_at(&same).unwrap(), |rate| rate), "one score for all tiles is chance");
        assert!(is_about(&roc_at(&reverse).unwrap(), |rate| if rate < 1.0 { 0.0 } else { 1.0 }));
        assert!(is_about(&roc_at(&scored(|at| (at % 2) as f64)).unwrap(), |_| 1.0));
        // The upper half of both classes is one score, the lower half another.
        assert!(is_about(&roc_at(&scored(|at| (at / 10) as f64)).unwrap(), |rate| rate));
        assert!(is_about(&mean(&[&same, &reverse], roc_at).unwrap()[..STEPS], |rate| rate / 2.0));
    }

    #[test]
    fn tiles_of_equal_scores_are_a_step_of_the_precision_recall_curve() {
        assert!(is_about(&pr_at(&scored(|_| 0.5)).unwrap(), |_| 0.5));
        assert!(is_about(&pr_at(&scored(|at| (at % 2) as f64)).unwrap(), |_| 1.0));
    }
}
