//! The form of a figure with its interval on the terminal.

use kiln_train::metrics::Interval;

/// A figure with its interval.
pub(super) fn interval(figure: Interval) -> String {
    format!("{:.3} [{:.3}, {:.3}]", figure.value, figure.low, figure.high)
}
