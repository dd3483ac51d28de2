//! Random numbers that are the same in every release: ChaCha with 8 rounds, one stream for each purpose, and the few
//! distributions that are needed. The distributions of a library may change with its version; splits and synthetic tiles
//! must not.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The random stream for a `purpose` and two numbers, such as epoch and tile. Distinct arguments give independent
/// streams.
pub(crate) fn stream(seed: u64, purpose: &[u8; 8], a: u64, b: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(purpose);
    key[16..24].copy_from_slice(&a.to_le_bytes());
    key[24..].copy_from_slice(&b.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// Uniform in `0..1`, with 24 bits.
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

/// Fisher-Yates shuffle.
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut impl Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(rng, last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_never_change() {
        let mut rng = stream(7, b"order   ", 2, 3);
        assert_eq!(
            (rng.next_u32(), rng.next_u32(), rng.next_u64()),
            (828_365_169, 4_146_623_029, 11_152_167_983_672_773_805)
        );
        let mut items: Vec<usize> = (0..10).collect();
        shuffle(&mut items, &mut stream(7, b"order   ", 2, 3));
        assert_eq!(items, [6, 3, 4, 2, 7, 1, 8, 0, 5, 9]);
    }

    #[test]
    fn each_argument_makes_another_stream() {
        let streams = [
            (7, b"order   ", 2, 3),
            (8, b"order   ", 2, 3),
            (7, b"augment ", 2, 3),
            (7, b"order   ", 3, 3),
            (7, b"order   ", 3, 2),
        ];
        let first: std::collections::BTreeSet<u64> =
            streams.iter().map(|(seed, purpose, a, b)| stream(*seed, purpose, *a, *b).next_u64()).collect();
        assert_eq!(first.len(), streams.len());
    }

    #[test]
    fn distributions_have_their_moments() {
        let mut rng = stream(1, b"moments ", 0, 0);
        let n = 20_000;
        let moments = |draws: Vec<f32>| {
            let mean = draws.iter().sum::<f32>() / n as f32;
            (mean, draws.iter().map(|draw| (draw - mean) * (draw - mean)).sum::<f32>() / n as f32)
        };
        let (mean, variance) = moments((0..n).map(|_| normal(&mut rng)).collect());
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
        let (mean, variance) = moments((0..n).map(|_| unit(&mut rng)).collect());
        assert!((mean - 0.5).abs() < 0.01 && (variance - 1.0 / 12.0).abs() < 0.003, "{mean} {variance}");
        let mut seen = [0_u32; 7];
        (0..n).for_each(|_| seen[below(&mut rng, 7)] += 1);
        assert!(seen.iter().all(|count| count.abs_diff(n as u32 / 7) < 250), "{seen:?}");
        assert_eq!(below(&mut rng, 0), 0);
    }
}
