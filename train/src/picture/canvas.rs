//! A white RGB canvas for plotters and tiles, and its PNG.

use std::io::Cursor;
use std::path::Path;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use plotters::prelude::*;

use super::PictureError;
use super::style::{self, Area};

/// A finished PNG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    png: Vec<u8>,
    width: u32,
    height: u32,
    density: u32,
}

impl Picture {
    /// The bytes of the PNG file.
    #[must_use]
    pub fn png(&self) -> &[u8] {
        &self.png
    }

    /// Converts into the bytes of the PNG file.
    #[must_use]
    pub fn into_png(self) -> Vec<u8> {
        self.png
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Display size in CSS pixels; charts have two pixels for each CSS pixel.
    #[must_use]
    pub fn shown_size(&self) -> (u32, u32) {
        (self.width / self.density, self.height / self.density)
    }

    /// Writes the PNG, whole or not at all.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), PictureError> {
        kiln_files::publish::write_file(path, &self.png)
            .map_err(|source| PictureError::Write { path: path.to_owned(), source })
    }
}

/// A picture under construction.
pub(super) struct Canvas {
    pixels: Vec<u8>,
    width: u32,
    height: u32,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32) -> Result<Self, PictureError> {
        style::register_fonts()?;
        Ok(Self { pixels: vec![255; width as usize * height as usize * 3], width, height })
    }

    /// Draws on the whole canvas with plotters.
    pub(super) fn draw(
        &mut self,
        drawing: impl FnOnce(&Area<'_>) -> Result<(), PictureError>,
    ) -> Result<(), PictureError> {
        let area = BitMapBackend::with_buffer(&mut self.pixels, (self.width, self.height)).into_drawing_area();
        drawing(&area)?;
        area.present()?;
        Ok(())
    }

    /// Pastes a square picture with its upper left corner at (`x`, `y`).
    pub(super) fn paste(&mut self, x: u32, y: u32, side: u32, colour: impl Fn(u32, u32) -> [u8; 3]) {
        for row in 0..side.min(self.height.saturating_sub(y)) {
            for column in 0..side.min(self.width.saturating_sub(x)) {
                let at = ((y + row) as usize * self.width as usize + (x + column) as usize) * 3;
                self.pixels[at..at + 3].copy_from_slice(&colour(column, row));
            }
        }
    }

    /// Encodes the picture, with `density` pixels for each CSS pixel.
    pub(super) fn finish(self, density: u32) -> Result<Picture, PictureError> {
        let mut png = Cursor::new(Vec::new());
        PngEncoder::new_with_quality(&mut png, CompressionType::Best, FilterType::Adaptive).write_image(
            &self.pixels,
            self.width,
            self.height,
            ExtendedColorType::Rgb8,
        )?;
        Ok(Picture { png: png.into_inner(), width: self.width, height: self.height, density })
    }
}
