//! Annotations of a slide: polygons from the XML of ASAP or the GeoJSON of QuPath, with a role by their group. Tumour is the
//! union of the tumour polygons minus the union of those that are not tumour. Files are untrusted: size, depth and number
//! of points are limited, and XML entities are not expanded. Labels are left to `label`.

mod asap;
mod boxes;
mod error;
mod geojson;
mod groups;
mod region;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use kiln_files::read_at_most;

use crate::Place;

use boxes::Bounds;
use region::Region;

pub use error::{AnnotationError, AnnotationProblem};
pub use groups::{GroupMap, GroupRole};

/// Largest coordinate in pixels: a thousand times the widest slide.
const MAX_COORDINATE: f64 = 2e8;
/// Name of QuPath's objects without a class.
const UNCLASSIFIED: &str = "Unclassified";

/// Limits for an annotation file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnotationLimits {
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Vertices of all polygons.
    pub points: usize,
    /// Polygons.
    pub polygons: usize,
    /// Nested XML elements. The nesting of JSON is limited to 128.
    pub depth: usize,
}

impl Default for AnnotationLimits {
    /// 512 MiB, 8 million points, 1 million polygons, 32 nested elements.
    fn default() -> Self {
        Self { bytes: 512 << 20, points: 8_000_000, polygons: 1_000_000, depth: 32 }
    }
}

/// A polygon with its holes.
#[derive(Debug, Clone, PartialEq)]
pub struct Polygon {
    /// Name of its group as in the file.
    pub group: String,
    /// Role of its group: tumour or not tumour.
    pub role: GroupRole,
    /// Rings in level-0 pixels, closed or not. A point is inside if it is within an odd number of them.
    pub rings: Vec<Vec<[f64; 2]>>,
}

/// A polygon as it is in the file.
struct Drawn {
    /// Its group, the group that contains this one, and so on.
    groups: Vec<String>,
    rings: Vec<Vec<[f64; 2]>>,
}

/// Different groups of objects without an area that are kept.
const MAX_FLAT: usize = 64;

/// The content of a file before groups have roles.
#[derive(Default)]
struct Drawing {
    polygons: Vec<Drawn>,
    /// The groups of objects that are no polygons: points, lines, detections. Each once.
    flat: Vec<Vec<String>>,
    doubts: Vec<String>,
}

impl Drawing {
    /// Notes the groups of an object that is no polygon.
    fn add_flat(&mut self, groups: Vec<String>) {
        if self.flat.len() < MAX_FLAT && !self.flat.contains(&groups) {
            self.flat.push(groups);
        }
    }
}

/// The annotations of one slide.
#[derive(Debug, Clone)]
pub struct Annotations {
    polygons: Vec<Polygon>,
    region: Region,
    doubts: Vec<String>,
    /// True for coordinates relative to the slide's bounds.
    within_bounds: bool,
}

impl Annotations {
    /// Reads ASAP XML or GeoJSON, recognised by the content. ASAP's coordinates are level-0 pixels. QuPath's are relative to
    /// the slide's bounds, if it has any (MIRAX): [`Self::on_level_0`] adds their origin.
    ///
    /// # Errors
    /// A file that cannot be read, is over a limit or damaged, or contains groups that `groups` does not name.
    pub fn read(path: &Path, groups: &GroupMap, limits: &AnnotationLimits) -> Result<Self, AnnotationError> {
        let content = read_bytes(path, limits.bytes).and_then(|bytes| Self::from_bytes(&bytes, groups, limits));
        content.map_err(|problem| AnnotationError { path: path.to_owned(), problem })
    }

