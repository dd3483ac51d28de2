//! Upsamples chroma as libjpeg does. `zune-jpeg` rounds libjpeg's triangle filter differently: in 4:2:0 it rounds after
//! each of two steps, so its chroma is a quarter of a level too large on average. Here it returns chroma as stored.
//!
//! Sequential 4:2:0 files of whole minimum coded units are decoded in one pass. Such a unit has four blocks of luma and
//! two of chroma. It is declared as the unit of a picture twice as wide and half as high, whose blocks of luma are side
//! by side and whose chroma is only repeated. The same data decode to the same blocks, which are put in their places
//! afterwards.
//!
//! Chroma of all other subsampled files is decoded from [separate streams](super::planes).

use super::markers::Frame;

/// Side of a block in samples.
const BLOCK: usize = 8;

/// Returns true if [`declare_side_by_side`] applies: sequential 4:2:0 of whole minimum coded units.
pub(super) fn applies(frame: &Frame) -> bool {
    let factors: Vec<_> = frame.components.iter().map(|one| (one.horizontal, one.vertical)).collect();
    let whole = frame.width.is_multiple_of(16) && frame.height.is_multiple_of(16);
    // The width is doubled, and a frame header holds at most 16 bits.
    factors == [(2, 2), (1, 1), (1, 1)] && !frame.progressive && whole && frame.width < 1 << 15
}

/// Changes the size and the sampling factors in a frame header, which begins with its marker.
pub(super) fn declare_side_by_side(header: &mut [u8], frame: &Frame) {
    let mut put = |at: usize, value: u32| {
        if let Some(bytes) = header.get_mut(at..at + 2) {
            bytes.copy_from_slice(&u16::try_from(value).unwrap_or(u16::MAX).to_be_bytes());
        }
    };
    put(5, frame.height / 2);
    put(7, 2 * frame.width);
    if let Some(factors) = header.get_mut(11) {
        *factors = 4 << 4 | 1;
    }
}

/// Makes RGB pixels of the samples of a picture so declared, `[height / 2, 2 width, 3]`.
pub(super) fn rgb(side_by_side: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut rgb = vec![0; 3 * width * height];
    // Each sample of chroma is there four times.
    let of = |component: usize| side_by_side.chunks_exact(3 * 4).map(|four| four[component]).collect();
    let chroma = Chroma {
        planes: [of(1), of(2)],
        width: width / 2,
        height: height / 2,
        sampling: Sampling { across: 2, down: 2 },
    };
    let mut rows = chroma.rows();
    for (row, pixels) in rgb.chunks_exact_mut(3 * width).enumerate() {
        let [blue, red] = rows.of(row);
        // The upper two blocks of a unit come first, then the lower two.
        let start = (row / BLOCK % 2) * 2 * UNIT;
        let source = &side_by_side[(row / (2 * BLOCK) * BLOCK + row % BLOCK) * 6 * width..];
        let units = source.chunks_exact(4 * UNIT).map(|unit| &unit[start..start + 2 * UNIT]);
        let chroma = blue.chunks_exact(2 * BLOCK).zip(red.chunks_exact(2 * BLOCK));
        for ((pixels, luma), (blue, red)) in pixels.chunks_exact_mut(2 * UNIT).zip(units).zip(chroma) {
            convert(pixels, luma, blue, red);
        }
    }
    rgb
}

/// Replaces the chroma of `pixels`, YCbCr of a picture `width` pixels wide, by `chroma`, and makes them RGB.
pub(super) fn replace(pixels: &mut [u8], width: usize, chroma: &Chroma) {
    let mut rows = chroma.rows();
    let mut luma = vec![0; 3 * width];
    for (row, pixels) in pixels.chunks_exact_mut(3 * width).enumerate() {
        let [blue, red] = rows.of(row);
        luma.copy_from_slice(pixels);
        convert(pixels, &luma, blue, red);
    }
}

/// Makes RGB pixels of samples whose first component is luma, and of chroma.
#[inline]
fn convert(pixels: &mut [u8], luma: &[u8], blue: &[u8], red: &[u8]) {
    for (((pixel, luma), blue), red) in pixels.chunks_exact_mut(3).zip(luma.chunks_exact(3)).zip(blue).zip(red) {
        let (luma, blue, red) = (i32::from(luma[0]), usize::from(*blue), usize::from(*red));
        let level = |value: i32| value.clamp(0, 255) as u8;
        pixel[0] = level(luma + CONVERSION.red[red]);
        pixel[1] = level(luma + ((CONVERSION.green_blue[blue] + CONVERSION.green_red[red]) >> 16));
        pixel[2] = level(luma + CONVERSION.blue[blue]);
    }
}

/// Bytes of a row of a block of three samples a pixel.
const UNIT: usize = 3 * BLOCK;

/// The parts of red, green and blue that chroma contributes, as libjpeg computes them: factors 1.402, 0.34414, 0.71414 and
/// 1.772 with 16 bits after the point.
struct Conversion {
    red: [i32; 256],
    green_blue: [i32; 256],
    green_red: [i32; 256],
    blue: [i32; 256],
}

static CONVERSION: Conversion = Conversion::new();

impl Conversion {
    const fn new() -> Self {
        const HALF: i32 = 1 << 15;
        let mut all = Self { red: [0; 256], green_blue: [0; 256], green_red: [0; 256], blue: [0; 256] };
        let mut at = 0;
        while at < 256 {
            let chroma = at as i32 - 128;
            all.red[at] = (91_881 * chroma + HALF) >> 16;
            all.green_blue[at] = -22_554 * chroma + HALF;
            all.green_red[at] = -46_802 * chroma;
            all.blue[at] = (116_130 * chroma + HALF) >> 16;
            at += 1;
        }
        all
    }
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
