//! Detection of tissue on a thumbnail. Tissue has more colour than glass: it is the pixels whose HSV saturation is at or above
//! a threshold by Otsu (1979), clamped to a range, because on bare glass Otsu's threshold splits noise. The picture is
//! averaged over about 20 µm first, and glass of a uniform tint is made neutral. Dark pixels (black pen, borders of the
//! scan) and green or bright blue ones (pen) are not tissue.

use super::clean::Flags;
use super::{TissueError, TissueMask};
use crate::resolution::{MAX_MPP, MIN_MPP};

/// Finest and coarsest thumbnail in µm/px that tissue is looked for on: that of a slide without smaller levels has the
/// slide's own resolution.
const MPP: [f64; 2] = [MIN_MPP, MAX_MPP];
/// Size in µm over which pixels are averaged before their colour is judged.
const FINE_UM: f64 = 20.0;
/// Size in µm over which there must be some colour too: noise has none on average, a strand of tissue has.
const COARSE_UM: f64 = 56.0;
/// Least saturation of the coarse average, as a share of the threshold.
const COARSE_SHARE: f64 = 0.5;
/// Difference between the largest and the smallest channel of tissue: the saturation of dark grey is noise.
const MIN_CHROMA: u8 = 6;
/// Largest tint of glass, as a saturation.
const MAX_TINT: u8 = 16;

/// A picture of a whole slide.
#[derive(Debug, Clone, Copy)]
pub struct Thumbnail<'a> {
    /// RGB pixels by rows, three bytes each; missing data is white (255, 255, 255).
    pub rgb: &'a [u8],
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Level-0 pixels per pixel of the thumbnail, horizontally and vertically.
    pub scale: [f64; 2],
}

/// Parameters of the detection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TissueOptions {
    /// Lowest threshold of saturation, 0 to 255. CLAM uses 8, WSInfer 7.
    pub min_saturation: u8,
    /// Highest threshold of saturation. Pale tissue is above 30 on most slides.
    pub max_saturation: u8,
    /// Pixels whose brightest channel is at or below this are pen or border.
    pub dark: u8,
    /// Gaps up to about this width in µm between pieces of tissue are closed (closing by a square).
    pub closing_um: f64,
    /// Components of tissue below this area in µm² are removed: dust. 4,000 µm² is a quarter of a tile of 256 px at 0.5 µm/px.
    pub min_tissue_um2: f64,
    /// Holes below this area in µm² are filled: vessels, tears and fat cells. 16,000 µm² is about such a tile.
    pub max_hole_um2: f64,
}

impl Default for TissueOptions {
    fn default() -> Self {
        Self {
            min_saturation: 8,
            max_saturation: 30,
            dark: 40,
            closing_um: 24.0,
            min_tissue_um2: 4_000.0,
            max_hole_um2: 16_000.0,
        }
    }
}

impl TissueMask {
    /// Finds the tissue on a thumbnail of a slide with `mpp` µm per level-0 pixel. A slide of bare glass gives an empty mask.
    ///
    /// # Errors
    /// A thumbnail finer than 0.05 or coarser than 20 µm/px or with a wrong buffer, or an option out of range.
    pub fn detect(thumbnail: &Thumbnail<'_>, mpp: f64, options: &TissueOptions) -> Result<Self, TissueError> {
        check(options)?;
        let pixel_um = resolution(thumbnail, mpp)?;
        let (width, height) = (thumbnail.width as usize, thumbnail.height as usize);
        let reach = |um: f64| ((um / pixel_um - 1.0) / 2.0).round().max(1.0) as usize;
        let mut fine = blur(thumbnail.rgb, width, height, reach(FINE_UM));
        let mut coarse = blur(thumbnail.rgb, width, height, reach(COARSE_UM));
        if let Some(glass) = tint(&fine, &coarse) {
            neutralise(&mut fine, glass);
            neutralise(&mut coarse, glass);
        }
        let colours: Vec<Colour> = fine.as_chunks().0.iter().map(|rgb| Colour::new(*rgb, options.dark)).collect();
        let threshold = threshold(&colours, options);
        let (pixels, doubts) = classify(&colours, &coarse, threshold);
        let area = pixel_um * pixel_um;
        let mut flags = Flags { width, height, pixels };
        // Dust goes first, so that closing cannot join it to a piece.
        flags.remove_specks((options.min_tissue_um2 / area / 4.0).max(2.0));
        flags.close((options.closing_um / pixel_um / 2.0).round() as usize);
        flags.fill_holes(options.max_hole_um2 / area);
        flags.remove_specks(options.min_tissue_um2 / area);
        let mut mask = Self::from_flags(thumbnail.width, thumbnail.height, thumbnail.scale, &flags.pixels);
        mask.threshold = Some(threshold);
        mask.doubts = doubts;
        Ok(mask)
    }
}

