//! The factor by which amounts of stain are stretched.

/// How far an amount or a spread is stretched or squeezed at most. Without a limit, the noise of a tile that holds next to
/// none of a dye would be blown up to the target's amount of it.
pub const MOST_GAIN: f64 = 3.0;

/// The factor that brings `found` to `wanted`, within [`MOST_GAIN`].
pub(super) fn gain(wanted: f64, found: f64) -> f64 {
    if found > 0.0 { (wanted / found).clamp(1.0 / MOST_GAIN, MOST_GAIN) } else { 1.0 }
}
