//! Seeds for each purpose, derived from the run's seed so that no two streams coincide.

/// The purpose of a seed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// Group-aware split.
    Split = 1,
    /// Fresh weights.
    Weights = 2,
    /// Order and augmentation of training tiles.
    Order = 3,
    /// Dropout and latent noise of one step.
    Step = 4,
    /// Bootstrap resamples.
    Bootstrap = 5,
    /// The window of its tiles that one step uses.
    Window = 6,
    /// Tiles that a stain normalisation is fitted on.
    Stain = 9,
    /// The two variations of each tile in an epoch of pre-training.
    Views = 10,
}

/// The seed for `purpose` and `number` (a step, or 0): the finaliser of SplitMix64 over the three.
pub(crate) fn seed(run: u64, purpose: Purpose, number: u64) -> u64 {
    let mixed = mix(run ^ mix(purpose as u64));
    mix(mixed ^ mix(number))
}

fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
