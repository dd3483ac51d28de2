//! The resolution of a slide: micrometres along one pixel of level 0 (µm/px). It is read from the slide or given by the
//! caller, and never guessed: neither from the magnification nor from the 72 dpi that image programs write by default.

use std::fmt;
use std::path::Path;

use serde::{Serialize, Serializer};

use crate::error::ResolutionError;
use crate::ome;
use crate::openslide::Header;

/// Smallest accepted µm/px.
pub const MIN_MPP: f64 = 0.05;
/// Largest accepted µm/px.
pub const MAX_MPP: f64 = 20.0;
/// Largest accepted ratio of the two axes, and of two statements of one slide.
const AGREEMENT: f64 = 1.01;

/// The resolution of level 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mpp {
    /// µm/px along x.
    pub x: f64,
    /// µm/px along y, at most 1 % from `x`.
    pub y: f64,
    /// The property that it was read from.
    pub source: MppSource,
}

/// `0.4990 (openslide.mpp-x)`; both axes if they differ.
impl fmt::Display for Mpp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.x == self.y {
            write!(f, "{:.4} ({})", self.x, self.source)
        } else {
            write!(f, "{:.4} x {:.4} ({})", self.x, self.y, self.source)
        }
    }
}

impl Mpp {
    /// The mean of both axes.
    #[must_use]
    pub fn mean(&self) -> f64 {
        f64::midpoint(self.x, self.y)
    }

    /// A resolution that the caller gives.
    pub(crate) fn given(value: f64) -> Result<Self, ResolutionError> {
        let accepted = (MIN_MPP..=MAX_MPP).contains(&value);
        accepted
            .then_some(Self { x: value, y: value, source: MppSource::Given })
            .ok_or(ResolutionError::Override { value })
    }
}

/// The source of a resolution. Its name, as in reports, is that of the property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MppSource {
    /// The caller: `given`.
    Given,
    /// `openslide.mpp-x`, which OpenSlide derives from the vendor's own property or from the TIFF tags.
    OpenSlide,
    /// The OME-XML header of a TIFF: `ome.PhysicalSizeX`.
    Ome,
    /// A property of the vendor, such as `aperio.MPP`.
    Vendor(&'static str),
    /// The resolution tags of a TIFF: `tiff.XResolution`.
    Tiff,
}

impl fmt::Display for MppSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "given",
            Self::OpenSlide => "openslide.mpp-x",
            Self::Ome => "ome.PhysicalSizeX",
            Self::Vendor(property) => property,
            Self::Tiff => "tiff.XResolution",
        })
    }
}

impl Serialize for MppSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One statement of a slide about its resolution.
#[derive(Debug, Clone, PartialEq)]
struct Statement {
    x: f64,
    y: f64,
    source: MppSource,
}

impl Statement {
    fn is_sound(&self) -> bool {
        self.in_range() && self.is_square()
    }

    fn in_range(&self) -> bool {
        [self.x, self.y].iter().all(|side| (MIN_MPP..=MAX_MPP).contains(side))
    }

    fn is_square(&self) -> bool {
        agree(self.x, self.y)
    }

    /// The source, with the default resolution of image programs that it is.
    fn named(&self) -> String {
        let default = [72.0, 96.0, 300.0, 600.0].into_iter().find(|dpi| (25_400.0 / self.x / dpi - 1.0).abs() < 1e-3);
        default.map_or_else(
            || self.source.to_string(),
            |dpi| format!("{} ({dpi} dpi, a default of image programs)", self.source),
        )
    }
}

fn agree(one: f64, other: f64) -> bool {
    one.max(other) <= one.min(other) * AGREEMENT
}

/// The resolution of a slide and the doubts about it.
pub(crate) fn assess(path: &Path, header: &Header) -> (Result<Mpp, ResolutionError>, Vec<String>) {
    let statements = statements(header);
    let chosen = statements.iter().find(|statement| statement.is_sound());
    let Some(chosen) = chosen else { return (Err(refusal(path, header, &statements)), Vec::new()) };
    let doubts =
        statements.iter().filter(|other| other.source != chosen.source || *other != chosen).filter_map(|other| {
            if !other.is_sound() {
                return Some(format!(
                    "{} is {:.4} x {:.4} µm/px and was not used; {} is {:.4}.",
                    other.named(),
                    other.x,
                    other.y,
                    chosen.source,
                    chosen.x
                ));
            }
            (!agree(other.x, chosen.x)).then(|| {
                format!(
                    "The slide states two resolutions: {:.4} µm/px in {}, which is used, and {:.4} in {}.",
                    chosen.x, chosen.source, other.x, other.source
                )
            })
        });
    let mpp = Mpp { x: chosen.x, y: chosen.y, source: chosen.source.clone() };
    (Ok(mpp), doubts.collect())
}