fn check(options: &TissueOptions) -> Result<(), TissueError> {
    if options.min_saturation > options.max_saturation {
        let value = f64::from(options.min_saturation);
        return Err(TissueError::Option { name: "min_saturation", value, expected: "at most `max_saturation`" });
    }
    let sizes = [
        ("closing_um", options.closing_um, 200.0, "0 to 200 µm"),
        ("min_tissue_um2", options.min_tissue_um2, 1e8, "0 to 1e8 µm²"),
        ("max_hole_um2", options.max_hole_um2, 1e8, "0 to 1e8 µm²"),
    ];
    match sizes.into_iter().find(|(_, value, limit, _)| !(0.0..=*limit).contains(value)) {
        Some((name, value, _, expected)) => Err(TissueError::Option { name, value, expected }),
        None => Ok(()),
    }
}

/// The resolution of the thumbnail in µm/px, after a check of its buffer.
fn resolution(thumbnail: &Thumbnail<'_>, mpp: f64) -> Result<f64, TissueError> {
    let Thumbnail { rgb, width, height, scale } = *thumbnail;
    let wrong = |reason: String| TissueError::Thumbnail { width, height, reason };
    let bytes = u64::from(width) * u64::from(height) * 3;
    if bytes == 0 || rgb.len() as u64 != bytes {
        return Err(wrong(format!("has {} bytes, expected {bytes}, more than 0", rgb.len())));
    }
    let um = [scale[0] * mpp, scale[1] * mpp];
    if um.iter().any(|um| !(um.is_finite() && *um > 0.0)) {
        return Err(wrong(format!("has {} x {} µm/px, expected positive numbers", um[0], um[1])));
    }
    let mean = (um[0] * um[1]).sqrt();
    if mean < MPP[0] {
        return Err(wrong(format!("has {mean:e} µm/px; check the resolution of the slide")));
    }
    if mean > MPP[1] {
        return Err(wrong(format!(
            "has {mean:.1} µm/px, and tissue is found at {MAX_MPP} µm/px or finer; give the tissue as an image (`--mask`)"
        )));
    }
    Ok(mean)
}

/// Averages each channel over a square of 2 x `reach` + 1 pixels. At the edges the square is smaller.
fn blur(rgb: &[u8], width: usize, height: usize, reach: usize) -> Vec<u8> {
    let mut rows = vec![0; rgb.len()];
    for (source, target) in rgb.chunks_exact(width * 3).zip(rows.chunks_exact_mut(width * 3)) {
        let (source, target) = (source.as_chunks::<3>().0, target.as_chunks_mut::<3>().0);
        let mut sums = [0_u32; 3];
        let mut count = 0;
        let mut enter = source.iter();
        let mut leave = source.iter();
        for pixel in enter.by_ref().take(reach) {
            sums = [0, 1, 2].map(|channel| sums[channel] + u32::from(pixel[channel]));
            count += 1;
        }
        for (column, value) in target.iter_mut().enumerate() {
            if let Some(pixel) = enter.next() {
                sums = [0, 1, 2].map(|channel| sums[channel] + u32::from(pixel[channel]));
                count += 1;
            }
            if let Some(pixel) = (column > reach).then(|| leave.next()).flatten() {
                sums = [0, 1, 2].map(|channel| sums[channel] - u32::from(pixel[channel]));
                count -= 1;
            }
            *value = sums.map(|sum| ((sum + count / 2) / count) as u8);
        }
    }
    let mut sums = vec![0_u32; width * 3];
    let mut blurred = vec![0; rgb.len()];
    let row = |index: usize| &rows[index * width * 3..(index + 1) * width * 3];
    for index in 0..reach.min(height) {
        sums.iter_mut().zip(row(index)).for_each(|(sum, value)| *sum += u32::from(*value));
    }
    for (index, target) in blurred.chunks_exact_mut(width * 3).enumerate() {
        if index + reach < height {
            sums.iter_mut().zip(row(index + reach)).for_each(|(sum, value)| *sum += u32::from(*value));
        }
        if index > reach {
            sums.iter_mut().zip(row(index - reach - 1)).for_each(|(sum, value)| *sum -= u32::from(*value));
        }
        let count = ((index + reach + 1).min(height) - index.saturating_sub(reach)) as u32;
        target.iter_mut().zip(&sums).for_each(|(value, sum)| *value = ((sum + count / 2) / count) as u8);
    }
    blurred
}

