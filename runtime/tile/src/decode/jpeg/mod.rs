//! JPEG. The file is first checked strictly, marker by marker ([`markers`]) and code by code ([`entropy`]), because image
//! decoders return a picture for nearly any bytes. A valid file goes to `zune-jpeg` as a plain stream: without application
//! markers, and with the colour space determined here by libjpeg's rules. Layouts that `zune-jpeg` decodes wrongly, and
//! colours that need a profile, are refused with a reason.

mod chroma;
mod entropy;
mod huffman;
mod markers;
mod planes;
mod zeros;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use self::chroma::Chroma;
use self::entropy::Walk;
use self::markers::{
    APP14, Applications, DHT, DNL, DQT, DRI, Frame, Reader, SOF_BASELINE, SOF_PROGRESSIVE, SOS, Scan, Segment, Tables,
    damaged, refused,
};
use self::planes::Planes;
use super::format::ImageFormat;
use super::image::{Image, Notes, Pixels};
use super::limits::Limits;
use crate::error::TileError;

/// Limit of the scans of one image. Encoders write at most some tens; each scan can take as long as a whole image.
const MAX_SCANS: usize = 256;

/// Colour space of the components.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Colour {
    /// Determined from the markers by libjpeg's rules.
    ByMarkers,
    Rgb,
    YCbCr,
    /// Red, green and blue by the tags of a container that overrule the markers of the stream.
    ContainerRgb,
    /// YCbCr by such tags.
    ContainerYCbCr,
}

/// Decodes a JPEG file.
///
/// # Errors
/// If the file is damaged, too large or unsupported.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image, TileError> {
    decode_as(bytes, Colour::ByMarkers, limits)
}

/// Decodes a JPEG with a given colour space, such as that of a TIFF's tags.
///
/// # Errors
/// If the file is damaged, too large or unsupported.
pub(super) fn decode_as(bytes: &[u8], colour: Colour, limits: &Limits) -> Result<Image, TileError> {
    let checked = check(bytes, colour, limits)?;
    let (width, height) = (checked.frame.width, checked.frame.height);
    let (icc_profile, orientation, trailing_bytes) = (checked.icc, checked.orientation, checked.trailing);
    let pixels = if checked.frame.components.len() == 1 {
        Pixels::Grey8(samples(&checked.plain, (width, height), ColorSpace::Luma)?)
    } else {
        Pixels::Rgb8(checked.rgb_pixels()?)
    };
    let notes = Notes { icc_profile, orientation, trailing_bytes, ..Notes::new(ImageFormat::Jpeg) };
    Ok(Image { width, height, pixels, notes })
}

/// Decodes the JPEG stream of a container to RGB pixels.
///
/// # Errors
/// If the stream is damaged, too large, unsupported or grey.
pub(super) fn decode_stream(bytes: &[u8], colour: Colour, limits: &Limits) -> Result<Stream, TileError> {
    let checked = check(bytes, colour, limits)?;
    let Frame { width, height, .. } = checked.frame;
    if checked.frame.components.len() != 3 {
        return Err(refused("a grey JPEG stream in a colour image"));
    }
    Ok(Stream { width, height, rgb: checked.rgb_pixels()? })
}

/// A decoded stream: RGB pixels, `[height, width, 3]`.
pub(super) struct Stream {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) rgb: Vec<u8>,
}

/// Decodes a checked stream of the given size to samples of a colour space, `[height, width, components]`.
fn samples(plain: &[u8], (width, height): (u32, u32), colours: ColorSpace) -> Result<Vec<u8>, TileError> {
    let (width, height) = (width as usize, height as usize);
    let failed = |error: zune_jpeg::errors::DecodeErrors| damaged(format!("its JPEG data are damaged: {error}"));
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(width)
        .set_max_height(height)
        .jpeg_set_out_colorspace(colours);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(plain), options);
    let samples = decoder.decode().map_err(failed)?;
    if decoder.dimensions() != Some((width, height)) || samples.len() != colours.num_components() * width * height {
        return Err(damaged("the decoder returned another size than the header announces".to_owned()));
    }
    Ok(samples)
}

/// Reads the size in pixels from the frame header.
///
/// # Errors
/// If there is no valid frame header.
pub(super) fn dimensions(bytes: &[u8]) -> Result<(u32, u32), TileError> {
    let mut reader = Reader::new(bytes);
    while let Some(segment) = reader.segment()? {
        if is_frame(segment.marker) {
            let frame = frame(&segment)?;
            return Ok((frame.width, frame.height));
        }
    }
    Err(no_frame())
}

/// A checked JPEG.
struct Checked {
    frame: Frame,
    /// The same image without application markers and trailing bytes.
    plain: Vec<u8>,
    /// The components are red, green and blue.
    rgb: bool,
    /// Its chroma, if that must be upsampled here.
    planes: Option<Planes>,
    icc: bool,
    orientation: Option<u8>,
    trailing: bool,
}

