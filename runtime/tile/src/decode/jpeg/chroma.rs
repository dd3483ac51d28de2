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
    let planes = Planes::new(side_by_side, width, height);
    let mut rgb = vec![0; 3 * width * height];
    let (mut blue, mut red) = (vec![0_i32; width], vec![0_i32; width]);
    for (row, pixels) in rgb.chunks_exact_mut(3 * width).enumerate() {
        planes.upsample(&planes.cb, row, &mut blue);
        planes.upsample(&planes.cr, row, &mut red);
        let luma = &planes.luma[row * width..(row + 1) * width];
        for (((pixel, luma), blue), red) in pixels.chunks_exact_mut(3).zip(luma).zip(&blue).zip(&red) {
            // The factors of libjpeg: 1.402, 0.34414, 0.71414 and 1.772, with 16 bits after the point.
            let (luma, blue, red) = (i32::from(*luma), blue - 128, red - 128);
            let level = |value: i32| value.clamp(0, 255) as u8;
            pixel[0] = level(luma + ((91881 * red + 32768) >> 16));
            pixel[1] = level(luma + ((-22554 * blue - 46802 * red + 32768) >> 16));
            pixel[2] = level(luma + ((116_130 * blue + 32768) >> 16));
        }
    }
    rgb
}

/// The samples of the three components in their places.
struct Planes {
    luma: Vec<u8>,
    cb: Vec<u8>,
    cr: Vec<u8>,
    /// Size of the planes of chroma.
    width: usize,
    height: usize,
}

impl Planes {
    fn new(side_by_side: &[u8], width: usize, height: usize) -> Self {
        let (half_width, half_height) = (width / 2, height / 2);
        let mut luma = vec![0; width * height];
        let (mut cb, mut cr) = (vec![0; half_width * half_height], vec![0; half_width * half_height]);
        let rows = side_by_side.chunks_exact(3 * 2 * width);
        for (row, ((source, cb), cr)) in
            rows.zip(cb.chunks_exact_mut(half_width)).zip(cr.chunks_exact_mut(half_width)).enumerate()
        {
            let above = row / BLOCK * 2 * BLOCK + row % BLOCK;
            let (before, after) = luma.split_at_mut((above + BLOCK) * width);
            let (above, below) = (&mut before[above * width..(above + 1) * width], &mut after[..width]);
            let units = source.chunks_exact(3 * 4 * BLOCK);
            let halves = above.chunks_exact_mut(2 * BLOCK).zip(below.chunks_exact_mut(2 * BLOCK));
            for ((unit, (above, below)), (cb, cr)) in
                units.zip(halves).zip(cb.chunks_exact_mut(BLOCK).zip(cr.chunks_exact_mut(BLOCK)))
            {
                let (upper, lower) = unit.split_at(3 * 2 * BLOCK);
                above.iter_mut().zip(upper.chunks_exact(3)).for_each(|(to, from)| *to = from[0]);
                below.iter_mut().zip(lower.chunks_exact(3)).for_each(|(to, from)| *to = from[0]);
                // Each sample of chroma is there four times.
                for ((cb, cr), from) in cb.iter_mut().zip(cr).zip(unit.chunks_exact(3 * 4)) {
                    (*cb, *cr) = (from[1], from[2]);
                }
            }
        }
        Self { luma, cb, cr, width: half_width, height: half_height }
    }

    /// Upsamples chroma for a row of the picture: three quarters of the nearer sample and a quarter of the farther one,
    /// along both axes, with one rounding at the end (`h2v2_fancy_upsample` of libjpeg).
    fn upsample(&self, plane: &[u8], row: usize, upsampled: &mut [i32]) {
        let near = row / 2;
        let far = if row % 2 == 0 { near.saturating_sub(1) } else { (near + 1).min(self.height - 1) };
        let of = |row: usize| &plane[row * self.width..(row + 1) * self.width];
        let sums = of(near).iter().zip(of(far)).map(|(near, far)| 3 * i32::from(*near) + i32::from(*far));
        let mut before = None;
        let mut pairs = upsampled.chunks_exact_mut(2);
        let mut last: Option<(i32, &mut [i32])> = None;
        for (sum, pair) in sums.zip(&mut pairs) {
            pair[0] = (3 * sum + before.unwrap_or(sum) + 8) >> 4;
            if let Some((previous, pair)) = last.take() {
                pair[1] = (3 * previous + sum + 7) >> 4;
            }
            before = Some(sum);
            last = Some((sum, pair));
        }
        if let Some((sum, pair)) = last {
            pair[1] = (4 * sum + 7) >> 4;
        }
    }
}