/// The colour of tinted glass: bright, nearly neutral, flat, and on at least a twentieth of the slide. The least saturated
/// such colour is taken, so that pale tissue beside glass is not mistaken for it. `None` if glass is neutral or absent.
fn tint(fine: &[u8], coarse: &[u8]) -> Option<[u8; 3]> {
    const BIN: u8 = 4;
    /// Largest distance of one colour of glass from another, in each channel.
    const NEAR: u8 = 6;
    const SIDE: usize = 256 / BIN as usize;
    let bin = |rgb: [u8; 3]| rgb.iter().fold(0, |bin, value| bin * SIDE + usize::from(value / BIN));
    let mut bins: Vec<(u64, [u64; 3])> = vec![(0, [0; 3]); SIDE * SIDE * SIDE];
    let mut scanned = 0_u64;
    for (rgb, around) in fine.as_chunks::<3>().0.iter().zip(coarse.as_chunks::<3>().0) {
        if *rgb == [255; 3] {
            continue;
        }
        scanned += 1;
        let flat = rgb.iter().zip(around).all(|(one, other)| one.abs_diff(*other) <= 2);
        let (value, saturation, _) = hsv(*rgb);
        if flat && value >= 200 && saturation <= MAX_TINT {
            let (count, sums) = &mut bins[bin(*rgb)];
            *count += 1;
            sums.iter_mut().zip(rgb).for_each(|(sum, value)| *sum += u64::from(*value));
        }
    }
    // A colour may lie on the border of bins, so half of the share is enough for one.
    let colours = bins.iter().filter(|(count, _)| *count * 40 >= scanned && *count > 0);
    let mean = |(count, sums): &(u64, [u64; 3])| sums.map(|sum| (sum / count) as u8);
    let mut glass = colours.map(mean).min_by_key(|rgb| hsv(*rgb).1)?;
    // With noise, the least saturated bin is beside the middle of the glass: a mean shift finds it.
    for _ in 0..3 {
        let near = bins.iter().filter(|bin| bin.0 > 0);
        let near = near.filter(|bin| mean(bin).iter().zip(glass).all(|(one, other)| one.abs_diff(other) <= NEAR));
        let all = near.fold((0, [0; 3]), |all, bin| (all.0 + bin.0, [0, 1, 2].map(|i| all.1[i] + bin.1[i])));
        glass = if all.0 > 0 { mean(&all) } else { break };
    }
    (hsv(glass).1 >= 3).then_some(glass)
}

/// Scales the channels so that `glass` becomes grey.
fn neutralise(rgb: &mut [u8], glass: [u8; 3]) {
    let brightest = u32::from(glass.into_iter().max().unwrap_or(255));
    for pixel in rgb.as_chunks_mut::<3>().0 {
        for (value, glass) in pixel.iter_mut().zip(glass) {
            *value = (u32::from(*value) * brightest / u32::from(glass.max(1))).min(255) as u8;
        }
    }
}

/// Value and saturation (0 to 255) and hue (degrees) of a pixel.
fn hsv(rgb: [u8; 3]) -> (u8, u8, u16) {
    let [r, g, b] = rgb.map(i32::from);
    let (max, min) = (r.max(g).max(b), r.min(g).min(b));
    let chroma = max - min;
    if chroma == 0 {
        return (max as u8, 0, 0);
    }
    let hue = match max {
        _ if max == r => 60 * (g - b) / chroma,
        _ if max == g => 120 + 60 * (b - r) / chroma,
        _ => 240 + 60 * (r - g) / chroma,
    };
    (max as u8, (chroma * 255 / max) as u8, hue.rem_euclid(360) as u16)
}

/// The kinds of pixels, by colour alone.
#[derive(Clone, Copy)]
enum Colour {
    /// Pure white: no data.
    Missing,
    /// Black pen, or the border of a scan.
    Dark,
    /// Green or bright blue, which no usual stain is.
    Pen(u8),
    /// Glass or tissue, with its saturation.
    Saturation(u8),
}

impl Colour {
    fn new(rgb: [u8; 3], dark: u8) -> Self {
        let (value, saturation, hue) = hsv(rgb);
        let chroma = value - rgb.into_iter().min().unwrap_or(0);
        match () {
            () if rgb == [255; 3] => Self::Missing,
            () if value <= dark => Self::Dark,
            () if chroma < MIN_CHROMA => Self::Saturation(saturation.min(1)),
            () if saturation >= 60 && (75..=190).contains(&hue) => Self::Pen(saturation),
            () if saturation >= 170 && (191..=245).contains(&hue) => Self::Pen(saturation),
            () => Self::Saturation(saturation),
        }
    }
}

