//! The size policy: resize, crop or refuse images that are not 256x256.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Treatment of an image that is not 256x256 pixels.
///
/// ```
/// use kiln_tile::SizePolicy;
///
/// assert_eq!("center_crop".parse(), Ok(SizePolicy::CenterCrop));
/// assert_eq!(SizePolicy::default().to_string(), "error");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SizePolicy {
    /// Resize to 256x256, bilinear, averaging over source pixels when shrinking. The aspect ratio is not kept.
    Resize,
    /// Take the middle 256x256 pixels. An image with a shorter side is refused.
    CenterCrop,
    /// Refuse the image.
    #[default]
    Error,
}

impl SizePolicy {
    const NAMES: [(&'static str, Self); 3] =
        [("resize", Self::Resize), ("center_crop", Self::CenterCrop), ("error", Self::Error)];
}

impl fmt::Display for SizePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, policy)| policy == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl FromStr for SizePolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::NAMES
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, policy)| *policy)
            .ok_or_else(|| format!("unknown size policy `{text}`; known: resize, center_crop, error"))
    }
}