impl Checked {
    /// Decodes a picture of three components to RGB pixels, `[height, width, 3]`. Chroma of 4:2:0, 4:2:2 and 4:4:0 is upsampled
    /// exactly as libjpeg does.
    fn rgb_pixels(self) -> Result<Vec<u8>, TileError> {
        let Self { frame, plain, rgb, planes, .. } = self;
        let size = (frame.width, frame.height);
        let Some(planes) = planes.filter(|_| !rgb) else { return samples(&plain, size, ColorSpace::RGB) };
        // `zune-jpeg` returns the luma of progressive 4:4:0 wrongly if it is asked for luma alone.
        let luma = if frame.progressive {
            samples(&plain, size, ColorSpace::YCbCr)?.into_iter().step_by(3).collect()
        } else {
            samples(&plain, size, ColorSpace::Luma)?
        };
        let (sampling, (width, height)) = (planes.sampling, planes.size);
        let [blue, red] = planes.finish().map(|plane| samples(&plane, (width, height), ColorSpace::Luma));
        let chroma = Chroma { planes: [blue?, red?], width: width as usize, height: height as usize, sampling };
        Ok(chroma::rgb(&luma, frame.width as usize, &chroma))
    }
}

fn check(bytes: &[u8], colour: Colour, limits: &Limits) -> Result<Checked, TileError> {
    let mut reader = Reader::new(bytes);
    let (mut tables, mut applications) = (Tables::default(), Applications::default());
    let mut plain = Vec::with_capacity(bytes.len() + 32);
    plain.extend_from_slice(&bytes[..2]);
    let mut image: Option<(Frame, Walk)> = None;
    // The frame header is written at the first scan: the marker that determines its colour space may follow it.
    let mut waiting: Option<Segment<'_>> = None;
    let mut scans = 0;
    let mut rgb = false;
    let mut planes: Option<Planes> = None;
    loop {
        let start = reader.at;
        let Some(segment) = reader.segment()? else { break };
        match segment.marker {
            SOS => {
                let (frame, walk) = image.as_mut().ok_or_else(no_frame)?;
                let scan = Scan::read(segment.payload, frame, &tables)?;
                supported_scan(frame, &scan)?;
                scans += 1;
                if scans > MAX_SCANS {
                    return Err(refused(format!("a JPEG with more than {MAX_SCANS} scans")));
                }
                if let Some(segment) = waiting.take() {
                    rgb = is_rgb(colour, frame, &applications)?;
                    begin_frame(&mut plain, &segment, frame, rgb);
                }
                let header = plain.len();
                let data = reader.at;
                let end = walk.scan(&mut reader, frame, &scan, &tables, planes.as_mut())?;
                plain.extend_from_slice(&bytes[start..end]);
                number_components(&mut plain[header..], data - start, &scan);
            }
            DHT => {
                tables.huffman(segment.payload)?;
                keep(&mut plain, planes.as_mut(), &bytes[start..reader.at]);
            }
            DQT => {
                let changed = tables.quantisation(segment.payload)?;
                if scans == 0 {
                    keep(&mut plain, planes.as_mut(), &bytes[start..reader.at]);
                } else if changed {
                    return Err(refused("a JPEG that changes its quantisation tables between scans"));
                }
            }
            DRI => {
                tables.restart(segment.payload)?;
                keep(&mut plain, planes.as_mut(), &bytes[start..reader.at]);
            }
            DNL => return Err(refused("a JPEG whose height follows its first scan (DNL marker)")),
            marker if is_frame(marker) => {
                if image.is_some() {
                    return Err(damaged("it has two frame headers".to_owned()));
                }
                let frame = frame(&segment)?;
                limits.check_size(frame.width, frame.height)?;
                supported_frame(&frame)?;
                let frame = frame.with_single_sampling();
                let walk = Walk::new(&frame);
                planes = Planes::new(&plain, segment.marker, &frame);
                image = Some((frame, walk));
                waiting = Some(segment);
            }
            0xe0..=0xef => applications.read(&segment),
            // Comments (fe), and JPEG extensions, which decoders may ignore.
            0xf0..=0xfe => {}
            marker => return Err(refused(format!("a JPEG with the marker {marker:02x}"))),
        }
    }
    let (frame, walk) = image.ok_or_else(no_frame)?;
    if !walk.is_complete() {
        return Err(TileError::Truncated);
    }
    plain.extend_from_slice(&[0xff, 0xd9]);
    let Applications { icc, orientation, .. } = applications;
    Ok(Checked { frame, plain, rgb, planes, icc, orientation, trailing: reader.at < bytes.len() })
}

/// Appends a segment to the stream, and to those of its chroma.
fn keep(plain: &mut Vec<u8>, planes: Option<&mut Planes>, segment: &[u8]) {
    plain.extend_from_slice(segment);
    if let Some(planes) = planes {
        planes.segment(segment);
    }
}

fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf | 0xde | 0xf7)
}

fn frame(segment: &Segment<'_>) -> Result<Frame, TileError> {
    match segment.marker {
        SOF_BASELINE..=SOF_PROGRESSIVE => Frame::read(segment),
        0xc3 | 0xc7 | 0xcb | 0xcf => Err(refused("a lossless JPEG")),
        0xc9..=0xce => Err(refused("a JPEG with arithmetic coding")),
        0xf7 => Err(refused("a JPEG-LS image")),
        _ => Err(refused("a hierarchical JPEG")),
    }
}

