//! The XML of ASAP, in which the annotations of CAMELYON16 and CAMELYON17 are. The format has no specification; types and
//! attributes are those that ASAP 2 writes. `Polygon`, `Rectangle` and `Spline` are areas (a spline's points are joined by
//! straight lines); `Dot`, `PointSet`, `PolyLine` and `Measurement` have none and are left out with a remark.

use std::collections::HashMap;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::{AnnotationLimits, AnnotationProblem, Drawing, Drawn, coordinate, newlines};

/// Attributes of one element. ASAP writes at most five.
const MAX_ATTRIBUTES: usize = 64;
/// Groups within groups.
const MAX_GROUP_DEPTH: usize = 32;

type Result<T, E = AnnotationProblem> = std::result::Result<T, E>;

/// An annotation that is being read.
struct Open {
    kind: String,
    group: String,
    /// Order, as far as stated, and position.
    points: Vec<(Option<i64>, [f64; 2])>,
}

#[derive(Default)]
struct Parser {
    /// Names of the open elements.
    path: Vec<String>,
    /// True once the root element was read.
    rooted: bool,
    /// True once the element that contains the annotations was read.
    has_annotations: bool,
    open: Option<Open>,
    drawing: Drawing,
    /// Group of each polygon, and the group that contains a group.
    parents: HashMap<String, String>,
    points: usize,
    areas: usize,
    without_area: HashMap<String, usize>,
    decimal_commas: usize,
    splines: usize,
    disordered: usize,
}

pub(super) fn parse(text: &str, limits: &AnnotationLimits) -> Result<Drawing> {
    let mut reader = Reader::from_str(text);
    let mut parser = Parser::default();
    loop {
        let before = reader.buffer_position();
        let event = reader.read_event();
        let at = |offset: u64, reason: String| {
            let read = text.as_bytes().get(..usize::try_from(offset).unwrap_or(usize::MAX)).unwrap_or(text.as_bytes());
            AnnotationProblem::Content { line: 1 + newlines(read), reason }
        };
        let step = match event {
            Err(error) => return Err(at(reader.error_position(), format!("invalid XML: {error}"))),
            Ok(Event::Eof) if parser.path.is_empty() => break,
            Ok(Event::Eof) => Err(format!("the file ends within `{}`: it is truncated", parser.path.join("/"))),
            Ok(Event::DocType(_)) => Err("a document type declaration, which ASAP does not write".to_owned()),
            Ok(Event::Start(element)) => {
                if parser.path.len() >= limits.depth {
                    return Err(AnnotationProblem::TooLarge { what: "nested elements", limit: limits.depth as u64 });
                }
                let entered = parser.enter(&element);
                parser.path.push(element.name().0.to_owned());
                entered
            }
            Ok(Event::Empty(element)) => parser.enter(&element).and_then(|()| parser.leave(element.name().0)),
            Ok(Event::End(_)) => {
                let name = parser.path.pop().unwrap_or_default();
                parser.leave(&name)
            }
            Ok(_) => Ok(()),
        };
        step.map_err(|reason| at(before, reason))?;
        if parser.points > limits.points {
            return Err(AnnotationProblem::TooLarge { what: "points", limit: limits.points as u64 });
        }
        if parser.areas > limits.polygons {
            return Err(AnnotationProblem::TooLarge { what: "polygons", limit: limits.polygons as u64 });
        }
    }
    if !parser.rooted {
        return Err(AnnotationProblem::Format("XML without an element".to_owned()));
    }
    if !parser.has_annotations {
        return Err(AnnotationProblem::Format("no element `Annotations` in `ASAP_Annotations`".to_owned()));
    }
    Ok(parser.finish())
}

impl Parser {
    fn enter(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        let name = element.name().0;
        let parent = self.path.last().map(String::as_str);
        match (parent, name) {
            (None, "ASAP_Annotations") => self.rooted = true,
            (None, other) => return Err(format!("the root element is `{other}`, not `ASAP_Annotations` of ASAP")),
            // ASAP writes custom attributes here.
            _ if self.path.iter().any(|name| name == "Attributes") => {}
            (Some("ASAP_Annotations"), "Annotations") => self.has_annotations = true,
            (Some("Annotations"), "Annotation") => {
                let [kind, group] = attributes(element, ["Type", "PartOfGroup"])?;
                let kind = kind.ok_or("an annotation without `Type`")?;
                let group = group.ok_or("an annotation without `PartOfGroup`")?;
                self.open = Some(Open { kind, group, points: Vec::new() });
            }
            (Some("Coordinates"), "Coordinate") => {
                let [order, x, y] = attributes(element, ["Order", "X", "Y"])?;
                let order = order.map(|order| order.trim().parse().map_err(|_| format!("`Order` is {order:?}")));
                let order = order.transpose()?;
                let point = [self.number("X", x)?, self.number("Y", y)?];
                self.points += 1;
                if let Some(open) = &mut self.open {
                    open.points.push((order, point));
                }
            }
            (Some("AnnotationGroups" | "Group"), "Group") => {
                let [group, parent] = attributes(element, ["Name", "PartOfGroup"])?;
                if let (Some(group), Some(parent)) = (group, parent) {
                    // `None` is the top of the hierarchy here, not a group.
                    if parent != "None" && parent != group {
                        self.parents.insert(group, parent);
                    }
                }
            }
            (Some("ASAP_Annotations"), "AnnotationGroups")
            | (Some("Annotation"), "Coordinates" | "Attributes")
            | (Some("Group"), "Attributes") => {}
            // Polygons in an unknown element would count as no tumour.
            (Some(parent), other) => {
                return Err(format!("the element `{other}` within `{parent}`, where ASAP does not write it"));
            }
        }
        Ok(())
    }

