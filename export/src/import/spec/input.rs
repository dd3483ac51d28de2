//! The input of a model in words: everything between a decoded tile and the model's first operation.

use std::fmt;
use std::str::FromStr;

use burn_onnx_export::proto::DataType;
use serde::{Deserialize, Serialize};

/// A set of words, each with its spelling in files and options.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident $what:literal { $($(#[$of:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$of])* #[serde(rename = $word)] $variant,)+
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $word,)+ })
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("unknown {} `{text}`; known: {}", $what, [$($word),+].join(", "))),
                }
            }
        }
    };
}
pub(super) use words;

words! {
    /// The order of the axes of the model's input.
    Layout "layout" {
        /// Channels first: `[batch, 3, height, width]`.
        Nchw = "NCHW",
        /// Channels last: `[batch, height, width, 3]`.
        Nhwc = "NHWC",
        /// One row for each tile, `[batch, height * width * 3]`: channels last, flattened.
        Flat = "flat",
        /// One row for each tile, `[batch, 3 * height * width]`: channels first, flattened.
        FlatNchw = "flat_NCHW",
    }
}

words! {
    /// The order of the colours.
    Channels "channel order" {
        /// Red, green, blue, as decoded.
        Rgb = "RGB",
        /// Blue, green, red, as OpenCV reads images.
        Bgr = "BGR",
    }
}

words! {
    /// The range to which pixels of 0 to 255 are scaled, before mean and deviation.
    Range "range" {
        /// 0 to 255, unchanged.
        Bytes = "0..255",
        /// Divided by 255.
        Unit = "0..1",
        /// Divided by 127.5, less 1.
        Signed = "-1..1",
    }
}

words! {
    /// The method that makes pixels of another size.
    Interpolation "interpolation" {
        /// The nearest pixel.
        Nearest = "nearest",
        /// A triangle: linear between two pixels.
        Bilinear = "bilinear",
        /// Cubic convolution (Keys 1981): coefficient -0.5 with antialiasing, -0.75 without, as in Pillow and PyTorch.
        Bicubic = "bicubic",
        /// Lanczos with three lobes; always antialiased.
        Lanczos = "lanczos",
    }
}

words! {
    /// Element type of the model's input.
    Dtype "element type" {
        /// 32-bit float.
        F32 = "float32",
        /// 16-bit float.
        F16 = "float16",
        /// 64-bit float.
        F64 = "float64",
        /// Unsigned, 8 bits.
        U8 = "uint8",
        /// Signed, 32 bits.
        I32 = "int32",
        /// Signed, 64 bits.
        I64 = "int64",
    }
}

impl Dtype {
    /// The number in `TensorProto.DataType`.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Self::F32 => DataType::Float,
            Self::U8 => DataType::Uint8,
            Self::I32 => DataType::Int32,
            Self::I64 => DataType::Int64,
            Self::F16 => DataType::Float16,
            Self::F64 => DataType::Double,
        }
        .code()
    }

    /// The element type of that number.
    #[must_use]
    pub fn from_code(code: i32) -> Option<Self> {
        [Self::F32, Self::F16, Self::F64, Self::U8, Self::I32, Self::I64].into_iter().find(|kind| kind.code() == code)
    }

    /// True for a floating-point type.
    #[must_use]
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::F64)
    }
}

impl Range {
    /// The divisor of a pixel, and the number that is then subtracted.
    pub(crate) fn scale(self) -> (f32, f32) {
        match self {
            Self::Bytes => (1.0, 0.0),
            Self::Unit => (255.0, 0.0),
            Self::Signed => (127.5, 1.0),
        }
    }
}

/// Change of a tile's size from 256x256.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Resize {
    /// Height and width after the resize. Larger than the model's input: the middle is then cropped.
    pub to: [usize; 2],
    /// The method.
    pub interpolation: Interpolation,
    /// Averages over source pixels when shrinking, as Pillow always does and TensorFlow does only on request.
    pub antialias: bool,
    /// Rounds to whole numbers after each axis, exactly as Pillow does on 8-bit images; false for resizes of float tensors.
    pub rounded: bool,
    /// Maps the corners of the source to the corners of the result (`align_corners=True` in PyTorch).
    pub align_corners: bool,
}

/// The whole description of a model's input.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Input {
    /// Name in the graph.
    pub name: String,
    /// Order of the axes.
    pub layout: Layout,
    /// Order of the colours.
    pub channels: Channels,
    /// Range of the pixels.
    pub range: Range,
    /// Subtracted from each channel after scaling, in the unit of `range` and in the order of `channels`.
    pub mean: [f64; 3],
    /// Divisor of each channel after `mean`, in the same unit and order.
    pub std: [f64; 3],
    /// Height and width of the model's input, in pixels.
    pub size: [usize; 2],
    /// The resize before the crop; none if the tile keeps its 256x256 pixels, of which the middle is cropped if the
    /// model's input is smaller.
    pub resize: Option<Resize>,
    /// Element type.
    pub dtype: Dtype,
}

impl Input {
    /// Height and width before the crop.
    #[must_use]
    pub fn resized(&self) -> [usize; 2] {
        self.resize.map_or([kiln_tile::SIDE as usize; 2], |resize| resize.to)
    }

    /// True if a channel is shifted or divided after scaling.
    #[must_use]
    pub fn is_normalised(&self) -> bool {
        self.mean != [0.0; 3] || self.std != [1.0; 3]
    }

    /// Shape of a batch.
    #[must_use]
    pub fn shape(&self, batch: usize) -> Vec<usize> {
        let [height, width] = self.size;
        match self.layout {
            Layout::Nchw => vec![batch, 3, height, width],
            Layout::Nhwc => vec![batch, height, width, 3],
            Layout::Flat | Layout::FlatNchw => vec![batch, 3 * height * width],
        }
    }
}

impl fmt::Display for Input {
    /// `NCHW, RGB, 0..1, mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225], 224x224 (bilinear …), float32`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.layout, self.channels, self.range)?;
        if self.is_normalised() {
            write!(f, ", mean {:?}, std {:?}", self.mean, self.std)?;
        }
        let [height, width] = self.size;
        write!(f, ", {height}x{width} ({}), {}", size_words(self), self.dtype)
    }
}

/// The change of size in words.
fn size_words(input: &Input) -> String {
    let whole = [kiln_tile::SIDE as usize; 2];
    let Some(resize) = input.resize else {
        return if input.size == whole { "as decoded" } else { "the middle of the tile" }.to_owned();
    };
    let [height, width] = resize.to;
    let mut words = format!("{} resize", resize.interpolation);
    if resize.to != input.size {
        words.push_str(&format!(" to {height}x{width}, then the middle"));
    }
    if resize.interpolation != Interpolation::Nearest {
        words.push_str(if resize.antialias { ", antialiased" } else { ", not antialiased" });
        if resize.rounded {
            words.push_str(", rounded as by Pillow");
        }
        if resize.align_corners {
            words.push_str(", corners aligned");
        }
    }
    words
}