fn supported_frame(frame: &Frame) -> Result<(), TileError> {
    let factors: Vec<_> = frame.components.iter().map(|one| (one.horizontal, one.vertical)).collect();
    // Measured against libjpeg: exact if the first component has the most samples and the others divide them evenly.
    let even = factors.iter().all(|(across, down)| {
        let (most_across, most_down) = factors[0];
        across.is_power_of_two() && down.is_power_of_two() && *across <= most_across && *down <= most_down
    });
    match factors[..] {
        [_] => Ok(()),
        [_, _, _] if even => Ok(()),
        [_, _, _] => {
            let text: Vec<_> =
                factors.iter().map(|(horizontal, vertical)| format!("{horizontal}x{vertical}")).collect();
            Err(refused(format!("a JPEG with the sampling factors {}", text.join(", "))))
        }
        [_, _, _, _] => Err(refused("a CMYK or YCCK JPEG: its colours depend on a profile")),
        _ => Err(refused(format!("a JPEG with {} components", factors.len()))),
    }
}

fn supported_scan(frame: &Frame, scan: &Scan) -> Result<(), TileError> {
    if !frame.progressive && scan.components.len() != frame.components.len() {
        return Err(refused("a sequential JPEG with a scan for each component (not interleaved)"));
    }
    Ok(())
}

/// Returns true if the three components are red, green and blue, by libjpeg's rules: JFIF is YCbCr; else the Adobe marker
/// decides; else the component identifiers. Markers must not contradict a given colour space unless it overrules them.
fn is_rgb(colour: Colour, frame: &Frame, applications: &Applications) -> Result<bool, TileError> {
    if frame.components.len() != 3 {
        return Ok(false);
    }
    let ids: Vec<u8> = frame.components.iter().map(|one| one.id).collect();
    let marked = match (applications.jfif, applications.adobe) {
        (true, _) => Some(false),
        (false, Some(transform)) => Some(transform == 0),
        (false, None) => (ids == *b"RGB").then_some(true),
    };
    let (rgb, overrules) = match colour {
        Colour::ByMarkers => return Ok(marked.unwrap_or(false)),
        Colour::Rgb => (true, false),
        Colour::YCbCr => (false, false),
        Colour::ContainerRgb => (true, true),
        Colour::ContainerYCbCr => (false, true),
    };
    let subsampled = frame.largest() != (1, 1);
    if (marked.is_some_and(|marked| marked != rgb) && !overrules) || (rgb && subsampled) {
        return Err(refused("a JPEG stream whose colour space contradicts the tags around it"));
    }
    Ok(rgb)
}

/// Writes the frame header, after an Adobe marker if the colour space is RGB. Components are numbered 1, 2, 3:
/// `zune-jpeg` derives a colour space from other identifiers.
fn begin_frame(plain: &mut Vec<u8>, segment: &Segment<'_>, frame: &Frame, rgb: bool) {
    if rgb {
        plain.extend_from_slice(&[0xff, APP14, 0, 14]);
        plain.extend_from_slice(b"Adobe\0\x64\0\0\0\0\0");
    }
    let start = plain.len();
    plain.extend_from_slice(&[0xff, segment.marker]);
    plain.extend_from_slice(&u16::try_from(segment.payload.len() + 2).unwrap_or(u16::MAX).to_be_bytes());
    plain.extend_from_slice(segment.payload);
    for (index, component) in frame.components.iter().enumerate() {
        if let Some([id, factors]) = plain.get_mut(start + 10 + 3 * index..start + 12 + 3 * index) {
            *id = number(index);
            // The factors of a single component were set to 1 x 1.
            *factors = (component.horizontal << 4 | component.vertical) as u8;
        }
    }
}

/// Numbers the components of a scan header, which ends at `end`, as in the frame header.
fn number_components(scan: &mut [u8], end: usize, header: &Scan) {
    // Three bytes follow the pairs of component and tables.
    let first = end - 3 - 2 * header.components.len();
    for (position, (index, ..)) in header.components.iter().enumerate() {
        scan[first + 2 * position] = number(*index);
    }
}

fn number(component: usize) -> u8 {
    u8::try_from(component + 1).unwrap_or(u8::MAX)
}

impl Frame {
    /// Sets the sampling factors of a single component to 1: it is never interleaved, so they have no effect.
    fn with_single_sampling(mut self) -> Self {
        if let [component] = &mut self.components[..] {
            (component.horizontal, component.vertical) = (1, 1);
        }
        self
    }
}

/// Joins the shared tables of a TIFF (`JPEGTables`) and the abbreviated stream of a strip or tile.
pub(super) fn with_tables(tables: &[u8], stream: &[u8]) -> Vec<u8> {
    let tables = tables.strip_prefix(&[0xff, 0xd8]).unwrap_or_default();
    let tables = tables.strip_suffix(&[0xff, 0xd9]).unwrap_or(tables);
    let (start, rest) = stream.split_at(2.min(stream.len()));
    [start, tables, rest].concat()
}

fn no_frame() -> TileError {
    damaged("it has no frame header".to_owned())
}
