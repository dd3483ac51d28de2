//! OpenSlide's pixels (premultiplied ARGB, one native `u32` each) composed on a background.

/// One row of a block composed into `rgb`. Returns the number of pixels with data.
pub(super) fn compose(argb: &[u32], background: [u8; 3], rgb: &mut [u8]) -> u64 {
    let mut with_data = 0;
    for (pixel, out) in argb.iter().zip(rgb.chunks_exact_mut(3)) {
        let [alpha, red, green, blue] = pixel.to_be_bytes();
        match alpha {
            255 => out.copy_from_slice(&[red, green, blue]),
            0 => {
                out.copy_from_slice(&background);
                continue;
            }
            _ => out.copy_from_slice(&[
                over(red, alpha, background[0]),
                over(green, alpha, background[1]),
                over(blue, alpha, background[2]),
            ]),
        }
        with_data += 1;
    }
    with_data
}

/// A premultiplied sample over the background, rounded.
#[allow(clippy::cast_possible_truncation)]
fn over(sample: u8, alpha: u8, background: u8) -> u8 {
    let behind = (u32::from(background) * u32::from(255 - alpha) + 127) / 255;
    (u32::from(sample) + behind).min(255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opaque_pixels_stay_and_missing_ones_show_the_background() {
        let mut rgb = [9; 12];
        let argb = [0xff01_0203, 0, 0x8040_0000, 0x00ff_ffff];
        assert_eq!(compose(&argb, [255, 255, 200], &mut rgb), 2);
        // Half of pure red (128 premultiplied to 64) over white.
        assert_eq!(rgb, [1, 2, 3, 255, 255, 200, 64 + 127, 127, 100, 255, 255, 200]);
    }

    #[test]
    fn a_sample_never_wraps() {
        assert_eq!(over(255, 1, 255), 255);
        assert_eq!(over(0, 254, 255), 1);
    }
}
