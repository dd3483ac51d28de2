//! Chroma of 4:2:0 streams, upsampled as libjpeg does. `zune-jpeg` applies libjpeg's triangle filter in two steps and
//! rounds after each, so that its chroma is a quarter of a level too large on average. Here it returns chroma as stored:
//! the minimum coded unit of 4:2:0, four blocks of luma and two of chroma, is declared as that of a picture twice as wide
//! and half as high, whose blocks of luma are side by side and whose chroma is only repeated. The same data decode to the
//! same blocks, which are put in their places afterwards.

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
    let chroma = Chroma::new(side_by_side, width / 2, height / 2);
    let (mut blue, mut red) = (vec![0_u8; width], vec![0_u8; width]);
    let mut sums = vec![0_u16; width / 2];
    for (row, pixels) in rgb.chunks_exact_mut(3 * width).enumerate() {
        chroma.upsample(&chroma.cb, row, &mut sums, &mut blue);
        chroma.upsample(&chroma.cr, row, &mut sums, &mut red);
        // The upper two blocks of a unit come first, then the lower two.
        let start = (row / BLOCK % 2) * 2 * UNIT;
        let source = &side_by_side[(row / (2 * BLOCK) * BLOCK + row % BLOCK) * 6 * width..];
        let units = source.chunks_exact(4 * UNIT).map(|unit| &unit[start..start + 2 * UNIT]);
        let chroma = blue.chunks_exact(2 * BLOCK).zip(red.chunks_exact(2 * BLOCK));
        for ((pixels, luma), (blue, red)) in pixels.chunks_exact_mut(2 * UNIT).zip(units).zip(chroma) {
            for (((pixel, luma), blue), red) in pixels.chunks_exact_mut(3).zip(luma.chunks_exact(3)).zip(blue).zip(red)
            {
                let (luma, blue, red) = (i32::from(luma[0]), usize::from(*blue), usize::from(*red));
                let level = |value: i32| value.clamp(0, 255) as u8;
                pixel[0] = level(luma + CONVERSION.red[red]);
                pixel[1] = level(luma + ((CONVERSION.green_blue[blue] + CONVERSION.green_red[red]) >> 16));
                pixel[2] = level(luma + CONVERSION.blue[blue]);
            }
        }
    }
    rgb
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

/// Chroma as stored.
struct Chroma {
    cb: Vec<u8>,
    cr: Vec<u8>,
    width: usize,
    height: usize,
}

impl Chroma {
    fn new(side_by_side: &[u8], width: usize, height: usize) -> Self {
        // Each sample is there four times.
        let samples = || side_by_side.chunks_exact(3 * 4);
        let (cb, cr) = (samples().map(|four| four[1]).collect(), samples().map(|four| four[2]).collect());
        Self { cb, cr, width, height }
    }

    /// Upsamples chroma for a row of the picture: three quarters of the nearer sample and a quarter of the farther one,
    /// along both axes, with one rounding at the end (`h2v2_fancy_upsample` of libjpeg).
    fn upsample(&self, plane: &[u8], row: usize, sums: &mut [u16], upsampled: &mut [u8]) {
        let near = row / 2;
        let far = if row.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(self.height - 1) };
        let of = |row: usize| &plane[row * self.width..(row + 1) * self.width];
        for ((sum, near), far) in sums.iter_mut().zip(of(near)).zip(of(far)) {
            *sum = 3 * u16::from(*near) + u16::from(*far);
        }
        let ([first, ..], [.., last]) = (&*sums, &*sums) else { return };
        let end = upsampled.len() - 1;
        upsampled[0] = ((4 * first + 8) >> 4) as u8;
        upsampled[end] = ((4 * last + 7) >> 4) as u8;
        // Between two samples lie the second pixel of the left one and the first pixel of the right one.
        for (pair, between) in upsampled[1..end].chunks_exact_mut(2).zip(sums.windows(2)) {
            pair[0] = ((3 * between[0] + between[1] + 7) >> 4) as u8;
            pair[1] = ((3 * between[1] + between[0] + 8) >> 4) as u8;
        }
    }
}
