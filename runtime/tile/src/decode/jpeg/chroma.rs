//! Upsamples chroma as libjpeg does. `zune-jpeg` rounds libjpeg's triangle filter differently: in 4:2:0 it rounds after
//! each of two steps, so its chroma is a quarter of a level too large on average. Here chroma is taken as stored:
//! it is decoded from [separate streams](super::planes).

use super::markers::Frame;

/// Makes RGB pixels, `[height, width, 3]`, of luma, `[height, width]`, and of chroma.
pub(super) fn rgb(luma: &[u8], width: usize, chroma: &Chroma) -> Vec<u8> {
    let mut rgb = vec![0; 3 * luma.len()];
    let mut rows = chroma.rows();
    for (row, (pixels, luma)) in rgb.chunks_exact_mut(3 * width).zip(luma.chunks_exact(width)).enumerate() {
        let [blue, red] = rows.of(row);
        for (((pixel, luma), blue), red) in pixels.as_chunks_mut().0.iter_mut().zip(luma).zip(blue).zip(red) {
            *pixel = colour(*luma, *blue, *red);
        }
    }
    rgb
}

/// Red, green and blue, as libjpeg computes them: factors 1.402, 0.34414, 0.71414 and 1.772 with 16 bits after the point.
#[inline]
fn colour(luma: u8, blue: u8, red: u8) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let (luma, blue, red) = (i32::from(luma), i32::from(blue) - 128, i32::from(red) - 128);
    let parts = [91_881 * red, -22_554 * blue - 46_802 * red, 116_130 * blue];
    parts.map(|part| (luma + ((part + HALF) >> 16)).clamp(0, 255) as u8)
}

/// Samples of luma for each sample of chroma.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sampling {
    pub(super) across: u32,
    pub(super) down: u32,
}

impl Sampling {
    /// The sampling of 4:2:2, 4:4:0 or 4:2:0, which libjpeg interpolates; `None` for any other.
    pub(super) fn of(frame: &Frame) -> Option<Self> {
        let factors: Vec<_> = frame.components.iter().map(|one| (one.horizontal, one.vertical)).collect();
        match factors[..] {
            [(across @ 1..=2, down @ 1..=2), (1, 1), (1, 1)] if across * down > 1 => Some(Self { across, down }),
            _ => None,
        }
    }
}

/// Chroma as stored.
pub(super) struct Chroma {
    /// Blue and red, `[height, width]`.
    pub(super) planes: [Vec<u8>; 2],
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) sampling: Sampling,
}

impl Chroma {
    fn rows(&self) -> Rows<'_> {
        let width = self.width * self.sampling.across as usize;
        Rows { chroma: self, sums: vec![0; self.width], upsampled: [vec![0; width], vec![0; width]] }
    }
}

/// Upsamples chroma for one row of a picture at a time.
struct Rows<'a> {
    chroma: &'a Chroma,
    sums: Vec<u16>,
    upsampled: [Vec<u8>; 2],
}

impl Rows<'_> {
    /// Blue and red for a row of the picture: three quarters of the nearer sample and a quarter of the farther one, along each
    /// axis that is subsampled, with one rounding at the end (`h2v1_fancy_upsample`, `h1v2_fancy_upsample` and
    /// `h2v2_fancy_upsample` of libjpeg-turbo).
    fn of(&mut self, row: usize) -> [&[u8]; 2] {
        let Chroma { planes, width, height, sampling } = self.chroma;
        let is_upper = row.is_multiple_of(2);
        let (near, far) = match sampling.down {
            1 => (row, row),
            _ if is_upper => (row / 2, (row / 2).saturating_sub(1)),
            _ => (row / 2, (row / 2 + 1).min(height - 1)),
        };
        for (plane, upsampled) in planes.iter().zip(&mut self.upsampled) {
            let [near, far] = [near, far].map(|row| &plane[row * width..(row + 1) * width]);
            match (sampling.across, sampling.down) {
                // libjpeg repeats samples that are so few.
                (2, _) if *width <= 2 => {
                    upsampled.chunks_exact_mut(2).zip(near).for_each(|(pair, near)| pair.fill(*near));
                }
                (2, 1) => {
                    self.sums.iter_mut().zip(near).for_each(|(sum, near)| *sum = u16::from(*near));
                    across::<1>(&self.sums, upsampled);
                }
                (2, _) => {
                    sums(near, far, &mut self.sums);
                    across::<4>(&self.sums, upsampled);
                }
                _ => {
                    sums(near, far, &mut self.sums);
                    let half = if is_upper { 1 } else { 2 };
                    upsampled.iter_mut().zip(&self.sums).for_each(|(out, sum)| *out = ((sum + half) >> 2) as u8);
                }
            }
        }
        let [blue, red] = &self.upsampled;
        [blue, red]
    }
}

/// Three times the nearer row and the farther one.
fn sums(near: &[u8], far: &[u8], sums: &mut [u16]) {
    for ((sum, near), far) in sums.iter_mut().zip(near).zip(far) {
        *sum = 3 * u16::from(*near) + u16::from(*far);
    }
}

/// Upsamples a row of sums, which are `WEIGHT` times a sample, 1 or 4.
fn across<const WEIGHT: u16>(sums: &[u16], upsampled: &mut [u8]) {
    let ([first, ..], [.., last]) = (sums, sums) else { return };
    // The left pixel of a sample is rounded up at a half in 4:2:0 and down in 4:2:2, and the right one the other way.
    let (left, right) = if WEIGHT == 1 { (1, 2) } else { (8, 7) };
    let shift = if WEIGHT == 1 { 2 } else { 4 };
    let end = upsampled.len() - 1;
    upsampled[0] = ((4 * first + left) >> shift) as u8;
    upsampled[end] = ((4 * last + right) >> shift) as u8;
    // Between two samples are the right pixel of the left one and the left pixel of the right one.
    for (pair, between) in upsampled[1..end].chunks_exact_mut(2).zip(sums.windows(2)) {
        pair[0] = ((3 * between[0] + between[1] + right) >> shift) as u8;
        pair[1] = ((3 * between[1] + between[0] + left) >> shift) as u8;
    }
}