    /// Annotations from the content of a file.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub fn from_bytes(bytes: &[u8], groups: &GroupMap, limits: &AnnotationLimits) -> Result<Self, AnnotationProblem> {
        if bytes.len() as u64 > limits.bytes {
            return Err(AnnotationProblem::TooLarge { what: "bytes", limit: limits.bytes });
        }
        let text = decode(bytes)?;
        let (drawing, within_bounds) = match text.trim_start().chars().next() {
            Some('<') => (asap::parse(text, limits)?, false),
            Some('{' | '[') => (geojson::parse(text, limits)?, true),
            Some(_) => return Err(AnnotationProblem::Format("neither XML nor JSON".to_owned())),
            None => return Err(AnnotationProblem::Format("the file is empty".to_owned())),
        };
        Ok(Self { within_bounds, ..Self::new(drawing, groups)? })
    }

    /// Annotations without polygons: a slide without tumour.
    #[must_use]
    pub fn none() -> Self {
        Self::from_polygons(Vec::new(), Vec::new())
    }

    /// Annotations from polygons. Those to be ignored are left out.
    #[must_use]
    pub fn from_polygons(mut polygons: Vec<Polygon>, doubts: Vec<String>) -> Self {
        polygons.retain(|polygon| polygon.role != GroupRole::Ignore);
        let shapes = polygons.iter().map(|polygon| (polygon.role == GroupRole::NotTumour, polygon.rings.as_slice()));
        let region = Region::new(shapes);
        Self { polygons, region, doubts, within_bounds: false }
    }

    fn new(drawing: Drawing, groups: &GroupMap) -> Result<Self, AnnotationProblem> {
        let mut doubts = drawing.doubts;
        let mut unknown = BTreeMap::new();
        let (mut polygons, mut flat, mut ungrouped) = (Vec::with_capacity(drawing.polygons.len()), 0, 0);
        let role_of = |names: &[String]| names.iter().find_map(|name| groups.role(name));
        let tumour = |names: &&Vec<String>| role_of(names) == Some(GroupRole::Tumour);
        let mut without_area: Vec<String> =
            drawing.flat.iter().filter(tumour).filter_map(|names| names.first().cloned()).collect();
        for Drawn { groups: names, mut rings } in drawing.polygons {
            let group = names.first().cloned().unwrap_or_default();
            let Some(role) = role_of(&names) else {
                *unknown.entry(group).or_insert(0) += 1;
                continue;
            };
            rings.retain(|ring| has_area(ring));
            match (role, rings.is_empty()) {
                (GroupRole::Ignore, _) => {}
                (role, true) => {
                    flat += 1;
                    without_area.extend((role == GroupRole::Tumour).then_some(group));
                }
                (role, false) => {
                    ungrouped += usize::from(group.eq_ignore_ascii_case("none") && role == GroupRole::NotTumour);
                    polygons.push(Polygon { group, role, rings });
                }
            }
        }
        if !unknown.is_empty() {
            return Err(AnnotationProblem::UnknownGroups {
                names: unknown.into_iter().collect(),
                known: groups.known(),
            });
        }
        let is_tumour = |polygon: &Polygon| polygon.role == GroupRole::Tumour;
        if let (Some(group), false) = (without_area.into_iter().next(), polygons.iter().any(is_tumour)) {
            return Err(AnnotationProblem::NoArea { group });
        }
        count_doubt(&mut doubts, flat, "of fewer than three different points", "left out");
        count_doubt(&mut doubts, ungrouped, "of the group `None`", "not tumour");
        Ok(Self::from_polygons(polygons, doubts))
    }

    /// Polygons that are tumour or not tumour, in the order of the file.
    #[must_use]
    pub fn polygons(&self) -> &[Polygon] {
        &self.polygons
    }

    /// Remarks for the user: objects that were left out, for example.
    #[must_use]
    pub fn doubts(&self) -> &[String] {
        &self.doubts
    }

    /// The annotations moved by (`x`, `y`) pixels: from coordinates within a slide's bounds to level 0, for example.
    #[must_use]
    pub fn translated(mut self, x: f64, y: f64) -> Self {
        for point in self.polygons.iter_mut().flat_map(|polygon| polygon.rings.iter_mut().flatten()) {
            *point = [point[0] + x, point[1] + y];
        }
        Self::from_polygons(self.polygons, self.doubts)
    }

    /// The annotations in level-0 pixels of a slide whose bounds begin at `origin`: those of QuPath are moved by it.
    #[must_use]
    pub fn on_level_0(self, origin: (u64, u64)) -> Self {
        if !self.within_bounds || origin == (0, 0) {
            return self;
        }
        let (x, y) = origin;
        let mut moved = self.translated(x as f64, y as f64);
        moved.doubts.push(format!("QuPath's coordinates are moved by ({x}, {y}), the origin of the slide's bounds"));
        moved
    }

    /// Compares the polygons with the size of the slide's level 0. A remark is added if some points are more than 1 % of the
    /// slide's sides outside.
    ///
    /// # Errors
    /// [`AnnotationProblem::Outside`] if more than half of the points are outside: another slide, or other coordinates.
    pub fn check_bounds(&mut self, slide: (u64, u64)) -> Result<(), AnnotationProblem> {
        let points = || self.polygons.iter().flat_map(|polygon| polygon.rings.iter().flatten());
        let sides = [slide.0 as f64, slide.1 as f64];
        let beyond = |margin: f64| {
            let out = move |point: &&[f64; 2]| {
                (0..2).any(|axis| point[axis] < -margin * sides[axis] || point[axis] > (1.0 + margin) * sides[axis])
            };
            points().filter(out).count()
        };
        let (count, outside, far) = (points().count(), beyond(0.0), beyond(0.01));
        let Bounds { min, max } = Bounds::from_points(points());
        if outside * 2 > count {
            let (x, y) = ([min[0], max[0]], [min[1], max[1]]);
            return Err(AnnotationProblem::Outside { outside, points: count, slide, x, y });
        }
        if far > 0 {
            self.doubts.push(format!(
                "{outside} of {count} points are outside the slide of {} x {} px: x is {:.0} to {:.0}, y is {:.0} to {:.0}",
                slide.0, slide.1, min[0], max[0], min[1], max[1]
            ));
        }
        Ok(())
    }

    /// True if the point (level-0 pixels) is tumour.
    #[must_use]
    pub fn is_tumour(&self, x: f64, y: f64) -> bool {
        self.region.contains([x, y])
    }

    /// True if the point (level-0 pixels) is in a polygon that is not tumour.
    #[must_use]
    pub fn is_excluded(&self, x: f64, y: f64) -> bool {
        self.region.at([x, y]).1
    }

    /// Tumour along the horizontal line at `y`: intervals of x in level-0 pixels, from left to right. For masks.
    #[must_use]
    pub fn tumour_intervals(&self, y: f64) -> Vec<[f64; 2]> {
        self.region.intervals(y)
    }

    /// Share of the place that is tumour, 0 to 1, exact to about 1e-6.
    #[must_use]
    pub fn tumour_fraction(&self, place: Place) -> f64 {
        self.fractions(place)[0]
    }

    /// Shares of the place that are tumour, and within polygons that are not tumour.
    pub(crate) fn fractions(&self, place: Place) -> [f64; 2] {
        let min = [place.minx as f64, place.miny as f64];
        self.shares(min, [min[0] + f64::from(place.width), min[1] + f64::from(place.height)])
    }

    /// As [`Self::fractions`], between two corners.
    pub(crate) fn shares(&self, min: [f64; 2], max: [f64; 2]) -> [f64; 2] {
        let shares = self.region.shares(min, max);
        [shares.inside, shares.excluded]
    }
}

