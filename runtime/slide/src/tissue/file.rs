//! Masks given as image files: PNG or BMP of any size that covers the whole slide. Any pixel that is not zero is tissue.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::{DynamicImage, ImageFormat, ImageReader, Limits};

use super::{TissueError, TissueMask};

/// Largest decoded mask in bytes.
const MAX_BYTES: u64 = 512 << 20;
/// Largest difference between the aspect ratios of mask and slide.
const MAX_STRETCH: f64 = 0.01;

impl TissueMask {
    /// Reads a mask for a slide of `slide` = (width, height) level-0 pixels. Pixels with a colour channel above 0 are tissue,
    /// unless they are wholly transparent.
    ///
    /// # Errors
    /// A file that is missing, damaged, over 512 MiB decoded, or in a lossy format, whose zeros are not exact; a mask whose
    /// aspect ratio differs from the slide's by more than 1 %.
    pub fn read(path: &Path, slide: (u64, u64)) -> Result<Self, TissueError> {
        let image = decode(path).map_err(|reason| TissueError::File { path: path.to_owned(), reason })?;
        let mask = (image.width(), image.height());
        if mask.0 == 0 || mask.1 == 0 || slide.0 == 0 || slide.1 == 0 {
            return Err(TissueError::File { path: path.to_owned(), reason: "mask or slide without pixels".to_owned() });
        }
        let scale = [slide.0 as f64 / f64::from(mask.0), slide.1 as f64 / f64::from(mask.1)];
        let stretch = (scale[0] / scale[1]).max(scale[1] / scale[0]) - 1.0;
        if stretch > MAX_STRETCH {
            return Err(TissueError::Shape { path: path.to_owned(), mask, slide, percent: stretch * 100.0 });
        }
        Ok(Self::from_flags(mask.0, mask.1, scale, &flags(&image)))
    }
}

fn decode(path: &Path) -> Result<DynamicImage, String> {
    if !path.metadata().map_err(|error| error.to_string())?.is_file() {
        return Err("not a regular file".to_owned());
    }
    let file = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    // The format follows from the content, not from the name.
    let mut reader = ImageReader::new(file).with_guessed_format().map_err(|error| error.to_string())?;
    match reader.format() {
        Some(ImageFormat::Png | ImageFormat::Bmp) => {}
        Some(ImageFormat::Jpeg) => {
            return Err("JPEG turns zeros into small numbers; save the mask as PNG".to_owned());
        }
        _ => return Err("not a PNG or BMP image; save the mask as PNG".to_owned()),
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    reader.decode().map_err(|error| error.to_string())
}

fn flags(image: &DynamicImage) -> Vec<bool> {
    match image {
        DynamicImage::ImageLuma8(image) => image.as_raw().iter().map(|value| *value > 0).collect(),
        DynamicImage::ImageLuma16(image) => image.as_raw().iter().map(|value| *value > 0).collect(),
        DynamicImage::ImageRgb8(image) => image.pixels().map(|pixel| pixel.0.iter().any(|value| *value > 0)).collect(),
        other => {
            let opaque_colour = |[r, g, b, a]: [u16; 4]| a > 0 && (r > 0 || g > 0 || b > 0);
            other.to_rgba16().pixels().map(|pixel| opaque_colour(pixel.0)).collect()
        }
    }
}
