//! Lesions of one slide: the regions that FROC counts, made from a mask as CAMELYON16's `Evaluation_FROC.py` makes them.

use kiln_files::text::one_line;
use serde::{Deserialize, Serialize};

use super::morphology::{fill_holes, grow};
use super::spans::Spans;
use super::{LesionError, LesionMask};

/// Resolutions that slides have, in micrometres per level-0 pixel.
const RESOLUTIONS: std::ops::RangeInclusive<f64> = 0.05..=20.0;

/// The scale of a mask.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MaskScale {
    /// Micrometres per level-0 pixel.
    pub mpp: f64,
    /// Level-0 pixels per pixel of the mask: 32 at level 5 of a pyramid of halves.
    pub downsample: f64,
}

impl MaskScale {
    /// The scale of CAMELYON16's evaluation: level 5, that is 32 level-0 pixels of `mpp` micrometres.
    #[must_use]
    pub fn level5(mpp: f64) -> Self {
        Self { mpp, downsample: 32.0 }
    }

    /// Micrometres per pixel of the mask.
    #[must_use]
    pub fn mask_mpp(&self) -> f64 {
        self.mpp * self.downsample
    }

    fn check(&self, slide: &str) -> Result<(), LesionError> {
        check_mpp(slide, self.mpp)?;
        if !(1.0..=65_536.0).contains(&self.downsample) {
            return Err(LesionError::Option {
                key: "downsample",
                found: self.downsample.to_string(),
                expected: "1 to 65536 level-0 pixels per pixel of the mask",
            });
        }
        Ok(())
    }
}

/// Refuses a resolution that no slide has.
pub(super) fn check_mpp(slide: &str, mpp: f64) -> Result<(), LesionError> {
    if RESOLUTIONS.contains(&mpp) {
        return Ok(());
    }
    let slide = one_line(slide).into_owned();
    Err(LesionError::Resolution { slide, mpp, least: *RESOLUTIONS.start(), most: *RESOLUTIONS.end() })
}

/// Options of the lesions. The defaults are CAMELYON16's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LesionOptions {
    /// Diameter of growth in micrometres: annotations grow by less than half of this in every direction, and those that
    /// meet become one lesion. 75 µm are about five tumour cells.
    pub grow_um: f64,
    /// Largest diameter of isolated tumour cells in micrometres. Lesions whose major axis is below this plus `grow_um` do
    /// not count.
    pub isolated_um: f64,
}

impl Default for LesionOptions {
    fn default() -> Self {
        Self { grow_um: 75.0, isolated_um: 200.0 }
    }
}

impl LesionOptions {
    fn check(&self) -> Result<(), LesionError> {
        for (key, value) in [("grow_um", self.grow_um), ("isolated_um", self.isolated_um)] {
            if !(0.0..=10_000.0).contains(&value) {
                let found = value.to_string();
                return Err(LesionError::Option { key, found, expected: "0 to 10000 micrometres" });
            }
        }
        Ok(())
    }
}

/// A lesion: a region of the grown mask, with its holes, connected over edges and corners.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lesion {
    /// Number within the slide, from 1, in the order of the first pixel by rows from the top.
    pub number: u32,
    /// Centre of mass in level-0 pixels.
    pub x: f64,
    /// Centre of mass in level-0 pixels.
    pub y: f64,
    /// Area of the grown lesion in mm².
    pub area_mm2: f64,
    /// Annotated area in mm², before growth and without filled holes.
    pub annotated_mm2: f64,
    /// Length of the major axis in micrometres: that of the ellipse with the same second moments, as
    /// `skimage.measure.regionprops` has it.
    pub major_axis_um: f64,
    /// True for isolated tumour cells, which do not count.
    pub isolated: bool,
}

/// The lesions of one slide.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesions {
    slide: String,
    scale: MaskScale,
    lesions: Vec<Lesion>,
    /// The grown mask, and the lesion of each span.
    regions: Spans,
    numbers: Vec<u32>,
    /// The annotated mask, and the lesion of each span.
    annotated: Spans,
    annotated_numbers: Vec<u32>,
}

