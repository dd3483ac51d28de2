//! Random numbers whose values never change between releases: ChaCha with 8 rounds, one stream for each thing that is
//! drawn, and the few distributions that are needed, written out here. The distributions of a library may change with
//! its version, and a split or a generated tile must not.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The stream for one thing: `purpose` keeps kinds of use apart, `a` and `b` number the things (epoch and tile).
/// Distinct arguments give independent streams.
pub(crate) fn stream(seed: u64, purpose: &[u8; 8], a: u64, b: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(purpose);
    key[16..24].copy_from_slice(&a.to_le_bytes());
    key[24..].copy_from_slice(&b.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// Uniform in `0..1`, of 24 bits.
pub(crate) fn unit(rng: &mut impl Rng) -> f32 {
    // 24 bits fit an f32 exactly.
    (rng.next_u32() >> 8) as f32 / (1 << 24) as f32
}

/// Uniform in `low..high`.
pub(crate) fn between(rng: &mut impl Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * unit(rng)
}

/// True with probability `p`.
pub(crate) fn chance(rng: &mut impl Rng, p: f32) -> bool {
    unit(rng) < p
}

/// Uniform in `0..n`; 0 if `n` is 0. The bias of the multiplication is below `n / 2^64`.
pub(crate) fn below(rng: &mut impl Rng, n: usize) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

/// Normal with mean 0 and variance 1, as a sum of twelve uniforms: no tail beyond 6, and no call into the platform's
/// mathematics library, whose last bits differ between systems.
pub(crate) fn normal(rng: &mut impl Rng) -> f32 {
    (0..12).map(|_| unit(rng)).sum::<f32>() - 6.0
}

/// Fisher-Yates.
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut impl Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(rng, last + 1));
    }
}