fn refusal(path: &Path, header: &Header, statements: &[Statement]) -> ResolutionError {
    let path = path.to_owned();
    match statements.first() {
        Some(first) if !first.in_range() => {
            ResolutionError::Absurd { path, x: first.x, y: first.y, from: first.named() }
        }
        Some(first) => ResolutionError::Anisotropic { path, x: first.x, y: first.y, from: first.source.to_string() },
        None => {
            let resolution = header.properties.get("tiff.XResolution");
            let unit = header.properties.get("tiff.ResolutionUnit");
            let found = match (resolution, unit) {
                (Some(value), Some(unit)) => {
                    format!("no openslide.mpp-x; tiff.XResolution is {value}, in the unit {unit}")
                }
                _ => "no openslide.mpp-x, no resolution tag".to_owned(),
            };
            ResolutionError::Missing { path, found }
        }
    }
}

/// Everything that the slide states in a unit of length, the most trusted first. A generic TIFF's `openslide.mpp-x` comes
/// from the resolution tags, which programs fill with defaults: the OME-XML header is trusted more.
fn statements(header: &Header) -> Vec<Statement> {
    let number = |name: &str| header.properties.get(name).and_then(|value| positive(value));
    let both = |x: Option<f64>, y: Option<f64>| Some((x.or(y)?, y.or(x)?));
    let openslide = both(number("openslide.mpp-x"), number("openslide.mpp-y"));
    let mut found = vec![(MppSource::Ome, ome(header)), (MppSource::OpenSlide, openslide)];
    if header.vendor() != "generic-tiff" {
        found.swap(0, 1);
    }
    let twice = |value: f64| (value, value);
    let mirax = |axis: &str| number(&format!("mirax.LAYER_0_LEVEL_0_SECTION.MICROMETER_PER_PIXEL_{axis}"));
    let spacing = |axis: u8| {
        number(&format!("dicom.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing[{axis}]"))
    };
    let millimetres = |(x, y): (f64, f64)| (x * 1e3, y * 1e3);
    found.push((MppSource::Vendor("aperio.MPP"), number("aperio.MPP").map(twice)));
    found.extend(
        description_mpp(header).map(|value| (MppSource::Vendor("tiff.ImageDescription MPP"), Some(twice(value)))),
    );
    found.push((MppSource::Vendor("philips.DICOM_PIXEL_SPACING"), philips(header).map(millimetres)));
    found.push((MppSource::Vendor("mirax.MICROMETER_PER_PIXEL_X"), both(mirax("X"), mirax("Y"))));
    // Rows come first: the distance between rows is along y.
    found.push((MppSource::Vendor("dicom.PixelSpacing"), both(spacing(1), spacing(0)).map(millimetres)));
    found.push((MppSource::Vendor("ventana.ScanRes"), number("ventana.ScanRes").map(twice)));
    found.push((MppSource::Tiff, tags(header)));
    found.into_iter().filter_map(|(source, size)| size.map(|(x, y)| Statement { x, y, source })).collect()
}

fn positive(value: &str) -> Option<f64> {
    value.trim().parse::<f64>().ok().filter(|value| value.is_finite() && *value > 0.0)
}

fn ome(header: &Header) -> Option<(f64, f64)> {
    let description = header.description().filter(|text| ome::is_ome(text))?;
    let level = header.levels.first()?;
    ome::pixel_size(description, (level.width, level.height))
}

/// Every `MPP = 0.25` in an Aperio description. A region that was cut out of a slide carries two headers.
fn description_mpp(header: &Header) -> impl Iterator<Item = f64> {
    let description = header.description().filter(|_| header.vendor() == "aperio").unwrap_or("");
    description.split(['|', ';', '\n']).filter_map(|part| {
        let (key, value) = part.split_once('=')?;
        if key.trim() == "MPP" { positive(value) } else { None }
    })
}

/// Spacing of Philips in millimetres, `"0.000243" "0.000243"`: rows, then columns.
fn philips(header: &Header) -> Option<(f64, f64)> {
    let mut parts = header.properties.get("philips.DICOM_PIXEL_SPACING")?.split('"').filter_map(positive);
    let y = parts.next()?;
    Some((parts.next()?, y))
}