/// The threshold of saturation: Otsu's, clamped. If tissue of strong colour hides pale tissue, a second application
/// below the first threshold splits the pale part from the glass.
fn threshold(colours: &[Colour], options: &TissueOptions) -> u8 {
    let mut histogram = [0_u64; 256];
    for colour in colours {
        if let Colour::Saturation(saturation) = colour {
            histogram[usize::from(*saturation)] += 1;
        }
    }
    let first = otsu(&histogram);
    let mut threshold = first.map_or(0, |split| split.threshold);
    if let Some(second) = otsu(&histogram[..usize::from(threshold)]) {
        let glass = f64::from(options.min_saturation);
        let separate = second.share_of_variance >= 0.8 && second.means[1] - second.means[0] >= glass;
        if separate && second.means[0] < glass && second.upper_weight >= 0.01 {
            threshold = second.threshold;
        }
    }
    threshold.clamp(options.min_saturation, options.max_saturation)
}

/// A split of a histogram into two classes.
struct Split {
    /// First value of the upper class.
    threshold: u8,
    means: [f64; 2],
    upper_weight: f64,
    /// Variance between the classes as a share of the whole: 0.64 for a single normal distribution.
    share_of_variance: f64,
}

/// Otsu's threshold: the split with the largest variance between the classes. `None` if all values are equal.
fn otsu(histogram: &[u64]) -> Option<Split> {
    let weighted =
        |power: i32| histogram.iter().enumerate().map(move |(x, n)| *n as f64 * (x as f64).powi(power)).sum();
    let (total, sum, squares): (f64, f64, f64) = (weighted(0), weighted(1), weighted(2));
    let variance = squares / total - (sum / total).powi(2);
    let (mut below, mut below_sum) = (0.0, 0.0);
    let mut best: Option<(f64, Split)> = None;
    for (index, count) in histogram.iter().enumerate().take(255) {
        below += *count as f64;
        below_sum += *count as f64 * index as f64;
        let above = total - below;
        if below == 0.0 || above <= 0.0 {
            continue;
        }
        let means = [below_sum / below, (sum - below_sum) / above];
        let between = below / total * (above / total) * (means[1] - means[0]).powi(2);
        if best.as_ref().is_none_or(|(largest, _)| between > *largest) {
            let threshold = (index + 1) as u8;
            let share_of_variance = between / variance;
            best = Some((between, Split { threshold, means, upper_weight: above / total, share_of_variance }));
        }
    }
    best.map(|(_, split)| split)
}

/// Least saturation of the coarse average of tissue: well above that of glass, which is noise.
fn coarse_threshold(colours: &[Colour], coarse: &[u8], threshold: u8) -> f64 {
    let glass = colours.iter().zip(coarse.as_chunks().0);
    let glass = glass.filter(|(colour, _)| matches!(colour, Colour::Saturation(saturation) if *saturation < threshold));
    let (count, sum) =
        glass.fold((0_u64, 0_u64), |(count, sum), (_, around)| (count + 1, sum + u64::from(hsv(*around).1)));
    let noise = 2.5 * sum as f64 / count.max(1) as f64 + 1.0;
    noise.clamp(COARSE_SHARE * f64::from(threshold), f64::from(threshold))
}

/// The flags of tissue, and remarks.
fn classify(colours: &[Colour], coarse: &[u8], threshold: u8) -> (Vec<bool>, Vec<String>) {
    let count = |wanted: fn(&Colour) -> bool| colours.iter().filter(|colour| wanted(colour)).count();
    let pen = count(|colour| matches!(colour, Colour::Pen(_)));
    let coloured = colours.iter().filter(|colour| matches!(colour, Colour::Saturation(s) if *s >= threshold)).count();
    // A stain that looks like pen everywhere is a stain.
    let is_stain = pen > coloured;
    let around_threshold = coarse_threshold(colours, coarse, threshold);
    let flags = colours.iter().zip(coarse.as_chunks().0).map(|(colour, around)| {
        let saturation = match colour {
            Colour::Saturation(saturation) => *saturation,
            Colour::Pen(saturation) if is_stain => *saturation,
            _ => return false,
        };
        saturation >= threshold && f64::from(hsv(*around).1) >= around_threshold
    });
    let flags = flags.collect();
    let mut doubts = Vec::new();
    let percent = |count: usize| 100.0 * count as f64 / colours.len() as f64;
    if pen > 0 && is_stain {
        doubts.push(format!("{:.1} % of the slide is green or bright blue and counts as tissue", percent(pen)));
    } else if percent(pen) >= 0.05 {
        doubts.push(format!("{:.1} % of the slide looks like green or blue pen and is left out", percent(pen)));
    }
    (flags, doubts)
}
