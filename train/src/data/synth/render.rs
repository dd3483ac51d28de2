//! A pair of tiles of one slide, one of each class, brought to the same colour. Both get the pair's own mean and
//! standard deviation in each channel, so that these say which pair a tile is from, and nothing about its class.

use kiln_tile::Tile;

use super::slide::Slide;
use super::tissue::N;
use super::{TILES_PER_SLIDE, gland, tumour};
use crate::data::random::{between, stream};
use crate::data::{DataError, Result};

/// Mean and standard deviation of each channel, in levels.
type Moments = [(f32, f32); 3];

/// Rounds in which clipping at 0 and 255 is made good; three leave less than a hundredth of a level.
const ROUNDS: usize = 3;

/// The benign and the anomalous tile of pair `number`.
pub(super) fn pair(seed: u64, number: usize) -> Result<[Tile; 2]> {
    let slide = Slide::new(seed, 2 * number / TILES_PER_SLIDE);
    let mut shared = stream(seed, b"pair    ", number as u64, 0);
    let thickness = between(&mut shared, 0.85, 1.15);
    let mut images = [0, 1].map(|class: u64| {
        let mut rng = stream(seed, b"tissue  ", number as u64, class);
        let tissue = if class == 0 { gland::benign(&mut rng) } else { tumour::anomalous(&mut rng) };
        slide.scan(&tissue, thickness, &mut rng)
    });
    let (a, b) = (moments(&images[0]), moments(&images[1]));
    let target = std::array::from_fn(|channel| {
        let ((mean_a, sd_a), (mean_b, sd_b)) = (a[channel], b[channel]);
        ((mean_a + mean_b) / 2.0, (sd_a + sd_b) / 2.0)
    });
    for image in &mut images {
        bring_to(image, &target);
    }
    let [benign, anomalous] = images;
    Ok([quantised(&benign)?, quantised(&anomalous)?])
}

fn moments(image: &[f32]) -> Moments {
    let mut sums = [(0.0_f64, 0.0_f64); 3];
    for pixel in image.chunks_exact(3) {
        for ((sum, squares), value) in sums.iter_mut().zip(pixel) {
            *sum += f64::from(*value);
            *squares += f64::from(*value) * f64::from(*value);
        }
    }
    let n = (N * N) as f64;
    sums.map(|(sum, squares)| {
        let mean = sum / n;
        (mean as f32, (squares / n - mean * mean).max(1e-6).sqrt() as f32)
    })
}

/// Shifts and stretches each channel to its target, again and again, because values beyond 0 and 255 are lost.
fn bring_to(image: &mut [f32], target: &Moments) {
    for _ in 0..ROUNDS {
        let now = moments(image);
        for pixel in image.chunks_exact_mut(3) {
            for (channel, value) in pixel.iter_mut().enumerate() {
                let ((mean, sd), (target_mean, target_sd)) = (now[channel], target[channel]);
                *value = ((*value - mean) * target_sd / sd + target_mean).clamp(0.0, 255.0);
            }
        }
    }
}

fn quantised(image: &[f32]) -> Result<Tile> {
    // The values lie in 0..=255, so adding a half and cutting off rounds them.
    let pixels = image.iter().map(|value| (value + 0.5) as u8).collect();
    Tile::from_pixels(pixels).map_err(|reason| DataError::Tile { path: "synthetic".into(), reason })
}
