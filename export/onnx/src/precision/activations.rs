//! Observed activations: ranges, channels and distributions of a model's values on sample inputs.

use std::collections::BTreeMap;

use super::calibration::Calibration;
use super::histogram::Histogram;
use super::range::{QuantParams, Range};

/// Statistics of a model's values on sample inputs.
///
/// ```
/// use burn_onnx_export::Activations;
///
/// let mut activations = Activations::default();
/// // A value of shape [batch, channels, width].
/// activations.observe_channels("features", &[1, 2, 2], &[0.0, 0.5, 1.0, 8.0]);
/// // A second pass, for calibrations other than min-max.
/// activations.count("features", [0.0, 0.5, 1.0, 8.0]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Activations {
    ranges: BTreeMap<String, Range>,
    channels: BTreeMap<String, Vec<Channel>>,
    histograms: BTreeMap<String, Histogram>,
}

/// Statistics of one channel.
#[derive(Clone, Copy, Debug, Default)]
struct Channel {
    /// Its largest magnitude.
    peak: f32,
    sum: f64,
    count: u64,
}

impl Activations {
    /// Extends the range of a value.
    pub fn observe(&mut self, name: &str, values: impl IntoIterator<Item = f32>) {
        let range = self.ranges.entry(name.to_owned()).or_insert(Range::EMPTY);
        *range = range.with(values.into_iter());
    }

    /// Extends the range of a value `[batch, channels, ...]` and of each of its channels, which
    /// [`Int8::equalised`](super::Int8::equalised) needs. `values` are row-major.
    pub fn observe_channels(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        self.observe(name, values.iter().copied());
        let Some(channels) = shape.get(1).copied().filter(|channels| *channels > 0) else { return };
        let inner: usize = shape[2..].iter().product::<usize>().max(1);
        let known = self.channels.entry(name.to_owned()).or_insert_with(|| vec![Channel::default(); channels]);
        for (at, value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            if let Some(channel) = known.get_mut(at / inner % channels) {
                channel.peak = channel.peak.max(value.abs());
                channel.sum += f64::from(*value);
                channel.count += 1;
            }
        }
    }

    /// The largest magnitude of each channel.
    pub(super) fn peaks(&self, name: &str) -> Option<Vec<f32>> {
        Some(self.channels.get(name)?.iter().map(|channel| channel.peak).collect())
    }

    /// The mean of each channel.
    pub(super) fn means(&self, name: &str) -> Option<Vec<f64>> {
        let mean = |channel: &Channel| channel.sum / channel.count.max(1) as f64;
        Some(self.channels.get(name)?.iter().map(mean).collect())
    }

    /// Adds to a value's histogram, on a second pass over the same inputs. Calibrations other than min-max need it.
    pub fn count(&mut self, name: &str, values: impl IntoIterator<Item = f32>) {
        let Some(range) = self.ranges.get(name) else { return };
        self.histograms.entry(name.to_owned()).or_insert_with(|| Histogram::new(*range)).add(values.into_iter());
    }

    /// The quantisation parameters of a value; none if it was not observed.
    pub(super) fn parameters(&self, name: &str, calibration: Calibration) -> Option<QuantParams> {
        let range = self.ranges.get(name)?;
        let kept = self.histograms.get(name).map_or(*range, |histogram| histogram.kept(calibration));
        Some(kept.parameters())
    }
}
