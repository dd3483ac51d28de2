//! The factor that scales amounts of stain.

/// Limit of the factor by which an amount or a spread is scaled up or down. Without a limit, the noise of a tile with next
/// to no stain would be amplified to the target's amount.
pub const MOST_GAIN: f64 = 3.0;

/// Returns the factor from `found` to `target`, within [`MOST_GAIN`].
pub(super) fn gain(target: f64, found: f64) -> f64 {
    if found > 0.0 { (target / found).clamp(1.0 / MOST_GAIN, MOST_GAIN) } else { 1.0 }
}