impl Lesions {
    /// The lesions of a mask. An empty mask has none. (`scipy.ndimage.distance_transform_edt` would measure an empty mask
    /// from a point outside of it, and grow a lesion in its corner.)
    ///
    /// # Errors
    /// A resolution outside 0.05 to 20 µm/px, a downsample outside 1 to 65,536, or options outside 0 to 10,000 µm.
    pub fn new(slide: &str, mask: &LesionMask, scale: MaskScale, options: &LesionOptions) -> Result<Self, LesionError> {
        scale.check(slide)?;
        options.check()?;
        let annotated = mask.spans().clone();
        let regions = fill_holes(&grow(&annotated, options.grow_um / (scale.mask_mpp() * 2.0)));
        let numbers = regions.components(true).numbers();
        let annotated_numbers: Vec<u32> = annotated
            .iter()
            .map(|(y, span)| regions.find(span.0, y).and_then(|at| numbers.get(at)).copied().unwrap_or_default())
            .collect();
        let mut moments = vec![Moments::default(); numbers.iter().max().map_or(0, |&most| most as usize)];
        for ((y, span), &number) in regions.iter().zip(&numbers) {
            if let Some(sums) = number.checked_sub(1).and_then(|at| moments.get_mut(at as usize)) {
                sums.add(y, span);
            }
        }
        let mut drawn = vec![0_u64; moments.len()];
        for ((_, span), &number) in annotated.iter().zip(&annotated_numbers) {
            if let Some(sum) = number.checked_sub(1).and_then(|at| drawn.get_mut(at as usize)) {
                *sum += u64::from(span.1 - span.0);
            }
        }
        let limit = (options.isolated_um + options.grow_um) / scale.mask_mpp();
        let lesions = (1..).zip(moments.iter().zip(&drawn));
        let lesions = lesions.map(|(number, (moments, &drawn))| moments.lesion(number, drawn, scale, limit)).collect();
        Ok(Self { slide: slide.to_owned(), scale, lesions, regions, numbers, annotated, annotated_numbers })
    }

    /// The slide.
    #[must_use]
    pub fn slide(&self) -> &str {
        &self.slide
    }

    /// Scale of the mask.
    #[must_use]
    pub fn scale(&self) -> MaskScale {
        self.scale
    }

    /// The lesions, in the order of their numbers.
    #[must_use]
    pub fn lesions(&self) -> &[Lesion] {
        &self.lesions
    }

    /// Number of the grown lesion at a point in level-0 pixels; `None` outside all lesions and outside the mask.
    #[must_use]
    pub fn at(&self, x: i64, y: i64) -> Option<u32> {
        let index = |position: i64| {
            let position = (position as f64 / self.scale.downsample).floor();
            (position >= 0.0 && position < f64::from(u32::MAX)).then_some(position as u32)
        };
        self.regions.find(index(x)?, index(y)? as usize).map(|at| self.numbers[at])
    }

    /// The annotated mask, with the lesion of each span.
    pub(super) fn annotated(&self) -> (&Spans, &[u32]) {
        (&self.annotated, &self.annotated_numbers)
    }
}

/// Sums over the pixels of a lesion. Exact for masks of up to 2^20 pixels a side.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    n: i128,
    x: i128,
    y: i128,
    xx: i128,
    xy: i128,
    yy: i128,
}

impl Moments {
    fn add(&mut self, y: usize, span: (u32, u32)) {
        let (from, to, y) = (i128::from(span.0), i128::from(span.1), y as i128);
        // Sums of k and of k² below a number.
        let first = |end: i128| end * (end - 1) / 2;
        let second = |end: i128| (end - 1) * end * (2 * end - 1) / 6;
        let (n, x) = (to - from, first(to) - first(from));
        self.n += n;
        self.x += x;
        self.y += n * y;
        self.xx += second(to) - second(from);
        self.xy += x * y;
        self.yy += n * y * y;
    }

    /// `limit` is the length of the major axis, in pixels of the mask, below which tumour cells are isolated.
    fn lesion(&self, number: u32, drawn: u64, scale: MaskScale, limit: f64) -> Lesion {
        let n = self.n as f64;
        let central = |square: i128, a: i128, b: i128| (self.n * square - a * b) as f64 / (n * n);
        let (xx, yy) = (central(self.xx, self.x, self.x), central(self.yy, self.y, self.y));
        let xy = central(self.xy, self.x, self.y);
        // The larger eigenvalue of the covariance.
        let largest = (xx + yy) / 2.0 + ((xx - yy) / 2.0).hypot(xy);
        let major_axis = 4.0 * largest.max(0.0).sqrt();
        let pixel_mm2 = (scale.mask_mpp() / 1000.0).powi(2);
        let centre = |sum: i128| (sum as f64 / n + 0.5) * scale.downsample;
        Lesion {
            number,
            x: centre(self.x),
            y: centre(self.y),
            area_mm2: n * pixel_mm2,
            annotated_mm2: drawn as f64 * pixel_mm2,
            major_axis_um: major_axis * scale.mask_mpp(),
            isolated: major_axis < limit,
        }
    }
}