    fn leave(&mut self, name: &str) -> Result<(), String> {
        match self.open.take() {
            Some(open) if name == "Annotation" => self.close(open),
            open => {
                self.open = open;
                Ok(())
            }
        }
    }

    /// Adds a complete annotation to the drawing.
    fn close(&mut self, open: Open) -> Result<(), String> {
        let Open { kind, group, mut points } = open;
        match kind.to_ascii_lowercase().as_str() {
            "polygon" | "rectangle" => {}
            "spline" => self.splines += 1,
            "dot" | "pointset" | "polyline" | "measurement" | "none" => {
                *self.without_area.entry(kind).or_insert(0) += 1;
                self.drawing.add_flat(vec![group]);
                return Ok(());
            }
            _ => return Err(format!("an annotation of the unknown type `{kind}`")),
        }
        let stated = points.iter().filter(|(order, _)| order.is_some()).count();
        if stated == points.len() {
            points.sort_by_key(|(order, _)| *order);
        }
        let repeated = points.windows(2).any(|pair| pair[0].0 == pair[1].0);
        self.disordered += usize::from(points.len() > 1 && (stated != points.len() || repeated));
        let mut ring: Vec<[f64; 2]> = points.into_iter().map(|(_, point)| point).collect();
        if kind.eq_ignore_ascii_case("rectangle") {
            ring = corners(ring);
        }
        self.areas += 1;
        self.drawing.polygons.push(Drawn { groups: vec![group], rings: vec![ring] });
        Ok(())
    }

    /// A coordinate. A comma is a decimal comma only where it cannot separate thousands.
    fn number(&mut self, name: &str, text: Option<String>) -> Result<f64, String> {
        let text = text.ok_or_else(|| format!("a coordinate without `{name}`"))?;
        let trimmed = text.trim();
        if let Ok(value) = trimmed.parse::<f64>() {
            return coordinate(value).map_err(|reason| format!("`{name}`: {reason}"));
        }
        let ambiguous = || format!("`{name}` is {text:?}, which is ambiguous; write numbers with a decimal point");
        match trimmed.split_once(',') {
            Some((whole, part)) if digits(whole.trim_start_matches('-')) && digits(part) => {
                if part.len() == 3 && whole.trim_start_matches('-').len() <= 3 {
                    return Err(ambiguous());
                }
                self.decimal_commas += 1;
                let value = format!("{whole}.{part}").parse().map_err(|_| ambiguous())?;
                coordinate(value).map_err(|reason| format!("`{name}`: {reason}"))
            }
            _ => Err(format!("`{name}` is {text:?}, expected a number")),
        }
    }

    fn finish(self) -> Drawing {
        let Self { mut drawing, parents, without_area, decimal_commas, splines, disordered, .. } = self;
        let polygons = drawing.polygons.iter_mut().map(|polygon| &mut polygon.groups);
        for groups in polygons.chain(&mut drawing.flat) {
            while let Some(parent) = groups.last().and_then(|group| parents.get(group)) {
                if groups.len() > MAX_GROUP_DEPTH || groups.contains(parent) {
                    break;
                }
                groups.push(parent.clone());
            }
        }
        let mut without_area: Vec<_> = without_area.into_iter().collect();
        without_area.sort();
        let remark = |count: usize, text: String| (count > 0).then_some(text);
        let areas = without_area.into_iter().map(|(kind, count)| {
            let kind = kind.to_ascii_lowercase();
            Some(format!("{count} annotations of the type `{kind}` have no area and are left out"))
        });
        let rest = [
            remark(splines, format!("the points of {splines} splines are joined by straight lines")),
            remark(decimal_commas, format!("{decimal_commas} coordinates are written with a decimal comma")),
            remark(
                disordered,
                format!(
                    "{disordered} annotations have points without an order of their own; the file's order is taken"
                ),
            ),
        ];
        drawing.doubts.extend(areas.chain(rest).flatten());
        drawing
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A rectangle given by two opposite corners has four; others stay.
fn corners(ring: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    match ring[..] {
        [[x0, y0], [x1, y1]] => vec![[x0, y0], [x1, y0], [x1, y1], [x0, y1]],
        _ => ring,
    }
}

/// The values of the named attributes.
fn attributes<const N: usize>(element: &BytesStart<'_>, names: [&str; N]) -> Result<[Option<String>; N], String> {
    let mut values = [const { None }; N];
    for (index, attribute) in element.attributes().with_checks(false).enumerate() {
        if index == MAX_ATTRIBUTES {
            return Err(format!("an element with more than {MAX_ATTRIBUTES} attributes"));
        }
        let attribute = attribute.map_err(|error| format!("invalid XML: {error}"))?;
        let Some(slot) = names.iter().position(|name| *name == attribute.key.0) else { continue };
        if values[slot].is_some() {
            return Err(format!("the attribute `{}` occurs twice", names[slot]));
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        values[slot] = Some(value.map_err(|error| format!("`{}`: {error}", names[slot]))?.into_owned());
    }
    Ok(values)
}