/// Adds a remark about `count` polygons, if there are any.
fn count_doubt(doubts: &mut Vec<String>, count: usize, which: &str, fate: &str) {
    if count > 0 {
        let (noun, verb) = if count == 1 { ("polygon", "is") } else { ("polygons", "are") };
        doubts.push(format!("{count} {noun} {which} {verb} {fate}"));
    }
}

/// True if the ring has three different points.
fn has_area(ring: &[[f64; 2]]) -> bool {
    let Some(first) = ring.first() else { return false };
    let second = ring.iter().find(|point| *point != first);
    second.is_some_and(|second| ring.iter().any(|point| point != first && point != second))
}

fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, AnnotationProblem> {
    if !path.metadata()?.is_file() {
        return Err(AnnotationProblem::NotAFile);
    }
    let too_large = AnnotationProblem::TooLarge { what: "bytes", limit };
    read_at_most(File::open(path)?, limit)?.ok_or(too_large)
}

/// The text without a byte order mark.
fn decode(bytes: &[u8]) -> Result<&str, AnnotationProblem> {
    let encoding = |found: String| Err(AnnotationProblem::Encoding(found));
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => {}
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'<' | b'{' | b'[', 0, ..] | [0, b'<' | b'{' | b'[', ..] => {
            return encoding("the text is UTF-16".to_owned());
        }
        [0x1f, 0x8b, ..] | [b'P', b'K', 3, 4, ..] => {
            return Err(AnnotationProblem::Format("the file is compressed; unpack it first".to_owned()));
        }
        _ => {}
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            encoding(format!("line {}: the text is not UTF-8", 1 + newlines(valid)))
        }
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Checks a coordinate.
fn coordinate(value: f64) -> Result<f64, String> {
    if value.is_finite() && value.abs() <= MAX_COORDINATE {
        Ok(value)
    } else {
        Err(format!("a coordinate is {value}, expected -{MAX_COORDINATE:.0} to {MAX_COORDINATE:.0}"))
    }
}
