//! The pixel size that an OME-XML header states (`Pixels` in the OME schema 2016-06).

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// Most elements that are looked at: headers with one element for every tile are long, and pixel sizes come first.
const MAX_ELEMENTS: usize = 10_000;

/// True if a TIFF's description is an OME-XML header.
pub(crate) fn is_ome(description: &str) -> bool {
    let text = description.trim_start_matches('\u{feff}').trim_start();
    (text.starts_with("<?xml") || text.starts_with('<')) && text.contains("<OME")
}

/// µm/px along x and y of the image of this size, else of the first image. `None` if it states none in a unit of length.
pub(crate) fn pixel_size(description: &str, size: (u64, u64)) -> Option<(f64, f64)> {
    let mut reader = Reader::from_str(description);
    let mut first = None;
    for _ in 0..MAX_ELEMENTS {
        let pixels = match reader.read_event().ok()? {
            Event::Eof => break,
            Event::Start(element) | Event::Empty(element) if element.local_name().as_ref() == "Pixels" => element,
            _ => continue,
        };
        let Some(found) = physical_size(&pixels) else { continue };
        let side = |name| attribute(&pixels, name)?.parse::<u64>().ok();
        if (side("SizeX"), side("SizeY")) == (Some(size.0), Some(size.1)) {
            return Some(found);
        }
        first = first.or(Some(found));
    }
    first
}

fn physical_size(pixels: &BytesStart<'_>) -> Option<(f64, f64)> {
    let length = |name: &str| {
        let value: f64 = attribute(pixels, name)?.trim().parse().ok()?;
        let unit = attribute(pixels, &format!("{name}Unit"));
        Some(value * micrometres(unit.as_deref().unwrap_or("µm"))?)
    };
    let x = length("PhysicalSizeX")?;
    Some((x, length("PhysicalSizeY").unwrap_or(x)))
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let value = element.try_get_attribute(name).ok()??;
    Some(value.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned())
}

/// Micrometres in one unit of length. Units such as `pixel` and `reference frame` are no lengths.
fn micrometres(unit: &str) -> Option<f64> {
    Some(match unit.trim() {
        // The micro sign, and the Greek letter that looks the same.
        "µm" | "\u{3bc}m" | "um" => 1.0,
        "nm" => 1e-3,
        "pm" => 1e-6,
        "Å" | "\u{212b}" => 1e-4,
        "mm" => 1e3,
        "cm" => 1e4,
        "m" => 1e6,
        "in" => 25_400.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(pixels: &str) -> String {
        format!("<?xml version=\"1.0\"?><OME xmlns=\"x\"><Image ID=\"0\"><Pixels {pixels}/></Image></OME>")
    }

    #[test]
    fn sizes_are_read_in_every_unit_of_length() {
        let size = |pixels: &str| pixel_size(&header(pixels), (0, 0));
        assert_eq!(size(r#"PhysicalSizeX="0.5" PhysicalSizeY="0.25""#), Some((0.5, 0.25)));
        assert_eq!(size(r#"PhysicalSizeX="250" PhysicalSizeXUnit="nm""#), Some((0.25, 0.25)));
        assert_eq!(size("PhysicalSizeX=\"0.5\" PhysicalSizeXUnit=\"\u{3bc}m\""), Some((0.5, 0.5)));
        assert_eq!(size(r#"PhysicalSizeX="0.5" PhysicalSizeXUnit="&#181;m""#), Some((0.5, 0.5)));
        assert_eq!(size(r#"PhysicalSizeX="1" PhysicalSizeXUnit="pixel""#), None);
        assert_eq!(size(r#"SizeX="7""#), None);
        assert_eq!(size(r#"PhysicalSizeX="x""#), None);
    }

    #[test]
    fn the_image_of_the_size_of_the_slide_is_the_one() {
        let text = r#"<OME><Image><Pixels SizeX="10" SizeY="10" PhysicalSizeX="9"/></Image>
            <Image><Pixels SizeX="800" SizeY="600" PhysicalSizeX="0.5"/></Image></OME>"#;
        assert_eq!(pixel_size(text, (800, 600)), Some((0.5, 0.5)));
        assert_eq!(pixel_size(text, (1, 1)), Some((9.0, 9.0)));
        assert_eq!(pixel_size("<OME><Image", (1, 1)), None);
        assert!(is_ome(text) && !is_ome("ImageJ=1.53t") && !is_ome("<svg/>"));
    }
}