/// The resolution tags of a TIFF, which count only in inches or centimetres.
fn tags(header: &Header) -> Option<(f64, f64)> {
    let unit = match header.properties.get("tiff.ResolutionUnit")?.as_str() {
        "inch" => 25_400.0,
        "centimeter" => 10_000.0,
        _ => return None,
    };
    let side = |name: &str| Some(unit / positive(header.properties.get(name)?)?);
    Some((side("tiff.XResolution")?, side("tiff.YResolution")?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::level::Level;

    fn header(vendor: &str, properties: &[(&str, &str)]) -> Header {
        let pair = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let mut properties: std::collections::BTreeMap<_, _> = properties.iter().copied().map(pair).collect();
        properties.insert("openslide.vendor".to_owned(), vendor.to_owned());
        let level = Level { width: 100, height: 100, downsample: 1.0 };
        Header { levels: vec![level], properties, associated: Vec::new(), icc_bytes: None }
    }

    fn resolution(vendor: &str, properties: &[(&str, &str)]) -> (Result<Mpp, ResolutionError>, Vec<String>) {
        assess(Path::new("slide.svs"), &header(vendor, properties))
    }

    const OME: &str =
        r#"<OME><Image><Pixels SizeX="100" SizeY="100" PhysicalSizeX="0.25" PhysicalSizeY="0.25"/></Image></OME>"#;

    #[test]
    fn sources_are_taken_in_order() {
        let both = [("openslide.mpp-x", "0.2431"), ("openslide.mpp-y", "0.2432")];
        let (mpp, doubts) = resolution("philips", &both);
        assert_eq!(mpp.unwrap(), Mpp { x: 0.2431, y: 0.2432, source: MppSource::OpenSlide });
        assert!(doubts.is_empty());
        let mpp = |vendor, properties: &[(&str, &str)]| resolution(vendor, properties).0.unwrap();
        assert_eq!(mpp("aperio", &[("aperio.MPP", "0.25")]).source.to_string(), "aperio.MPP");
        let spacing = mpp("philips", &[("philips.DICOM_PIXEL_SPACING", "\"0.000226\" \"0.000227\"")]);
        assert!((spacing.y - 0.226).abs() < 1e-9 && (spacing.x - 0.227).abs() < 1e-9);
        let tags =
            [("tiff.ResolutionUnit", "centimeter"), ("tiff.XResolution", "20000"), ("tiff.YResolution", "20000")];
        assert_eq!(mpp("leica", &tags), Mpp { x: 0.5, y: 0.5, source: MppSource::Tiff });
        assert_eq!(mpp("generic-tiff", &[("openslide.comment", OME)]).source, MppSource::Ome);
    }

    #[test]
    fn missing_absurd_and_anisotropic_values_are_errors() {
        let error = |properties: &[(&str, &str)]| resolution("generic-tiff", properties).0.unwrap_err();
        assert_eq!(error(&[]).code(), "no_mpp");
        assert_eq!(error(&[("openslide.objective-power", "40")]).code(), "no_mpp");
        let unit = [("tiff.ResolutionUnit", "none"), ("tiff.XResolution", "72"), ("tiff.YResolution", "72")];
        assert!(error(&unit).to_string().contains("tiff.XResolution is 72, in the unit none"), "{}", error(&unit));
        let dpi = error(&[("openslide.mpp-x", "352.77"), ("openslide.mpp-y", "352.77")]);
        assert!(dpi.to_string().contains("72 dpi"), "{dpi}");
        for value in ["0.049", "20.1", "1e9"] {
            assert_eq!(
                error(&[("openslide.mpp-x", value), ("openslide.mpp-y", value)]).code(),
                "absurd_mpp",
                "{value}"
            );
        }
        for value in ["0", "-1", "nan", "inf", "", "x"] {
            assert_eq!(error(&[("openslide.mpp-x", value), ("openslide.mpp-y", value)]).code(), "no_mpp", "{value}");
        }
        assert_eq!(error(&[("openslide.mpp-x", "0.25"), ("openslide.mpp-y", "0.5")]).code(), "anisotropic_mpp");
        assert_eq!(error(&[("openslide.mpp-x", "0.5"), ("openslide.mpp-y", "0.506")]).code(), "anisotropic_mpp");
        assert!(resolution("x", &[("openslide.mpp-x", "0.5"), ("openslide.mpp-y", "0.504")]).0.is_ok());
    }

    #[test]
    fn statements_that_differ_are_a_doubt() {
        let comment = "Aperio Image Library|MPP = 0.2520;Aperio Image Library|MPP = 0.5040";
        let stated = [("openslide.mpp-x", "0.504"), ("openslide.mpp-y", "0.504"), ("openslide.comment", comment)];
        let (mpp, doubts) = resolution("aperio", &stated);
        assert!((mpp.unwrap().x - 0.504).abs() < 1e-9);
        assert_eq!(doubts.len(), 1, "{doubts:?}");
        // The resolution tags of an OME-TIFF hold a default: the header is right, and the tags are named.
        let stated = [("openslide.mpp-x", "352.77"), ("openslide.mpp-y", "352.77"), ("openslide.comment", OME)];
        let (mpp, doubts) = resolution("generic-tiff", &stated);
        assert_eq!(mpp.unwrap().source, MppSource::Ome);
        assert!(doubts[0].contains("72 dpi"), "{doubts:?}");
    }

    #[test]
    fn an_override_keeps_the_range() {
        assert_eq!(Mpp::given(0.25).unwrap().source, MppSource::Given);
        for value in [0.0, -1.0, f64::NAN, f64::INFINITY, 0.04, 21.0] {
            assert!(Mpp::given(value).is_err(), "{value}");
        }
    }
}
