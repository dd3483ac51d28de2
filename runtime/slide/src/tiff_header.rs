//! Tags of a TIFF's first directory that OpenSlide does not report.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use tiff::decoder::{Decoder, Limits};
use tiff::tags::Tag;

/// Facts of the first directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TiffHeader {
    /// Compression, by its number in TIFF 6.0 and the registered extensions.
    pub(crate) compression: u16,
    /// Photometric interpretation: 2 is RGB, 6 is YCbCr.
    pub(crate) photometric: Option<u16>,
    /// Width and height of the first image in pixels.
    pub(crate) size: (u64, u64),
    /// True if the image is stored in tiles, false for strips.
    pub(crate) is_tiled: bool,
    /// Number of directories below the first one (SubIFDs), where OME-TIFFs keep their smaller levels.
    pub(crate) sub_directories: usize,
}

impl TiffHeader {
    /// Reads the header; `None` if the file is not a TIFF, or its first directory is damaged.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let file = BufReader::new(File::open(path).ok()?);
        let mut limits = Limits::default();
        limits.ifd_value_size = 1 << 20;
        let mut decoder = Decoder::new(file).ok()?.with_limits(limits);
        let compression = decoder.find_tag_unsigned(Tag::Compression).ok()?.unwrap_or(1);
        let photometric = decoder.find_tag_unsigned(Tag::PhotometricInterpretation).ok()?;
        let side = |decoder: &mut Decoder<_>, tag| decoder.find_tag_unsigned::<u64>(tag).ok().flatten().unwrap_or(0);
        let size = (side(&mut decoder, Tag::ImageWidth), side(&mut decoder, Tag::ImageLength));
        let is_tiled = side(&mut decoder, Tag::TileWidth) > 0;
        let sub = decoder.find_tag_unsigned_vec::<u64>(Tag::SubIfd).ok().flatten();
        Some(Self { compression, photometric, size, is_tiled, sub_directories: sub.map_or(0, |offsets| offsets.len()) })
    }

    /// The field's name of the compression.
    pub(crate) fn compression_name(&self) -> String {
        match self.compression {
            1 => "none".to_owned(),
            5 => "LZW".to_owned(),
            6 | 7 => "JPEG".to_owned(),
            8 | 32_946 => "deflate".to_owned(),
            33_003 | 33_005 | 34_712 => "JPEG 2000".to_owned(),
            34_925 => "LZMA".to_owned(),
            50_000 => "Zstandard".to_owned(),
            50_001 => "WebP".to_owned(),
            50_002 => "JPEG XL".to_owned(),
            other => format!("TIFF compression {other}"),
        }
    }

    /// True if JPEG tiles hold RGB. A reader that trusts the JPEG alone would take them for YCbCr.
    pub(crate) fn is_rgb_jpeg(&self) -> bool {
        self.compression == 7 && self.photometric == Some(2)
    }
}
